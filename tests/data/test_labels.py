"""Labels from CSV files and CelebA's list; splits that are given or made."""

import numpy as np
import pytest

from privacy_gan.data.labels import parse_splits, random_splits, read_labels
from privacy_gan.errors import UserError

CSV = """file,smiles,split,Person,glasses
"a, b.jpg",1,train,ann,no
c/ü.jpg,0,test,bob,YES
d.jpg,0,val,ann,no
"""


def labels(folder, text=CSV):
    path = folder / "my labels.csv"
    path.write_text(text, encoding="utf-8-sig")
    return read_labels(path)


def test_a_csv_files_columns_are_attributes_where_they_say_yes_and_no(tmp_path):
    table = labels(tmp_path)
    assert table.names == ("a, b.jpg", "c/ü.jpg", "d.jpg")
    assert table.attribute_names == ("smiles", "glasses")
    assert table.attributes().tolist() == [[1, 0], [0, 1], [0, 0]]
    assert table.rows([2, 0]).attributes().tolist() == [[0, 0], [1, 0]]
    assert table.texts("split", "split") == ("train", "test", "val")
    assert parse_splits(table.texts("split", "split"), "split").tolist() == [0, 2, 1]


def test_celebas_list_is_read_and_its_partition_file(tmp_path):
    listed = tmp_path / "list_attr_celeba.txt"
    listed.write_text("2\nSmiling Male\n000001.jpg  1 -1\n000002.jpg -1 -1\n")
    partition = tmp_path / "list_eval_partition.txt"
    partition.write_text("000002.jpg 2\n000001.jpg 0\n000003.jpg 1\n")
    table = read_labels(listed)
    assert table.attribute_names == ("Smiling", "Male")
    assert table.attributes().tolist() == [[1, 0], [0, 0]]
    assert table.texts("split", str(partition)) == ("0", "2")
    partition.write_text("000002.jpg 2\n")
    with pytest.raises(UserError, match=r"nothing of 1 of 2 images, such as 000001\.jpg"):
        table.texts("split", str(partition))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (
            "file,a\nx.jpg,1\nx.jpg,0\n",
            r"says of x\.jpg more than once what a is: '1' in line 2 and '0' in line 3",
        ),
        ("file,a\nx.jpg\n", r"line 2 \(x\.jpg\) has 1 field, not 2"),
    ],
)
def test_damaged_files_are_one_line(text, message, tmp_path):
    with pytest.raises(UserError, match=message):
        labels(tmp_path, text)


def test_mistakes_are_one_line(tmp_path):
    table = labels(tmp_path)
    with pytest.raises(UserError, match=r"column Person the values ann, bob: write 1"):
        table.find_attribute_column("person")
    with pytest.raises(UserError, match=r"neither a file nor a column of .* smiles, split"):
        table.texts("split", "folds")
    with pytest.raises(UserError, match="split=Person has 'ann', which is none of train"):
        parse_splits(table.texts("split", "Person"), "split=Person")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is not a text file"):
        read_labels(tmp_path / "binary.csv")
    with pytest.raises(UserError, match="is no file"):
        read_labels(tmp_path / "gone.csv")


def test_images_are_divided_eight_to_one_to_one(tmp_path):
    splits = random_splits([str(i) for i in range(1000)], seed=0)
    assert np.bincount(splits).tolist() == [800, 100, 100]
    assert (splits != random_splits([str(i) for i in range(1000)], seed=1)).any()
    assert (splits == random_splits([str(i) for i in range(1000)], seed=0)).all()


def test_all_images_of_a_person_are_in_one_split():
    people = [str(i % 97) for i in range(1000)]
    splits = random_splits(people, seed=3)
    by_person = {}
    for person, split in zip(people, splits, strict=True):
        by_person.setdefault(person, set()).add(split)
    assert all(len(found) == 1 for found in by_person.values())
    shares = np.bincount(splits) / 1000
    assert np.abs(shares - (0.8, 0.1, 0.1)).max() < 0.03


ROWS = [("image", "Smiling", "Male"), ("1.jpg", "1", "0"), ("2.jpg", "0", "1"), ("3.jpg", "1", "1")]


def written(delimiter=",", end="\n", rows=ROWS):
    return end.join(delimiter.join(row) for row in rows) + end


FORMS = {
    "comma": written().encode(),
    "semicolon": written(";").encode(),
    "tab": written("\t").encode(),
    "bar": written("|").encode(),
    "blanks": written("  ").encode(),
    "lines of Windows, a mark": b"\xef\xbb\xbf" + written(end="\r\n").encode(),
    "UTF-16": written("\t").encode("utf-16"),
    "UTF-16 without a mark": written(";", "\r\n").encode("utf-16-le"),
    "quoted": written(";", rows=[[f'"{text}"' for text in row] for row in ROWS]).encode(),
    "blanks around": written(" ,  ").encode(),
    "comma at the end": written(rows=[(*row, "") for row in ROWS]).encode(),
    "comma at the end of rows": written(rows=[ROWS[0], *((*r, "") for r in ROWS[1:])]).encode(),
    "empty lines": (written() + "\n,,\n\n").encode(),
    "sep": ("sep=;\r\n" + written(";", "\r\n")).encode(),
    "index": written(rows=[(str(i - 1) if i else "", *row) for i, row in enumerate(ROWS)]).encode(),
    "index of pandas": written(
        rows=[(str(i) if i else "Unnamed: 0", *row) for i, row in enumerate(ROWS)]
    ).encode(),
    "images last": written(rows=[(row[1], row[2], row[0]) for row in ROWS]).encode(),
    "count": ("3\n" + written(" ")).encode(),
    "names without a column": written(" ", rows=[ROWS[0][1:], *ROWS[1:]]).encode(),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS.keys())
