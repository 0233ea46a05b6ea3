"""Result files like those of runs, with numbers that a test chooses."""

from __future__ import annotations

from privacy_gan.runs.correct import pack_correct
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import RETRAINED, AdversaryScores, Evaluation, Measure, Strongest
from privacy_gan.runs.learning_curve import LearningCurve, Stage
from privacy_gan.runs.result import RESULT_VERSION, Result

FILTER_AND_GENERATOR = {"privatizer.filter.loss": "entropy", "privatizer.generator.rate": 1}
PRIVATIZER_SETTINGS = {
    "filter_generator-entropy": FILTER_AND_GENERATOR,
    "filter_generator-cross_entropy": FILTER_AND_GENERATOR
    | {"privatizer.filter.loss": "cross_entropy"},
    "generator": {"privatizer.generator.rate": 1},
    "filter-entropy": {"privatizer.filter.loss": "entropy"},
}


def estimate(value, reach=0.01):
    return Estimate(value, value - reach, value + reach)


def measure(value, original=None, majority=None, correlation=None):
    references = (
        None if reference is None else estimate(reference)
        for reference in (original, majority, correlation)
    )
    return Measure(estimate(value), *references)


def learning_curve(ending="done", stages=3, first_bits=0.1):
    """Return a curve of stages that double, whose gains become smaller, and why it ended."""
    curve, bits = [], 0.0
    for stage in range(stages):
        gain = None if stage == 0 else estimate(first_bits / 4**stage)
        bits += first_bits if gain is None else gain.value
        curve.append(Stage(2**stage, 1000 * 2**stage, estimate(bits), gain))
    return LearningCurve(tuple(curve), ending)


def learning_curves(ending="done", original=None, retrained=None):
    """Return curves for Evaluation.curves in which all networks ended for the same reason.

    ``original`` is the reason on original images, ``retrained`` that of the retrained classifiers;
    None for that of the adversaries on censored images.
    """
    return {
        images: {
            "resnet10": learning_curve(reason),
            "resnet18": learning_curve(reason, first_bits=0.2),
            RETRAINED: learning_curve(retrained or ending, first_bits=0.3),
        }
        for images, reason in (("censored", ending), ("original", original or ending))
    }


def evaluation(
    leak,
    utility=0.8,
    attribute="Smiling",
    correct=None,
    settings=(),
    seed=0,
    success=0.8,
    curves=None,
    **more,
):
    """Return an evaluation with a privacy loss and a utility score.

    ``curves`` are its learning curves: done by default, {} as in results of earlier versions.
    """
    measures = {
        "privacy_loss": measure(leak, 0.9, 0.5, 0.7),
        "paper_privacy_loss": measure(leak - 0.02, 0.88),
        "utility_score": measure(utility, 0.95, 0.55, 0.8),
        "utility/Male": measure(utility, 0.95, 0.55, 0.8),
        "success_rate": measure(success, 0.5),
        "correlation/Male": measure(-0.2, -0.1),
        "distortion": measure(0.01),
    }
    correct = correct or {}
    num_test = len(correct["privacy_loss"]) if correct else 100
    return Evaluation(
        attribute=attribute,
        classes=("0", "1"),
        images={
            "train": 1000,
            "valid": 100,
            "test": num_test,
        },
        measures=measures | more,
        strongest={"accuracy": Strongest("resnet18", 4)},
        adversaries=tuple(
            AdversaryScores(
                name,
                queries,
                {"accuracy": "mean"},
                {"accuracy": leak - deficit},
                {"accuracy": estimate(leak - deficit)},
            )
            for name, deficit in (("resnet10", 0.02), ("resnet18", 0.0))
            for queries in (1, 4)
        ),
        correct={name: pack_correct(each) for name, each in correct.items()},
        settings={"judge.max_epochs": 4, "judge.seed": seed, **dict(settings)},
        curves=learning_curves() if curves is None else curves,
    )


def write_run(
    folder,
    mechanism="filter_generator-entropy",
    attribute="Smiling",
    epsilon=0.01,
    seed=0,
    leaks=0.8,
    data="faces-64",
    key="0123456789abcdef",
    baseline=None,
    setup=(),
    version=RESULT_VERSION,
    **evaluation_options,
):
    """Write a result; return the run's folder.

    ``leaks`` is the privacy loss: a number, a dict for several attributes, or None if the run was
    not judged. ``baseline`` is that of the filter alone.
    """
    run = folder / data / mechanism / attribute / f"epsilon-{epsilon:g}" / f"seed-{seed}"
    run.mkdir(parents=True)
    by_attribute = {} if leaks is None else leaks if isinstance(leaks, dict) else {attribute: leaks}
    evaluations = {
        name: evaluation(leak, attribute=name, seed=seed, **evaluation_options)
        for name, leak in by_attribute.items()
    }
    fingerprint = {
        "attribute": attribute,
        "epsilon": epsilon,
        "seed": seed,
        "data.key": key,
        "privatizer.filter.constraint.epsilon": epsilon,
        **PRIVATIZER_SETTINGS.get(mechanism, {"privatizer.name": mechanism}),
        **dict(setup),
    }
    if "filter" not in mechanism:
        del fingerprint["privatizer.filter.constraint.epsilon"]
    alone = None if baseline is None else {attribute: evaluation(baseline, attribute=attribute)}
    result = Result(data, fingerprint, {}, evaluations, alone, {"device": "cpu"}, version)
    result.write(run / "result.json")
    return run
