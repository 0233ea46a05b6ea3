"""References on original images: the same adversaries, trained once."""

import shutil

import pytest
from commands import run_train
from presets import JUDGED, TINY

from privacy_gan.commands.train import train
from privacy_gan.errors import UserError
from privacy_gan.evaluation.attack import Attack
from privacy_gan.runs.artifacts import ArtifactCache

PRESET = [*TINY, *JUDGED]
# the networks that are trained together
PANEL, PAPER, RETRAINED = ("resnet10", "inversion"), ("paper",), ("retrained",)


@pytest.fixture
def judged(tiny, tmp_path):
    where = f"classifiers.folder={tmp_path / 'classifiers'}"
    return lambda *overrides: tiny(where, *overrides, preset=PRESET)


@pytest.fixture
def noise_judged(once, tmp_path):
    """Copy a run ``train(judged("privatizer=noise"))`` into the test's folder."""

    def make(folder):
        where = f"classifiers.folder={folder / 'classifiers'}"
        process = run_train(folder, where, "privatizer=noise", preset=PRESET)
        assert process.returncode == 0, process.stderr

    shutil.copytree(once("noise_judged", make), tmp_path, dirs_exist_ok=True)


@pytest.fixture
def trained(monkeypatch):
    """Return a list of the mechanism, the attribute and the networks of each training."""
    found = []
    original = Attack.train

    def spy(self, names, *more):
        found.append((type(self.source.privatizer).__name__, self.attribute, *names))
        return original(self, names, *more)

    monkeypatch.setattr(Attack, "train", spy)
    return found


def test_uncensored_images_leak_exactly_as_much_as_the_reference(judged):
    # the judge uses the run's seed, the references the classifiers' seed; both are 0 here
    _, record = train(judged("privatizer=identity", "judge.queries=[1]"))
    measures = record.evaluations["Smiling"].measures
    for name in (
        "privacy_loss",
        "balanced_accuracy",
        "auroc",
        "leaked_bits",
        "paper_privacy_loss",
        "retrained_utility_score",
    ):
        assert measures[name].censored == measures[name].original, name


def test_reference_adversaries_are_trained_once_for_all_runs_on_the_same_images(judged, trained):
    def on_censored(mechanism):
        return [(mechanism, "Smiling", *networks) for networks in ((*PANEL, *RETRAINED), PAPER)]

    def references(attribute):
        return [("Identity", attribute, *networks) for networks in (PANEL, PAPER, RETRAINED)]

    train(judged("privatizer=noise"))
    assert trained == on_censored("Noise") + references("Smiling")
    trained.clear()
    train(judged("privatizer=noise", "seed=1"))
    train(judged("privatizer=blur"))
    assert trained == on_censored("Noise") + on_censored("Blur")
    trained.clear()
    train(judged("privatizer=pixelate", "attribute=Male"))
    assert trained[2:] == references("Male")


@pytest.mark.parametrize(
    ("overrides", "retrained"),
    [
        # adversaries compete, so the outcome of each depends on all
        (["judge.adversaries.resnet10.recipe.optimizer.lr=1e-3"], [PANEL]),
        (["judge.adversaries.inversion=null"], [("resnet10",)]),
        (["judge.max_epochs=2", "judge.max_minutes=60"], [PANEL, PAPER, RETRAINED]),
        (["judge.paper.recipe.optimizer.lr=1e-3"], [PAPER]),
        (["judge.retrained.recipe.augmented=true"], [RETRAINED]),
        (["judge.paper=null", "judge.queries=[1,3]", "judge.resamples=51"], []),
    ],
)
@pytest.mark.usefixtures("noise_judged")
def test_only_references_affected_by_a_setting_are_trained_again(
    overrides, retrained, judged, trained
):
    train(judged("privatizer=blur", *overrides))
    assert [entry[2:] for entry in trained if entry[0] == "Identity"] == retrained


@pytest.mark.usefixtures("noise_judged")
def test_a_damaged_reference_is_named_in_the_error(judged, tmp_path):
    (file,) = (tmp_path / "classifiers").rglob("Smiling-panel-*.pt")
    file.write_bytes(b"PK")
    with pytest.raises(UserError, match=rf"{file} is damaged: delete it to train it again"):
        train(judged("privatizer=blur"))


def test_the_error_for_a_folder_that_is_not_writable_names_its_option(tmp_path):
    (tmp_path / "folder").write_text("a file")
    cache = ArtifactCache(tmp_path / "folder", "references", 5, "classifiers.folder")
    with pytest.raises(UserError, match=r"choose another folder with classifiers\.folder=FOLDER"):
        cache.get({"one": cache.path("one", "settings")}, lambda names, resume: {})
