"""Labels from CSV files and CelebA's list, and given or random splits."""

import pytest

from privacy_gan.data.labels import read_labels
from privacy_gan.data.splits import parse_splits
from privacy_gan.errors import UserError

CSV = """file,smiles,split,Person,glasses
"a, b.jpg",1,train,ann,no
c/ü.jpg,0,test,bob,YES
d.jpg,0,val,ann,no
"""


def labels_from(folder, text=CSV):
    path = folder / "my labels.csv"
    path.write_text(text, encoding="utf-8-sig")
    return read_labels(path)


def test_binary_columns_of_a_csv_file_are_attributes(tmp_path):
    table = labels_from(tmp_path)
    assert table.names == ("a, b.jpg", "c/ü.jpg", "d.jpg")
    table = table.drop_columns(["split", "Person"])
    assert table.attribute_names == ("smiles", "glasses")
    assert table.attributes().tolist() == [[1, 0], [0, 1], [0, 0]]
    assert table.select_rows([2, 0, 1]).attributes().tolist() == [[0, 0], [1, 0], [0, 1]]
    table = labels_from(tmp_path)
    assert table.read_values("split", "split") == ("train", "test", "val")
    assert parse_splits(table.read_values("split", "split"), "split").tolist() == [0, 2, 1]


def test_celebas_attribute_list_and_partition_file_are_read(tmp_path):
    listed = tmp_path / "list_attr_celeba.txt"
    listed.write_text("2\nSmiling Male\n000001.jpg  1 -1\n000002.jpg -1  1\n")
    partition = tmp_path / "list_eval_partition.txt"
    partition.write_text("000002.jpg 2\n000001.jpg 0\n000003.jpg 1\n")
    table = read_labels(listed)
    assert table.attribute_names == ("Smiling", "Male")
    assert table.attributes().tolist() == [[1, 0], [0, 1]]
    assert table.read_values("split", str(partition)) == ("0", "2")
    partition.write_text("000002.jpg 2\n")
    with pytest.raises(UserError, match=r"no value for 1 of 2 images, such as 000001\.jpg"):
        table.read_values("split", str(partition))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (
            "file,a\nx.jpg,1\nx.jpg,0\n",
            r"has two values of a for x\.jpg: '1' in line 2 and '0' in line 3",
        ),
        ("file,a\nx.jpg\n", r"line 2 \(x\.jpg\) has 1 instead of 2 fields"),
    ],
)
def test_damaged_files_raise_a_user_error(text, message, tmp_path):
    with pytest.raises(UserError, match=message):
        labels_from(tmp_path, text)


def test_invalid_columns_and_files_raise_a_user_error(tmp_path):
    table = labels_from(tmp_path)
    with pytest.raises(UserError, match=r"neither a file nor a column of .* smiles, split"):
        table.read_values("split", "folds")
    with pytest.raises(
        UserError, match="split=Person has the value 'ann': use train, valid and test"
    ):
        parse_splits(table.read_values("split", "Person"), "split=Person")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is not a text file"):
        read_labels(tmp_path / "binary.csv")
    with pytest.raises(UserError, match="is not a file"):
        read_labels(tmp_path / "gone.csv")


ROWS = [("image", "Smiling", "Male"), ("1.jpg", "1", "0"), ("2.jpg", "0", "1"), ("3.jpg", "1", "1")]


def format_rows(delimiter=",", end="\n", rows=ROWS):
    return end.join(delimiter.join(row) for row in rows) + end


FORMS = {
    "comma": format_rows().encode(),
    "semicolon": format_rows(";").encode(),
    "tab": format_rows("\t").encode(),
    "bar": format_rows("|").encode(),
    "blanks": format_rows("  ").encode(),
    "Windows line endings, a byte order mark": b"\xef\xbb\xbf" + format_rows(end="\r\n").encode(),
    "UTF-16": format_rows("\t").encode("utf-16"),
    "UTF-16 without a byte order mark": format_rows(";", "\r\n").encode("utf-16-le"),
    "quoted": format_rows(";", rows=[[f'"{text}"' for text in row] for row in ROWS]).encode(),
    "blanks around values": format_rows(" ,  ").encode(),
    "comma at the end": format_rows(rows=[(*row, "") for row in ROWS]).encode(),
    "comma at the end of rows": format_rows(rows=[ROWS[0], *((*r, "") for r in ROWS[1:])]).encode(),
    "empty lines": (format_rows() + "\n,,\n\n").encode(),
    "sep line": ("sep=;\r\n" + format_rows(";", "\r\n")).encode(),
    "index": format_rows(
        rows=[(str(i - 1) if i else "", *row) for i, row in enumerate(ROWS)]
    ).encode(),
    "pandas index": format_rows(
        rows=[(str(i) if i else "Unnamed: 0", *row) for i, row in enumerate(ROWS)]
    ).encode(),
    "image column last": format_rows(rows=[(row[1], row[2], row[0]) for row in ROWS]).encode(),
    "declared count": ("3\n" + format_rows(" ")).encode(),
    "image column without a name": format_rows(" ", rows=[ROWS[0][1:], *ROWS[1:]]).encode(),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS.keys())
