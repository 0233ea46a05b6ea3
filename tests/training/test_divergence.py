"""A training whose losses or weights are no longer finite ends at once, and leaves no mechanism."""

import math
import shutil

import pytest
import torch
from commands import cli, error_line, run_train
from presets import SHIPPED_DISCRIMINATORS
from safetensors.torch import load_file, save_file

from privacy_gan import load_privatizer
from privacy_gan.commands.train import train
from privacy_gan.errors import UserError
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.privatizers.blur import Blur
from privacy_gan.privatizers.stargan import StarGAN
from privacy_gan.tensors import find_non_finite


def files(folder):
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("rate", "networks"), [("1", ["width=4", *SHIPPED_DISCRIMINATORS]), ("1e30", [])]
)
def test_a_rate_that_is_too_large_ends_the_command_in_a_line_and_nothing_is_used(
    rate, networks, tmp_path
):
    limits = ["trainer.max_epochs=6", "+trainer.limit_train_batches=3"]
    told = error_line(run_train(tmp_path, f"learning_rate={rate}", *limits, *networks))
    assert told.startswith("error: training diverged in epoch ")
    assert told.endswith(f"set a smaller learning_rate (it is {float(rate):g})")
    (folder,) = (path.parent for path in tmp_path.rglob("config.yaml"))
    assert not files(folder) & {"result.json", "last.ckpt"}
    photos = tmp_path / "photos"
    photos.mkdir()
    out = tmp_path / "out"
    for verb, inputs in (("privatize", [f"input={photos}"]), ("export", [])):
        line = error_line(cli(verb, f"run={folder}", f"output={out}", *inputs))
        assert "holds no result.json, so its training is not finished" in line
    assert not out.exists()


def plant(monkeypatch, kind, where, last=False):
    """Let a number become nan after the second step of a training, or after its last."""
    taken = []
    original = kind.training_step

    def step(self, batch, batch_idx):
        taken.append(batch_idx)
        original(self, batch, batch_idx)
        if len(taken) == (8 if last else 2):
            with torch.no_grad():
                where(self).fill_(math.nan)

    monkeypatch.setattr(kind, "training_step", step)
    return taken


def weight(network):
    return next(network.parameters())


def moments(network):
    return next(buffer for buffer in network.buffers() if buffer.is_floating_point())


@pytest.mark.parametrize(
    ("where", "named"),
    [
        (lambda it: weight(it.filter.network), r"train/filter/loss is nan"),
        (lambda it: weight(it.filter.discriminator), r"train/filter/loss is nan"),
        (lambda it: weight(it.generator.network), r"train/generator/loss is nan"),
        (lambda it: weight(it.generator.discriminator), r"train/generator/loss is nan"),
        (lambda it: moments(it.filter.network), r"filter.network\S+running_mean is not finite"),
    ],
)
def test_it_is_said_where_and_nothing_is_kept(where, named, tiny, tmp_path, monkeypatch):
    taken = plant(monkeypatch, AdversarialPrivatizer, where)
    at = "step 4: " if "running" in named else "step 3: "  # moments are used after the epoch only
    with pytest.raises(UserError, match=f"^training diverged in epoch 1, {at}{named}"):
        train(tiny())
    assert len(taken) < 5
    assert not files(tmp_path / "outputs") & {"result.json", "last.ckpt"}


