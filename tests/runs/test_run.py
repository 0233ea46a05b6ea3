"""Whether a run is finished, and results of other runs in its folder."""

import pytest

from privacy_gan.config import config_to_dict, resolve_config, resolve_task
from privacy_gan.errors import UserError
from privacy_gan.runs.evaluation import Evaluation
from privacy_gan.runs.fingerprint import run_fingerprint
from privacy_gan.runs.result import Result
from privacy_gan.runs.run import run_from_config

EVALUATION = Evaluation("Smiling", ("no", "yes"), {}, {}, {})
JUDGED = {"Smiling": EVALUATION}


@pytest.fixture
def config(tiny):
    config = tiny()
    return resolve_config(config, resolve_task(config))


def write_result(config, **parts):
    """Write a result of the run to its folder."""
    result = Result("faces", run_fingerprint(config_to_dict(config), "key"), {}, **parts)
    result.write(run_from_config(config, "key").folder.result_file)


def test_a_run_without_a_result_is_not_finished(config):
    assert run_from_config(config).complete_result(evaluate=False, baseline=False) is None


@pytest.mark.parametrize(
    ("parts", "complete_for"),
    [
        ({}, {(False, False), (False, True)}),
        ({"evaluations": JUDGED}, {(False, False), (False, True), (True, False)}),
        ({"evaluations": JUDGED, "baseline": JUDGED}, "all requests"),
        ({"evaluations": JUDGED, "baseline": None}, "all requests"),  # has no baseline
    ],
)
def test_a_run_is_finished_if_its_result_contains_everything_requested(parts, complete_for, config):
    write_result(config, **parts)
    requests = [(evaluate, baseline) for evaluate in (False, True) for baseline in (False, True)]
    for request in requests:
        is_finished = run_from_config(config, "key").complete_result(*request) is not None
        expected = complete_for == "all requests" or request in complete_for
        assert is_finished == expected, request


def test_the_result_of_another_run_is_rejected(config):
    write_result(config)
    config.epsilon = 0.5
    with pytest.raises(UserError, match=r"belongs to a run with epsilon=.* \(this one: 0.5\)"):
        run_from_config(config, "key").complete_result(evaluate=False, baseline=False)


def test_a_result_of_other_data_is_rejected_once_the_data_were_opened(config):
    write_result(config)
    assert run_from_config(config).complete_result(evaluate=False, baseline=False) is not None
    with pytest.raises(UserError, match=r"belongs to a run with other images, labels or splits"):
        run_from_config(config, "other").complete_result(evaluate=False, baseline=False)
