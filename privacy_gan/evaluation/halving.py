"""Train networks until they are done, and drop those that are clearly worse than the best."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any, NamedTuple

from torch import Tensor

from privacy_gan.attributes import IGNORED
from privacy_gan.evaluation.contender import Contender, best_stage
from privacy_gan.evaluation.learning import Learner
from privacy_gan.evaluation.schedule import Schedule
from privacy_gan.evaluation.source import CensoredSource, count_batches
from privacy_gan.evaluation.stage_training import StageTrainer
from privacy_gan.evaluation.stopping import entropy_bits, is_done, mean_estimate, surviving
from privacy_gan.runs.artifacts import ResumeCheckpoint
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.learning_curve import Ending, LearningCurve, Stage

log = logging.getLogger(__name__)

# Takes this process's value and returns those of all processes that take part.
Gather = Callable[[Any], list[Any]]


@dataclass(frozen=True)
class Limits:
    """What bounds the training of networks that are not done.

    Attributes:
        max_epochs: passes over the training images; stages end after 1, 2, 4, 8, ... of them.
        max_minutes: training time, or None. The first stage is always finished.
    """

    max_epochs: int
    max_minutes: float | None = None


class Trained(NamedTuple):
    """A network after its training.

    Attributes:
        learner: the network with its best weights.
        curve: its learning curve, or None if it was trained for a fixed number of epochs.
    """

    learner: Learner
    curve: LearningCurve | None


class Report(NamedTuple):
    """What a process reports after a stage.

    Attributes:
        losses: validation losses of each finished stage in bits, [N] each, of its networks that
            are still in training and did not diverge twice.
        fitted: names of those that were fitted in closed form.
        in_time: whether it finished the stage before the time was over.
    """

    losses: dict[str, list[Tensor]]
    fitted: set[str]
    in_time: bool


@dataclass
class Standings:
    """What all networks of a competition have achieved, in all processes.

    Attributes:
        schedule: the stages.
        persons: person in each validation image, [N], or None.
        exempt: names of the networks that are not compared with others.
        losses: validation losses of each finished stage in bits, [N] each, by network; those that
            diverged twice are missing.
        endings: why the training of a network ended; networks that train on are missing.
        fitted: names of the networks that were fitted in closed form.
        decided: number of stages after which ``update`` has decided.
    """

    schedule: Schedule
    persons: Tensor | None
    exempt: Collection[str] = ()
    losses: dict[str, list[Tensor]] = field(default_factory=dict)
    endings: dict[str, Ending] = field(default_factory=dict)
    fitted: set[str] = field(default_factory=set)
    decided: int = 0

    def state_dict(self) -> dict[str, Any]:
        """Return all that later decisions depend on."""
        return {
            "losses": self.losses,
            "endings": self.endings,
            "fitted": sorted(self.fitted),
            "decided": self.decided,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned, in this or in another process."""
        self.losses, self.endings = dict(state_dict["losses"]), dict(state_dict["endings"])
        self.fitted, self.decided = set(state_dict["fitted"]), state_dict["decided"]

    def update(self, reports: Sequence[Report]) -> None:
        """Decide after the next stage which networks are done, dropped or out of time.

        Args:
            reports: of all processes.
        """
        stage = self.decided
        self.decided += 1
        losses = {name: found for report in reports for name, found in report.losses.items()}
        self.fitted.update(*(report.fitted for report in reports))
        self.losses |= {name: found[: stage + 1] for name, found in losses.items()}
        self._exclude(self.losses.keys() - losses.keys() - self.endings.keys())
        steps = self.schedule.end(stage)
        for name in losses:
            if name in self.fitted or is_done(self.gains(name), steps):
                self.endings[name] = "done"
        competing = {
            name: best_stage(found)
            for name, found in self.losses.items()
            if name not in self.exempt and self.endings.get(name) != "dropped"
        }
        training = losses.keys() - self.endings.keys()
        kept = surviving(competing, training, steps, self.persons) if competing else []
        for name in training:
            if not all(report.in_time for report in reports):
                self.endings[name] = "max_minutes"
            elif name in competing and name not in kept:
                self.endings[name] = "dropped"
            elif stage + 1 == self.schedule.stages:
                self.endings[name] = "max_epochs"

    def _exclude(self, diverged: Collection[str]) -> None:
        """Exclude networks; those that were dropped may have been compared with one of them."""
        for name in diverged:
            del self.losses[name]
        if diverged:
            for name, ending in self.endings.items():
                if ending == "dropped":
                    self.endings[name] = "max_epochs"

    @property
    def is_over(self) -> bool:
        """Whether no network trains on."""
        return self.losses.keys() <= self.endings.keys()

    def describe(self, entropy: float) -> str:
        """Return what the compared networks know after the last stage, in words.

        Args:
            entropy: entropy of the labels, in bits.
        """
        bits = {
            name: entropy - float(best_stage(losses).mean())
            for name, losses in self.losses.items()
            if name not in self.exempt
        }
        ranked = sorted(bits, key=bits.__getitem__, reverse=True)
        epochs = self.schedule.epochs(self.decided - 1)
        known = ", ".join(f"{name} {bits[name]:.3f}" for name in ranked)
        return f"bits known after {epochs} {'epoch' if epochs == 1 else 'epochs'}: {known}"

    def gains(self, name: str) -> list[Estimate]:
        """Return the bits that each stage but the first gained over the best before it."""
        losses = self.losses[name]
        return [
            mean_estimate(best_stage(losses[:stage]) - losses[stage], self.persons)
            for stage in range(1, len(losses))
        ]

    def curve(self, name: str, entropy: float) -> LearningCurve:
        """Return the learning curve of a network.

        Args:
            name: its name.
            entropy: entropy of the labels that it predicts, in bits.
        """
        if name in self.fitted:
            return LearningCurve((), "done")
        gains = [None, *self.gains(name)]
        stages = tuple(
            Stage(
                self.schedule.epochs(number),
                self.schedule.end(number),
                mean_estimate(entropy - losses, self.persons),
                gain,
            )
            for number, (losses, gain) in enumerate(zip(self.losses[name], gains, strict=True))
        )
        return LearningCurve(stages, self.endings[name])


