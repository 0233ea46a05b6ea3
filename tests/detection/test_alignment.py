"""Squares around faces: fitted to landmarks, cut out, and put back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from privacy_gan.detection.alignment import EDGE, Region

TARGETS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height, width):
    """Return a picture without fine detail, so that resampling changes it by little."""
    small = Image.fromarray(noise(4, 5))
    return np.array(small.resize((width, height), Image.Resampling.BICUBIC))


def place(square, points):
    moved = square.scale * (points[:, 0] + 1j * points[:, 1]) + square.shift
    return np.stack([moved.real, moved.imag], axis=1)


@given(
    side=st.floats(1, 1000), turn=st.floats(-np.pi, np.pi), x=st.floats(-99, 99), y=st.floats(0, 9)
)
def test_a_similarity_transform_is_recovered(side, turn, x, y):
    true = Region(complex(side * np.exp(1j * turn)), complex(x, y))
    found = Region.fit(TARGETS, place(true, TARGETS))
    assert found.scale == pytest.approx(true.scale, abs=1e-9 * side)
    assert found.shift == pytest.approx(true.shift, abs=1e-6)
    assert found.residual(TARGETS, place(true, TARGETS)) < 1e-9


def test_the_fit_has_the_least_squared_error_and_never_mirrors():
    targets = np.array([[0.0, 0.0], [1.0, 0.0]])
    # two points determine a transform: a quarter turn, twice as large
    square = Region.fit(targets, np.array([[5.0, 5.0], [5.0, 7.0]]))
    assert square.scale == pytest.approx(2j)
    np.testing.assert_allclose(square.corners, [[5, 5], [5, 7], [3, 7], [3, 5]], atol=1e-12)
    points = place(Region(40 + 9j, 3 - 2j), TARGETS) + np.array(
        [[1, 0], [0, 2], [0, 0], [3, 1], [0, 1]]
    )
    best = Region.fit(TARGETS, points)

    def error(square):
        return ((place(square, TARGETS) - points) ** 2).sum()

    for change in (0.1, -0.1, 0.1j, -0.1j):
        assert error(best) < error(Region(best.scale + change, best.shift))
        assert error(best) < error(Region(best.scale, best.shift + change))
    mirrored = TARGETS * [-1, 1]
    assert Region.fit(TARGETS, mirrored).residual(TARGETS, mirrored) > 0.2


def test_an_upright_square_is_cut_out_pixel_by_pixel():
    photo = noise(50, 60)
    np.testing.assert_array_equal(Region(16, 7 + 9j).cut_out(photo, 16), photo[9:25, 7:23])
    # a quarter turn to the right: the square's first row is the region's last column, downwards
    turned = Region(16j, 23 + 9j).cut_out(photo, 16)
    np.testing.assert_array_equal(turned, np.rot90(photo[9:25, 7:23]))


def test_a_tall_region_is_squeezed_as_training_images_are_and_put_back():
    photo = noise(90, 80)
    region = Region(40, 10 + 5j, 1.5)
    np.testing.assert_array_equal(region.corners, [[10, 5], [50, 5], [50, 65], [10, 65]])
    rows = Image.fromarray(photo[5:65, 10:50])
    expected = np.asarray(rows.resize((16, 16), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(region.cut_out(photo, 16), expected)
    found = Region.fit(TARGETS, place(region, TARGETS * (1, 1.5)), 1.5)
    assert found.scale == pytest.approx(region.scale)
    assert found.shift == pytest.approx(region.shift)
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[8:] = 200  # the lower half
    region.paste(photo, stripes)
    assert photo[12:30, 15:45].max() == 0
    assert photo[40:58, 15:45].min() == 200


def test_a_larger_square_is_reduced_as_training_images_are():
    photo = noise(50, 60)
    region = Image.fromarray(photo[5:45, 10:50])
    expected = np.asarray(region.resize((16, 16), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(Region(40, 10 + 5j).cut_out(photo, 16), expected)


def test_the_border_of_the_photograph_is_repeated_outside_of_it():
    photo = noise(20, 20)
    cut = Region(16, -8 - 8j).cut_out(photo, 16)
    np.testing.assert_array_equal(cut[8:, 8:], photo[:8, :8])
    assert (cut[:8, :8] == photo[0, 0]).all()
    far = Region(16, 900 + 900j).cut_out(photo, 16)
    assert (far == photo[-1, -1]).all()


@pytest.mark.parametrize("turn", [0, 20, -90])
def test_a_patch_changes_only_its_square(turn):
    photo = noise(200, 300)
    square = Region(complex(80 * np.exp(1j * np.deg2rad(turn))), 140 + 80j)
    changed = photo.copy()
    square.paste(changed, np.full((16, 16, 3), 7, np.uint8))
    y, x = np.mgrid[:200, :300] + 0.5
    inside = (x + 1j * y - square.shift) / square.scale
    depth = np.min([inside.real, 1 - inside.real, inside.imag, 1 - inside.imag], axis=0)
    np.testing.assert_array_equal(changed[depth <= 0], photo[depth <= 0])
    assert (changed[depth >= EDGE] == 7).all()
    # halfway through the soft edge both count half, up to one pixel's width
    edge = np.abs(depth - EDGE / 2) < 1e-2 * EDGE
    expected = (photo[edge].astype(float) + 7) / 2
    assert edge.any()
    assert np.abs(changed[edge] - expected).max() < 3


@pytest.mark.parametrize("side", [20, 64, 190])
def test_what_was_put_back_can_be_cut_out_again(side):
    photo, patch = smooth(300, 400), smooth(64, 64)
    square = Region(complex(side * np.exp(0.3j)), 150 + 60j)
    square.paste(photo, patch)
    inner = slice(64 // 8, -64 // 8)
    again = square.cut_out(photo, 64)[inner, inner].astype(int)
    assert np.abs(again - patch[inner, inner]).max() < 16


def test_a_patch_outside_of_the_photograph_changes_nothing():
    photo = noise(20, 20)
    before = photo.copy()
    Region(16, 100 + 100j).paste(photo, noise(16, 16))
    Region(16, -100 - 100j).paste(photo, noise(16, 16))
    np.testing.assert_array_equal(photo, before)
