"""One number for a trade-off: the share of a rectangle that its points dominate.

The hypervolume indicator (Zitzler and Thiele, 1999) in two dimensions, of which the first, the
privacy loss, is to be small and the second, the utility score, large. The reference point is what
uncensored images leak and what is told without looking at all; opposite lies the ideal, nothing
leaked and as much told as of uncensored images. 0 is no better than the reference, 1 is the ideal.
"""

from __future__ import annotations

from collections.abc import Sequence


def hypervolume(
    points: Sequence[tuple[float, float]],
    edges: tuple[tuple[float, float], tuple[float, float]],
) -> float:
    """Return the share of the rectangle between reference and ideal that points dominate.

    A point dominates all that has a larger first and a smaller second coordinate. What lies beyond
    the rectangle is taken to its edge.

    Args:
        points: (privacy loss, utility score) each, in any order.
        edges: the reference point and the ideal.
    """
    (worst_x, worst_y), (best_x, best_y) = edges
    gains = sorted(
        (
            min(max((worst_x - x) / (worst_x - best_x), 0.0), 1.0),
            min(max((y - worst_y) / (best_y - worst_y), 0.0), 1.0),
        )
        for x, y in points
    )
    area, height = 0.0, 0.0
    for width, reached in reversed(gains):  # from the most private to the least
        area += width * max(reached - height, 0.0)
        height = max(height, reached)
    return area
