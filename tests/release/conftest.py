"""A judged run for all tests of the demo."""

import pytest
from commands import run_train
from presets import JUDGED, TINY

# after so many steps images depend on noise and on s'
LEARNED = ["trainer.max_epochs=8", "learning_rate=1e-3"]


@pytest.fixture(scope="session")
def run(once):
    """Return the folder of a tiny run that was judged, below one whose name has a blank."""
    (result,) = (once("a demo", train_and_judge) / "outputs").rglob("result.json")
    return result.parent


def train_and_judge(folder):
    where = f"classifiers.folder='{folder / 'classifiers'}'"
    process = run_train(folder, where, preset=[*TINY, *JUDGED, *LEARNED])
    assert process.returncode == 0, process.stderr
