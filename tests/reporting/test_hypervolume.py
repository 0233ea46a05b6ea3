"""The hypervolume of known shapes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy_gan.reporting.hypervolume import hypervolume

UNIT = ((1.0, 0.0), (0.0, 1.0))  # nothing hidden, nothing kept; all hidden, all kept


@pytest.mark.parametrize(
    ("points", "area"),
    [
        ([], 0),
        ([(1, 0)], 0),  # the reference itself
        ([(0, 1)], 1),  # the ideal
        ([(0.5, 0.5)], 0.25),
        ([(0.25, 0.5), (0.5, 0.75)], 0.75 * 0.5 + 0.5 * 0.25),  # two steps of a staircase
        ([(0.5, 0.75), (0.25, 0.5), (0.5, 0.5), (0.9, 0.1)], 0.5),  # dominated ones add nothing
        ([(1.5, 0.5)], 0),  # worse than the reference
        ([(-1, 2)], 1),  # better than the ideal is taken for it
    ],
)
def test_known_shapes(points, area):
    assert hypervolume(points, UNIT) == pytest.approx(area)


def test_it_is_a_share_of_the_rectangle_whatever_its_size():
    edges = ((0.9, 0.55), (0.5, 0.95))
    assert hypervolume([(0.7, 0.75)], edges) == pytest.approx(0.25)


share = st.floats(0, 1)


@given(st.lists(st.tuples(share, share), max_size=6), st.tuples(share, share))
def test_another_point_never_takes_any_away(points, another):
    before, after = hypervolume(points, UNIT), hypervolume([*points, another], UNIT)
    assert before - 1e-12 <= after <= before + (1 - another[0]) * another[1] + 1e-12
