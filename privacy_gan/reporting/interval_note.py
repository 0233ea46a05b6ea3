"""Say what the 95% intervals of an evaluation are over: persons, or images taken as independent."""

from __future__ import annotations

from privacy_gan.runs.evaluation import Evaluation

MIN_PERSONS = 2  # a single person says nothing about others: images are resampled


def interval_note(evaluation: Evaluation) -> str:
    """Return what the intervals are over, in a phrase that starts with "95%"."""
    images = f"{evaluation.images['test']:,} test images"
    persons = evaluation.persons.get("test", 0)
    if persons >= MIN_PERSONS:
        return f"95% bootstrap intervals over {persons:,} persons ({images})"
    if evaluation.independent_images:
        return f"95% bootstrap intervals over {images}"
    return f"95% bootstrap intervals over {images}, taken as independent"
