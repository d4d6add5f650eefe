"""Rows that are shuffled together."""

from __future__ import annotations

import numpy as np

from nncore._training import Data


class Pool:
    """Room for rows, which are put in parts.

    Args:
        like: rows of the shapes and dtypes that will come.
        room: how many rows.
    """

    def __init__(self, like: Data, room: int) -> None:
        self.arrays = [
            None if array is None else np.empty((room, *array.shape[1:]), array.dtype)
            for array in (like.x, like.y, like.weights)
        ]
        self.room = room  # rows that still fit
        self.filled = 0

    def put(self, rows: Data) -> None:
        """Put rows; there must be room for them."""
        places = slice(self.filled, self.filled + len(rows))
        parts = rows.x, rows.y, rows.weights
        for array, part in zip(self.arrays, parts, strict=True):
            if (array is None) != (part is None):
                raise ValueError(
                    "Either all rows or none must have sample weights. "
                    "Received: both in one data set"
                )
            if array is not None:
                array[places] = part
        self.filled += len(rows)
        self.room -= len(rows)

    def rows(self) -> Data:
        """What was put."""
        x, y, weights = (None if a is None else a[: self.filled] for a in self.arrays)
        assert x is not None
        assert y is not None
        return Data(x, y, weights)
