"""Runs that start from the weights of a finished run (start_from)."""

import pytest
import torch

from privacy_gan.commands.train import train
from privacy_gan.errors import UserError
from privacy_gan.runs.loading import read_weights

SLOW = "learning_rate=1e-12"  # keeps the weights nearly unchanged


@pytest.fixture
def finished(tiny, once, tmp_path):
    return once("start_from_run", lambda folder: train(tiny(f"output_dir={folder}", "seed=5")))


@pytest.fixture
def source(finished):
    (result,) = finished.rglob("result.json")
    return result.parent


def test_start_from_trains_another_run_from_the_given_weights(tiny, source, tmp_path):
    config = tiny(f"start_from={source}", SLOW, f"output_dir={tmp_path / 'more'}")
    run, result = train(config)
    before, after = read_weights(source), read_weights(run.path)
    names = [name for name in before if name.endswith("weight")]
    assert names
    for name in names:
        assert torch.allclose(before[name].float(), after[name].float(), atol=1e-6), name
    assert len(result.fingerprint["start_key"]) == 8
    assert train(config)[1] == result  # it is finished
    assert "start_key" not in train(tiny(f"output_dir={tmp_path / 'no_start'}"))[1].fingerprint


def test_start_from_an_incompatible_run_fails_before_training(tiny, source, tmp_path):
    place = f"output_dir={tmp_path / 'more'}"
    with pytest.raises(UserError, match=r"contains another mechanism than this run trains"):
        train(tiny(f"start_from={source}", "width=4", place))
    with pytest.raises(UserError, match=r"start_from=.*nowhere contains no finished run"):
        train(tiny("start_from=nowhere", place))
    with pytest.raises(UserError, match=r"blur trains no networks"):
        train(tiny(f"start_from={source}", "privatizer=blur", place))
    assert not list((tmp_path / "more").rglob("config.yaml"))


def test_error_explains_how_to_train_more_epochs(tiny, source):
    with pytest.raises(
        UserError, match=rf"3 more epochs .* set trainer.max_epochs=3 start_from={source} run_dir"
    ):
        train(tiny(f"run_dir={source}", "seed=5", "trainer.max_epochs=5"))
