"""Rows to learn from: those whose target is known, and how much each counts."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore.tabular import _frames

Array = NDArray[Any]


class Rows(NamedTuple):
    """Encoded rows: x [n][inputs], y [n][1], weights [n] or None."""

    x: Array
    y: Array
    weights: Array | None

    def some(self, chosen: Array) -> Rows:
        """Those rows."""
        weights = None if self.weights is None else self.weights[chosen]
        return Rows(self.x[chosen], self.y[chosen], weights)


def target_of(
    table: _frames.Table, y: Any, argument: str = "y"
) -> tuple[Array, str | None]:
    """The target, a column of the table by its name or one beside it, and its name."""
    name: str | None
    if isinstance(y, str):
        if y not in table.columns:
            raise ValueError(
                f"`{argument}` must be a column, one of "
                f"{', '.join(map(repr, table.columns)):.200}. "
                f"Received: y={y!r}"
            )
        target, name = table.columns[y], y
    else:
        target, name = _frames.column_of(y, argument)
    if len(target) != table.n_rows:
        raise ValueError(
            f"`{argument}` must have a value for each of {table.n_rows} rows. "
            f"Received: {len(target)}"
        )
    if target.dtype.kind == "f" and np.isinf(target).any():
        row = int(np.argmax(np.isinf(target)))
        raise ValueError(
            f"`{argument}` must be finite. Received: {target[row]} in row {row}"
        )
    return target, name


def checked_weights(sample_weight: Any, n: int) -> Array | None:
    """A weight for each of n rows, or None."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, float).ravel()
    if len(weights) != n:
        raise ValueError(
            f"`sample_weight` must have a weight for each of {n} rows. "
            f"Received: {len(weights)}"
        )
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            "`sample_weight` must be finite and not negative. "
            f"Received: {weights[row]} in row {row}"
        )
    if not weights.any():
        raise ValueError(
            f"`sample_weight` must not be 0 everywhere. Received: {n} times 0"
        )
    return weights


def known_rows(
    columns: dict[str, Array], target: Array, weights: Array | None
) -> tuple[dict[str, Array], Array, Array | None]:
    """The rows that have a target and count; their weights are 1 on average."""
    known = ~is_missing(target)
    if not known.all():
        warnings.warn(
            f"`y` must have a value in every row: {int((~known).sum())} rows "
            "without one are left out",
            stacklevel=3,
        )
    if weights is not None:
        known &= weights > 0
        weights = weights[known]
    if not known.all():
        columns = {name: values[known] for name, values in columns.items()}
        target = target[known]
    if len(target) < 2:
        raise ValueError(
            f"`X` must have at least two rows with a target. Received: {len(target)}"
        )
    if weights is not None:
        weights = (weights / weights.mean()).astype(np.float32)
    return columns, target, weights


def is_missing(values: Array) -> Array:
    if values.dtype == object:
        return np.array([v is None for v in values.tolist()], bool)
    found: Array = values != values
    return found
