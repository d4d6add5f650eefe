"""Rows that are shuffled together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._training import Data

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Pool:
    """Room for rows, which are put in parts.

    Args:
        like: rows of the shapes and dtypes that will come.
        room: how many rows.
        order: the place of each row; None: as they come.
    """

    def __init__(self, like: Data, room: int, order: NDArray[Any] | None) -> None:
        self.arrays = [
            None if array is None else np.empty((room, *array.shape[1:]), array.dtype)
            for array in (like.x, like.y, like.weights)
        ]
        self.order = order
        self.room = room  # rows that still fit
        self.filled = 0

    def put(self, rows: Data) -> None:
        """Put rows; there must be room for them."""
        first, self.filled = self.filled, self.filled + len(rows)
        self.room -= len(rows)
        places: Any = slice(first, self.filled)
        if self.order is not None:
            places = self.order[places]
        parts = rows.x, rows.y, rows.weights
        for array, part in zip(self.arrays, parts, strict=True):
            if (array is None) != (part is None):
                raise ValueError(
                    "Either all rows or none must have sample weights. "
                    "Received: both in one data set"
                )
            if array is not None:
                array[places] = part

    def rows(self) -> Data:
        """What was put, in its order."""
        arrays = self.arrays
        if self.room and self.order is not None:
            chosen = np.sort(self.order[: self.filled])
            arrays = [None if a is None else a[chosen] for a in arrays]
        x, y, weights = (None if a is None else a[: self.filled] for a in arrays)
        assert x is not None
        assert y is not None
        return Data(x, y, weights)
