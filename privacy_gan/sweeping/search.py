"""Searches for good settings with Optuna, which learns from the results of earlier runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override

from privacy_gan.errors import UserError
from privacy_gan.sweeping.swept_run import DONE, SweptRun


class Search:
    """An Optuna study with the ask-and-tell interface.

    The same seed and the same results give the same suggestions. So a repeated search asks for the
    same runs, which are finished, and then continues.

    Args:
        overrides: the overrides that were typed; those with several values or an interval of
            values are searched. The last of several overrides of a setting counts.
        seed: seed of the sampler.
        leak_weight: weight of the leak, see ``objective``.

    Raises:
        UserError: no override is searched, or Optuna is not installed.
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
        """Return new trials, each with the overrides of its run."""
        trials = [self.study.ask(self.space) for _ in range(count)]
        return [
            (trial, [*self.fixed, *(f"{key}={format_value(v)}" for key, v in trial.params.items())])
            for trial in trials
        ]

    def tell(self, trial: Any, run: SweptRun | None) -> None:
        """Record the result of a trial's run; None if another trial had the same run."""
        value = objective(run, self.leak_weight) if run is not None else None
        if value is None:
            self.study.tell(trial, state=self.failed)
        else:
            self.study.tell(trial, value)

    def format_best(self) -> str:
        """Return a sentence with the best trial's values."""
        done = [trial for trial in self.study.trials if trial.value is not None]
        if not done:
            return (
                "the search has no best run: no run was evaluated, or adversaries do not beat "
                "the majority baseline even on original images"
            )
        best = max(done, key=lambda trial: float(trial.value or 0))
        values = " ".join(f"{key}={format_value(value)}" for key, value in best.params.items())
        return (
            f"best of {len(done)} on the validation split: {values}, utility minus "
            f"{self.leak_weight:g} x gain is {best.value:.3f}"
        )


def import_optuna() -> Any:
    """Import Optuna and silence its log.

    Raises:
        UserError: Optuna is not installed.
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
    """Return the values that an override allows as an Optuna distribution."""
    value = override.value()
    if not isinstance(value, IntervalSweep):
        return optuna.distributions.CategoricalDistribution(list(override.sweep_string_iterator()))
    bounds: list[Any] = [value.start, value.end]
    is_int = all(isinstance(bound, int) for bound in bounds)
    distributions = optuna.distributions
    kind = distributions.IntDistribution if is_int else distributions.FloatDistribution
    return kind(*bounds, log="log" in value.tags)


def format_value(value: object) -> str:
    """Return a value as a user would type it; floats with four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def objective(run: SweptRun, leak_weight: float) -> float | None:
    """Return normalized utility minus weighted normalized gain, the mean over attributes.

    Both are measured on the validation split, so that the best run's results on the test split are
    not selected by chance. None for a run that is not finished or not evaluated.

    Args:
        run: the run.
        leak_weight: weight of the gain, which measures what leaks.
    """
    evaluations: Mapping[str, Any] = run.evaluations() if run.status in DONE else {}
    values = []
    for evaluation in evaluations.values():
        utility = evaluation.validation.get("normalized_utility")
        gain = evaluation.validation.get("normalized_gain")
        if utility is None or gain is None:
            return None
        values.append(utility - leak_weight * gain)
    return sum(values) / len(values) if values else None
