"""Labels from CSV files and CelebA's list; splits that are given or made."""

import numpy as np
import pytest

from privacy_gan.data.labels import read_labels, splits_given, splits_made
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
    assert splits_given(table.texts("split", "split"), "split").tolist() == [0, 2, 1]


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
        ("file,a\nx.jpg\n", r"line 2 \(x\.jpg\) has 1 fields, not 2"),
    ],
)
def test_damaged_files_are_one_line(text, message, tmp_path):
    with pytest.raises(UserError, match=message):
        labels(tmp_path, text)


def test_mistakes_are_one_line(tmp_path):
    table = labels(tmp_path)
    with pytest.raises(UserError, match=r"column Person the values ann, bob: write 1"):
        table.column_of("person")
    with pytest.raises(UserError, match=r"neither a file nor a column of .* smiles, split"):
        table.texts("split", "folds")
    with pytest.raises(UserError, match="split=Person has 'ann', which is none of train"):
        splits_given(table.texts("split", "Person"), "split=Person")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is not a text file"):
        read_labels(tmp_path / "binary.csv")
    with pytest.raises(UserError, match="is no file"):
        read_labels(tmp_path / "gone.csv")


def test_images_are_divided_eight_to_one_to_one(tmp_path):
    splits = splits_made([str(i) for i in range(1000)], seed=0)
    assert np.bincount(splits).tolist() == [800, 100, 100]
    assert (splits != splits_made([str(i) for i in range(1000)], seed=1)).any()
    assert (splits == splits_made([str(i) for i in range(1000)], seed=0)).all()


def test_all_images_of_a_person_are_in_one_split():
    people = [str(i % 97) for i in range(1000)]
    splits = splits_made(people, seed=3)
    by_person = {}
    for person, split in zip(people, splits, strict=True):
        by_person.setdefault(person, set()).add(split)
    assert all(len(found) == 1 for found in by_person.values())
    shares = np.bincount(splits) / 1000
    assert np.abs(shares - (0.8, 0.1, 0.1)).max() < 0.03
