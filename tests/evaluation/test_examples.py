"""The images that the strongest adversary is surest of, and those in the middle."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from privacy_gan.evaluation.examples import (
    COUNT,
    choose_examples,
    example_faces,
    format_probability,
)
from privacy_gan.evaluation.metrics import build_scores
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.observations import Observations
from privacy_gan.evaluation.predictions import predict_all
from privacy_gan.evaluation.source import CensoredBatch
from privacy_gan.runs.examples import Example, Examples
from privacy_gan.runs.faces import Faces
from privacy_gan.runs.folder import RunFolder

SCORES = build_scores(("0", "1"))


def choose(given, labels):
    """Return the examples of an adversary, given its probabilities of the true classes."""
    of_one = torch.where(labels == 1, given, 1 - given)
    by_split = dict.fromkeys(("valid", "test"), torch.stack([1 - of_one, of_one], dim=1)[None])
    half = torch.tensor([0.5, 0.5], dtype=torch.float64)
    observed = {"s": labels}
    predictions = predict_all({"one": by_split}, labels, half, [1], SCORES)
    rest = (Bootstrap(2, 0), SCORES, {"one": by_split}, predictions)
    return choose_examples(Observations("s", ("0", "1"), (), observed, observed, *rest))


def test_examples_are_the_most_and_the_median_probable_ones():
    count = 5 * COUNT
    rng = np.random.default_rng(0)
    ranks = torch.from_numpy(rng.permutation(count))  # 0 is the surest
    labels = torch.from_numpy(rng.integers(0, 2, count))
    found = choose(1 - ranks.double() / (2 * count), labels)  # correct, so not calibrated
    assert (found.adversary, found.queries) == ("one", 1)
    assert [int(ranks[each.index]) for each in found.surest] == list(range(COUNT))
    middle = 2 * COUNT
    assert [int(ranks[each.index]) for each in found.median] == list(range(middle, middle + COUNT))
    assert all(each.label == labels[each.index] for each in (*found.surest, *found.median))
    probabilities = [each.probability for each in (*found.surest, *found.median)]
    assert probabilities == sorted(probabilities, reverse=True)
    assert Examples.from_json(json.loads(json.dumps(asdict(found)))) == found


def test_of_a_few_images_all_are_examples():
    found = choose(torch.tensor([0.6, 0.9, 0.8], dtype=torch.float64), torch.tensor([0, 1, 0]))
    assert [each.index for each in found.surest] == [1, 2, 0]
    assert found.median == found.surest


class NumberedSource:
    """Serves images whose values are their positions, censored ones 10 more per query, by threes.

    Args:
        count: number of images.
        synthetic: whether an s' is inserted.
    """

    has_originals = True

    def __init__(self, count, synthetic=False, viewable=True):
        self.count = count
        self.synthetic = synthetic
        self.datamodule = SimpleNamespace(viewable=viewable)
        self.served = 0

    def query(self, split, number, seed):
        assert (split, seed) == ("test", 7)
        for rows in torch.arange(self.count).split(3):
            self.served += len(rows)
            images = (rows / 255)[:, None, None, None].expand(-1, 3, 2, 2)
            inserted = torch.zeros(len(rows)) if self.synthetic else None
            censored = images + (number + 1) * 10 / 255
            yield CensoredBatch(censored, images, torch.zeros(len(rows), 1), inserted)


EXAMPLES = Examples(
    "one", 4, (Example(5, 1, 0.99999), Example(1, 0, 0.9)), (Example(3, 1, 0.5), Example(1, 0, 0.5))
)


@pytest.mark.parametrize(("synthetic", "row"), [(False, "x'"), (True, "x''")])
def test_faces_are_the_chosen_originals_and_what_the_first_query_answered(synthetic, row):
    source = NumberedSource(20, synthetic)
    faces = example_faces(source, EXAMPLES, seed=7)
    assert {kind: each.columns for kind, each in faces.items()} == {
        "surest": ("s=1\n>99.9%", "s=0\n90.0%"),
        "median": ("s=1\n50.0%", "s=0\n50.0%"),
    }
    values = {label: images[:, 0, 0, 0].tolist() for label, images in faces["surest"].rows.items()}
    assert values == {"x": [5, 1], row: [15, 11]}
    assert faces["median"].rows[row][:, 0, 0, 0].tolist() == [13, 11]
    assert source.served == 6  # no more batches than needed


def test_images_without_originals_are_only_the_censored_ones(tmp_path):
    source = NumberedSource(20)
    source.has_originals = False
    faces = example_faces(source, EXAMPLES, seed=7)["surest"]
    assert list(faces.rows) == ["x'"]
    faces.write(tmp_path / "faces.png")
    read = Faces.read(tmp_path / "faces.png", needs_original=False)
    assert read.columns == faces.columns
    np.testing.assert_array_equal(read.rows["x'"], faces.rows["x'"])


def test_numbers_are_not_drawn():
    assert example_faces(NumberedSource(20, viewable=False), EXAMPLES, seed=7) == {}


def test_writing_examples_replaces_earlier_ones(tmp_path):
    folder = RunFolder(tmp_path)
    faces = example_faces(NumberedSource(20), EXAMPLES, seed=7)
    folder.write_examples("Smiling", faces)
    assert Faces.read(folder.examples("Smiling", "median")).columns == faces["median"].columns
    folder.write_examples("Smiling", {})
    assert not any((tmp_path / "examples").iterdir())


def test_only_a_certain_probability_is_100_percent():
    assert [format_probability(each) for each in (0.5, 0.9994, 0.99951, 1.0)] == [
        *("50.0%", "99.9%", ">99.9%", "100.0%")
    ]


def test_class_names_replace_the_first_line_of_a_column():
    faces = Faces(("s=1\n90%", "s=0"), {})
    assert faces.with_class_names("Smiling", ("0", "1")).columns == (
        "Smiling: yes\n90%",
        "Smiling: no",
    )
    assert replace(faces, columns=("s=7",)).with_class_names("A", ("0", "1")).columns == ("s=7",)
