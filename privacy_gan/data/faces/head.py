"""Draw the head without eyes, brows and mouth, and the hair, neck, clothes and background."""

from __future__ import annotations

import numpy as np

from privacy_gan.data.faces.factors import Floats, Nuisances
from privacy_gan.data.faces.shapes import (
    Canvas,
    area_above,
    bump,
    coverage_inside,
    ellipse,
    ellipse_distance,
    glow,
    intersection,
    pixel_centres,
    stroke,
    wave,
    where,
    window,
)
from privacy_gan.data.faces.traits import (
    Palette,
    Traits,
    broadcast_colour,
    hex_to_rgb,
    hsv_to_rgb,
    is_short,
    mix,
)

SHADE = broadcast_colour(hex_to_rgb("bf8f84"))  # darker skin is redder
LINE = broadcast_colour(hex_to_rgb("a47a6c"))
LIGHT = broadcast_colour(np.array([[1.16, 1.15, 1.13]], dtype=np.float32))
WIDEST = 0.02  # y at which the head is widest


def head_outline(canvas: Canvas, nuisances: Nuisances, traits: Traits) -> Floats:
    """Return the coverage of the head: half an ellipse above, and a jaw of variable shape below.

    The edge is F(x, y) = 1, and (F - 1) / |grad F| approximates the distance from it.
    """
    y = canvas.y - WIDEST
    lower = y > 0
    t = y / where(lower, nuisances.chin - WIDEST, 0.7)
    jaw = 0.1 + 0.2 * nuisances.jaw + 0.38 * traits.male
    square = where(lower, jaw, 0.15)
    taper = 0.17 - 0.11 * traits.male + 0.05 * traits.cheekbones
    width = nuisances.face_width + 0.015 * traits.male
    half = width * (1 - taper * np.maximum(t, 0))
    across = canvas.x / half
    t2 = t * t
    edge = across * across + (1 - square + square * t2) * t2 - 1
    dx = across / half
    dy = (1 - square + 2 * square * t2) * t
    dy /= 0.7
    edge /= 2 * np.sqrt(dx * dx + dy * dy + 1e-6)
    return coverage_inside(edge, canvas.unit)


def draw_ears(canvas: Canvas, nuisances: Nuisances, traits: Traits, palette: Palette) -> None:
    """Draw the ears, which are visible with short hair."""
    free = is_short(traits.hair_end)
    part = window(canvas, 0.68, -0.16, 0.24).mirror()
    at = nuisances.face_width + 0.005
    part.paint(free * ellipse(part, at, 0.02, 0.07, 0.12), palette.skin * 0.94)
    part.tint(free * 0.8 * ellipse(part, at + 0.01, 0.02, 0.035, 0.07), SHADE)


def draw_skin(canvas: Canvas, nuisances: Nuisances, traits: Traits, palette: Palette) -> None:
    """Fill the canvas with skin, darker at the edges and on the side away from the light."""
    canvas.pixels[:] = palette.skin
    side = np.clip(0.5 - 0.9 * nuisances.light_side * canvas.x, 0, 1)
    side *= nuisances.light_strength
    round_off = glow(canvas, 0.06 * nuisances.light_side, -0.02, 0.74, 0.98)
    side += 0.34 * (1 - round_off)
    canvas.tint(side, SHADE)
    draw_beard(canvas, nuisances, traits, palette)


def draw_beard(canvas: Canvas, nuisances: Nuisances, traits: Traits, palette: Palette) -> None:
    """Draw the beard of men, from none through stubble to a short beard."""
    part = window(canvas, 0.58, 0.15, 0.8)
    y = part.y - 0.30 + 0.3 * np.abs(part.x)
    soft = np.clip(y * 5, 0, 1)
    soft *= 1 - glow(part, 0, 0.12, 0.42, 0.26)
    soft *= 1 - 0.8 * glow(part, 0, nuisances.mouth_height, 0.26, 0.13)
    strength = traits.beard * (0.25 + 0.5 * traits.beard)
    part.paint(soft * strength, mix(palette.hair, palette.skin, 0.25) * 0.8)


def draw_cheeks(canvas: Canvas, nuisances: Nuisances, traits: Traits, palette: Palette) -> None:
    """Draw the cheeks.

    A smile raises and reddens them. High cheekbones are bright above and dark below. Make-up adds
    blush in between.
    """
    part = window(canvas, 0.58, -0.1, 0.5).mirror()
    rose = 0.12 * nuisances.flush + 0.22 * traits.smile
    part.paint(rose * glow(part, 0.3, 0.2 - 0.04 * traits.smile, 0.17, 0.13), palette.blush)
    slanted = part.translate(0.37, 0.14).shear(0.5)
    part.paint(0.65 * traits.makeup * glow(slanted, 0.0, 0.01, 0.23, 0.14), palette.blush)
    part.tint(0.75 * traits.cheekbones * glow(slanted, 0.0, 0.1, 0.22, 0.11), SHADE)
    part.tint(0.9 * traits.cheekbones * glow(slanted, -0.02, -0.07, 0.17, 0.07), LIGHT)


