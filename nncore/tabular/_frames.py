"""Any table as columns of NumPy, and answers as a table of the same kind.

A column becomes float64 (NaN for missing), datetime64 (NaT) or object (strings, None);
durations, and times of a day, are numbers of seconds. Integers of 64 bits are objects
where float64 would make one of two.
Frames are recognised by what they offer; pandas and polars are imported only to give
an answer in their kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, time, timedelta
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore import _arrow

Array = NDArray[Any]


class Table(NamedTuple):
    """Columns by name, and what is needed to answer in kind.

    Attributes:
        columns: name to array (n,) of float64, datetime64[us] or object.
        n_rows: their length.
        kind: "pandas", "polars" or "numpy".
        categories: columns whose dtype says so, if their categories are numbers too.
        index: labels of the rows of a pandas frame, else None.
    """

    columns: dict[str, Array]
    n_rows: int
    kind: str
    index: Any
    categories: frozenset[str] = frozenset()


def table_of(data: Any, name: str = "X") -> Table:
    """Return data as a table.

    Args:
        data: a frame of pandas or polars; anything with the Arrow PyCapsule interface;
            a dict from names to columns; an array (n, columns), whose columns are
            called "x0", "x1", ...
        name: what messages call the data.

    Raises:
        TypeError: `data` is nothing of these.
        ValueError: two columns have one name, or lengths differ.
    """
    if isinstance(data, Mapping):
        names = [str(key) for key in data]
        _check_names(names, name)
        values = map(_from_any, data.values())
        return _from_columns(dict(zip(names, values, strict=True)), name)
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        names = [str(column) for column in data.columns]
        _check_names(names, name)
        columns = {
            key: _from_pandas(data.iloc[:, place]) for place, key in enumerate(names)
        }
        categories = frozenset(
            key
            for key, dtype in zip(names, data.dtypes, strict=True)
            if hasattr(dtype, "categories")
        )
        return Table(columns, len(data), "pandas", data.index, categories)
    if hasattr(data, "get_columns") and hasattr(data, "height"):
        columns = {str(c.name): _from_polars(c) for c in data.get_columns()}
        return Table(columns, int(data.height), "polars", None)
    if _arrow.has_stream(data):
        frame = _arrow.read(data)
        if not isinstance(frame, _arrow.Frame):
            raise TypeError(f"`{name}` must be a table. Received: one Arrow column")
        _check_names(frame.columns, name)
        columns = {
            key: _from_any(np.asarray(frame[:, place]))
            for place, key in enumerate(frame.columns)
        }
        return Table(columns, len(frame), "numpy", None)
    array = np.asarray(data)
    if array.ndim != 2:
        raise TypeError(
            f"`{name}` must be a frame, a dict of columns or an array (n, columns). "
            f"Received: {type(data).__name__} of shape {array.shape}"
        )
    columns = {f"x{k}": _from_any(array[:, k]) for k in range(array.shape[1])}
    return Table(columns, len(array), "numpy", None)


def column_of(data: Any, name: str = "y") -> tuple[Array, str | None]:
    """Return one column, a Series or array (n,) or (n, 1), and its name if it has one.

    Raises:
        ValueError: there are several columns.
    """
    label = getattr(data, "name", None)
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        if data.shape[1] != 1:
            raise ValueError(
                f"`{name}` must be one column. Received: {data.shape[1]} columns"
            )
        return column_of(data.iloc[:, 0], name)
    if hasattr(data, "to_series") and hasattr(data, "dtype"):
        data = data.to_series()  # An index of pandas.
    if hasattr(data, "iloc"):
        return _from_pandas(data), None if label is None else str(label)
    if hasattr(getattr(data, "dtype", None), "is_numeric"):
        return _from_polars(data), None if not label else str(label)
    if _arrow.has_stream(data):
        data = _arrow.read(data)
    array = _as_array(data)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"`{name}` must be one column. Received: shape {array.shape}")
    return _from_any(array), None


def column_named(data: Any, name: str) -> Any:
    """Return a column of a frame or dict as it was given, under the name of `table_of`.

    Args:
        data: as for `table_of`, with columns that have names.
        name: of a column that there is.
    """
    if isinstance(data, Mapping) or hasattr(data, "iloc"):
        # Labels may be numbers.
        return data[next(label for label in data.keys() if str(label) == name)]  # noqa: SIM118
    return data[name]


def is_boolean(data: Any) -> bool:
    """Whether what is known of a column, which becomes numbers, is True and False."""
    if hasattr(data, "dropna"):
        data = data.dropna()
    values = np.asarray(data, object).ravel().tolist()
    kinds = {type(v) for v in values if v is not None and v == v}
    return bool(kinds) and kinds <= {bool, np.bool_}


def integers(values: list[int]) -> Array:
    """Return int64, or uint64; float64 for what has no place in them.

    NumPy alone makes floats of [5, 2**63].
    """
    low, high = min(values), max(values)
    if low >= 0 and 2**63 <= high < 2**64:
        return np.array(values, np.uint64)
    fits = low >= -(2**63) and high < 2**63
    return np.array(values, np.int64 if fits else float)


def answer_in_kind(columns: dict[str, Array], like: Table) -> Any:
    """Return columns as a frame of the kind that was given; arrays as a dict."""
    if like.kind == "pandas":
        return import_module("pandas").DataFrame(columns, index=like.index)
    if like.kind == "polars":
        return import_module("polars").DataFrame(
            {k: v.tolist() if v.dtype == object else v for k, v in columns.items()}
        )
    return columns


def _from_columns(columns: dict[str, Array], name: str) -> Table:
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise ValueError(
            f"`{name}` must have columns of one length. "
            f"Received: {', '.join(f'{k!r}: {len(v)}' for k, v in columns.items())}"
        )
    return Table(columns, lengths.pop() if lengths else 0, "numpy", None)


def _check_names(names: list[str], name: str) -> None:
    repeated = sorted({key for key in names if names.count(key) > 1})
    if repeated:
        raise ValueError(
            f"`{name}` must have a name of its own for each column. "
            f"Received: {', '.join(map(repr, repeated))} more than once"
        )


def _from_pandas(series: Any) -> Array:
    dtype = series.dtype
    kind = getattr(dtype, "kind", "O")
    if hasattr(dtype, "tz") and kind == "M":
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        kind = "M"
    if str(dtype).startswith("period"):
        series, kind = series.dt.to_timestamp(), "M"
    if kind == "M":
        return np.asarray(series.to_numpy(dtype="datetime64[us]"))
    if kind == "m":
        return _from_any(series.to_numpy())
    if kind in "biuf" and not hasattr(dtype, "categories"):
        numbers = np.asarray(series.to_numpy(dtype=float, na_value=math.nan))
        if kind not in "iu" or not _is_wide(numbers):
            return numbers
    missing = np.asarray(series.isna())
    values = series.astype(object).to_numpy(copy=True)
    values[missing] = None
    return _settled(values)


def _from_polars(series: Any) -> Array:
    dtype = series.dtype
    if dtype.is_numeric() or str(dtype) == "Boolean":
        found: Array = series.cast(import_module("polars").Float64).to_numpy()
        if not dtype.is_integer() or not _is_wide(found):
            return found
    if str(dtype) == "Date" or str(dtype).startswith("Datetime"):
        return np.asarray(series.to_numpy()).astype("datetime64[us]")
    if str(dtype).startswith("Duration"):
        return _from_any(series.to_numpy())
    values = np.empty(len(series), object)
    values[:] = series.to_list()
    return _settled(values)


def _from_any(values: Any) -> Array:
    if hasattr(values, "iloc"):
        return _from_pandas(values)
    array = _as_array(values)
    if array.dtype.kind in "biuf":
        numbers = array.astype(float)
        if array.dtype.kind not in "iu" or not _is_wide(numbers):
            return numbers
    if array.dtype.kind == "M":
        return array.astype("datetime64[us]")
    if array.dtype.kind == "m":
        return np.where(np.isnat(array), math.nan, array / np.timedelta64(1, "s"))
    return _settled(array.astype(object))


def _settled(values: Array) -> Array:
    """Objects as strings and None; as numbers or dates if that is what all are."""
    kept: type = str
    held = [None if v is None or v != v else v for v in values.tolist()]
    kinds = {type(v) for v in held if v is not None}
    if kinds and all(issubclass(k, (bool, int, float, np.number)) for k in kinds):
        numbers = np.array([math.nan if v is None else float(v) for v in held])
        is_whole = all(issubclass(k, (int, np.integer)) for k in kinds)
        if not is_whole or not _is_wide(numbers):
            return numbers
        known = [int(v) for v in held if v is not None]
        kept = int if integers(known).dtype.kind in "iu" else str
    if kinds and all(hasattr(k, "isoformat") and hasattr(k, "year") for k in kinds):
        return np.array([_moment(v) for v in held], "datetime64[us]")
    if kinds and all(issubclass(k, (time, timedelta)) for k in kinds):
        return np.array([_seconds(v) for v in held])
    found = np.empty(len(held), object)
    found[:] = [None if v is None else kept(v) for v in held]
    return found


def _as_array(values: Any) -> Array:
    array = np.asarray(values)
    # NumPy makes floats of [5, 2**63].
    is_made = array.dtype.kind == "f" and not hasattr(values, "dtype")
    return np.asarray(values, object) if is_made and _is_wide(array) else array


def _is_wide(numbers: Array) -> bool:
    """Whether integers, here as floats, may be others than they were."""
    return bool((np.abs(numbers) >= 2**53).any())


def _seconds(value: Any) -> float:
    """A duration, or a time since midnight."""
    if value is None:
        return math.nan
    if isinstance(value, timedelta):
        return value.total_seconds()
    minutes = 60 * value.hour + value.minute
    return float(60 * minutes + value.second + value.microsecond / 1e6)


def _moment(value: Any) -> Any:
    """A date or time of Python; times of a zone as UTC."""
    if value is None:
        return np.datetime64("NaT")
    if getattr(value, "tzinfo", None) is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(value.isoformat(), "us")
