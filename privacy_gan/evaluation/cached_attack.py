"""Attacks on censored images whose progress and outcomes are saved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from privacy_gan.evaluation.attack import PAPER, Attack
from privacy_gan.evaluation.outcomes import Outcome, pack_outcomes, unpack_outcomes
from privacy_gan.runs.artifacts import ArtifactCache, Content, ResumeCheckpoint


class JudgingCache(ArtifactCache):
    """The progress of one judgement: adversaries' predictions for censored images.

    Args:
        folder: folder of the files.
        key: everything that affects the judgement, in any form that changes with it.
        every_minutes: minutes between two checkpoints.
        saves_weights: whether the adversaries' weights are saved, too.
    """

    def __init__(
        self, folder: Path, key: str, every_minutes: float, saves_weights: bool = False
    ) -> None:
        super().__init__(folder, "the judge's adversaries", every_minutes)
        self.key = key
        self.saves_weights = saves_weights

    def outcomes_path(self, attribute: str, name: str) -> Path:
        """Return the file of the outcomes of some networks."""
        return self.path(f"{attribute}-{name}", self.key)

    def weights_path(self, attribute: str, name: str) -> Path | None:
        """Return the file of a network's weights, None if they are not saved."""
        return self.path(f"{attribute}-{name}-networks", self.key) if self.saves_weights else None


def attack_censored(
    attack: Attack, cache: JudgingCache | None, adversaries: str = "panel"
) -> dict[str, Outcome]:
    """Return the outcomes of an attack on censored images.

    Args:
        attack: the attack.
        cache: cache of the judgement; None saves nothing.
        adversaries: name of the group of its adversaries.
    """
    outcomes: dict[str, Outcome] = {}
    for group, networks in network_groups(attack).items():
        name = adversaries if group == "panel" else group
        if cache is None:
            outcomes |= attack.run_on_all_ranks(networks)
            continue
        weights_path = partial(cache.weights_path, attack.attribute)
        make = partial(run_and_pack, attack, networks, weights_path=weights_path)
        path = cache.outcomes_path(attack.attribute, name)
        outcomes |= unpack_outcomes(cache.get_joint(path, make))
    return outcomes


def network_groups(attack: Attack, apart: Collection[str] = ()) -> dict[str, list[str]]:
    """Return the names of the networks that are trained together, by name of the group.

    Args:
        attack: the attack.
        apart: names of networks that are trained by themselves, in addition to ``PAPER``.
    """
    alone = [name for name in attack.factories if name in {PAPER, *apart}]
    panel = [name for name in attack.factories if name not in alone]
    return {"panel": panel, **{name: [name] for name in alone}}


def run_and_pack(
    attack: Attack,
    names: Sequence[str],
    resume: ResumeCheckpoint,
    weights_path: Callable[[str], Path | None] = lambda _: None,
) -> Content:
    """Run an attack on all ranks and return its outcomes in the form in which they are saved."""
    outcomes = attack.run_on_all_ranks(names, resume, weights_path)
    return pack_outcomes(outcomes)
