"""Exported mechanisms: they load unchanged, and hostile files are harmless."""

import json
import pickle
import stat

import pytest
import torch
from mechanisms import FACTS, MECHANISMS, SIZE, make_mechanism
from safetensors.torch import load_file, save_file

from privacy_gan import load_privatizer
from privacy_gan.errors import UserError
from privacy_gan.models.mlp import NoisyMLP
from privacy_gan.privatizers.inference import FilterInference
from privacy_gan.release.exported import ExportedPrivatizer, load_exported, to_config

IMAGES = torch.rand(5, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def export(name, folder):
    exported = ExportedPrivatizer.from_privatizer(make_mechanism(name), SIZE, ["Smiling"], FACTS)
    exported.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(tmp_path):
    return export("filter_generator", tmp_path / "exported")


@pytest.fixture
def config(folder):
    return json.loads((folder / "config.json").read_text())


def rewrite(folder, config):
    (folder / "config.json").write_text(json.dumps(config))


def load_error(folder):
    """Return the one-line error that loading a folder raises."""
    with pytest.raises(UserError) as error:
        load_privatizer(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_loaded_mechanism_censors_like_the_exported_one(name, tmp_path):
    before, after = make_mechanism(name), load_privatizer(export(name, tmp_path / name))
    for seed in (0, 1):
        expected, found = before.privatize(IMAGES, seed), after.privatize(IMAGES, seed)
        torch.testing.assert_close(found.images, expected.images, rtol=0, atol=1e-6)
        if expected.synthetic is None:
            assert found.synthetic is None
        else:
            assert torch.equal(found.synthetic, expected.synthetic)
    assert after.deterministic == before.deterministic
    assert not after.training
    assert not any(parameter.requires_grad for parameter in after.parameters())


def test_a_seed_is_equivalent_to_a_generator(folder):
    privatizer = load_privatizer(folder)
    by_seed = privatizer.privatize(IMAGES, 3)
    by_generator = privatizer.privatize(IMAGES, torch.Generator().manual_seed(3))
    assert torch.equal(by_seed.images, by_generator.images)
    assert not torch.equal(by_seed.images, privatizer.privatize(IMAGES, 4).images)


def test_from_pretrained_loads_the_same_mechanism(folder):
    from_hub = ExportedPrivatizer.from_pretrained(folder)
    assert torch.equal(
        from_hub.privatize(IMAGES, 0).images, load_exported(folder).privatize(IMAGES, 0).images
    )
    assert from_hub.facts == FACTS
    assert from_hub.attributes == ("Smiling",)


def test_a_loaded_mechanism_can_be_exported_again(folder, tmp_path):
    load_exported(folder).save_pretrained(tmp_path / "again")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_the_file_mode_of_the_weights_follows_the_umask(folder):
    modes = [stat.S_IMODE((folder / name).stat().st_mode) for name in ("config.json", "README.md")]
    assert stat.S_IMODE((folder / "model.safetensors").stat().st_mode) == modes[0] == modes[1]


@pytest.mark.parametrize("kind", ["os.system", "privacy_gan.commands.train.train", "Filter", None])
def test_a_config_cannot_name_code(kind, folder, config):
    config["mechanism"] = {"kind": kind, "command": "touch planted"}
    rewrite(folder, config)
    assert f"kind {kind!r} is unknown" in load_error(folder)
    config["mechanism"] = {"_target_": "os.system", "command": "touch planted"}
    rewrite(folder, config)
    assert "does not describe a mechanism" in load_error(folder)


def plant(path, marker):
    class Hostile:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    path.write_bytes(pickle.dumps(Hostile()))


def test_a_pickle_in_place_of_the_weights_is_not_executed(folder, tmp_path):
    plant(folder / "model.safetensors", tmp_path / "executed")
    assert "damaged" in load_error(folder)
    (folder / "model.safetensors").unlink()
    plant(folder / "pytorch_model.bin", tmp_path / "executed")
    assert "contains no model.safetensors" in load_error(folder)
    with pytest.raises(FileNotFoundError):
        ExportedPrivatizer.from_pretrained(folder)
    assert not (tmp_path / "executed").exists()
    pickle.loads((folder / "pytorch_model.bin").read_bytes()).close()
    assert (tmp_path / "executed").exists()  # the pickle does execute code if it is loaded


@pytest.mark.parametrize(
    "change",
    [
        {"width": 10**7},  # terabytes, if memory were allocated before the weights are read
        {"width": 10**18},
        {"width": "2"},
        {"width": -1},
        {"depth": 3},
        {"image_size": 24},
        {"num_classes": 2},
    ],
)
def test_a_config_that_does_not_fit_the_weights_is_refused(change, folder, config):
    config["mechanism"]["filter"]["network"] |= change
    rewrite(folder, config)
    assert "damaged" in load_error(folder)


def test_a_mechanism_without_its_networks_is_refused(folder, config):
    config["mechanism"] = {"kind": "filter_generator"}
    rewrite(folder, config)
    save_file({}, folder / "model.safetensors")
    assert "damaged" in load_error(folder)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"format": 1}', "[" * 100_000])
def test_an_invalid_config_is_refused(text, folder):
    (folder / "config.json").write_text(text)
    assert "config.json is damaged" in load_error(folder)


def test_another_format_is_refused_and_both_versions_are_named(folder, config):
    rewrite(folder, config | {"format": 2})
    assert "its format is 2, but this version of privacy_gan reads format 1" in load_error(folder)


@pytest.mark.parametrize("length", [0, 7, 1000, -1])
def test_truncated_weights_are_refused(length, folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:length])
    assert "model.safetensors is damaged" in load_error(folder)


def test_missing_surplus_and_mistyped_weights_are_refused(folder):
    path = folder / "model.safetensors"
    weights = load_file(path)
    first = "mechanism.filter.network.to_rgb.weight"
    for changed in (
        {name: tensor for name, tensor in weights.items() if name != first},
        weights | {"more": torch.zeros(1)},
        weights | {first: weights[first].double()},
        weights | {first: weights[first][:2].contiguous()},
    ):
        save_file(changed, path)
        assert "model.safetensors is damaged" in load_error(folder)


def test_a_folder_without_a_config_is_refused(folder):
    (folder / "config.json").unlink()
    assert "neither a run folder nor an exported one" in load_error(folder)


def test_custom_classes_cannot_be_exported():
    class Custom(FilterInference):
        pass

    with pytest.raises(UserError, match="Custom is not part of this project"):
        to_config(Custom(NoisyMLP()))
    with pytest.raises(UserError, match="NoisyMLP is not part of this project"):
        to_config(FilterInference(NoisyMLP()))
