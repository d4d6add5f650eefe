"""Orders of blocks and rows, drawn by seed, pass and pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Orders:
    """The orders of one pass. Each can be drawn without the others.

    Args:
        seed: from 0 to 2**64 - 1.
        number: of the pass.
        is_drawn: False: everything stays in its order.
    """

    def __init__(self, seed: int, number: int, is_drawn: bool) -> None:
        self._key = np.array([seed, number], np.uint64)
        self._is_drawn = is_drawn

    def of_blocks(self, n: int) -> NDArray[Any]:
        """The blocks' numbers in their order."""
        return self._permutation(0, n) if self._is_drawn else np.arange(n)

    def of_pool(self, number: int, n: int) -> NDArray[np.uint32] | None:
        """The numbers of a pool's rows in their order; None: as they came."""
        if not self._is_drawn:
            return None
        return self._permutation(1 + number, n).astype(np.uint32)

    def _permutation(self, number: int, n: int) -> NDArray[Any]:
        counter = np.array([0, 0, 0, number], np.uint64)
        philox = np.random.Philox(key=self._key, counter=counter)
        return np.random.Generator(philox).permutation(n)
