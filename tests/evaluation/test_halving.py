"""Adversaries train in stages until they are done; those that are clearly worse are dropped."""

import os
import signal
from queue import Queue
from threading import Thread

import pytest
import torch
from test_learning import Bias, Ramp, Source, batch_of
from torch import nn

from privacy_gan.errors import Interrupted
from privacy_gan.evaluation import stage_training, stopping
from privacy_gan.evaluation.halving import Limits, Report, Standings, fit_until_done
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.schedule import Schedule
from privacy_gan.evaluation.stopping import is_done, surviving
from privacy_gan.runs.artifacts import ResumeCheckpoint
from privacy_gan.runs.estimate import Estimate


def train(factories, max_epochs=4, batches=5, **options):
    """Train learners on two images a batch and return them with their curves."""
    limits = Limits(max_epochs, options.pop("max_minutes", None))
    return fit_until_done(
        lambda name: factories[name](),
        list(factories),
        Source(batches),
        limits,
        2,
        0,
        "t",
        **options,
    )


class Watched(Learner):
    """Remembers its log-odds at the end of every stage."""

    def __init__(self, network=None):
        super().__init__(Bias(0) if network is None else network, Recipe(Ramp), 0)
        self.ends = []

    def track_best(self, loss):
        self.ends.append(self.network.log_odds.item())
        super().track_best(loss)


def test_each_stage_continues_from_the_trunk_and_ends_with_a_rate_of_zero():
    (trained,) = train({"one": Watched}).values()
    # each step adds its learning rate; 5 steps an epoch, of which the last fifth is the branch
    # stage 1: 4 on the trunk, 1 in the branch: 5
    # stage 2: 8 on the trunk, then 1 + 1/2: 9.5
    # stage 3: 16 on the trunk, then 1 + 3/4 + 1/2 + 1/4: 18.5
    assert trained.learner.ends == [5, 9.5, 18.5]
    assert [stage.epochs for stage in trained.curve.stages] == [1, 2, 4]
    assert [stage.steps for stage in trained.curve.stages] == [5, 10, 20]


def test_the_optimizer_of_a_branch_does_not_change_the_trunk():
    class Momentum(torch.optim.SGD):
        def __init__(self, parameters):
            super().__init__(parameters, lr=1, momentum=0.9)

    class Pushed(Watched):
        """Has a constant gradient of -1, so that only momentum and rate matter."""

        def __init__(self):
            super().__init__()
            self.recipe = Recipe(Momentum)

        def loss(self, batch):
            return -self.network.log_odds

    learner = train({"one": Pushed}, max_epochs=2)["one"].learner

    def end(stage):
        schedule, place, speed = Schedule(5, 2), 0.0, 0.0
        for step in range(schedule.end(stage)):  # a single run to this end, without other branches
            speed = 0.9 * speed + 1
            place += speed * schedule.lr_factor(stage, step)
        return place

    assert learner.ends == pytest.approx([end(0), end(1)])


