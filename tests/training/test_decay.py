"""Learning rates that fall at the end of training."""

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


class Rates(Callback):
    """Notes both players' learning rates after every step."""

    seen: list = []  # noqa: RUF012 - made by Hydra, read by the test

    def on_train_batch_end(self, trainer, *args):
        self.seen.append([o.param_groups[0]["lr"] for o in trainer.optimizers])


@pytest.mark.parametrize(
    ("decay", "shares"), [(0, [1, 1, 1, 1]), (0.5, [1, 1, 1, 0.5]), (1, [1, 0.75, 0.5, 0.25])]
)
def test_they_fall_evenly_over_the_last_share_of_the_steps(decay, shares, tiny, monkeypatch):
    seen = Rates.seen = []
    monkeypatch.setattr("privacy_gan.training.fit.Throughput", Rates)
    train(tiny(f"decay={decay}", preset=TWO_BATCHES, cached=False))
    assert seen == [pytest.approx([0.01 * share] * 2) for share in shares]


@pytest.mark.parametrize("decay", [-0.1, 1.1])
def test_what_is_no_share_is_refused(decay, tiny):
    config = tiny(f"privatizer.decay={decay}", preset=TWO_BATCHES, cached=False)
    with pytest.raises(UserError, match=f"privatizer.decay={decay} must be between 0 and 1"):
        train(config)