def draw_lines(canvas: Canvas, nuisances: Nuisances, traits: Traits) -> None:
    """Draw the lines of age on the forehead, and the folds of age or of a smile."""
    brow = window(canvas, 0.3, -0.5, -0.28)
    for y, reach in ((-0.44, 0.22), (-0.375, 0.27), (-0.32, 0.2)):
        line = stroke(brow, 0, y + nuisances.brow_height, reach, 0.02, 0.013)
        brow.tint(0.85 * traits.age * line, LINE)
    fold = window(canvas, 0.36, 0.12, 0.5).mirror().transpose_axes()
    depth = np.maximum(0.8 * traits.age, 0.65 * traits.smile)
    middle = nuisances.mouth_height - 0.09
    out = nuisances.mouth_width + 0.04 * traits.smile + 0.02
    line = stroke(fold, middle, out, 0.14, -0.035, 0.015, 0.055)
    fold.tint(depth * line, LINE)


def draw_nose(canvas: Canvas, nuisances: Nuisances) -> None:
    """Draw the nose: a bridge that shades one side, a bright tip, wings and nostrils."""
    part = window(canvas, 0.2, -0.2, 0.32).translate(0.3 * nuisances.yaw)
    tip, width = nuisances.nose_length, nuisances.nose_width
    away = where(nuisances.light_side < 0, 1, -1)
    part.tint(0.5 * glow(part, 0.05 * away, 0.02, 0.045, 0.26), SHADE)
    part.tint(0.6 * glow(part, 0, tip + 0.015, 1.5 * width, 0.09), SHADE)
    part.tint(0.7 * glow(part, -0.015 * away, tip - 0.09, 0.035, 0.17), LIGHT)
    part.tint(0.8 * glow(part, -0.01 * away, tip - 0.03, 0.045, 0.04), LIGHT)
    part.tint(0.75 * stroke(part, 0, tip + 0.045, width * 0.55, -0.015, 0.012), LINE)
    sides = part.mirror()
    sides.tint(0.85 * ellipse(sides, 0.5 * width, tip + 0.025, 0.024, 0.012), LINE * 0.75)
    wing = stroke(sides.transpose_axes(), tip, width, 0.05, -0.02, 0.012)
    sides.tint(0.6 * wing, LINE)


CROWN = -0.12  # y of the centre of the ellipse that bounds the hair above
FAR = 9.0  # y below every image, for hair without an end


def hair_coverage(canvas: Canvas, nuisances: Nuisances, traits: Traits) -> Floats:
    """Return the coverage of all hair, including the part behind the face: a cap and a curtain."""
    short = is_short(traits.hair_end)
    width = where(short, nuisances.face_width + 0.01, 0.6) + 0.06 * nuisances.hair_volume
    hair = cap(canvas, width, nuisances)
    hair *= coverage_inside(canvas.y - np.maximum(traits.hair_end, 0), canvas.unit)
    return np.maximum(hair, where(short, 0, curtain(canvas, width, nuisances, traits)))


def cap(canvas: Canvas, width: Floats, nuisances: Nuisances) -> Floats:
    """Return the coverage of the hair around the skull. Curly hair has a rippled edge."""
    height = 0.69 + 0.08 * nuisances.hair_volume
    distance = ellipse_distance(canvas, 0, CROWN, width, height)
    across, down = canvas.x, canvas.y - CROWN
    around = across / (np.abs(across) + np.abs(down) + 1e-6)  # approximates the angle
    curl = np.maximum(nuisances.hair_wave - 0.6, 0)
    distance -= curl * (0.1 + 0.055 * wave(4.5 * around))
    return coverage_inside(distance, canvas.unit)


def curtain(canvas: Canvas, width: Floats, nuisances: Nuisances, traits: Traits) -> Floats:
    """Return the coverage of the hair that hangs from the crown to ``hair_end``."""
    drop = np.maximum(canvas.y - CROWN, 0)
    curl = 0.04 * nuisances.hair_wave * wave(1.8 * canvas.y + nuisances.hair_part)
    flare = 0.12 * nuisances.hair_volume * drop * (1.2 - drop) + curl * np.minimum(4 * drop, 1)
    flare += 0.1 * np.maximum(nuisances.hair_wave - 0.6, 0)
    hair = coverage_inside(np.abs(canvas.x) - width - flare, canvas.unit)
    hair *= coverage_inside(CROWN - canvas.y, canvas.unit)
    hair *= coverage_inside(canvas.y - traits.hair_end + 0.25 * canvas.x * canvas.x, canvas.unit)
    return hair


def draw_back_hair(canvas: Canvas, hair: Floats, palette: Palette) -> None:
    """Draw the hair behind the head and neck, in shadow."""
    canvas.paint(hair, palette.hair * 0.72)


