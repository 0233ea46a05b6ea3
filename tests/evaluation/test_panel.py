"""Panels have names that change when their members do."""

import pytest
from panel_members import SHIPPED

from privacy_gan.evaluation import panel
from privacy_gan.evaluation.adversaries import NEED_ORIGINALS
from privacy_gan.evaluation.panel import CUSTOM, PANELS, member_keys, panel_name
from privacy_gan.runs.fingerprint import judge_settings


@pytest.mark.parametrize("judge", SHIPPED)
def test_shipped_adversaries_are_those_of_the_named_panel(judge, tiny):
    """If this fails, conf/judge changed: give the panel a new name in evaluation/panel.py."""
    settings = judge_settings(tiny(f"judge={judge}"))
    assert member_keys(settings) == PANELS[f"{judge}-1"]
    assert panel_name(settings) == f"{judge}-1"


def test_the_member_with_weights_is_the_recorded_one(tiny):
    settings = judge_settings(tiny("judge=standard", "judge.weights=some.pt"))
    assert member_keys(settings)["pretrained"] == panel.PRETRAINED_1
    assert panel_name(settings) == "standard-1 with pretrained"


@pytest.fixture
def standard(tiny):
    """Return the settings of judge=standard by dotted path."""
    return judge_settings(tiny("judge=standard"))


def without(settings, *names):
    """Return settings in which these adversaries are disabled."""
    prefixes = tuple(f"judge.adversaries.{name}." for name in names)
    kept = {path: value for path, value in settings.items() if not path.startswith(prefixes)}
    return kept | {prefix.rstrip("."): None for prefix in prefixes}


def test_other_adversaries_are_no_named_panel(standard):
    for path, value in {
        "judge.adversaries.resnet18.recipe.optimizer.lr": 1e-4,
        "judge.adversaries.pca_mlp.network.width": 64,
        "judge.adversaries.mine._target_": "my.own",
    }.items():
        assert panel_name({**standard, path: value}) == CUSTOM
    assert panel_name(without(standard, "resnet18")) == CUSTOM
    assert panel_name(without(standard, "inversion")) == CUSTOM
    weights = {"judge.weights": "some.pt", "judge.adversaries.pretrained.recipe.augmented": True}
    assert panel_name({**standard, **weights}) == CUSTOM


def test_settings_of_the_run_do_not_matter(standard):
    for path, value in {
        "judge.adversaries.restoration.network.image_size": 32,
        "judge.queries": [1],
        "judge.max_epochs": 2,
        "judge.retrained": None,
        "judge.seed": 3,
    }.items():
        assert panel_name({**standard, path: value}) == "standard-1"
    assert panel_name(without(standard, "pretrained")) == "standard-1"


def test_a_panel_without_originals_says_so(standard):
    assert panel_name(without(standard, *panel.NEED_ORIGINALS)) == "standard-1 without originals"
    quick = without(standard, "resnet18", "convnext", *panel.NEED_ORIGINALS)
    assert panel_name(quick) == "quick-1 without originals"


def test_adversaries_that_need_originals_are_those_that_audits_exclude(tiny):
    adversaries = tiny("judge=standard").judge.adversaries
    excluded = {name for name, each in adversaries.items() if each._target_ in NEED_ORIGINALS}
    assert excluded == set(panel.NEED_ORIGINALS)