def test_the_learning_rate_warms_up_stays_and_falls_linearly():
    schedule = Schedule(batches=20, max_epochs=1)
    factors = [schedule.lr_factor(0, step) for step in range(20)]
    assert factors[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert factors[3:16] == [1] * 13
    assert factors[16:] == [1, 0.75, 0.5, 0.25]


@pytest.mark.parametrize(("max_epochs", "ends"), [(1, [1]), (2, [1, 2]), (5, [1, 2, 4]), (64, 7)])
def test_stages_double_up_to_the_limit(max_epochs, ends):
    schedule = Schedule(10, max_epochs)
    found = [schedule.epochs(stage) for stage in range(schedule.stages)]
    assert found == ends if isinstance(ends, list) else len(found) == ends


def gain(value, error):
    return Estimate(value, value - 1.96 * error, value + 1.96 * error)


@pytest.mark.parametrize(
    ("gains", "steps", "done"),
    [
        ([gain(0.001, 0.002), gain(0.001, 0.002)], 2000, True),
        ([gain(0.001, 0.002), gain(0.001, 0.002)], 1999, False),  # too early
        ([gain(0.001, 0.002)], 4000, False),  # one doubling only
        ([gain(0.003, 0.002), gain(0.001, 0.002)], 4000, False),  # the one before still gained
        ([gain(0.001, 0.002), gain(0.003, 0.002)], 4000, False),  # the last one still gained
        ([gain(0.001, 0.02), gain(0.001, 0.02)], 4000, False),  # may have gained 0.04 bits
        ([gain(-0.2, 0.02), gain(-0.2, 0.02)], 4000, True),  # overfits
        ([gain(0.0004, 0.0001), gain(0.0004, 0.0001)], 4000, True),  # certain, but negligible
        ([gain(0.5, 0.1), gain(0.001, 0.002), gain(0.001, 0.002)], 8000, True),
    ],
)
def test_an_adversary_is_done_when_two_doublings_gain_nothing(gains, steps, done):
    assert is_done(gains, steps) == done


def losses_with(mean, noise=0.0):
    pattern = torch.tensor([1.0, -1.0]).repeat(50).double()
    return mean + noise * pattern


def test_adversaries_within_two_standard_errors_and_at_least_two_survive():
    # 100 images with deviations of +-1: a standard error of 1 / sqrt(99)
    losses = {
        "best": losses_with(0.5),
        "second": losses_with(5.0),
        "near": losses_with(0.5 + 1.9 / 99**0.5, noise=1),
        "far": losses_with(0.5 + 2.1 / 99**0.5, noise=1),
    }
    assert surviving(losses, list(losses), 2000) == ["best", "near"]
    assert surviving(losses, list(losses), 1999) == list(losses)
    two = {name: losses[name] for name in ("best", "second")}
    assert surviving(two, list(two), 2000) == ["best", "second"]
    # two stay in training, however good those are that finished before
    assert surviving(losses, ["second", "far"], 2000) == ["second", "far"]


def test_persons_count_once_in_comparisons():
    deficit = losses_with(0.1, noise=0.5)
    persons = (torch.arange(100) % 2).long()  # all images of one sign show the same person
    losses = {"best": 0 * deficit, "second": 0.01 + 0 * deficit, "other": deficit}
    names = list(losses)
    assert surviving(losses, names, 2000, torch.arange(100)) == ["best", "second", "other"]
    assert "other" in surviving(losses, names, 2000, persons)
    losses["other"] = losses_with(0.1, noise=0.4)
    assert surviving(losses, names, 2000) == ["best", "second"]
    assert "other" in surviving(losses, names, 2000, persons)


class Knows(nn.Module):
    """Knows the label, which the first pixel shows, from a number of training steps on."""

    def __init__(self, after, strength):
        super().__init__()
        self.log_odds = nn.Parameter(torch.zeros(()))
        self.after, self.strength = after, strength
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, images):
        if self.training:
            self.steps += 1
        known = self.strength * float(self.steps >= self.after)
        sign = 2 * images[:, 0, 0, 0] - 1
        zero = 0 * self.log_odds * sign
        return torch.stack([zero, sign * known + zero], dim=1)


class Shown(Source):
    """Shows the label in the first pixel, wrongly for one validation image in four."""

    def query(self, split, number, seed):
        batch = batch_of([0, 1] * 200)
        batch.images[:, :, 0, 0] = batch.attributes.float()
        batch.images[::4, :, 0, 0] = 1 - batch.attributes[::4].float()
        return iter([batch])

    def labels(self, split):
        return torch.tensor([[0], [1]] * 200)


def compete(learners, monkeypatch, min_steps, max_epochs=16):
    monkeypatch.setattr(stopping, "MIN_STEPS", min_steps)
    factories = {
        name: (lambda network=network: Learner(network, Recipe(Ramp), 0))
        for name, network in learners.items()
    }
    limits = Limits(max_epochs)
    return fit_until_done(
        lambda name: factories[name](), list(factories), Shown(5), limits, 2, 0, "test"
    )


def test_a_slow_learner_that_wins_later_is_not_dropped_before_the_minimal_steps(monkeypatch):
    def panel():
        # the slow network finds nothing for 25 steps, and then as much as there is to know
        return {"fast": Knows(0, 0.3), "other": Knows(0, 0.3), "slow": Knows(25, 5.0)}

    kept = compete(panel(), monkeypatch, min_steps=40)
    assert kept["slow"].curve.stages[1].bits.value == pytest.approx(0, abs=1e-6)
    assert kept["slow"].curve.ending != "dropped"
    hasty = compete(panel(), monkeypatch, min_steps=5)
    assert hasty["slow"].curve.ending == "dropped"


