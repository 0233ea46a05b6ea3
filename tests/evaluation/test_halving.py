"""Adversaries that are clearly worse than the best are dropped; the others train until done."""

from queue import Queue
from threading import Thread

import pytest
from contenders import Breaks, BreaksAlways, Knows, Shown, Watched, losses_with, train, watched
from test_learning import Ramp

from privacy_gan.evaluation import stage_training, stopping
from privacy_gan.evaluation.halving import Limits, Report, Standings, fit_until_done
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.schedule import Schedule


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


def test_a_diverged_network_catches_up_at_half_the_rate_without_affecting_the_others():
    trained = train(
        {"hasty": watched(Breaks), "fine": watched(Ramp), "hopeless": watched(BreaksAlways)}
    )
    assert list(trained) == ["hasty", "fine"]
    assert trained["hasty"].learner.ends == [2.5, 4.75, 9.25]
    assert trained["fine"].learner.ends == [5, 9.5, 18.5]


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
