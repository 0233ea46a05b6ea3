"""Decay of the learning rates at the end of training."""

import pytest
from presets import NUMBERS
from pytorch_lightning import Callback

from privacy_gan.commands.train import train
from privacy_gan.errors import UserError

TWO_BATCHES = [
    *NUMBERS,
    "privatizer=filter",
    "data.num_train=32",
    "evaluate=false",
    "privatizer.optimizer.lr=0.01",
]


class RecordLearningRates(Callback):
    """Records the learning rate of each optimizer after every step."""

    rates: list = []  # noqa: RUF012 - shared with the test

    def on_train_batch_end(self, trainer, *args):
        self.rates.append([o.param_groups[0]["lr"] for o in trainer.optimizers])


@pytest.mark.parametrize(
    ("decay", "shares"), [(0, [1, 1, 1, 1]), (0.5, [1, 1, 1, 0.5]), (1, [1, 0.75, 0.5, 0.25])]
)
def test_learning_rates_decay_linearly_over_the_last_share_of_the_steps(
    decay, shares, tiny, monkeypatch
):
    rates = RecordLearningRates.rates = []
    monkeypatch.setattr("privacy_gan.training.fit.Throughput", RecordLearningRates)
    train(tiny(f"decay={decay}", preset=TWO_BATCHES, cached=False))
    assert rates == [pytest.approx([0.01 * share] * 2) for share in shares]


@pytest.mark.parametrize("decay", [-0.1, 1.1])
def test_decay_outside_0_to_1_is_rejected(decay, tiny):
    config = tiny(f"privatizer.decay={decay}", preset=TWO_BATCHES, cached=False)
    with pytest.raises(UserError, match=f"privatizer.decay={decay} must be between 0 and 1"):
        train(config)
