"""How the judge queries a mechanism: which images, in which order, with which noise."""

from contextlib import nullcontext

import pytest
import torch
from planted import LightAndDark

from privacy_gan.evaluation.censoring import Arithmetic, Censor
from privacy_gan.privatizers.base import Censored, Privatizer


class Noise(Privatizer):
    def privatize(self, images, rng):
        return Censored(torch.rand(images.shape, generator=rng), None)


def censor_of(train, batch_size=16):
    data = LightAndDark(train=train, valid=32, test=40)
    data.setup()
    return Censor(Noise(), data, batch_size, 0, Arithmetic(torch.device("cpu"), nullcontext))


@pytest.mark.parametrize(("train", "sizes"), [(48, [16] * 3), (50, [16] * 3 + [2])])
def test_an_epoch_has_every_training_image_once_in_an_order_of_its_own(train, sizes):
    censor = censor_of(train)
    epochs = [list(censor.training_epoch(epoch)) for epoch in (0, 1)]
    assert [[len(batch.images) for batch in epoch] for epoch in epochs] == [sizes, sizes]
    seen = [torch.cat([batch.original.sum(dim=(1, 2, 3)) for batch in epoch]) for epoch in epochs]
    assert torch.equal(seen[0].sort().values, seen[1].sort().values)
    assert not torch.equal(*seen)


def test_a_single_image_is_no_batch_to_learn_from():
    assert [len(batch.images) for batch in censor_of(33).training_epoch(0)] == [16, 16]


def test_batches_are_counted_as_they_come():
    censor = censor_of(50)
    assert censor.batches_in("train") == len(list(censor.training_epoch(0))) == 4
    for split in ("valid", "test"):
        assert censor.batches_in(split) == len(list(censor.query(split, 0))) == 1


def test_no_two_queries_share_their_noise():
    censor = censor_of(48)
    passes = [
        *(censor.training_epoch(epoch) for epoch in (0, 1)),
        *(censor.query(split, number) for split in ("valid", "test") for number in (0, 1)),
    ]
    first = [next(batches).images.sum().item() for batches in passes]
    assert len(set(first)) == len(first)
    again = next(censor.query("test", 1)).images.sum().item()
    assert again == first[-1]


class Normed(Privatizer):
    """Batch norm, which in training mode looks at an image's companions and remembers them."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(3)

    def privatize(self, images, rng):
        return Censored(self.norm(images), None)


def test_a_mechanism_is_judged_as_it_is_used_not_as_it_is_trained():
    data = LightAndDark(train=32, valid=32, test=32)
    data.setup()
    mechanism = Normed().train()
    mechanism.norm.running_mean += 0.25
    remembered = mechanism.norm.running_mean.clone()
    censor = Censor(mechanism, data, 8, 0, Arithmetic(torch.device("cpu"), nullcontext))
    for batch in (*censor.training_epoch(0), *censor.query("test", 0)):
        torch.testing.assert_close(batch.images, (batch.original - 0.25) / (1 + 1e-5) ** 0.5)
    assert torch.equal(mechanism.norm.running_mean, remembered)
