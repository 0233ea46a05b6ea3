"""A judged run for all tests of the demo."""

import pytest
from tiny_runs import JUDGED, TINY, run_train

# after so many steps images depend on noise and on s'
LEARNED = ["trainer.max_epochs=8", "learning_rate=1e-3"]


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Train and judge a tiny run, in a folder whose name has a blank."""
    folder = tmp_path_factory.mktemp("a demo")
    where = f"classifiers.folder='{folder / 'classifiers'}'"
    process = run_train(folder, where, preset=[*TINY, *JUDGED, *LEARNED])
    assert process.returncode == 0, process.stderr
    (result,) = (folder / "outputs").rglob("result.json")
    return result.parent
