"""Whether a run is finished is what its folder says, and one answer."""

import pytest

from privacy_gan.config import config_to_dict, resolve_config, resolve_task
from privacy_gan.errors import UserError
from privacy_gan.runs.fingerprint import run_fingerprint
from privacy_gan.runs.result import Evaluation, Result
from privacy_gan.runs.run import run_from_config

EVALUATION = Evaluation("Smiling", ("no", "yes"), {}, {}, {})
JUDGED = {"Smiling": EVALUATION}


@pytest.fixture
def config(tiny):
    config = tiny()
    return resolve_config(config, resolve_task(config))


def leave(config, **more):
    """Leave a result where a run would."""
    result = Result("faces", run_fingerprint(config_to_dict(config), "key"), {}, **more)
    result.write(run_from_config(config, "key").folder.result_file)


def test_a_run_that_left_nothing_is_not(config):
    assert run_from_config(config).complete_result(evaluate=False, baseline=False) is None


@pytest.mark.parametrize(
    ("left", "finished"),
    [
        ({}, {(False, False), (False, True)}),
        ({"evaluations": JUDGED}, {(False, False), (False, True), (True, False)}),
        ({"evaluations": JUDGED, "baseline": JUDGED}, "always"),
        ({"evaluations": JUDGED, "baseline": None}, "always"),  # no mechanism within it
    ],
)
def test_it_is_where_all_that_is_asked_for_is_there(left, complete_result, config):
    leave(config, **left)
    asked = [(evaluate, baseline) for evaluate in (False, True) for baseline in (False, True)]
    for each in asked:
        is_finished = run_from_config(config, "key").complete_result(*each) is not None
        assert is_finished == (complete_result == "always" or each in complete_result), each


def test_what_another_run_left_is_refused(config):
    leave(config)
    config.epsilon = 0.5
    with pytest.raises(UserError, match=r"belongs to a run with epsilon=.* \(this one: 0.5\)"):
        run_from_config(config, "key").complete_result(evaluate=False, baseline=False)


def test_other_data_are_refused_by_those_alone_who_opened_them(config):
    leave(config)
    assert run_from_config(config).complete_result(evaluate=False, baseline=False) is not None
    with pytest.raises(UserError, match=r"belongs to a run with data.key=key"):
        run_from_config(config, "other").complete_result(evaluate=False, baseline=False)
