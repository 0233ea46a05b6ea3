"""The schedule of training until done: stages that double, each with a branch.

In the trunk, the learning rate is constant after a short warm-up. At the end of each stage a branch
leaves the trunk, in which the learning rate falls to 0: at its end, the network is fully trained.
The next stage continues where the branch left the trunk, so no stage is wasted. The branch is the
cooldown of Haegele et al., 2024, "Scaling laws and compute-optimal training beyond fixed training
durations".
"""

from __future__ import annotations

from dataclasses import dataclass

BRANCH_SHARE = 0.2  # of all steps until the end of a stage
WARM_UP_SHARE = 0.1  # of the first epoch
MAX_WARM_UP_STEPS = 100


@dataclass(frozen=True)
class Schedule:
    """The steps of each stage. Stage k ends after 2^k epochs.

    Attributes:
        batches: optimizer steps in an epoch.
        max_epochs: no stage ends after more epochs.
    """

    batches: int
    max_epochs: int

    @property
    def stages(self) -> int:
        """Number of stages."""
        return self.max_epochs.bit_length()

    def epochs(self, stage: int) -> int:
        """Return the number of epochs at the end of a stage."""
        return 1 << stage

    def start(self, stage: int) -> int:
        """Return the number of steps at the start of a stage."""
        return self.fork(stage - 1) if stage else 0

    def end(self, stage: int) -> int:
        """Return the number of steps at the end of a stage's branch."""
        return self.batches * self.epochs(stage)

    def fork(self, stage: int) -> int:
        """Return the number of steps after which a stage's branch leaves the trunk."""
        end = self.end(stage)
        return end - max(1, round(BRANCH_SHARE * end))

    def lr_factor(self, stage: int, step: int) -> float:
        """Return the factor of the learning rate in a step of a stage, in (0, 1]."""
        warm_up = min(MAX_WARM_UP_STEPS, int(WARM_UP_SHARE * self.batches))
        factor = min(1.0, (step + 1) / (warm_up + 1))
        fork, end = self.fork(stage), self.end(stage)
        if step >= fork:
            factor *= (end - step) / (end - fork)
        return factor
