"""A secret with which each photograph is always censored in the same way.

Without one, a photograph that is censored twice is censored with other random numbers, and both
results together tell more than one. The random numbers depend on the salt and on the photograph's
pixels at the mechanism's size. Anyone who knows the salt knows them: it must stay secret, and is
not part of an exported mechanism.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from privacy_gan.errors import UserError
from privacy_gan.release.censoring import Pixels

SIZE = 32  # bytes


def load_salt(path: Path) -> bytes:
    """Return the salt in a file, which is made first if it is missing, for its owner only.

    Raises:
        UserError: the file has no salt, or cannot be read or made.
    """
    try:
        if not path.exists():
            make_salt(path)
        salt = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise UserError(
            f"salt={path} cannot be read or made ({error.strerror}): choose another file"
        ) from error
    except ValueError:
        salt = b""
    if len(salt) != SIZE:
        raise UserError(
            f"salt={path} has no salt, which is {2 * SIZE} hexadecimal digits: name a file that "
            "does not exist, in which one is made"
        )
    return salt


def make_salt(path: Path) -> None:
    """Write a new salt, for its owner only, unless another process does so at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = mkstemp(dir=path.parent)  # readable for its owner only
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_hex(SIZE)}\n")
        with suppress(FileExistsError):
            os.link(temporary, path)  # complete, and never over the other one
    finally:
        Path(temporary).unlink()


def salted_seed(salt: bytes) -> Callable[[Pixels], int]:
    """Return a function from an image's pixels, uint8 [S, S, 3], to the seed of its randomness."""

    def seed(pixels: Pixels) -> int:
        digest = hashlib.blake2b(pixels.tobytes(), digest_size=8, key=salt)
        return int.from_bytes(digest.digest()) >> 1

    return seed
