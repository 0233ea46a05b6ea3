"""Adversaries that diverge: begun anew once at half their rate, then left out and named."""

import pytest
import torch
from planted import AtRandom, InOnePixel, LightAndDark, judge_in, small_network
from test_learning import CPU, Bias, Ramp, Source

from privacy_gan.errors import UserError
from privacy_gan.evaluation.adversaries import from_scratch
from privacy_gan.evaluation.calibration import calibrate
from privacy_gan.evaluation.fitting import fit_all, fit_or_exclude
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.source import MechanismSource
from privacy_gan.runs.artifacts import ResumeCheckpoint
from privacy_gan.runs.result import Evaluation


class Breaks(Ramp):
    """Breaks a weight where its rate is above a limit."""

    limit = 0.75

    def step(self, closure=None):
        super().step()
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data *= torch.nan if group["lr"] > self.limit else 1


class BreaksAlways(Breaks):
    limit = 0


MADE = {
    "sound": lambda: Learner(Bias(-4), Recipe(Ramp), 0),
    "hasty": lambda: Learner(Bias(-2), Recipe(Breaks), 0),
    "hopeless": lambda: Learner(Bias(-2), Recipe(BreaksAlways), 0),
}


def learn(*names, resume=None):
    made = []

    def make(name):
        made.append(name)
        return MADE[name]()

    learners = fit_or_exclude(make, names, Source(2), 2, 2, 0, "test", resume)
    return learners, made


def test_who_diverges_is_begun_anew_at_half_the_rate_and_the_others_do_not_notice():
    learners, made = learn("hasty", "sound", "hopeless")
    assert list(learners) == ["hasty", "sound"]
    assert made == ["hasty", "sound", "hopeless", "hasty", "hopeless"]
    # two epochs of two steps of a half each, from -2: the last is best
    assert learners["hasty"].network.log_odds.item() == 0
    alone = learn("sound")[0]["sound"]
    assert alone.network.log_odds.item() == learners["sound"].network.log_odds.item()
    assert alone.best_loss == learners["sound"].best_loss


def test_who_learned_is_not_trained_again_after_an_interruption_of_the_second_attempt(tmp_path):
    resume = ResumeCheckpoint(tmp_path / "file.pt", "key", every_minutes=1e9)
    expected, _ = learn("hasty", "sound", resume=resume)
    steps = []

    class Counting(Ramp):
        def step(self, closure=None):
            steps.append(self)
            super().step()

    again = {"hasty": MADE["hasty"](), "sound": Learner(Bias(-4), Recipe(Counting), 0)}
    found = fit_or_exclude(again.__getitem__, list(again), Source(2), 2, 2, 0, "t", resume)
    assert not steps
    assert found["sound"].network.log_odds.item() == expected["sound"].network.log_odds.item()
    resume.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_buffer_or_a_prediction_that_is_not_finite_counts_as_diverging(value):
    class Overflows(Bias):
        def forward(self, images):
            self.steps += value
            return super().forward(images)

    class Undefined(Bias):
        def forward(self, images):
            return super().forward(images) * (1 if self.training else value)

    learners = {
        name: Learner(network(0), Recipe(Ramp), 0)
        for name, network in {"buffer": Overflows, "told": Undefined, "sound": Bias}.items()
    }
    assert fit_all(learners, Source(1), 1, 2, 0, "test") == ["buffer", "told"]


@pytest.fixture(scope="module")
def data():
    module = LightAndDark(train=128, valid=64, test=64)
    module.setup()
    return module


def sound(**task):
    return from_scratch(small_network, Recipe(torch.optim.Adam), **task)


def wild(**task):
    return from_scratch(
        small_network, Recipe(lambda weights: torch.optim.SGD(weights, lr=1e30)), **task
    )


def judged(data, folder, mechanism=InOnePixel, **adversaries):
    judge = judge_in(folder, 1, adversaries, resamples=20, queries=(1,))
    source = MechanismSource(mechanism(), data, CPU)
    return judge.judge(source, "Light", epsilon=0.1, epsilon_batch_size=32).evaluation


def test_the_judgement_goes_on_without_who_diverged_and_names_it(data, tmp_path):
    found = judged(data, tmp_path / "a", wild=wild, sound=sound)
    alone = judged(data, tmp_path / "a", sound=sound)
    assert found.left_out == {"censored": ["wild"], "original": ["wild"]}
    assert found.warnings[0].startswith("wild diverged on censored images, the second time at half")
    assert found.adversaries == alone.adversaries
    assert found.measures == alone.measures
    assert found.strongest == alone.strongest
    assert alone.left_out == {}


def test_where_all_diverge_the_judgement_ends_in_a_line(data, tmp_path):
    with pytest.raises(UserError, match=r"^all adversaries diverged on the censored images \(wild"):
        judged(data, tmp_path, AtRandom, wild=wild)


def test_results_from_before_this_was_recorded_are_read():
    tree = {"attribute": "s", "classes": ["0", "1"], "images": {}, "measures": {}, "strongest": {}}
    rest = {"adversaries": [], "warnings": [], "settings": {}}
    assert Evaluation.from_json({**tree, **rest}).left_out == {}


def test_a_calibration_that_is_not_found_changes_nothing():
    undefined = torch.full((4, 2), torch.nan, dtype=torch.float64)
    found = calibrate(undefined, torch.tensor([0, 1, 0, 1]))
    assert (found.slope, found.bias) == (1, (0, 0))
