"""Runs whose filter works in a subspace: the number of components, the cache, messages."""

import pytest
import torch
from commands import cli, error_line
from presets import SUBSPACE

from privacy_gan.commands.train import train
from privacy_gan.errors import UserError
from privacy_gan.models.fit_basis import fit_basis
from privacy_gan.models.subspace import Basis
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.loading import load_mechanism, read_weights
from privacy_gan.tensors import read_tensors
from privacy_gan.training import subspace

FILTER = ["privatizer=filter", "trainer.max_epochs=1", *SUBSPACE]


@pytest.fixture
def finished(tiny, tmp_path):
    """Return a finished run whose filter works in a subspace."""
    return train(tiny(*FILTER, f"classifiers.folder={tmp_path / 'shared'}"))[0]


def test_as_few_components_as_cut_off_seven_tenths_of_the_budget(finished, tmp_path):
    (file,) = (tmp_path / "shared").rglob("components-128-*.pt")
    basis = Basis(**read_tensors(file))
    weights = read_weights(finished.path)
    count = len(weights["filter.network.subspace.deviations"])
    assert basis.truncation(count) <= 0.7 * 0.01 < basis.truncation(count - 1)
    # network and discriminator see the same subspace
    for name in ("mean", "directions", "deviations", "truncation"):
        ours = weights[f"filter.network.subspace.{name}"]
        torch.testing.assert_close(weights[f"filter.discriminator.body.0.{name}"], ours)


def test_a_loaded_run_has_its_subspace(finished):
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    censored = load_mechanism(finished.path).privatize(images, 0).images
    weights = read_weights(finished.path)
    directions = weights["filter.network.subspace.directions"]
    outside = (censored.flatten(1) - weights["filter.network.subspace.mean"]) @ (
        torch.eye(len(directions)) - directions @ directions.T
    )
    inside = (censored > 0) & (censored < 1)
    assert inside.all(), "nothing is clipped here, so that the images stay in the subspace"
    torch.testing.assert_close(outside, torch.zeros_like(outside), rtol=0, atol=1e-4)


def test_the_number_of_components_is_saved_but_not_part_of_the_fingerprint(finished, tiny):
    config = RunFolder(finished.path).config()
    assert config.networks.components is None
    count = config.privatizer.filter.network.components
    assert count == config.privatizer.filter.discriminator.components > 1
    process = cli("evaluate", f"run={finished.path}", "judge=quick", "judge.released_as=tiff")
    assert "tiff" in error_line(process)  # the judge is built after the run was accepted


def test_a_stack_has_parts_with_different_numbers_of_components(finished, tiny, tmp_path):
    smaller, _ = train(tiny(*FILTER, "epsilon=0.03", "attribute=Male"))
    runs = f"privatizer.runs=['{finished.path}','{smaller.path}']"
    stack, _ = train(tiny("privatizer=stack", runs, f"output_dir={tmp_path / 'stack'}"))
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    first = load_mechanism(finished.path).privatize(images, 0).images
    both = load_mechanism(stack.path).privatize(images, 0).images
    assert both.shape == images.shape
    assert not torch.equal(both, first)


def test_start_from_names_the_number_of_components(finished, tiny, tmp_path):
    other = [f"start_from={finished.path}", f"output_dir={tmp_path / 'more'}"]
    with pytest.raises(UserError, match=r"networks\.components\) must be the same"):
        train(tiny(*FILTER, *other, "epsilon=0.03"))
    with pytest.raises(UserError, match=r"image_size, .* must be the same"):
        train(tiny(*FILTER, *other, "image_size=32"))


