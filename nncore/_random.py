"""Seeds and the random numbers of starting weights.

A `Stream` is a sequence of random numbers that depends on its seed and index alone. It
takes raw 64-bit words from NumPy's Philox generator (whose output NumPy keeps fixed)
and makes the rest from + - * / and square root, so the numbers are the same bits with
every version of NumPy and on every machine.

`model_seed` says where a new model's seed comes from, first that applies:

1. `set_random_seed(n)` was called: a function of n and of how many seeds were taken.
2. `np.random.seed(...)` was called: one draw of NumPy's global generator.
3. Otherwise: fresh entropy of the operating system, asked anew each time, so forked
   workers differ. NumPy's global generator is left untouched.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from . import _checks, _counting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _FloatArray = NDArray[np.float64]


_fixed_seed: int | None = None
_seeds_taken: dict[str, int] = {}


def set_random_seed(seed: int) -> None:
    """Make everything random that follows repeatable.

    Seeds Python's `random` and NumPy's global generator, as Keras does, and makes the
    seed of every model built from now on a function of `seed` and of the number of
    models built since this call. A layer's or an initializer's own `seed=` still wins.

    Args:
        seed: An integer in [0, 2**32).

    Raises:
        ValueError: `seed` is no integer in that range.

    Examples:
        >>> import nncore
        >>> nncore.utils.set_random_seed(7)
        >>> first = nncore.initializers.GlorotUniform()((2, 3))
        >>> nncore.utils.set_random_seed(7)
        >>> bool((first == nncore.initializers.GlorotUniform()((2, 3))).all())
        True
    """
    import random

    global _fixed_seed
    number = _checks.integer("seed", seed, 0, 2**32 - 1)
    random.seed(number)
    np.random.seed(number)
    _fixed_seed = number
    _seeds_taken.clear()


def model_seed() -> int:
    """Return the seed of a new model, in [0, 2**64)."""
    if _fixed_seed is not None:
        return derive(_fixed_seed, 1 + _counting.take(_seeds_taken, "models"))
    if _numpy_was_seeded():
        return derive(int(np.random.randint(0, 2**32, dtype=np.uint32)), 0)
    return int.from_bytes(os.urandom(8), "little")


def _numpy_was_seeded() -> bool:
    from numpy.random import mtrand

    # A bit generator that made its own state remembers the SeedSequence it came from;
    # np.random.seed and RandomState(n) overwrite the state and set this to None. Draws
    # and np.random.set_state leave it alone.
    return getattr(mtrand.get_bit_generator(), "seed_seq", False) is None


def derive(seed: int, *indices: int) -> int:
    """Return a seed in [0, 2**64) that depends on `seed` and on every index.

    Examples:
        >>> derive(1, 2) == derive(1, 2), derive(1, 2) == derive(2, 1)
        (True, False)
    """
    for index in indices:
        seed = int(_philox(seed, index).random_raw())
    return seed


def _philox(seed: int, index: int) -> np.random.Philox:
    return np.random.Philox(key=np.array([seed, index], dtype=np.uint64))


class Stream:
    """Random numbers in an order that `seed` and `index` alone decide.

    A stream is meant for one call: what a second call begins with depends on how many
    numbers the first one took.

    Args:
        seed: An integer in [0, 2**64).
        index: An integer in [0, 2**64): which of the seed's independent streams.

    Examples:
        >>> Stream(1).uniform(3).round(4)
        array([0.3036, 0.8487, 0.1561])
    """

    def __init__(self, seed: int, index: int = 0) -> None:
        self._words = _philox(seed, index)

    def uniform(self, n: int) -> _FloatArray:
        """Return n float64 numbers in [0, 1), multiples of 2**-53."""
        raw: NDArray[np.uint64] = self._words.random_raw(n)
        return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, n: int) -> _FloatArray:
        """Return n float64 numbers of the standard normal distribution."""
        parts: list[_FloatArray] = []
        missing = n
        while missing > 0:
            parts.append(self._normals(missing))
            missing -= parts[-1].size
        return _first(n, parts)

    def truncated_normal(self, n: int) -> _FloatArray:
        """Return n float64 standard normal numbers, leaving out those beyond +-2."""
        parts: list[_FloatArray] = []
        missing = n
        while missing > 0:
            draw = self._normals(missing)
            parts.append(draw[(draw >= -2.0) & (draw <= 2.0)])
            missing -= parts[-1].size
        return _first(n, parts)

    def _normals(self, n: int) -> _FloatArray:
        """Return about n normal numbers; all calls together give one sequence.

        Marsaglia's polar method: for (a, b) uniform in the unit disc and
        s = a^2 + b^2, both a r and b r with r = sqrt(-2 log(s) / s).
        """
        pairs = 2.0 * self.uniform(2 * (5 * n // 8 + 8)).reshape(-1, 2) - 1.0
        s = pairs[:, 0] * pairs[:, 0] + pairs[:, 1] * pairs[:, 1]
        inside = (s < 1.0) & (s > 0.0)
        s = s[inside]
        r = np.sqrt(-2.0 * _log(s) / s)
        normals: _FloatArray = pairs[inside] * r[:, np.newaxis]
        return normals.reshape(-1)


def _first(n: int, parts: Sequence[_FloatArray]) -> _FloatArray:
    return np.concatenate([np.empty(0), *parts])[:n]


_LN2 = 0.6931471805599453


def _log(x: _FloatArray) -> _FloatArray:
    # With x = m 2^e, m in [sqrt(1/2), sqrt(2)) and f = (m - 1) / (m + 1), |f| < 0.172:
    # log x = e ln 2 + 2 (f + f^3/3 + f^5/5 + ...). The term left out is below 1e-18.
    m, e = np.frexp(x)
    small = m < 0.7071067811865476
    m = np.where(small, m + m, m)
    e = e - small
    f = (m - 1.0) / (m + 1.0)
    square = f * f
    series = np.zeros_like(f)
    for k in range(23, 0, -2):
        series = series * square + 1.0 / k
    return e * _LN2 + 2.0 * (f * series)