def test_tables_in_all_formats_are_read(content, tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    table = read_labels(path)
    assert table.names == ("1.jpg", "2.jpg", "3.jpg")
    assert table.attribute_names == ("Smiling", "Male")
    assert table.attributes().tolist() == [[1, 0], [0, 1], [1, 1]]
    assert table.notes == ()


def test_the_image_column_is_the_one_that_matches_the_files(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("id,portrait,Smiling\n7,ann,1\n8,bob,0\n")
    assert read_labels(path, ["a/ann.png", "bob.jpg"]).names == ("ann", "bob")
    assert read_labels(path, ["7.png", "8.png"]).names == ("7", "8")


def test_a_row_index_is_not_taken_as_the_image_column(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(",id,Smiling\n0,1,1\n1,2,0\n2,3,0\n3,4,1\n4,5,1\n5,6,1\n6,7,0\n")
    table = read_labels(path, [f"{number:06d}.jpg" for number in range(1, 8)])
    assert table.names == tuple("1234567")
    assert table.attribute_names == ("Smiling",)


def test_names_in_windows_1252_are_read_with_a_note(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes("image,Smiling\nmüller.jpg,1\n".encode("cp1252"))
    table = read_labels(path)
    assert table.names == ("müller.jpg",)
    assert "is not in UTF-8: it was read as Windows-1252" in table.notes[0]


def test_columns_that_are_no_attributes_and_missing_values_are_listed(tmp_path):
    rows = [f"{n}.jpg,{n % 2},{'' if n < 2 else n % 2},person {n},{n},x" for n in range(30)]
    table = labels_from(tmp_path, "\n".join(["image,a,b,person,age,constant", *rows]))
    assert table.attribute_names == ("a", "b")
    assert table.excluded_columns() == [
        "not an attribute: person has 30 different values, such as person 0, person 1: an "
        "attribute has at most 20",
        "not an attribute: age has 30 different values, such as 0, 1: make classes of numbers, "
        "such as 'bins={age: [0, 15]}'",
        "not an attribute: constant has one value, x, in all 30 images",
        "b has no value for 2 of 30 images, such as 0.jpg",
    ]
    with pytest.raises(UserError, match="age has 30 different values"):
        table.find_attribute_column("Age")


def test_column_names_ignore_case_and_surrounding_blanks(tmp_path):
    table = labels_from(tmp_path, "Image , Smiling ,Fold\n1.jpg,1,train\n2.jpg,0,test\n")
    assert table.find_attribute_column("smiling") == "Smiling"
    assert table.read_values("split", "fold") == ("train", "test")


def test_duplicate_rows_with_the_same_values_are_ignored_with_a_note(tmp_path):
    table = labels_from(tmp_path, "image,a\n1.jpg,1\n2.jpg,0\n1.jpg,1\n")
    assert table.names == ("1.jpg", "2.jpg")
    assert table.notes[0].startswith("ignored duplicate rows of 1 image in ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1.jpg,1,0\n2.jpg,0,1\n", r"begins with 1\.jpg 1 0, not with column names"),
        ("image,a\n", "lists no images: it ends after the column names"),
        ("image,a,a\n1.jpg,1,0\n", "two columns named a"),
        ("image\n1.jpg\n", "has only one column, image"),
        ("image,a\n1.jpg,1\n2.jpg,1,0\n", r"line 3 \(2\.jpg\) has 3 instead of 2 fields"),
    ],
)
def test_invalid_label_tables_raise_a_one_line_error(text, message, tmp_path):
    with pytest.raises(UserError, match=message) as error:
        labels_from(tmp_path, text)
    assert "\n" not in str(error.value)


def test_a_split_file_may_write_image_names_differently(tmp_path):
    table = labels_from(tmp_path, "image,a\n1.jpg,1\n2.jpg,0\n")
    split_file = tmp_path / "splits.csv"
    split_file.write_text("image_id;partition\nfaces/2.png;2\nfaces/1.png;0\n")
    assert table.read_values("split", str(split_file)) == ("0", "2")
    split_file.write_text("1.jpg 0\n1.jpg 1\n2.jpg 1\n")
    with pytest.raises(UserError, match=r"has two values for 1\.jpg, the second in line 2"):
        table.read_values("split", str(split_file))
