"""Sets persons of the training split aside, for a certificate from their images."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import numpy.typing as npt

from privacy_gan.data.persons import number_persons
from privacy_gan.errors import UserError

SEED = 0  # the same persons for every run, so that runs share what is computed on the others


def check_share(share: float) -> None:
    """Check a share of persons.

    Raises:
        UserError: it is out of range.
    """
    if not 0 <= share < 1:
        raise UserError(
            f"data.certify={share} must be at least 0 and below 1: it is the share of the training "
            "persons whose images are kept for the certificate"
        )


def set_aside(
    rows: npt.NDArray[np.int64], persons: npt.ArrayLike, share: float
) -> npt.NDArray[np.int64]:
    """Return the rows of persons who are chosen at random.

    Args:
        rows: table rows of the training images, [N].
        persons: the person in each of them, [N].
        share: share of the persons, in [0, 1); rounded up.
    """
    ids = np.unique(persons)
    chosen = np.random.default_rng(SEED).permutation(ids)[: math.ceil(share * len(ids))]
    return rows[np.isin(persons, chosen)]


def key_with_persons(content_key: str, persons: npt.ArrayLike | None, share: float) -> str:
    """Return a hash of a data set's content and of the persons who are set aside.

    Args:
        content_key: of the data set.
        persons: the person in each image, [N]; None if unknown.
        share: share of the persons; with 0, the key is the content key.
    """
    if not share:
        return content_key
    digest = hashlib.sha256(f"{content_key} {share}".encode())
    if persons is not None:
        digest.update(number_persons(persons).tobytes())
    return digest.hexdigest()[:16]
