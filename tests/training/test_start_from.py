"""Runs that begin with the weights of a finished one."""

import pytest
import torch

from privacy_gan.commands.train import train
from privacy_gan.errors import UserError
from privacy_gan.runs.loading import read_weights

SLOW = "learning_rate=1e-12"  # so that weights stay where they began


@pytest.fixture
def finished(tiny, once, tmp_path):
    return once("start_from_run", lambda folder: train(tiny(f"output_dir={folder}", "seed=5")))


@pytest.fixture
def source(finished):
    (result,) = finished.rglob("result.json")
    return result.parent


def test_it_begins_where_the_other_ended_and_is_another_run(tiny, source, tmp_path):
    config = tiny(f"start_from={source}", SLOW, f"output_dir={tmp_path / 'more'}")
    run, result = train(config)
    before, after = read_weights(source), read_weights(run.path)
    learned = [name for name in before if name.endswith("weight")]
    assert learned
    for name in learned:
        assert torch.allclose(before[name].float(), after[name].float(), atol=1e-6), name
    assert len(result.fingerprint["start_key"]) == 8
    assert train(config)[1] == result  # and is found finished
    assert "start_key" not in train(tiny(f"output_dir={tmp_path / 'anew'}"))[1].fingerprint


def test_what_does_not_fit_is_a_line_before_anything_is_trained(tiny, source, tmp_path):
    place = f"output_dir={tmp_path / 'more'}"
    with pytest.raises(UserError, match=r"holds another mechanism than this run trains"):
        train(tiny(f"start_from={source}", "width=4", place))
    with pytest.raises(UserError, match=r"start_from=.*nowhere holds no finished run"):
        train(tiny("start_from=nowhere", place))
    with pytest.raises(UserError, match=r"blur trains no networks"):
        train(tiny(f"start_from={source}", "privatizer=blur", place))
    assert not list((tmp_path / "more").rglob("config.yaml"))


def test_who_asks_for_more_epochs_is_told_how(tiny, source):
    with pytest.raises(
        UserError, match=rf"more epochs .* are trainer.max_epochs=3 start_from={source} run_dir"
    ):
        train(tiny(f"run_dir={source}", "seed=5", "trainer.max_epochs=5"))
