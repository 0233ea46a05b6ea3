"""Training stops if losses or weights are not finite, and saves no mechanism."""

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
def test_divergence_ends_the_command_with_one_line_and_the_run_is_unusable(
    rate, networks, tmp_path
):
    limits = ["trainer.max_epochs=6", "+trainer.limit_train_batches=3"]
    message = error_line(run_train(tmp_path, f"learning_rate={rate}", *limits, *networks))
    assert message.startswith("error: training diverged in epoch ")
    assert message.endswith(f"set a smaller learning_rate (it is {float(rate):g})")
    (folder,) = (path.parent for path in tmp_path.rglob("config.yaml"))
    assert not files(folder) & {"result.json", "last.ckpt"}
    photos = tmp_path / "photos"
    photos.mkdir()
    out = tmp_path / "out"
    for verb, inputs in (("privatize", [f"input={photos}"]), ("export", [])):
        line = error_line(cli(verb, f"run={folder}", f"output={out}", *inputs))
        assert "contains no result.json, so its training is not finished" in line
    assert not out.exists()


def plant_nan(monkeypatch, mechanism_class, find_tensor, last=False):
    """Set a tensor to nan after the second training step, or after the last one."""
    steps = []
    original = mechanism_class.training_step

    def step(self, batch, batch_idx):
        steps.append(batch_idx)
        original(self, batch, batch_idx)
        if len(steps) == (8 if last else 2):
            with torch.no_grad():
                find_tensor(self).fill_(math.nan)

    monkeypatch.setattr(mechanism_class, "training_step", step)
    return steps


def weight(network):
    return next(network.parameters())


def moments(network):
    return next(buffer for buffer in network.buffers() if buffer.is_floating_point())


@pytest.mark.parametrize(
    ("find_tensor", "named"),
    [
        (lambda it: weight(it.filter.network), r"train/filter/loss is nan"),
        (lambda it: weight(it.filter.discriminator), r"train/filter/loss is nan"),
        (lambda it: weight(it.generator.network), r"train/generator/loss is nan"),
        (lambda it: weight(it.generator.discriminator), r"train/generator/loss is nan"),
        (lambda it: moments(it.filter.network), r"filter.network\S+running_mean is not finite"),
    ],
)
def test_error_names_what_diverged_and_no_checkpoint_is_saved(
    find_tensor, named, tiny, tmp_path, monkeypatch
):
    steps = plant_nan(monkeypatch, AdversarialPrivatizer, find_tensor)
    at = "step 4: " if "running" in named else "step 3: "  # eval mode alone uses them
    with pytest.raises(UserError, match=f"^training diverged in epoch 1, {at}{named}"):
        train(tiny())
    assert len(steps) < 5
    assert not files(tmp_path / "outputs") & {"result.json", "last.ckpt"}


def test_run_resumes_from_the_last_finite_checkpoint(tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        plant_nan(patched, AdversarialPrivatizer, lambda it: weight(it.filter.network), last=True)
        with pytest.raises(UserError, match=r"epoch 2, step 4: filter\.network"):
            train(tiny("checkpoint_minutes=0"))
    (checkpoint,) = tmp_path.rglob("last.ckpt")
    assert torch.load(checkpoint, weights_only=True)["global_step"] > 0
    _, result = train(tiny("checkpoint_minutes=0"))
    assert all(map(math.isfinite, result.training.values()))


def test_non_finite_state_does_not_replace_a_finite_checkpoint(tiny, tmp_path, monkeypatch):
    plant_nan(monkeypatch, AdversarialPrivatizer, lambda it: weight(it.filter.network))
    with pytest.raises(UserError, match=r"^training diverged in epoch 1, step 2: filter\.network"):
        train(tiny("checkpoint_minutes=0"))
    (checkpoint,) = tmp_path.rglob("last.ckpt")
    assert find_non_finite(torch.load(checkpoint, weights_only=True)["state_dict"]) is None


def test_divergence_of_stargan_is_detected(tiny, monkeypatch):
    plant_nan(monkeypatch, StarGAN, lambda it: weight(it.discriminator))
    with pytest.raises(UserError, match=r"^training diverged in epoch 1, step 3: train/stargan/"):
        train(tiny("privatizer=stargan"))


def test_non_finite_optimizer_state_is_not_saved(tiny, tmp_path, monkeypatch):
    def second_moments(it):
        return next(iter(it.trainer.optimizers[3].state.values()))["exp_avg_sq"]

    plant_nan(monkeypatch, AdversarialPrivatizer, second_moments, last=True)
    with pytest.raises(UserError, match=r"optimizer of generator\.discriminator is not finite"):
        train(tiny())
    assert not files(tmp_path / "outputs") & {"result.json", "last.ckpt"}


def test_non_finite_gradient_free_fit_is_not_saved(tiny, tmp_path, monkeypatch):
    def fit(self, batches):
        self.strength.fill_(math.nan)
        return {}

    monkeypatch.setattr(Blur, "fit", fit)
    with pytest.raises(UserError, match=r"^fitting to 32 training images gave values that are not"):
        train(tiny("privatizer=blur"))
    assert not files(tmp_path / "outputs") & {"result.json", "last.ckpt"}


@pytest.fixture
def non_finite_run(once, tiny, tmp_path):
    """Return the folder of a finished run whose checkpoint holds a nan."""
    folder = once("finished-tiny", lambda folder: train(tiny(f"run_dir={folder / 'run'}")))
    run = shutil.copytree(folder / "run", tmp_path / "non_finite")
    checkpoint = torch.load(run / "last.ckpt", weights_only=True)
    weights = checkpoint["state_dict"]
    next(iter(weights.values())).fill_(math.nan)
    torch.save(checkpoint, run / "last.ckpt")
    return run


def test_run_with_non_finite_weights_is_not_loaded_exported_or_used(non_finite_run, tmp_path):
    named = r"last.ckpt holds weights that are not finite \(filter.network.\S+\)"
    with pytest.raises(UserError, match=named):
        load_privatizer(non_finite_run)
    photos = tmp_path / "photos"
    photos.mkdir()
    for verb, options in {
        "privatize": [f"input={photos}", f"output={tmp_path / 'out'}"],
        "export": [f"output={tmp_path / 'out'}"],
        "demo": [],
        "evaluate": [],
    }.items():
        line = error_line(cli(verb, f"run={non_finite_run}", *options))
        assert "holds weights that are not finite" in line, verb
    assert not (tmp_path / "out").exists()


def test_run_with_non_finite_weights_is_not_resumed(non_finite_run, tiny):
    (non_finite_run / "result.json").unlink()
    with pytest.raises(UserError, match="weights that are not finite"):
        train(tiny(f"run_dir={non_finite_run}"))


def test_exported_model_with_non_finite_weights_is_not_loaded(once, tiny, tmp_path):
    folder = once("finished-tiny", lambda folder: train(tiny(f"run_dir={folder / 'run'}")))
    done = cli("export", f"run={folder / 'run'}", f"output={tmp_path / 'model'}", "onnx=false")
    assert done.returncode == 0, done.stderr
    weights = load_file(tmp_path / "model" / "model.safetensors")
    next(value for value in weights.values() if value.is_floating_point()).fill_(math.inf)
    save_file(weights, tmp_path / "model" / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"model.safetensors holds weights that are not finite"):
        load_privatizer(tmp_path / "model")