def test_snapshots_of_the_second_half_censor_the_images(tiny):
    run, _ = train(tiny(*FILTER, "game=robust", "game.snapshots=3", "data.num_train=256"))
    weights = read_weights(run.path)
    prefix = "filter.mixture.change."
    assert weights[f"{prefix}kept"] == 3
    firsts = [weights[f"{prefix}snapshots.{index}.0.weight"] for index in range(3)]
    assert not torch.equal(firsts[0], firsts[1])
    images = torch.rand(1, 3, 16, 16).expand(3, 3, 16, 16)
    mechanism = load_mechanism(run.path)
    draws = mechanism.draw(images, torch.Generator().manual_seed(0))
    draws["filter_noise"] = torch.zeros_like(draws["filter_noise"])
    draws["filter_noise"][:, -1] = torch.tensor([-9.0, 0.0, 9.0])  # chooses each snapshot once
    first, second, third = mechanism(images, draws).images
    assert not torch.allclose(first, second, atol=1e-4)
    assert not torch.allclose(second, third, atol=1e-4)


def test_a_training_that_starts_from_another_keeps_snapshots_of_its_own(tiny, tmp_path):
    options = [*FILTER, "game=robust", "game.snapshots=3", "data.num_train=256"]
    first, _ = train(tiny(*options))
    start = [f"start_from={first.path}", f"output_dir={tmp_path / 'more'}"]
    second, _ = train(tiny(*options, *start))
    prefix = "filter.mixture.change."
    old, new = read_weights(first.path), read_weights(second.path)
    assert new[f"{prefix}kept"] == 3
    for index in range(3):
        name = f"{prefix}snapshots.{index}.0.weight"
        assert not torch.equal(old[name], new[name])


def test_a_generator_is_trained_on_what_the_filter_releases_even_if_few_epochs_are_validated(
    tiny, tmp_path
):
    """The filter ends in an epoch that is not validated; the last epoch is not either."""
    options = ["game=robust", "game.generator_after=0.5", "game.averaging=0.9", "game.name=two"]
    options += ["trainer.max_epochs=4", "+trainer.check_val_every_n_epoch=3"]
    options += ["trainer.enable_progress_bar=true", "game.filter_share=0.5"]
    run, _ = train(tiny("privatizer=filter_generator", *options))
    weights = read_weights(run.path)
    for name in ("filter", "generator"):
        updates = weights[f"{name}.average.module.down.0.1.num_batches_tracked"]
        own = weights[f"{name}.network.down.0.1.num_batches_tracked"]
        # those of the average were recomputed from four batches at its end, not copied
        assert updates == 4
        assert own > 4
    assert {path.name for path in run.images.iterdir()} == {"epoch-0003.png", "epoch-0004.png"}


def test_a_mechanism_without_a_subspace_fits_none(tiny, tmp_path):
    train(tiny("privatizer=blur", "networks=subspace", f"classifiers.folder={tmp_path / 'c'}"))
    assert not list((tmp_path / "c").rglob("components-*"))


def test_toy_data_are_not_clipped(tiny):
    with pytest.raises(UserError, match=r"networks\.privatizer\.limits=null"):
        train(
            tiny(
                "networks=subspace",
                "privatizer=filter",
                preset=["experiment=gaussian"],
                cached=False,
            )
        )


def test_the_components_are_fitted_once_for_all_runs(tiny, tmp_path, monkeypatch):
    fitted = []

    def watched(batches, count, seed):
        fitted.append(count)
        return fit_basis(batches, count, seed)

    monkeypatch.setattr(subspace, "fit_basis", watched)
    shared = f"classifiers.folder={tmp_path / 'shared'}"
    for change in ("seed=0", "seed=1", "epsilon=0.02"):
        train(tiny(*FILTER, shared, change))
    assert fitted == [128]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["networks.components=1", "epsilon=0.001"],
            r"networks\.components=1: .* which leaves nothing of the filter.s budget of 0\.001",
        ),
        (["networks.components=60"], r"these images have only 31 principal components"),
        (
            ["networks.max_truncation=0"],
            r"budget of 0\.01 is too small for networks=subspace: with all 31 principal components",
        ),
    ],
)
def test_a_budget_or_number_that_does_not_fit_the_data_is_one_line(changes, message, tiny):
    with pytest.raises(UserError, match=f"^.*{message}.*$"):
        train(tiny(*FILTER, *changes))