def test_training_ends_when_all_are_done_or_dropped(monkeypatch):
    trained = compete(
        {"good": Knows(0, 1.0), "equal": Knows(0, 1.0), "bad": Knows(1000, 1.0)}, monkeypatch, 10
    )
    endings = {name: each.curve.ending for name, each in trained.items()}
    assert endings == {"good": "done", "equal": "done", "bad": "dropped"}
    assert [stage.epochs for stage in trained["bad"].curve.stages] == [1, 2]
    assert [stage.epochs for stage in trained["good"].curve.stages] == [1, 2, 4]


def test_an_exempt_network_is_neither_dropped_nor_compared(monkeypatch):
    monkeypatch.setattr(stopping, "MIN_STEPS", 1)
    networks = {"a": Knows(0, 1.0), "b": Knows(0, 1.0), "alone": Knows(1000, 1.0)}
    factories = {
        name: (lambda network=network: Learner(network, Recipe(Ramp), 0))
        for name, network in networks.items()
    }
    settings = (Shown(5), Limits(8), 2, 0, "test")
    trained = fit_until_done(
        lambda name: factories[name](), list(factories), *settings, exempt=["alone"]
    )
    assert trained["alone"].curve.ending == "done"


def test_the_limits_are_named_as_the_ending():
    assert train({"one": Watched})["one"].curve.ending == "max_epochs"
    curve = train({"one": Watched}, max_minutes=1e-9)["one"].curve
    assert curve.ending == "max_minutes"
    assert [stage.epochs for stage in curve.stages] == [1]  # the first stage is always finished


class Breaks(Ramp):
    """Makes weights nan in some step if the learning rate is above a limit."""

    limit = 0.75

    def step(self, closure=None):
        super().step()
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data *= torch.nan if group["lr"] > self.limit else 1


class BreaksAlways(Breaks):
    limit = 0


def watched(optimizer):
    def make():
        learner = Watched()
        learner.recipe = Recipe(optimizer)
        return learner

    return make


def test_a_diverged_network_catches_up_at_half_the_rate_without_affecting_the_others():
    trained = train(
        {"hasty": watched(Breaks), "fine": watched(Ramp), "hopeless": watched(BreaksAlways)}
    )
    assert list(trained) == ["hasty", "fine"]
    assert trained["hasty"].learner.ends == [2.5, 4.75, 9.25]
    assert trained["fine"].learner.ends == [5, 9.5, 18.5]


