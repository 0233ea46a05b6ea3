"""Adversaries that diverge: restarted once at half their learning rate, then excluded."""

import pytest
import torch
from contenders import Breaks, BreaksAlways
from planted import AtRandom, InOnePixel, LightAndDark, judge_in, small_network
from test_learning import CPU, Bias, Ramp, Source

from privacy_gan.errors import UserError
from privacy_gan.evaluation.adversaries import from_scratch
from privacy_gan.evaluation.fitting import fit_all, fit_or_exclude
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.source import MechanismSource
from privacy_gan.models.calibration import calibrate
from privacy_gan.runs.artifacts import ResumeCheckpoint
from privacy_gan.runs.evaluation import Evaluation

LEARNERS = {
    "healthy": lambda: Learner(Bias(-4), Recipe(Ramp), 0),
    "hasty": lambda: Learner(Bias(-2), Recipe(Breaks), 0),
    "hopeless": lambda: Learner(Bias(-2), Recipe(BreaksAlways), 0),
}


def learn(*names, resume=None):
    created = []

    def factory(name):
        created.append(name)
        return LEARNERS[name]()

    learners = fit_or_exclude(factory, names, Source(2), 2, 2, 0, "test", resume)
    return learners, created


def test_a_diverged_learner_restarts_at_half_the_rate_without_affecting_the_others():
    learners, created = learn("hasty", "healthy", "hopeless")
    assert list(learners) == ["hasty", "healthy"]
    assert created == ["hasty", "healthy", "hopeless", "hasty", "hopeless"]
    # from -2, two epochs of two steps of 0.5 each: the last epoch is best
    assert learners["hasty"].network.log_odds.item() == 0
    without = learn("healthy")[0]["healthy"]
    assert without.network.log_odds.item() == learners["healthy"].network.log_odds.item()
    assert without.best_loss == learners["healthy"].best_loss


def test_an_interrupted_second_attempt_does_not_train_the_others_again(tmp_path):
    resume = ResumeCheckpoint(tmp_path / "file.pt", "key", every_minutes=1e9)
    expected, _ = learn("hasty", "healthy", resume=resume)
    steps = []

    class Counting(Ramp):
        def step(self, closure=None):
            steps.append(self)
            super().step()

    resumed = {"hasty": LEARNERS["hasty"](), "healthy": Learner(Bias(-4), Recipe(Counting), 0)}
    found = fit_or_exclude(resumed.__getitem__, list(resumed), Source(2), 2, 2, 0, "t", resume)
    assert not steps
    assert found["healthy"].network.log_odds.item() == expected["healthy"].network.log_odds.item()
    resume.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_buffer_or_a_prediction_that_is_not_finite_counts_as_divergence(value):
    class Overflows(Bias):
        def forward(self, images):
            self.steps += value
            return super().forward(images)

    class Undefined(Bias):
        def forward(self, images):
            return super().forward(images) * (1 if self.training else value)

    learners = {
        name: Learner(network(0), Recipe(Ramp), 0)
        for name, network in {
            "buffer": Overflows,
            "predictions": Undefined,
            "healthy": Bias,
        }.items()
    }
    assert fit_all(learners, Source(1), 1, 2, 0, "test") == ["buffer", "predictions"]


@pytest.fixture(scope="module")
def data():
    module = LightAndDark(train=128, valid=64, test=64)
    module.setup()
    return module


def healthy(**task):
    return from_scratch(small_network, Recipe(torch.optim.Adam), **task)


def wild(**task):
    return from_scratch(
        small_network, Recipe(lambda weights: torch.optim.SGD(weights, lr=1e30)), **task
    )


def judged(data, folder, mechanism=InOnePixel, **adversaries):
    judge = judge_in(folder, 1, adversaries, resamples=20, queries=(1,))
    source = MechanismSource(mechanism(), data, CPU)
    return judge.judge(source, "Light", epsilon=0.1, epsilon_batch_size=32).evaluation


def test_the_evaluation_excludes_and_names_adversaries_that_diverged(data, tmp_path):
    evaluation = judged(data, tmp_path / "a", wild=wild, healthy=healthy)
    without = judged(data, tmp_path / "a", healthy=healthy)
    assert evaluation.left_out == {"censored": ["wild"], "original": ["wild"]}
    assert evaluation.warnings[0].startswith(
        "wild diverged on censored images, the second time at half"
    )
    assert evaluation.adversaries == without.adversaries
    assert evaluation.measures == without.measures
    assert evaluation.strongest == without.strongest
    assert without.left_out == {}


def test_an_error_is_raised_if_all_adversaries_diverge(data, tmp_path):
    with pytest.raises(UserError, match=r"^all adversaries diverged on the censored images \(wild"):
        judged(data, tmp_path, AtRandom, wild=wild)


def test_results_without_left_out_can_be_read():
    tree = {"attribute": "s", "classes": ["0", "1"], "images": {}, "measures": {}, "strongest": {}}
    rest = {"adversaries": [], "warnings": [], "settings": {}}
    assert Evaluation.from_json({**tree, **rest}).left_out == {}


def test_a_calibration_that_diverges_changes_nothing():
    undefined = torch.full((4, 2), torch.nan, dtype=torch.float64)
    found = calibrate(undefined, torch.tensor([0, 1, 0, 1]))
    assert (found.slope, found.bias) == (1, (0, 0))
