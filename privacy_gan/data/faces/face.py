"""Draw whole images of faces: each part in its place, from what is behind to what is before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from privacy_gan.data.faces import eyes, hair, mouth, scene, skin
from privacy_gan.data.faces.factors import Factors, Floats
from privacy_gan.data.faces.palette import palette_of
from privacy_gan.data.faces.pose import body_sheet, head_sheet, turned
from privacy_gan.data.faces.shapes import Sheet
from privacy_gan.data.faces.traits import traits_of


def draw_faces(factors: Factors, size: int) -> Floats:
    """Return the faces without noise as float32 [3, B, size, size], RGB around 0..1."""
    chance, traits = factors.nuisances, traits_of(factors)
    palette = palette_of(factors, traits)
    pixels = np.empty((3, len(factors.attributes), size, size), dtype=np.float32)
    body = body_sheet(pixels, chance)
    head = head_sheet(body, chance)

    scene.draw_background(pixels, chance)
    mass = hair.hair_mass(head, chance, traits)
    hair.draw_back_hair(head, mass, palette)
    scene.draw_body(body, chance, traits, palette)
    skin.draw_ears(head, chance, traits, palette)

    # The face is painted on a sheet of its own, so that nothing in it crosses its outline.
    face = Sheet(np.empty_like(pixels), head.x, head.y, head.unit)
    skin.draw_skin(face, chance, traits, palette)
    inner = turned(face, chance.yaw)
    skin.draw_cheeks(inner, chance, traits, palette)
    skin.draw_lines(inner, chance, traits)
    skin.draw_nose(inner, chance)
    eyes.draw_eyes(inner, chance, traits, palette)
    eyes.draw_brows(inner, chance, traits, palette)
    mouth.draw_mouth(inner, chance, traits, palette)
    head.paint(skin.head_outline(head, chance, traits), face.pixels)

    hair.draw_front_hair(head, mass, chance, traits, palette)
    pixels *= chance.exposure
    return pixels


def finish(
    pixels: Floats, amplitude: Floats, words: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint8]:
    """Add noise and round: uint8 [B, S, S, 3] from float32 [3, B, S, S].

    `words` are 64 random bits for each pixel, uint64 [B, S, S]: 21 for each of its channels.
    `amplitude` is the noise's greatest deviation, [B, 1, 1].
    """
    images = np.empty((*words.shape, 3), dtype=np.uint8)
    for channel, plane in enumerate(pixels):
        bits = (words >> np.uint64(21 * channel)) & np.uint64(2**21 - 1)
        noise = bits.astype(np.float32)
        noise *= 2.0**-20
        noise -= 1
        noise *= amplitude
        noise += plane
        noise *= 255
        noise += 0.5
        images[..., channel] = np.clip(noise, 0, 255, out=noise)  # to uint8 rounds down
    return images
