"""Samples by stable hash: the same row is in or out, whatever other rows come, on every machine."""

import numpy as np
from numpy.typing import NDArray

from mlops.rows import Hashes, fraction

MARK = "sample "
TEST_SALT, CAP_SALT, FIRST_SALT = 0, 1, 2


def halvings(rows: int, most: int | None, samples: int = 1) -> int:
    """The smallest k for which a share of 1/2^k of `rows` is at most `most`.

    Several samples differ only where each leaves rows out, so then k is at least 1.
    """
    k = int(samples > 1)
    while most is not None and rows > most * 2**k:
        k += 1
    return k


def draw(hashes: Hashes, k: int, salt: int) -> NDArray[np.bool_]:
    """Mask of the rows in the sample of share 1/2^k under `salt`; the samples of larger k lie within."""
    return fraction(hashes, salt) < 2.0**-k
