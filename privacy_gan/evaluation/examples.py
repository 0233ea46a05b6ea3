"""The faces whose attribute the strongest adversary is surest of, next to those in the middle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from privacy_gan.evaluation.metrics.privacy import ACCURACY_SCORE
from privacy_gan.evaluation.observations import Observations
from privacy_gan.evaluation.source import CensoredSource
from privacy_gan.runs.examples import Example, Examples
from privacy_gan.runs.faces import Faces

COUNT = 8  # of each kind


def choose_examples(observations: Observations) -> Examples:
    """Return the test images that the most accurate adversary is surest of, and median ones."""
    strongest = observations.strongest(ACCURACY_SCORE)
    probabilities = strongest.by_score[ACCURACY_SCORE].test
    given = probabilities.gather(1, observations.labels[:, None]).squeeze(1)
    order = given.argsort(descending=True, stable=True)
    count = min(COUNT, len(order))
    middle = (len(order) - count) // 2

    def examples(indices: Tensor) -> tuple[Example, ...]:
        return tuple(
            Example(index, int(observations.labels[index]), float(given[index]))
            for index in indices.tolist()
        )

    return Examples(
        strongest.adversary,
        strongest.queries,
        examples(order[:count]),
        examples(order[middle : middle + count]),
    )


def example_faces(source: CensoredSource, examples: Examples, seed: int) -> dict[str, Faces]:
    """Return the images by kind, originals and the censored versions of the first query.

    Args:
        source: source of the images.
        examples: which images.
        seed: seed of the adversaries' queries.

    Returns:
        Nothing if the data are not viewable. Without originals, only censored versions.
    """
    if not source.datamodule.viewable:
        return {}
    chosen = [example for each in examples.by_kind.values() for example in each]
    pictures = read_test_images(source, sorted({each.index for each in chosen}), seed)
    return {kind: faces_of(each, pictures) for kind, each in examples.by_kind.items()}


def faces_of(examples: Sequence[Example], pictures: Mapping[str, dict[int, Tensor]]) -> Faces:
    """Return examples as columns with their class and probability, of images by row and index."""
    columns = tuple(f"s={each.label}\n{format_probability(each.probability)}" for each in examples)
    rows = {
        row: torch.stack([images[each.index] for each in examples])
        for row, images in pictures.items()
    }
    return Faces.from_tensors(rows, columns)


def read_test_images(
    source: CensoredSource, indices: Sequence[int], seed: int
) -> dict[str, dict[int, Tensor]]:
    """Return test images [C, H, W] at some positions, in ascending order, by row and position.

    The rows are "x", if it is known, and "x'" or, where an s' is inserted, "x''".
    """
    originals: dict[int, Tensor] = {}
    censored: dict[int, Tensor] = {}
    label, start = "x'", 0
    for batch in source.query("test", 0, seed):
        label = "x'" if batch.synthetic is None else "x''"
        end = start + len(batch.images)
        for index in (index for index in indices if start <= index < end):
            originals[index] = batch.original[index - start].cpu()
            censored[index] = batch.images[index - start].cpu()
        start = end
        if start > indices[-1]:
            break
    return {"x": originals, label: censored} if source.has_originals else {label: censored}


def format_probability(probability: float) -> str:
    """Return a probability in percent; 100% only if it is certain."""
    text = f"{probability:.1%}"
    return ">99.9%" if text == "100.0%" and probability < 1 else text
