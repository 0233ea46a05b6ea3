"""Runs on numbers, through the same door as those on pictures."""

import pytest

from privacy_gan.errors import UserError
from privacy_gan.experiment import train

NUMBERS = [
    "data=gaussian",
    "trainer=cpu",
    "trainer.precision=32-true",
    "trainer.max_epochs=2",
    "trainer.enable_progress_bar=false",
    "width=8",
    "data.num_train=64",
    "data.num_valid=16",
    "data.batch_size=16",
]


@pytest.fixture
def numbers(tiny):
    """Compose a run on few numbers; they need no cache."""
    return lambda *overrides, preset=NUMBERS: tiny(*overrides, preset=preset, cached=False)


@pytest.mark.parametrize(
    ("privatizer", "stages"),
    [
        ("filter", {"filter"}),
        ("generator", {"generator"}),
        ("filter_generator", {"filter", "generator"}),
    ],
)
def test_every_mechanism_trains_on_numbers_and_draws_no_pictures(
    privatizer, stages, numbers, tmp_path
):
    run, record = train(numbers(f"privatizer={privatizer}"))
    assert {name.split("/")[1] for name in record["training"]} == stages
    assert run.folder == tmp_path / (
        f"outputs/gaussian/{privatizer}-entropy/Sign/epsilon-0.5/seed-0"
    )
    assert not (run.folder / "images").exists()


def test_a_finished_run_is_found_finished(numbers):
    config = numbers("privatizer=filter")
    assert train(config)[1] == train(config)[1]


def test_the_command_line_wins_over_what_the_data_suggest(numbers):
    config = numbers("epsilon=2.5", "penalty_weight=7", "width=12")
    assert (config.epsilon, config.penalty_weight, config.width) == (2.5, 7, 12)
    assert config.privatizer.filter.penalty_weight == 7
    assert config.networks.privatizer.width == 12


def test_pictures_keep_the_papers_penalty_and_networks(tiny):
    config = tiny()
    assert config.privatizer.filter.penalty_weight == 1e5
    assert config.privatizer.generator.penalty_weight == 1e5
    assert config.networks.privatizer._target_.endswith("UNet")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("attribute=Smiling", "no attribute 'Smiling': there are Sign"),
        ("image_size=64", "image_size=64, but numbers are images of one pixel"),
        ("networks=unet", "multiples of 16"),
        ("data.sigma=0", "data.sigma=0"),
        ("penalty_weight=-1", "penalty_weight=-1.0 must be 0 or above"),
    ],
)
def test_what_does_not_go_with_numbers_is_refused(override, said, numbers):
    with pytest.raises(UserError, match=said):
        train(numbers(override))