class Dropping(nn.Module):
    """A linear layer behind dropout, which draws random numbers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * 16 * 16, 2))

    def forward(self, images):
        return self.layers(images)


def dropping():
    torch.manual_seed(0)
    return Learner(Dropping(), Recipe(lambda weights: torch.optim.Adam(weights, lr=0.01)), 0)


def stop_after(steps, monkeypatch):
    """Send this process SIGTERM in a training step; return the list of steps taken."""
    taken, original = [], Learner.training_step

    def step(self, *arguments):
        taken.append(self)
        if len(taken) == steps:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *arguments)

    monkeypatch.setattr(Learner, "training_step", step)
    return taken


def weights(trained):
    return {name: each.learner.network.state_dict() for name, each in trained.items()}


def test_training_interrupted_at_any_step_resumes_exactly(tmp_path, monkeypatch):
    factories = {"dropout": dropping, "hasty": watched(Breaks), "one": watched(Ramp)}
    with monkeypatch.context() as patched:
        taken = stop_after(None, patched)
        expected = train(factories)
    needed = len(taken)
    for stop in range(1, needed, 7):  # on the trunk, in branches, and while one catches up
        resume = ResumeCheckpoint(tmp_path / f"{stop}.pt", "key", every_minutes=1e9)
        with monkeypatch.context() as patched:
            before = stop_after(stop, patched)
            with pytest.raises(Interrupted):
                train(factories, resume=resume)
        with monkeypatch.context() as patched:
            after = stop_after(None, patched)
            found = train(factories, resume=resume)
        assert len(before) + len(after) == needed  # no step is repeated
        torch.testing.assert_close(weights(found), weights(expected), rtol=0, atol=0)
        assert {name: each.curve for name, each in found.items()} == {
            name: each.curve for name, each in expected.items()
        }


class Fragile(Knows):
    """Knows much, until its log-odds exceed 12; with half the learning rate it knows nothing."""

    def __init__(self):
        super().__init__(0, 1.0)

    def forward(self, images):
        output = super().forward(images)
        at_full_rate = self.log_odds.item() > 0.75 * float(self.steps) - 0.5
        if at_full_rate and self.log_odds.item() > 12:
            return output * torch.nan
        return output * at_full_rate


def test_decisions_stay_when_training_resumes_after_a_restart(tmp_path, monkeypatch):
    """The best network diverges after another was dropped in comparison with it."""
    monkeypatch.setattr(stopping, "MIN_STEPS", 8)
    networks = {
        "strong": Fragile,
        "medium": lambda: Knows(0, 0.2),
        "weak": lambda: Knows(0, 0.1),
    }

    def competition(resume=None):
        def factory(name):
            return Learner(networks[name](), Recipe(Ramp), 0)

        return fit_until_done(
            factory, list(networks), Shown(5), Limits(8), 2, 0, "test", resume=resume
        )

    with monkeypatch.context() as patched:
        taken = stop_after(None, patched)
        expected = {name: each.curve for name, each in competition().items()}
    assert expected["weak"].ending == "dropped"
    for stop in (30, 48, 60, len(taken) - 1):
        resume = ResumeCheckpoint(tmp_path / f"{stop}.pt", "key", every_minutes=1e9)
        with monkeypatch.context() as patched:
            stop_after(stop, patched)
            with pytest.raises(Interrupted):
                competition(resume)
        assert {name: each.curve for name, each in competition(resume).items()} == expected


def test_a_restarted_network_finishes_its_first_stage_after_the_time_is_over(monkeypatch):
    clock = {"seconds": 0.0}

    class Slow(Breaks):
        """The time is over when it diverges in its second stage."""

        def step(self, closure=None):
            super().step()
            if self.param_groups[0]["params"][0].isnan():
                clock["seconds"] = 1e9

    monkeypatch.setattr(stage_training.StageTrainer, "_elapsed", lambda self: clock["seconds"])
    trained = train({"one": watched(Slow), "two": watched(Ramp)}, max_minutes=1)
    assert {each.curve.ending for each in trained.values()} == {"max_minutes"}
    assert all(each.curve.stages for each in trained.values())


def test_adversaries_dropped_in_comparison_with_an_excluded_one_are_not_done(monkeypatch):
    standings = Standings(Schedule(5, 8), None)
    far, near = losses_with(2.0), losses_with(0.5)
    monkeypatch.setattr(stopping, "MIN_STEPS", 1)
    losses = {"strong": [near], "b": [losses_with(0.6)], "weak": [far]}
    standings.update([Report(losses, set(), True)])
    assert standings.endings == {"weak": "dropped"}
    standings.update([Report({"b": [losses_with(0.6)] * 2}, set(), True)])  # strong diverged
    assert standings.endings == {"weak": "max_epochs"}


def test_dropout_does_not_depend_on_the_other_networks():
    together = train({"dropout": dropping, "one": watched(Ramp)})
    alone = train({"dropout": dropping})
    torch.testing.assert_close(weights(together)["dropout"], weights(alone)["dropout"])


def test_processes_that_share_a_competition_decide_as_one(monkeypatch):
    """Two threads stand for two processes; each trains one half and gathers the other's."""
    monkeypatch.setattr(stopping, "MIN_STEPS", 10)
    networks = {"good": (0, 1.0), "bad": (1000, 1.0), "equal": (0, 1.0)}

    def factory(name):
        return Learner(Knows(*networks[name]), Recipe(Ramp), 0)

    settings = (Shown(5), Limits(16), 2, 0, "test")
    expected = fit_until_done(factory, list(networks), *settings)
    mailboxes = [Queue(), Queue()]
    results = {}

    def process(rank):
        def gather(value):
            mailboxes[1 - rank].put(value)
            other = mailboxes[rank].get(timeout=20)
            return [value, other] if rank == 0 else [other, value]

        names = list(networks)[rank::2]
        results.update(fit_until_done(factory, names, *settings, gather=gather))

    threads = [Thread(target=process, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: each.curve for name, each in results.items()} == {
        name: each.curve for name, each in expected.items()
    }
