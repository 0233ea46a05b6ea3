"""Runs on Gaussian toy data."""

import pytest
from presets import NUMBERS

from privacy_gan.commands.train import train
from privacy_gan.errors import UserError


@pytest.fixture
def toy(tiny):
    """Return a function that composes a small run on toy data, without an image cache."""
    return lambda *overrides: tiny(*overrides, preset=NUMBERS, cached=False)


@pytest.mark.parametrize(
    ("privatizer", "networks", "name"),
    [
        ("filter", {"filter"}, "filter-entropy"),
        ("generator", {"generator"}, "generator"),
        ("filter_generator", {"filter", "generator"}, "filter_generator-entropy"),
    ],
)
def test_mechanisms_train_on_toy_data_without_drawing_pictures(
    privatizer, networks, name, toy, tmp_path
):
    run, record = train(toy(f"privatizer={privatizer}"))
    assert {name.split("/")[1] for name in record.training} == networks
    assert run.path == tmp_path / (f"outputs/gaussian/{name}/Sign/epsilon-0.5/seed-0")
    assert not (run.path / "images").exists()


def test_finished_toy_run_is_not_trained_again(toy):
    config = toy("privatizer=filter")
    assert train(config)[1] == train(config)[1]


def test_command_line_overrides_the_defaults_of_the_data(toy):
    config = toy("epsilon=2.5", "penalty_weight=7", "width=12")
    assert (config.epsilon, config.penalty_weight, config.width) == (2.5, 7, 12)
    assert config.privatizer.filter.constraint.weight == 7
    assert config.networks.privatizer.width == 12


def test_images_use_the_papers_penalty_and_networks(tiny):
    config = tiny()
    assert config.privatizer.filter.constraint.weight == 1e5
    assert config.privatizer.generator.constraint.weight == 1e5
    assert config.networks.privatizer._target_.endswith("UNet")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("attribute=Smiling", "no attribute 'Smiling': choose from Sign"),
        ("image_size=64", "image_size=64 is invalid, because Gaussian toy data are images of one"),
        ("networks=unet", "multiples of 16"),
        ("data.sigma=0", "data.sigma=0"),
        ("penalty_weight=-1", "penalty_weight=-1.0 must be 0 or above"),
    ],
)
def test_settings_that_toy_data_do_not_support_are_rejected(override, message, toy):
    with pytest.raises(UserError, match=message):
        train(toy(override))