def draw_front_hair(
    canvas: Canvas, hair: Floats, nuisances: Nuisances, traits: Traits, palette: Palette
) -> None:
    """Draw the hair in front of forehead and temples. Short hair fades out at the ears."""
    short = is_short(traits.hair_end)
    ends = where(short, traits.hair_end, FAR)
    front = np.clip((ends - canvas.y) * 6, 0, 1)
    front *= hair
    front *= front_hair_coverage(canvas, nuisances, traits)
    canvas.paint(front, palette.hair)
    front *= sheen(canvas, nuisances)
    canvas.paint(front, palette.hair_light)


def front_hair_coverage(canvas: Canvas, nuisances: Nuisances, traits: Traits) -> Floats:
    """Return the coverage of the area above the hairline, a curve of the fourth degree.

    The hairline of a fringe is low and flat, of short hair higher, and of longer hair parted.
    """
    fringe = nuisances.hair_fringe < 0.28
    parted = ~(is_short(traits.hair_end) | fringe)
    top = where(fringe, nuisances.hairline + 0.2, nuisances.hairline)
    second = where(parted, 1.7, where(fringe, 0.1, 0.5))
    fourth = where(parted, 2.4, where(fringe, 7.5, 6.5))
    middle = where(parted, 1, 0.3) * nuisances.hair_part
    d = canvas.x - middle
    square = d * d
    curve = (fourth * square + second) * square + top
    slope = (4 * fourth * square + 2 * second) * d
    return area_above(canvas, curve, slope)


def sheen(canvas: Canvas, nuisances: Nuisances) -> Floats:
    """Return the highlight on the crown, stronger on the lit side, and strands of hair."""
    px, py = canvas.x / 0.66, (canvas.y - CROWN) / 0.74
    ring = (px * px + py * py - 0.7) / 0.24
    light = bump(ring * ring)
    light *= np.clip(0.55 + 0.8 * nuisances.light_side * canvas.x, 0, 1)
    light *= np.clip(-1.6 * py, 0, 1)
    strands = wave(4.5 * (canvas.x - nuisances.hair_part) / (np.maximum(canvas.y, -0.9) + 1.4))
    strands *= 0.13
    light += strands
    return light


SKIN_SHADE = broadcast_colour(hex_to_rgb("d0a79c"))


def draw_background(pixels: Floats, nuisances: Nuisances) -> None:
    """Fill images with a gradient of two hues and a large soft disc, brighter or darker."""
    line = pixel_centres(pixels.shape[-1])
    across, down = line[None, None, :], line[None, :, None]
    near = hsv_to_rgb(
        nuisances.background_hue, nuisances.background_saturation, nuisances.background_value
    )
    far = hsv_to_rgb(
        nuisances.background_hue + nuisances.background_turn,
        nuisances.background_saturation,
        nuisances.background_value * 0.75,
    )
    share = 0.5 + 0.3 * down + 0.2 * nuisances.background_slope * across
    pixels[:] = near + (far - near) * share
    picture = Canvas(pixels, across, down, 2 / np.full_like(nuisances.noise, pixels.shape[-1]))
    disc = glow(
        picture, nuisances.disc_x, nuisances.disc_y, nuisances.disc_size, nuisances.disc_size
    )
    picture.tint(disc, 1 + 0.4 * nuisances.disc_light)


def draw_body(canvas: Canvas, nuisances: Nuisances, traits: Traits, palette: Palette) -> None:
    """Draw the neck in the chin's shadow, the shoulders and a round neckline."""
    rows = slice(int(0.6 * canvas.pixels.shape[-1]), None)  # starts behind the face in every pose
    low = Canvas(canvas.pixels[:, :, rows], canvas.x, canvas.y[:, rows], canvas.unit)
    width = nuisances.neck_width + 0.05 * traits.male
    flare = np.maximum(low.y - 0.7, 0)
    neck = coverage_inside(np.abs(low.x) - width - 1.6 * flare * flare, low.unit)
    low.paint(neck, palette.skin)
    shade = glow(low, 0, nuisances.chin - 0.1, 0.5, 0.36)
    low.tint(intersection(neck, shade) + 0.25 * neck, SKIN_SHADE)
    reach = 0.95 + 0.2 * traits.male
    shoulders = ellipse(low, 0, 1.36, reach, 0.58)
    collar = ellipse(low, 0, 0.80, width + 0.06, nuisances.neckline)
    shoulders *= 1 - collar
    clothes = hsv_to_rgb(
        nuisances.clothes_hue, nuisances.clothes_saturation, nuisances.clothes_value
    )
    low.paint(shoulders, clothes)
    seam = stroke(low, 0, 0.80 + nuisances.neckline, width + 0.06, -nuisances.neckline, 0.018)
    low.tint(seam * shoulders, 0.75)
