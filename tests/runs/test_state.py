"""Whether a run is finished is what its folder says, and one answer."""

import pytest

from privacy_gan.config import completed, resolve, settings_of
from privacy_gan.errors import UserError
from privacy_gan.runs.identity import identity
from privacy_gan.runs.result import Evaluation, Result
from privacy_gan.runs.state import run_of

EVALUATION = Evaluation("Smiling", ("no", "yes"), {}, {}, {})
JUDGED = {"Smiling": EVALUATION}


@pytest.fixture
def config(tiny):
    config = tiny()
    return completed(config, resolve(config))


def leave(config, **more):
    """Leave a result where a run would."""
    result = Result("faces", identity(settings_of(config), "key"), {}, **more)
    result.write(run_of(config, "key").folder.result_file)


def test_a_run_that_left_nothing_is_not(config):
    assert run_of(config).finished(evaluate=False, baseline=False) is None


@pytest.mark.parametrize(
    ("left", "finished"),
    [
        ({}, {(False, False), (False, True)}),
        ({"evaluations": JUDGED}, {(False, False), (False, True), (True, False)}),
        ({"evaluations": JUDGED, "baseline": JUDGED}, "always"),
        ({"evaluations": JUDGED, "baseline": None}, "always"),  # no mechanism within it
    ],
)
def test_it_is_where_all_that_is_asked_for_is_there(left, finished, config):
    leave(config, **left)
    asked = [(evaluate, baseline) for evaluate in (False, True) for baseline in (False, True)]
    for each in asked:
        is_finished = run_of(config, "key").finished(*each) is not None
        assert is_finished == (finished == "always" or each in finished), each


def test_what_another_run_left_is_refused(config):
    leave(config)
    config.epsilon = 0.5
    with pytest.raises(UserError, match=r"belongs to a run with epsilon=.* \(this one: 0.5\)"):
        run_of(config, "key").finished(evaluate=False, baseline=False)


def test_other_data_are_refused_by_those_alone_who_opened_them(config):
    leave(config)
    assert run_of(config).finished(evaluate=False, baseline=False) is not None
    with pytest.raises(UserError, match=r"belongs to a run with data.key=key"):
        run_of(config, "other").finished(evaluate=False, baseline=False)