def test_the_last_finite_state_is_kept_and_gone_on_from(tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        plant(patched, AdversarialPrivatizer, lambda it: weight(it.filter.network), last=True)
        with pytest.raises(UserError, match=r"epoch 2, step 4: filter\.network"):
            train(tiny("checkpoint_minutes=0"))
    (checkpoint,) = tmp_path.rglob("last.ckpt")
    assert torch.load(checkpoint, weights_only=True)["global_step"] > 0
    _, result = train(tiny("checkpoint_minutes=0"))
    assert all(map(math.isfinite, result.training.values()))


def test_a_state_that_is_not_finite_takes_no_sound_ones_place(tiny, tmp_path, monkeypatch):
    plant(monkeypatch, AdversarialPrivatizer, lambda it: weight(it.filter.network))
    with pytest.raises(UserError, match=r"^training diverged in epoch 1, step 2: filter\.network"):
        train(tiny("checkpoint_minutes=0"))
    (checkpoint,) = tmp_path.rglob("last.ckpt")
    assert find_non_finite(torch.load(checkpoint, weights_only=True)["state_dict"]) is None


def test_stargan_ends_likewise(tiny, monkeypatch):
    plant(monkeypatch, StarGAN, lambda it: weight(it.discriminator))
    with pytest.raises(UserError, match=r"^training diverged in epoch 1, step 3: train/stargan/"):
        train(tiny("privatizer=stargan"))


def test_optimizers_that_are_not_finite_are_not_kept_either(tiny, tmp_path, monkeypatch):
    def second_moments(it):
        return next(iter(it.trainer.optimizers[3].state.values()))["exp_avg_sq"]

    plant(monkeypatch, AdversarialPrivatizer, second_moments, last=True)
    with pytest.raises(UserError, match=r"optimizer of generator\.discriminator is not finite"):
        train(tiny())
    assert not files(tmp_path / "outputs") & {"result.json", "last.ckpt"}


def test_what_adapts_without_training_is_not_kept_if_it_is_not_finite(tiny, tmp_path, monkeypatch):
    def fit(self, batches):
        self.strength.fill_(math.nan)
        return {}

    monkeypatch.setattr(Blur, "fit", fit)
    with pytest.raises(
        UserError, match=r"^fitting to 32 training images gave values that are not"
    ):
        train(tiny("privatizer=blur"))
    assert not files(tmp_path / "outputs") & {"result.json", "last.ckpt"}


@pytest.fixture
def spoiled(once, tiny, tmp_path):
    """Return a finished run's folder whose checkpoint holds a weight that is nan."""
    made = once("finished-tiny", lambda folder: train(tiny(f"run_dir={folder / 'run'}")))
    run = shutil.copytree(made / "run", tmp_path / "spoiled")
    checkpoint = torch.load(run / "last.ckpt", weights_only=True)
    weights = checkpoint["state_dict"]
    next(iter(weights.values())).fill_(math.nan)
    torch.save(checkpoint, run / "last.ckpt")
    return run


def test_a_run_that_is_not_finite_is_not_loaded_exported_or_used(spoiled, tmp_path):
    named = r"last.ckpt holds weights that are not finite \(filter.network.\S+\)"
    with pytest.raises(UserError, match=named):
        load_privatizer(spoiled)
    photos = tmp_path / "photos"
    photos.mkdir()
    for verb, own in {
        "privatize": [f"input={photos}", f"output={tmp_path / 'out'}"],
        "export": [f"output={tmp_path / 'out'}"],
        "demo": [],
        "evaluate": [],
    }.items():
        line = error_line(cli(verb, f"run={spoiled}", *own))
        assert "holds weights that are not finite" in line, verb
    assert not (tmp_path / "out").exists()


def test_an_unfinished_one_is_not_gone_on_from(spoiled, tiny):
    (spoiled / "result.json").unlink()
    with pytest.raises(UserError, match="weights that are not finite"):
        train(tiny(f"run_dir={spoiled}"))


def test_an_exported_one_is_not_loaded(once, tiny, tmp_path):
    made = once("finished-tiny", lambda folder: train(tiny(f"run_dir={folder / 'run'}")))
    done = cli("export", f"run={made / 'run'}", f"output={tmp_path / 'model'}", "onnx=false")
    assert done.returncode == 0, done.stderr
    weights = load_file(tmp_path / "model" / "model.safetensors")
    next(value for value in weights.values() if value.is_floating_point()).fill_(math.inf)
    save_file(weights, tmp_path / "model" / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"model.safetensors holds weights that are not finite"):
        load_privatizer(tmp_path / "model")
