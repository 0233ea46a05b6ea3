"""A judged run that all tests of the demo share; and ``benchmarks``, which draws photographs."""

import sys

import pytest
from commands import ROOT, run_train
from presets import JUDGED, TINY

sys.path.append(str(ROOT / "experiments"))

# enough training that the images depend on the noise and on s'
TRAINED_LONGER = ["trainer.max_epochs=8", "learning_rate=1e-3"]


@pytest.fixture(scope="session")
def run(once):
    """Return the folder of a tiny judged run, in a folder with a blank in its name."""
    (result,) = (once("a demo", train_and_judge) / "outputs").rglob("result.json")
    return result.parent


def train_and_judge(folder):
    classifiers = f"classifiers.folder='{folder / 'classifiers'}'"
    process = run_train(folder, classifiers, preset=[*TINY, *JUDGED, *TRAINED_LONGER])
    assert process.returncode == 0, process.stderr