def fit_until_done(
    factory: Callable[[str], Learner],
    names: Sequence[str],
    source: CensoredSource,
    limits: Limits,
    batch_size: int,
    seed: int,
    description: str,
    resume: ResumeCheckpoint | None = None,
    exempt: Collection[str] = (),
    gather: Gather = lambda value: [value],
) -> dict[str, Trained]:
    """Train networks until they are done, dropped or at a limit; return them with their curves.

    After each stage of the schedule, their calibrated losses on the validation images are compared,
    see evaluation/stopping.py. A network that diverges is restarted once, with half its learning
    rate; if it diverges again, it is excluded.

    Args:
        factory: creates the network of a name, the same one at each call.
        names: names of this process's networks.
        source: source of the training and validation images.
        limits: bounds of the training.
        batch_size: images per batch.
        seed: seed of the order, the noise and the augmentation, which all networks share.
        description: label of the progress bars.
        resume: checkpoint to resume from and to save to; None starts from the beginning.
        exempt: names of the networks that are not compared with others.
        gather: exchanges values with the processes that train other networks of the competition.

    Returns:
        This process's networks by name, without those that diverged twice.

    Raises:
        Interrupted: a signal asked to stop. The same call resumes from the checkpoint.
    """
    batches = count_batches(source.datamodule, "train", batch_size)
    schedule = Schedule(batches, limits.max_epochs)
    contenders = {name: Contender(name, factory) for name in names}
    settings = (limits.max_minutes, batch_size, seed, description, resume)
    trainer = StageTrainer(list(contenders.values()), source, schedule, *settings)
    trainer.start()
    standings = Standings(schedule, source.datamodule.persons("valid"), exempt)
    labels = source.datamodule.labels("valid")
    entropies = {
        name: mean(entropy_bits(each[each != IGNORED]) for each in contender.learner.labels(labels))
        for name, contender in contenders.items()
    }
    resume_standings(standings, trainer, gather)
    log_fitted(contenders.values(), entropies, description)
    while standings.decided < schedule.stages and not (standings.decided and standings.is_over):
        active = [each for name, each in contenders.items() if name not in standings.endings]
        in_time = trainer.train(active, standings.decided)
        healthy = [each for each in active if not each.excluded]
        report = Report(
            {each.name: each.losses for each in healthy},
            {each.name for each in healthy if not each.learner.trained_by_gradient},
            in_time,
        )
        standings.update(gather(report))
        trainer.decisions = standings.state_dict()
        if compared := [name for name in entropies if name not in exempt]:
            log.info("%s: %s", description, standings.describe(entropies[compared[0]]))
    trained = {}
    for name, each in contenders.items():
        each.learner.finish_training()
        if not each.excluded:
            trained[name] = Trained(each.learner, standings.curve(name, entropies[name]))
    return trained


def resume_standings(standings: Standings, trainer: StageTrainer, gather: Gather) -> None:
    """Restore the standings of the process that decided last, if training resumes.

    A process whose checkpoint is older first trains its networks as far as they were then.
    """
    states = [state for state in gather(trainer.decisions) if state]
    if not states:
        return
    standings.load_state_dict(max(states, key=lambda state: int(state["decided"])))
    trainer.decisions = standings.state_dict()
    for stage in range(standings.decided):
        there = {name for name, losses in standings.losses.items() if len(losses) > stage}
        trainer.train([each for each in trainer.contenders if each.name in there], stage)


def log_fitted(
    contenders: Iterable[Contender], entropies: Mapping[str, float], description: str
) -> None:
    """Log what networks that were fitted in closed form know, before the others are trained."""
    for each in contenders:
        if not each.learner.trained_by_gradient and not each.excluded:
            bits = entropies[each.name] - float(each.losses[0].mean())
            log.info("%s: %s, fitted in closed form, knows %.3f bits", description, each.name, bits)
