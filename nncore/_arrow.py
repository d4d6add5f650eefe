"""Tables behind the Arrow PyCapsule interface, read without an Arrow library.

An object with ``__arrow_c_stream__`` hands out C structures whose layout the Arrow
project has fixed (its C data and C stream interfaces): a schema, then batches of
columns, each with a bitmap of what is present and one or more buffers. This module
copies the columns out and gives the structures back. It knows numbers, booleans,
texts, dates, times and dictionaries of those; nested columns are refused by name.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_NUMBERS = {
    "c": "i1",
    "C": "u1",
    "s": "i2",
    "S": "u2",
    "i": "i4",
    "I": "u4",
    "l": "i8",
    "L": "u8",
    "e": "f2",
    "f": "f4",
    "g": "f8",
}
_TEXTS = {"u": "i4", "U": "i8"}
# Days or ticks since 1970, how many bytes each has.
_DATES = {
    "tdD": ("i4", "D"),
    "tdm": ("i8", "ms"),
    "tss": ("i8", "s"),
    "tsm": ("i8", "ms"),
    "tsu": ("i8", "us"),
    "tsn": ("i8", "ns"),
}
_SHORT_TEXT = 12


class _Schema(ctypes.Structure):
    pass


class _Array(ctypes.Structure):
    pass


class _Stream(ctypes.Structure):
    pass


_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.POINTER(_Schema)),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Schema))),
    ("private_data", ctypes.c_void_p),
]
_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.POINTER(_Array)),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Array))),
    ("private_data", ctypes.c_void_p),
]
_Stream._fields_ = [
    (
        "get_schema",
        ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Schema)
        ),
    ),
    (
        "get_next",
        ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Array)),
    ),
    (
        "get_last_error",
        ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(_Stream)),
    ),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Stream))),
    ("private_data", ctypes.c_void_p),
]


class Column(np.ndarray[Any, np.dtype[Any]]):
    """A column with its name."""

    name: str | None = None


class Frame:
    """Columns with names: what other modules ask of a frame, and no more.

    Attributes:
        columns: the names.
        dtypes: of the columns.
        shape: rows and columns.
    """

    def __init__(self, columns: list[tuple[str, Array]], n_rows: int) -> None:
        """See the class."""
        self.columns = [name for name, _ in columns]
        self._columns = [values for _, values in columns]
        self.dtypes = [column.dtype for column in self._columns]
        self.shape = (n_rows, len(columns))

    def __len__(self) -> int:
        """The number of rows."""
        return self.shape[0]

    def to_numpy(self) -> Array:
        """Return all values, as they are, in one array."""
        values = np.empty(self.shape, object)
        for place, column in enumerate(self._columns):
            values[:, place] = column
        return values

    def __getitem__(self, place: tuple[slice, int]) -> Column:
        """A column by its place."""
        rows, k = place
        column = self._columns[k][rows].view(Column)
        column.name = self.columns[k]
        return column


def has_stream(data: Any) -> bool:
    """Whether `read` can read it."""
    return hasattr(data, "__arrow_c_stream__")


def read(data: Any) -> Frame | Array:
    """Return a table's columns, or one column's values.

    Numbers keep their dtype; where values are missing they become floats with NaN,
    texts have None, dates NaT. Times with a zone are UTC.

    Args:
        data: anything with ``__arrow_c_stream__``.

    Raises:
        TypeError: a column is of a kind that has no place in a NumPy array.
        RuntimeError: the stream reports an error.
    """
    capsule = data.__arrow_c_stream__()
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    stream = ctypes.cast(get(capsule, b"arrow_array_stream"), ctypes.POINTER(_Stream))
    schema = _Schema()
    _check(stream, stream.contents.get_schema(stream, ctypes.byref(schema)))
    try:
        is_table = schema.format == b"+s"
        kinds = (
            [schema.children[k].contents for k in range(schema.n_children)]
            if is_table
            else [schema]
        )
        parts: list[list[Array]] = [[] for _ in kinds]
        n_rows = 0
        for batch in _batches(stream):
            n_rows += batch.length
            for k, kind in enumerate(kinds):
                column = batch.children[k].contents if is_table else batch
                start = batch.offset if is_table else 0
                parts[k].append(_values(kind, column, start, batch.length))
        columns = [
            ((kind.name or b"").decode(), _joined(found))
            for kind, found in zip(kinds, parts, strict=True)
        ]
    finally:
        schema.release(ctypes.byref(schema))
    return Frame(columns, n_rows) if is_table else columns[0][1]


def _check(stream: Any, status: int) -> None:
    if status:
        said = stream.contents.get_last_error(stream)
        raise RuntimeError(
            f"The Arrow stream must give its data. Received: error {status}, "
            f"{(said or b'').decode('utf-8', 'replace')}"
        )


def _batches(stream: Any) -> Iterator[Any]:
    """Each batch, given back when the next one is asked for."""
    while True:
        batch = _Array()
        _check(stream, stream.contents.get_next(stream, ctypes.byref(batch)))
        if not batch.release:
            return
        try:
            yield batch
        finally:
            batch.release(ctypes.byref(batch))


def _joined(parts: list[Array]) -> Array:
    return np.concatenate(parts) if parts else np.empty(0)


def _values(kind: Any, column: Any, start: int, length: int) -> Array:
    """The values of rows `start` to `start + length` of a column, copied."""
    first = column.offset + start
    word = kind.format.decode()
    present = _present(column, first, length)
    if kind.dictionary:
        codes = _buffer(column, 1, np.dtype(_NUMBERS[word]), first, length)
        levels = column.dictionary.contents
        table = _values(kind.dictionary.contents, levels, 0, levels.length)
        safe = codes if present is None else np.where(present, codes, 0)
        values = table[safe] if len(table) else np.full(length, None, object)
        return _with_gaps(values, present)
    if word == "n":
        return np.full(length, math.nan)
    if word == "b":
        bits = _bits(column.buffers[1], first, length)
        return _with_gaps(bits, present)
    if word in _NUMBERS:
        found = _buffer(column, 1, np.dtype(_NUMBERS[word]), first, length).copy()
        return _with_gaps(found, present)
    date = _DATES.get(re.sub(r":.*$", "", word))
    if date is not None:
        ticks = _buffer(column, 1, np.dtype(date[0]), first, length).astype(np.int64)
        return _with_gaps(ticks.view(f"datetime64[{date[1]}]"), present)
    if word in _TEXTS:
        return _texts(column, np.dtype(_TEXTS[word]), first, length, present)
    if word == "vu":
        return _viewed_texts(column, first, length, present)
    raise TypeError(
        "A column must hold numbers, booleans, texts, dates or times. Received: "
        f"column {(kind.name or b'').decode()!r} of Arrow's format {word!r}"
    )


def _buffer(column: Any, place: int, dtype: np.dtype[Any], first: int, n: int) -> Array:
    """A view of `n` values of a buffer from the `first` one on."""
    address = column.buffers[place]
    if not n or not address:
        return np.zeros(n, dtype)
    size = n * dtype.itemsize
    memory: Any = (ctypes.c_char * size).from_address(address + first * dtype.itemsize)
    return np.frombuffer(memory, dtype)


def _bits(address: int, first: int, n: int) -> Array:
    if not n:
        return np.zeros(0, bool)
    size = (first % 8 + n + 7) // 8
    memory: Any = (ctypes.c_char * size).from_address(address + first // 8)
    bits = np.unpackbits(np.frombuffer(memory, np.uint8), bitorder="little")
    found: Array = bits[first % 8 : first % 8 + n].astype(bool)
    return found


def _present(column: Any, first: int, n: int) -> Array | None:
    """Which rows have a value; None: all."""
    if column.null_count == 0 or not column.n_buffers or not column.buffers[0]:
        return None
    bits = _bits(column.buffers[0], first, n)
    return None if bits.all() else bits


def _with_gaps(values: Array, present: Array | None) -> Array:
    if present is None:
        return values
    if values.dtype.kind in "biu":
        values = values.astype(np.float64)
    gap: Any = {"f": math.nan, "M": "NaT"}.get(values.dtype.kind)
    values[~present] = gap
    return values


def _texts(
    column: Any, dtype: np.dtype[Any], first: int, n: int, present: Array | None
) -> Array:
    """Texts that stand one behind the other, with an array of where each begins."""
    ends = _buffer(column, 1, dtype, first, n + 1 if n else 0).tolist()
    found = np.full(n, None, object)
    if n and ends[-1] > ends[0]:
        size = ends[-1] - ends[0]
        data = ctypes.string_at(column.buffers[2] + ends[0], size)
    else:
        data = b""
    for row in range(n):
        if present is None or present[row]:
            begin, end = ends[row] - ends[0], ends[row + 1] - ends[0]
            found[row] = data[begin:end].decode()
    return found


def _viewed_texts(column: Any, first: int, n: int, present: Array | None) -> Array:
    """Texts of 16 bytes each: all of a short one, or where a long one stands."""
    views = _buffer(column, 1, np.dtype("V16"), first, n).tobytes()
    found = np.full(n, None, object)
    for row in range(n):
        if present is not None and not present[row]:
            continue
        view = views[16 * row : 16 * row + 16]
        length = int.from_bytes(view[:4], "little", signed=True)
        if length <= _SHORT_TEXT:
            found[row] = view[4 : 4 + length].decode()
            continue
        place = int.from_bytes(view[8:12], "little", signed=True)
        begin = int.from_bytes(view[12:16], "little", signed=True)
        address = column.buffers[2 + place] + begin
        found[row] = ctypes.string_at(address, length).decode()
    return found
