"""Loading a trained mechanism from its run folder alone."""

import sys
from pathlib import Path

import pytest
import torch
from commands import run

import privacy_gan
from privacy_gan import load_privatizer, release
from privacy_gan.commands.train import train
from privacy_gan.errors import UserError
from privacy_gan.runs.folder import open_folder
from privacy_gan.runs.result import Result

IMAGES = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def censored(privatizer):
    return privatizer.privatize(IMAGES, torch.Generator().manual_seed(0)).images


@pytest.fixture
def finished(tiny):
    return train(tiny("trainer.max_epochs=1"))[0]


def test_the_loaded_mechanism_has_the_trained_weights(finished):
    privatizer = load_privatizer(str(finished.path))
    expected = torch.load(finished.checkpoint, weights_only=True)["state_dict"]
    weights = dict(privatizer.mechanism.state_dict())
    torch.testing.assert_close(weights, dict(expected), rtol=0, atol=0)
    assert not privatizer.training
    assert not any(parameter.requires_grad for parameter in privatizer.parameters())
    assert torch.equal(censored(privatizer), censored(load_privatizer(finished.path)))


def test_the_package_exports_load_privatizer_without_importing_torch(finished):
    assert privacy_gan.load_privatizer is release.trained_model.load_privatizer
    code = (
        "import sys, privacy_gan; assert 'torch' not in sys.modules;"
        "privacy_gan.load_privatizer(sys.argv[1])"
    )
    process = run([sys.executable, "-c", code, finished.path], real=True)
    assert process.returncode == 0, process.stderr
    with pytest.raises(AttributeError, match="no attribute 'load_discriminator'"):
        _ = privacy_gan.load_discriminator


def test_the_folder_of_an_earlier_version_is_rejected_in_one_line(finished):
    earlier = finished.result_file.read_text().replace('"version": 7', '"version": 3')
    finished.result_file.write_text(earlier)
    assert Result.read(finished.result_file).version == 3
    with pytest.raises(UserError, match=r"another version.*: repeat the command") as raised:
        load_privatizer(finished.path)
    assert "\n" not in str(raised.value)


def test_a_run_of_an_earlier_version_with_other_names_of_settings_needs_another_folder(tiny):
    folder, _ = train(tiny("trainer.max_epochs=1"))
    earlier = folder.result_file.read_text().replace('"version": 7', '"version": 5')
    folder.result_file.write_text(earlier.replace("filter.Filter", "filter.FilterStage"))
    with pytest.raises(UserError, match=r"another version.*output_dir=FOLDER, or delete"):
        train(tiny("trainer.max_epochs=1"))


def test_weights_of_another_run_are_rejected(finished, tiny):
    other, _ = train(tiny("trainer.max_epochs=1", "seed=1"))
    finished.checkpoint.write_bytes(other.checkpoint.read_bytes())
    with pytest.raises(UserError, match=r"belongs to another run than .*result.json"):
        load_privatizer(finished.path)


def test_a_folder_without_a_trained_mechanism_is_rejected(tmp_path):
    with pytest.raises(UserError, match=r"neither a run folder nor an exported one"):
        privacy_gan.load_privatizer(tmp_path)


def test_a_folder_without_a_run_is_rejected(tmp_path):
    with pytest.raises(UserError, match=r"is not a run folder: it contains no config\.yaml"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    "limit",
    [
        "+trainer.max_steps=3",
        "+trainer.max_time={microseconds: 1}",
        "+trainer.limit_train_batches=2",
    ],
)
def test_a_run_that_ends_within_an_epoch_can_be_loaded(limit, tiny):
    folder, result = train(tiny(limit))
    assert folder.checkpoint.exists()
    assert 0 < result.training["valid/generator/distortion"] < 1
    assert "valid/generator/distortion" in folder.metrics.read_text()
    assert censored(load_privatizer(folder.path)).shape == IMAGES.shape
    assert train(tiny(limit))[1] == result


def test_a_run_without_training_batches_is_rejected_without_a_result(tiny):
    config = tiny("+trainer.limit_train_batches=0")
    with pytest.raises(UserError, match=r"limit_train_batches=0 must be a number of batches"):
        train(config)
    assert not (Path(config.run_dir) / "result.json").exists()
