"""Runs with StarGAN: exact resume, and the authors' configuration."""

import math
import os
import signal

import pytest
import torch

from privacy_gan.commands.train import train
from privacy_gan.config import instantiate
from privacy_gan.errors import Interrupted, UserError
from privacy_gan.privatizers.stargan import StarGAN

# An epoch has eight batches; the generator is updated in the fifth.
TINY_STARGAN = [
    "privatizer=stargan",
    "privatizer.width=2",
    "privatizer.residual_blocks=1",
    "data.batch_size=4",
]


def load_state(run):
    checkpoint = torch.load(run.checkpoint, weights_only=True)
    return checkpoint["state_dict"], checkpoint["optimizer_states"]


def test_a_resumed_run_ends_bit_for_bit_like_an_uninterrupted_one(tiny, tmp_path, monkeypatch):
    expected, record = train(tiny(*TINY_STARGAN, f"output_dir={tmp_path / 'uninterrupted'}"))
    steps = 0
    original = StarGAN.training_step

    def training_step(self, batch, batch_idx):
        nonlocal steps
        steps += 1
        if steps == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, batch, batch_idx)

    with monkeypatch.context() as patched:
        patched.setattr(StarGAN, "training_step", training_step)
        with pytest.raises(Interrupted):
            train(tiny(*TINY_STARGAN))
    resumed, resumed_record = train(tiny(*TINY_STARGAN))
    torch.testing.assert_close(load_state(resumed), load_state(expected), rtol=0, atol=0)
    assert resumed.result_file.exists()
    assert resumed_record.training == record.training
    assert 0 < record.training["valid/stargan/distortion"] < 1
    logged = {
        f"valid/stargan/{name}"
        for name in (
            *("loss", "adversarial_loss", "reconstruction_loss", "fooled", "distortion"),
            *("discriminator_loss", "gradient_penalty", "discriminator_accuracy"),
        )
    }
    assert set(record.training) == logged
    assert all(math.isfinite(value) for value in record.training.values())
    columns = (resumed.path / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {name.replace("valid", "train") for name in logged} <= set(columns)
    assert list((resumed.path / "images").glob("*.png"))


def test_an_empirical_categorical_attribute_has_the_training_frequencies(tiny):
    group = ["attribute=[Male,Young]", "group_rule=other", "synthetic=empirical"]
    run, record = train(tiny(*TINY_STARGAN, *group, "trainer.max_epochs=1"))
    probabilities = load_state(run)[0]["synthetic.probabilities"]
    assert probabilities.shape == (3,)
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities.tolist() != [pytest.approx(1 / 3)] * 3
    assert 0 < record.training["valid/stargan/distortion"] < 1


def test_the_default_configuration_is_the_authors(tiny):
    config = tiny("privatizer=stargan", "image_size=8", "num_classes=2")
    privatizer = instantiate(config.privatizer, attribute_index=0, seed=0)
    options = "discriminator_steps", "lambda_cls", "lambda_rec", "lambda_gp"
    assert [getattr(privatizer, name) for name in options] == [5, 1, 10, 10]
    for optimizer in privatizer.configure_optimizers():
        assert isinstance(optimizer, torch.optim.Adam)
        assert optimizer.defaults["lr"] == 1e-4
        assert tuple(optimizer.defaults["betas"]) == (0.5, 0.999)


def test_an_image_size_that_cannot_be_halved_is_rejected_before_anything_is_written(tiny, tmp_path):
    with pytest.raises(UserError, match="image_size=80 cannot be halved 5 times"):
        train(tiny(*TINY_STARGAN, "image_size=80"))
    assert not (tmp_path / "outputs").exists()
