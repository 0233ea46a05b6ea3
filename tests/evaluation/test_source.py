"""Sources of censored batches: images, order and noise."""

from contextlib import nullcontext

import pytest
import torch
from planted import LightAndDark, judge_in

from privacy_gan.evaluation.source import (
    CensoredBatch,
    FolderSource,
    MechanismSource,
    count_batches,
    training_order,
)
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.base import Censored, Privatizer

CPU = Compute(torch.device("cpu"), nullcontext)


class Noise(Privatizer):
    def draw(self, images, rng):
        return {"noise": torch.rand(images.shape, generator=rng)}

    def forward(self, images, draws):
        return Censored(draws["noise"], None)


def source_of(train):
    data = LightAndDark(train=train, valid=32, test=40)
    data.setup()
    return MechanismSource(Noise(), data, CPU)


def epoch_of(source, epoch):
    return source.training_epoch(epoch, batch_size=16, seed=0)


@pytest.mark.parametrize(("train", "sizes"), [(48, [16] * 3), (50, [16] * 3 + [2])])
def test_an_epoch_has_every_training_image_once_in_a_new_order(train, sizes):
    source = source_of(train)
    epochs = [list(epoch_of(source, epoch)) for epoch in (0, 1)]
    assert [[len(batch.images) for batch in epoch] for epoch in epochs] == [sizes, sizes]
    sums = [torch.cat([batch.original.sum(dim=(1, 2, 3)) for batch in epoch]) for epoch in epochs]
    assert torch.equal(sums[0].sort().values, sums[1].sort().values)
    assert not torch.equal(*sums)


def test_a_last_batch_of_one_image_is_dropped():
    assert [len(batch.images) for batch in epoch_of(source_of(33), 0)] == [16, 16]


@pytest.mark.parametrize("start", [0, 1, 3])
@pytest.mark.parametrize("of_files", [False, True])
def test_an_epoch_that_resumes_has_the_remaining_batches(start, of_files):
    mechanism = source_of(48)
    source = FolderSource(mechanism.datamodule, None, CPU) if of_files else mechanism
    resumed = list(source.training_epoch(1, 16, 0, start))
    assert len(resumed) == 3 - start  # also none at all, rather than an empty one
    for found, expected in zip(resumed, list(epoch_of(source, 1))[start:], strict=True):
        assert torch.equal(found.images, expected.images)


def test_count_batches_matches_the_batches():
    for train, count in [(48, 3), (49, 3), (50, 4), (32, 2)]:
        source = source_of(train)
        assert (
            count_batches(source.datamodule, "train", 16) == len(list(epoch_of(source, 0))) == count
        )
    for split in ("valid", "test"):
        assert count_batches(source.datamodule, split) == len(list(source.query(split, 0, 0))) == 1


SOME = [(0, 0), (1, 0), (0, 1)]  # numbers and seeds


def test_every_query_has_its_own_noise():
    source = source_of(48)
    passes = [
        *(epoch_of(source, epoch) for epoch in (0, 1)),
        *(source.query(split, n, seed) for split in ("valid", "test") for n, seed in SOME),
    ]
    first = [next(batches).images.sum().item() for batches in passes]
    assert len(set(first)) == len(first)
    again = next(source.query("test", *SOME[-1])).images.sum().item()
    assert again == first[-1]


class CensoredElsewhere:
    """Images that another tool censored once: a uniform grey whose lightness shows s."""

    compute = CPU
    deterministic = True
    has_originals = True

    def __init__(self, data):
        self.datamodule = data

    def training_epoch(self, epoch, batch_size, seed, start=0):
        rows = training_order(self.datamodule, epoch, batch_size, seed)
        yield from map(self.batch, torch.split(rows, batch_size)[start:])

    def query(self, split, number, seed):
        yield self.batch(torch.from_numpy(self.datamodule.rows(split)))

    def batch(self, rows):
        images, attributes = self.datamodule.gather(rows)
        shade = 0.4 + 0.2 * attributes[:, :1, None, None].float()
        return CensoredBatch(shade.expand_as(images), images, attributes, None)


def test_images_that_another_tool_censored_are_judged_without_a_mechanism(tmp_path):
    data = LightAndDark(train=128, valid=64, test=64)
    data.setup()
    found = (
        judge_in(tmp_path, epochs=3).judge(CensoredElsewhere(data), "Light", 0.01, 32).evaluation
    )
    assert found.measures["privacy_loss"].censored.value > 0.9
    assert found.measures["distortion"].censored.value > 0.01
    assert found.measures["utility/Red"].censored.value < 0.7  # no colour remains
    assert {each.queries for each in found.adversaries} == {1}


class Normed(Privatizer):
    """Batch norm, which in training mode uses and tracks batch statistics."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(3)

    def forward(self, images, draws):
        return Censored(self.norm(images), None)


def test_a_mechanism_is_judged_in_evaluation_mode():
    data = LightAndDark(train=32, valid=32, test=32)
    data.setup()
    mechanism = Normed().train()
    mechanism.norm.running_mean += 0.25
    before = mechanism.norm.running_mean.clone()
    source = MechanismSource(mechanism, data, CPU)
    for batch in (*epoch_of(source, 0), *source.query("test", 0, 0)):
        torch.testing.assert_close(batch.images, (batch.original - 0.25) / (1 + 1e-5) ** 0.5)
    assert torch.equal(mechanism.norm.running_mean, before)
