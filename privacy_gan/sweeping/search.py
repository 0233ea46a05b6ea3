"""Values to try next, as Optuna suggests them by how well earlier ones did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override

from privacy_gan.errors import UserError
from privacy_gan.sweeping.swept_run import DONE, SweptRun


class Search:
    """Suggests what to try and learns how it went.

    The same seed and the same outcomes make the same suggestions: a search that is repeated asks
    for the same runs again, which are finished, and goes on from there.

    Args:
        overrides: what was typed; what has several values, or an interval of them, is searched.
            Of two for the same setting the last counts.
        seed: of the suggestions.
        leak_weight: how much a leak counts, see ``worth``.

    Raises:
        UserError: there is nothing to search, or Optuna is not installed.
    """

    def __init__(self, overrides: Sequence[Override], seed: int, leak_weight: float) -> None:
        optuna = import_optuna()
        self.failed = optuna.trial.TrialState.FAIL
        last = {o.get_key_element(): o for o in overrides}
        self.fixed = [
            f"{key}={o.get_value_element_as_str()}"
            for key, o in last.items()
            if not o.is_sweep_override()
        ]
        self.space = {
            key: to_distribution(optuna, o) for key, o in last.items() if o.is_sweep_override()
        }
        if not self.space:
            raise UserError("nothing to search: give a value a range, epsilon=interval(0.001,0.05)")
        self.leak_weight = leak_weight
        sampler = optuna.samplers.TPESampler(seed=seed)
        self.study = optuna.create_study(direction="maximize", sampler=sampler)

    def ask(self, count: int) -> list[tuple[Any, list[str]]]:
        """Return trials with the overrides of their runs."""
        trials = [self.study.ask(self.space) for _ in range(count)]
        return [
            (trial, [*self.fixed, *(f"{key}={format_value(v)}" for key, v in trial.params.items())])
            for trial in trials
        ]

    def tell(self, trial: Any, run: SweptRun | None) -> None:
        """Take what came of a trial; None where another one was the same run."""
        value = objective(run, self.leak_weight) if run is not None else None
        if value is None:
            self.study.tell(trial, state=self.failed)
        else:
            self.study.tell(trial, value)

    def best(self) -> str:
        """Say which values did best."""
        done = [trial for trial in self.study.trials if trial.value is not None]
        if not done:
            return (
                "nothing can be said of the search: no run is judged, or original images tell no "
                "more than the most frequent values"
            )
        best = max(done, key=lambda trial: float(trial.value or 0))
        values = " ".join(f"{key}={format_value(value)}" for key, value in best.params.items())
        return (
            f"best of {len(done)} on the validation split: {values}, utility less "
            f"{self.leak_weight:g} x gain is {best.value:.3f}"
        )


def import_optuna() -> Any:
    """Return the library.

    Raises:
        UserError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise UserError(
            "hydra/sweeper=optuna needs Optuna: pip install 'privacy_gan[search]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def to_distribution(optuna: Any, override: Override) -> Any:
    """Return the values that an override allows, as Optuna puts it."""
    value = override.value()
    if not isinstance(value, IntervalSweep):
        return optuna.distributions.CategoricalDistribution(list(override.sweep_string_iterator()))
    bounds: list[Any] = [value.start, value.end]
    whole = all(isinstance(bound, int) for bound in bounds)
    kind = optuna.distributions.IntDistribution if whole else optuna.distributions.FloatDistribution
    return kind(*bounds, log="log" in value.tags)


def format_value(value: object) -> str:
    """Return a value as it is typed; four digits of a number are enough to tell it from others."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def objective(run: SweptRun, leak_weight: float) -> float | None:
    """Return what a run is worth: the utility that is left, less what leaks, both normalized.

    Both are measured on the validation split, so that the best run's figures on the test split are
    not those of a lucky choice.

    Args:
        run: finished and judged, or worth None.
        leak_weight: how much a leak counts.
    """
    evaluations: Mapping[str, Any] = run.evaluations() if run.status in DONE else {}
    found = []
    for evaluation in evaluations.values():
        utility = evaluation.validation.get("normalized_utility")
        gain = evaluation.validation.get("normalized_gain")
        if utility is None or gain is None:
            return None
        found.append(utility - leak_weight * gain)
    return sum(found) / len(found) if found else None