def test_a_table_is_read_whatever_wrote_it(content, tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    table = read_labels(path)
    assert table.names == ("1.jpg", "2.jpg", "3.jpg")
    assert table.attribute_names == ("Smiling", "Male")
    assert table.attributes().tolist() == [[1, 0], [0, 1], [1, 1]]
    assert table.notes == ()


def test_the_column_that_names_the_files_names_the_images(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("id,portrait,Smiling\n7,ann,1\n8,bob,0\n")
    assert read_labels(path, ["a/ann.png", "bob.jpg"]).names == ("ann", "bob")
    assert read_labels(path, ["7.png", "8.png"]).names == ("7", "8")


def test_an_index_never_names_images_where_another_column_may(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(",id,Smiling\n0,1,1\n1,2,0\n2,3,0\n3,4,1\n4,5,1\n5,6,1\n6,7,0\n")
    table = read_labels(path, [f"{number:06d}.jpg" for number in range(1, 8)])
    assert table.names == tuple("1234567")
    assert table.attribute_names == ("Smiling",)


def test_names_in_another_alphabet_of_bytes_are_read_and_it_is_said(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes("image,Smiling\nmüller.jpg,1\n".encode("cp1252"))
    table = read_labels(path)
    assert table.names == ("müller.jpg",)
    assert "is not in UTF-8: it was read as Windows-1252" in table.notes[0]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        ("1 0 1", [1, 0, 1]),
        ("1 -1 1", [1, 0, 1]),
        ("1.0 0.0 1.0", [1, 0, 1]),
        ("True false TRUE", [1, 0, 1]),
        ("yes NO Yes", [1, 0, 1]),
        ("Y n y", [1, 0, 1]),
        ("1 0 -1", None),  # -1 is often what is not known
        ("1 0 2", None),
        ("smiling neutral smiling", None),
        ("1 ? 0", None),
        ("1 NaN 0", None),
    ],
)
def test_what_counts_as_yes_and_no(texts, values, tmp_path):
    rows = [f"{n}.jpg,{text}" for n, text in enumerate(texts.split())]
    table = labels(tmp_path, "\n".join(["image,a", *rows]))
    assert table.attribute_names == (("a",) if values else ())
    if values:
        assert table.attributes()[:, 0].tolist() == values
    else:
        (line,) = table.excluded_columns()
        assert "not measured" in line


def test_columns_that_are_no_attributes_are_named_with_the_reason(tmp_path):
    table = labels(
        tmp_path, "image,a,b,who,note\n1.jpg,1,,ann,x\n2.jpg,0,1,bob,y\n3.jpg,1,NA,ann,\n"
    )
    assert table.attribute_names == ("a",)
    assert table.excluded_columns() == [
        "b is not measured: 2 of 3 images have no value in it, such as 1.jpg",
        "columns that say something else than yes and no are not measured: who (ann, bob), note "
        "(, x, ...)",
    ]


def test_capitals_and_blanks_in_the_names_of_columns_do_not_matter(tmp_path):
    table = labels(tmp_path, "Image , Smiling ,Fold\n1.jpg,1,train\n2.jpg,0,test\n")
    assert table.find_attribute_column("smiling") == "Smiling"
    assert table.texts("split", "fold") == ("train", "test")


def test_an_image_that_stands_twice_counts_once_where_both_lines_agree(tmp_path):
    table = labels(tmp_path, "image,a\n1.jpg,1\n2.jpg,0\n1.jpg,1\n")
    assert table.names == ("1.jpg", "2.jpg")
    assert "1 images, such as 1.jpg, stand in " in table.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1.jpg,1,0\n2.jpg,0,1\n", r"begins with 1\.jpg 1 0, not with the names of its columns"),
        ("image,a\n", "lists no images: it ends after the column names"),
        ("image,a,a\n1.jpg,1,0\n", "two columns that are called a"),
        ("image\n1.jpg\n", "has one column alone, image"),
        ("image,a\n1.jpg,1\n2.jpg,1,0\n", r"line 3 \(2\.jpg\) has 3 fields, not 2"),
    ],
)
def test_what_is_no_table_of_labels_is_one_line(text, message, tmp_path):
    with pytest.raises(UserError, match=message) as refused:
        labels(tmp_path, text)
    assert "\n" not in str(refused.value)


def test_a_file_of_splits_may_name_images_otherwise(tmp_path):
    table = labels(tmp_path, "image,a\n1.jpg,1\n2.jpg,0\n")
    given = tmp_path / "splits.csv"
    given.write_text("image_id;partition\nfaces/2.png;2\nfaces/1.png;0\n")
    assert table.texts("split", str(given)) == ("0", "2")
    given.write_text("1.jpg 0\n1.jpg 1\n2.jpg 1\n")
    with pytest.raises(UserError, match=r"says two things of 1\.jpg, the second in line 2"):
        table.texts("split", str(given))
