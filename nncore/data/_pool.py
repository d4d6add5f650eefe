"""Rows that are shuffled together."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore._training import Data

Kind = tuple[tuple[int, ...], np.dtype[Any]]
_NAMES = "x", "y", "sample_weight"


def kinds(rows: Data) -> list[Kind | None]:
    """Shape of a row and dtype of x, y and the weights; None: there are none."""
    return [
        None if array is None else (array.shape[1:], array.dtype)
        for array in (rows.x, rows.y, rows.weights)
    ]


class Pool:
    """Room for rows, which are put in parts.

    Args:
        like: the `kinds` of the rows that will come.
        room: how many rows.
    """

    def __init__(self, like: list[Kind | None], room: int) -> None:
        self.arrays = [
            None if kind is None else np.empty((room, *kind[0]), kind[1])
            for kind in like
        ]
        self.room = room  # rows that still fit
        self.filled = 0

    def put(self, rows: Data) -> None:
        """Put rows; there must be room for them.

        Raises:
            ValueError: they are not like the others.
        """
        places = slice(self.filled, self.filled + len(rows))
        parts = rows.x, rows.y, rows.weights
        for name, array, part in zip(_NAMES, self.arrays, parts, strict=True):
            if (array is None) != (part is None):
                raise ValueError(
                    "Either all rows or none must have sample weights. "
                    "Received: both in one data set"
                )
            if array is None or part is None:
                continue
            if name == "y" and (0 in array.shape[1:]) != (0 in part.shape[1:]):
                raise ValueError(
                    "Either all rows or none must have targets. "
                    "Received: both in one data set"
                )
            if array.shape[1:] != part.shape[1:]:
                raise ValueError(
                    f"The rows of `{name}` must have one shape in all of a data set. "
                    f"Received: {part.shape[1:]} after {array.shape[1:]}"
                )
            array[places] = part
        self.filled += len(rows)
        self.room -= len(rows)

    def rows(self) -> Data:
        """What was put."""
        x, y, weights = (None if a is None else a[: self.filled] for a in self.arrays)
        assert x is not None
        assert y is not None
        return Data(x, y, weights)
