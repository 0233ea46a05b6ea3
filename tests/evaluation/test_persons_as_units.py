"""Evaluations count persons, where the data name them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from planted import LightAndDark

from privacy_gan.attributes import AttributeGroup
from privacy_gan.commands.audit import counts_persons
from privacy_gan.data.table_data_module import EXCLUDED
from privacy_gan.evaluation.evaluate import collect_observations, evaluate
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.persons import few_persons_warnings, persons_key
from privacy_gan.runs.person_ids import pack_persons


class WithPersons(LightAndDark):
    """Each person has the same number of images in a row."""

    def __init__(self, images_each):
        super().__init__(train=64, valid=40, test=160)
        self.images_each = images_each
        self.setup()

    def read_persons(self):
        if self.images_each is None:
            return None
        return 1000 - np.arange(264) // self.images_each


def evaluation_of(datamodule):
    """Evaluate an adversary whose predictions are right for a few persons and random for others."""
    source = SimpleNamespace(datamodule=datamodule, has_originals=False)
    attack = SimpleNamespace(
        source=source, attribute="Light", utilities=[], fixed={}, queries=[1], seed=0
    )
    rng = torch.Generator().manual_seed(0)
    sizes = {"valid": 40, "test": 160}
    ones = {split: torch.rand(1, size, generator=rng) for split, size in sizes.items()}
    ones["test"][0, :40] = datamodule.labels("test")[:40, 0].float().clamp(0.1, 0.9)
    probabilities = {split: torch.stack([1 - p, p], dim=2) for split, p in ones.items()}
    observations = collect_observations(
        attack,
        {"some": probabilities},
        None,
        bootstrap=Bootstrap(400, 0),
        inception=None,
        epsilon=None,
        epsilon_batch_size=1,
        discriminator_loss=None,
    )
    return evaluate(attack, observations, {})


def width(evaluation):
    estimate = evaluation.measures["privacy_loss"].censored
    return estimate.high - estimate.low


def test_an_evaluation_resamples_and_records_persons():
    alone, grouped = (evaluation_of(WithPersons(each)) for each in (None, 4))
    assert grouped.measures["privacy_loss"].censored.value == pytest.approx(
        alone.measures["privacy_loss"].censored.value
    )
    assert width(grouped) > 1.1 * width(alone)
    assert grouped.persons == {"train": 16, "valid": 10, "test": 40}
    assert grouped.test_persons().tolist() == [image // 4 for image in range(160)]
    assert (alone.persons, alone.person_ids, alone.test_persons()) == ({}, "", None)
    assert not alone.warnings


def test_few_persons_are_a_warning():
    (warning,) = few_persons_warnings(WithPersons(8))
    assert warning.startswith("the test images show only 20 persons")
    assert few_persons_warnings(WithPersons(4)) == few_persons_warnings(WithPersons(None)) == []


def test_a_single_person_has_the_intervals_of_images_and_a_warning():
    alone, single = (evaluation_of(WithPersons(each)) for each in (None, 1000))
    assert width(single) == width(alone)
    assert "all test images show the same person" in single.warnings[0]


def test_the_key_of_a_judgement_depends_on_persons_not_on_their_names():
    keys = [persons_key(WithPersons(each)) for each in (None, 1, 4)]
    assert keys[0] == ""
    assert len(set(keys)) == 3
    renamed = WithPersons(4)
    renamed.read_persons = lambda: np.arange(264) // 4
    assert persons_key(renamed) == keys[2]


def test_excluded_images_share_no_person_with_a_split(caplog):
    datamodule = LightAndDark(train=128, valid=40, test=160)
    group = AttributeGroup(("Light", "Red"), "drop")
    datamodule.hide(group.name, group)
    datamodule.setup()
    persons = np.arange(328)
    first_excluded = np.flatnonzero(datamodule.table.splits == EXCLUDED)[0]
    persons[datamodule.rows("test")[0]] = first_excluded
    datamodule.read_persons = lambda: persons
    assert len(datamodule.persons("test")) == len(datamodule.rows("test"))
    assert caplog.messages == []
    persons[datamodule.rows("test")[0]] = datamodule.rows("train")[0]
    datamodule = LightAndDark(train=128, valid=40, test=160)
    datamodule.read_persons = lambda: persons
    datamodule.setup()
    datamodule.persons("test")
    assert "1 of 327 persons have images in several splits" in caplog.text


def test_an_audit_is_judged_again_if_its_files_name_other_persons():
    ids, splits = np.array([9, 5, 5, 7]), np.array([0, 2, 2, 2])
    result = replace(
        evaluation_of(WithPersons(4)), images={"test": 3}, person_ids=pack_persons([1, 1, 0])
    )
    unknown = replace(result, person_ids="")

    def files(person_ids):
        return SimpleNamespace(person_ids=person_ids, splits=splits)

    assert counts_persons(result, files(ids))
    assert not counts_persons(result, files(np.array([9, 5, 7, 7])))
    assert not counts_persons(result, files(None))
    assert not counts_persons(unknown, files(ids))
    assert counts_persons(unknown, files(None))
