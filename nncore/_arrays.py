"""The only conversion: whatever a person calls data becomes rows the core can read.

Inputs, targets and weights come as arrays, lists, frames or memory maps. They leave as
NumPy arrays of the model's dtype whose last axis is contiguous; an array that is so
already is returned as it is, never copied. Everything else is converted a block of rows
at a time into the result, so nothing as large as the data is allocated besides it.
What cannot be a number is refused here with its place: row and column, or, for a frame,
the column's name and the index label.

Frames are recognised by what they offer (``columns``, ``dtypes``), so pandas is not
imported, and other frame libraries with the same attributes work; so does whatever has
Arrow's PyCapsule interface, read by `_arrow`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nncore.layers.preprocessing import as_values as values_of

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[Any]


# Bytes of result written, or of array checked, at a time: source and result together
# stay in a core's second-level cache.
_BLOCK = 1 << 18

# How many names or values a message lists before it says how many more there are.
_SHOWN = 8


def unwrapped(x: Any) -> Any:
    """Return data as it is, or the frame or column behind Arrow's PyCapsule interface.

    Frames and columns of pandas and polars, which have that interface as well, stay.

    Args:
        x: Any data.
    """
    if isinstance(x, np.ndarray) or not hasattr(x, "__arrow_c_stream__"):
        return x
    if hasattr(x, "iloc") or hasattr(x, "get_columns") or _is_column(x):
        return x
    # Few need it, and ctypes takes a while to import.
    from nncore import _arrow

    return _arrow.read(x)


# ---- Inputs ------------------------------------------------------------------------


def as_inputs(
    x: Any,
    shape: Sequence[int],
    dtype: DTypeLike,
    *,
    name: str = "x",
    layer: str | None = None,
    columns: tuple[Any, ...] | None = None,
) -> Array:
    """Return inputs as rows of numbers that the core can read.

    Args:
        x: Data of shape ``(n, *shape)``: an array, nested lists, a frame, a memory map
            or anything with ``__array__``. For ``shape == (1,)`` also ``(n,)``.
        shape: The model's input shape without the batch axis, e.g. ``(8,)``.
        dtype: float32 or float64.
        name: What messages call the data.
        layer: Name of the layer that takes the data, for messages.
        columns: Column names that the model was fitted with. A frame must have the
            same in the same order; data without names is not compared.

    Returns:
        Array of shape ``(n, prod(shape))`` whose last axis is contiguous; rows may be
        further apart than they are long. It is a view of ``x`` if no conversion is
        needed, and then read-only if ``x`` is.

    Raises:
        TypeError: If ``x`` is not array-like.
        ValueError: If its rank, number of columns, column names or values do not fit.

    Example:
        >>> as_inputs([[0, 1], [1, 1]], (2,), "float32")
        array([[0., 1.],
               [1., 1.]], dtype=float32)
    """
    dtype = np.dtype(dtype)
    shape = tuple(shape)
    if (
        type(x) is np.ndarray
        and x.dtype == dtype
        and x.ndim == 2
        and x.shape[1:] == shape
        and x.flags.c_contiguous
        and x.flags.aligned
    ):
        return x
    x = _single(x, len(shape) + 1)
    check_columns(columns, column_names(x), name=name)
    if _is_frame(x):
        _check_input_shape(tuple(x.shape), shape, name, layer)
        return _frame_rows(x, dtype, name)
    array = _as_array(x, name)
    if array.ndim == 1 and shape == (1,):
        array = array[:, np.newaxis]
    _check_input_shape(array.shape, shape, name, layer)
    return _as_rows(array, dtype)


def in_place(
    x: Any,
    shape: Sequence[int],
    dtype: DTypeLike,
    *,
    name: str,
    front: tuple[int, ...] | None = None,
) -> Array:
    """Return an array as rows where it lies: what is written to them stands in it.

    Args:
        x: Array of shape ``shape``, one row, or ``(n, *shape)``.
        shape: Shape of one row.
        dtype: float32 or float64, which the array must have.
        name: What messages call it.
        front: The axes before those of a row, ``()`` or ``(n,)``; None: either.

    Returns:
        View of shape ``(n, prod(shape))`` whose last axis is contiguous.

    Raises:
        TypeError: If ``x`` is no array.
        ValueError: If its dtype or shape is another, or its rows are not contiguous.

    Example:
        >>> a = np.zeros(2)
        >>> in_place(a, (2,), "float64", name="x")[0, 1] = 1.0
        >>> a
        array([0., 1.])
    """
    dtype, shape = np.dtype(dtype), tuple(shape)
    if not isinstance(x, np.ndarray) or hasattr(x, "mask"):
        raise TypeError(
            f"`{name}` must be a plain array, which is used where it lies. "
            f"Received: an object of type {type(x).__name__}"
        )
    axes = x.shape[: max(0, x.ndim - len(shape))]
    if x.shape != (*axes, *shape) or len(axes) > 1 or front not in (None, axes):
        fronts = [("n",), ()] if front is None else [front]
        wanted = " or ".join(str((*some, *shape)).replace("'", "") for some in fronts)
        raise ValueError(
            f"`{name}` must have shape {wanted}. Received: shape {x.shape}"
        )
    if x.dtype != dtype:
        raise ValueError(
            f"`{name}` must have dtype {dtype}, as the model has. "
            f"Received: dtype {x.dtype}"
        )
    array = np.asarray(x if axes else x[np.newaxis])
    if not _are_rows(array):
        raise ValueError(
            f"`{name}` must be aligned and have the numbers of a row side by side. "
            f"Received: strides {x.strides}"
        )
    return array.reshape(len(array), math.prod(shape))


def as_values(
    x: Any,
    shape: Sequence[int],
    *,
    name: str = "x",
    layer: str | None = None,
    columns: tuple[Any, ...] | None = None,
) -> Array:
    """Return inputs that need not be real numbers: text, or numbers as they came.

    Args:
        x: As for `as_inputs`; values may be text. For ``shape == (1,)`` also ``(n,)``.
        shape: As for `as_inputs`.
        name: As for `as_inputs`.
        layer: As for `as_inputs`.
        columns: As for `as_inputs`.

    Returns:
        Array of shape ``(n, prod(shape))``.

    Raises:
        ValueError: If its shape or column names do not fit, or a value is missing.

    Example:
        >>> as_values(["a", "b"], (1,))
        array([['a'],
               ['b']], dtype='<U1')
    """
    x = _single(x, len(shape) + 1)
    check_columns(columns, column_names(x), name=name)
    array = values_of(x, layer or name)
    if array.ndim == 1 and tuple(shape) == (1,):
        array = array[:, np.newaxis]
    _check_input_shape(array.shape, tuple(shape), name, layer)
    return array.reshape(len(array), math.prod(shape))


def input_shape(
    x: Any, *, name: str = "x", takes_text: bool = False
) -> tuple[int, ...]:
    """Return the input shape that data asks for, without the batch axis.

    A model that was not told its input shape is built from its first data.

    Args:
        x: Data of shape ``(n, *shape)``; a single named column has the shape ``(1,)``.
        name: What messages call the data.
        takes_text: Whether values need not be real numbers; then ``(n,)`` is a column.

    Returns:
        ``shape``, at least one number, each positive.

    Raises:
        TypeError: If ``x`` is not array-like.
        ValueError: If ``x`` has no axis besides the rows, or one of length 0.
    """
    x = _single(x, 2)
    if _is_column(x) and hasattr(x, "name"):
        return (1,)
    if takes_text and not _is_frame(x):
        got = np.shape(x)
        got = (*got, 1) if len(got) == 1 else got
    else:
        got = tuple(x.shape) if _is_frame(x) else _as_array(x, name).shape
    if len(got) < 2 or 0 in got[1:]:
        hint = (
            f"; {_variable(name)}.reshape(-1, 1) makes rows of one number each, "
            f"{_variable(name)}.reshape(1, -1) makes a single row"
            if len(got) == 1
            else ""
        )
        raise ValueError(
            f"`{name}` must have rows and columns, shape (n, columns). "
            f"Received: shape {got}{hint}"
        )
    return tuple(int(size) for size in got[1:])


def _check_input_shape(
    got: tuple[int, ...], shape: tuple[int, ...], name: str, layer: str | None
) -> None:
    if len(got) == len(shape) + 1 and got[1:] == shape:
        return
    wanted = "(n, " + ", ".join(map(str, shape)) + ")"
    by = f" for layer {layer!r}" if layer else ""
    hint = ""
    if got == shape:
        hint = f"; for a single row, give {_variable(name)}.reshape{(1, *shape)}"
    elif len(got) != len(shape) + 1 and math.prod(got[1:]) == math.prod(shape):
        sizes = ", ".join(map(str, (-1, *shape)))
        hint = f"; {_variable(name)}.reshape({sizes}) would fit"
    raise ValueError(
        f"`{name}` must have shape {wanted}{by}. Received: shape {got}{hint}"
    )


def column_names(x: Any) -> tuple[Any, ...] | None:
    """Return a frame's column names.

    Args:
        x: Any data.

    Returns:
        The names in order; ``None`` if ``x`` has none, or only the numbers 0, 1, 2, ...
        that a frame gives itself.
    """
    if _is_frame(x):
        names = tuple(x.columns)
    elif _is_column(x) and getattr(x, "name", None) not in (None, ""):
        names = (x.name,)
    else:
        return None
    return None if names == tuple(range(len(names))) else names


def check_columns(
    expected: tuple[Any, ...] | None,
    got: tuple[Any, ...] | None,
    *,
    name: str = "x",
) -> None:
    """Raise if a frame's columns are not those that a model was fitted with.

    Args:
        expected: Names at fitting; ``None`` if there were none.
        got: Names now; ``None`` if there are none.
        name: What the message calls the data.

    Raises:
        ValueError: If both are given and differ; the differences are listed.
    """
    if expected is None or got is None or expected == got:
        return
    missing = [column for column in expected if column not in got]
    unknown = [column for column in got if column not in expected]
    differences = []
    if missing:
        differences.append(f"missing {_listed(missing)}")
    if unknown:
        differences.append(f"unexpected {_listed(unknown)}")
    if not differences and len(expected) != len(got):
        repeated = sorted({str(c) for c in got if got.count(c) != expected.count(c)})
        differences.append(f"repeated {_listed(repeated)}")
    if not differences:
        moved = [
            f"{found!r} where {wanted!r} was (column {position})"
            for position, (wanted, found) in enumerate(zip(expected, got, strict=True))
            if wanted != found
        ]
        differences.append("another order: " + _joined(moved))
    raise ValueError(
        f"`{name}` must have the columns that the model was fitted with, in the same "
        f"order. Received: {'; '.join(differences)}"
    )


# ---- Targets -----------------------------------------------------------------------


def as_targets(
    y: Any,
    n_rows: int,
    n_columns: int | None,
    dtype: DTypeLike,
    *,
    sparse: bool = False,
    n_classes: int | None = None,
    ignored: int | None = None,
    layer: str | None = None,
    loss: str | None = None,
    name: str = "y",
) -> Array:
    """Return targets as rows of numbers, one row for each row of inputs.

    Nothing is broadcast: targets have the output's shape, but for ``(n,)``, which
    stands for ``(n, 1)``.

    Args:
        y: Data of shape ``(n_rows, n_columns)``, for one column also ``(n_rows,)``.
        n_rows: Rows of the inputs.
        n_columns: Columns of the output; for ``sparse``, 1; ``None``: any number.
        dtype: float32 or float64.
        sparse: Whether targets are class labels 0, 1, ..., one per row.
        n_classes: Number of classes, the output's columns, to check labels against;
            needed if ``sparse``.
        ignored: A label that is allowed though it is no class.
        layer: Name of the layer that gives the output, for messages.
        loss: Name of the loss, for messages.
        name: What messages call the data.

    Returns:
        Array of shape ``(n_rows, n_columns)`` whose last axis is contiguous, a view if
        no conversion is needed.

    Raises:
        TypeError: If ``y`` is not array-like.
        ValueError: If rows or columns do not fit, a value is not a number, or a label
            is not one of the classes.

    Example:
        >>> as_targets([0, 1, 1], 3, 1, "float32")
        array([[0.],
               [1.],
               [1.]], dtype=float32)
    """
    dtype = np.dtype(dtype)
    if n_rows > 1:
        y = _single(_single(y, 1), 2)
    frame = _is_frame(y)
    array: Array | None = None if frame else _as_array(y, name)
    got = tuple(y.shape) if array is None else array.shape
    if not got or got[0] != n_rows:
        _raise_lengths(got, n_rows, n_columns, name)
    if n_columns is None:
        n_columns = math.prod(got[1:])
        got = n_rows, n_columns
    if sparse:
        n_columns = 1
    if got[1:] != (n_columns,) and (got[1:] != () or n_columns != 1):
        _raise_target_shape(
            y if array is None else array, got, n_columns, sparse, layer, loss, name
        )
    if array is None:
        rows = _frame_rows(y, dtype, name)
    else:
        rows = _as_rows(array.reshape(n_rows, n_columns), dtype)
    if sparse:
        _check_labels(rows, n_classes, ignored, layer, loss, name)
    return rows


def _raise_lengths(
    got: tuple[int, ...], n_rows: int, n_columns: int | None, name: str
) -> None:
    if not got:
        raise ValueError(
            f"`{name}` must have one row for each of the {n_rows} rows of inputs. "
            "Received: a single value"
        )
    hint = ""
    if got == (1, n_rows) and n_columns == 1:
        hint = f"; {_variable(name)}.reshape(-1, 1) would fit"
    inputs = name.removesuffix("y") + "x"
    raise ValueError(
        f"`{inputs}` and `{name}` must have the same number of rows. "
        f"Received: {inputs} with {n_rows}, {name} with {got[0]} (shape {got}){hint}"
    )


def _raise_target_shape(
    y: Any,
    got: tuple[int, ...],
    n_columns: int,
    sparse: bool,
    layer: str | None,
    loss: str | None,
    name: str,
) -> None:
    crossentropy = loss is None or "crossentropy" in loss
    if sparse:
        raise ValueError(
            f"`{name}` must hold one class label per row, shape ({got[0]},), for "
            f"{loss or 'sparse_categorical_crossentropy'!r}. Received: shape {got}; "
            "for one-hot targets use loss='categorical_crossentropy', or give the "
            f"labels {_variable(name)}.argmax(axis=1)"
        )
    wanted = f"({got[0]}, {n_columns})" + (f" or ({got[0]},)" if n_columns == 1 else "")
    of = f", the output's of layer {layer!r}" if layer else ", the output's"
    hint = ""
    labels = crossentropy and n_columns > 1 and got[1:] in ((), (1,))
    if labels and _are_labels(y, n_columns):
        hint = (
            "; for class labels use loss='sparse_categorical_crossentropy', or give "
            f"one-hot targets, to_categorical({_variable(name)}, {n_columns})"
        )
    elif n_columns == 1 and len(got) == 2:
        hint = f"; an output of {got[1]} columns needs a last layer of {got[1]} units"
    raise ValueError(
        f"`{name}` must have shape {wanted}{of}. Received: shape {got}{hint}"
    )


def _are_labels(y: Any, n_classes: int) -> bool:
    values = np.asarray(y).ravel()
    return bool(
        values.dtype.kind in "biuf"
        and all(
            _bad_label(values[first:last], n_classes) is None
            for first, last in _blocks(len(values), values.itemsize)
        )
    )


def _bad_label(labels: Array, n_classes: int, ignored: int | None = None) -> int | None:
    # Written so that NaN fails: every comparison with it is false.
    good = (labels >= 0) & (labels < n_classes) & (labels == np.floor(labels))
    if ignored is not None:
        good |= labels == ignored
    return None if good.all() else int(np.argmin(good))


def _check_labels(
    rows: Array,
    n_classes: int | None,
    ignored: int | None,
    layer: str | None,
    loss: str | None,
    name: str,
) -> None:
    if n_classes is None:
        raise TypeError("`n_classes` must be given for sparse targets. Received: None")
    labels = rows[:, 0]
    for first, last in _blocks(len(labels), labels.itemsize):
        bad = _bad_label(labels[first:last], n_classes, ignored)
        if bad is not None:
            value = labels[first + bad].item()
            shown = int(value) if value.is_integer() else value
            units = f", the units of layer {layer!r}" if layer else ""
            raise ValueError(
                f"`{name}` must hold class labels, whole numbers from 0 to "
                f"{n_classes - 1}{units}, for "
                f"{loss or 'sparse_categorical_crossentropy'!r}. "
                f"Received: {shown} in {_row(first + bad)}"
            )


# ---- Weights of rows ---------------------------------------------------------------


def as_weights(
    w: Any, n_rows: int, dtype: DTypeLike, *, name: str = "sample_weight"
) -> Array:
    """Return one weight per row.

    Args:
        w: Data of shape ``(n_rows,)`` or ``(n_rows, 1)``, finite. Negative weights are
            taken as they are.
        n_rows: Rows of the inputs.
        dtype: float32 or float64.
        name: What messages call the data.

    Returns:
        Contiguous array of shape ``(n_rows,)``, a view if no conversion is needed.

    Raises:
        TypeError: If ``w`` is not array-like.
        ValueError: If its shape does not fit or a value is not a finite number.
    """
    dtype = np.dtype(dtype)
    if _is_frame(w):
        got, array = tuple(w.shape), None
    else:
        array = _as_array(w, name)
        got = array.shape
    if got not in ((n_rows,), (n_rows, 1)):
        raise ValueError(
            f"`{name}` must hold one weight per row, shape ({n_rows},). "
            f"Received: shape {got}"
        )
    if array is None:
        rows = _frame_rows(w, dtype, name)
    else:
        rows = _as_rows(array.reshape(n_rows, 1), dtype)
    check_finite(rows, name, source=w)
    return np.ascontiguousarray(rows[:, 0])


def class_weights(
    class_weight: Any,
    y: Array,
    *,
    sample_weight: Any = None,
    n_classes: int | None = None,
) -> Array:
    """Return one weight per row from one weight per class.

    Args:
        class_weight: Dictionary of class label to weight. A class that is not in it
            weighs 1.
        y: Targets as `as_targets` returns them: labels in one column, or one-hot rows
            (also smoothed: the largest column counts).
        sample_weight: Row weights given beside, which is an error.
        n_classes: Number of classes if ``y`` holds labels and it is known, so that a
            label in ``class_weight`` that cannot occur is refused.

    Returns:
        Array of shape ``(n,)`` and the dtype of ``y``.

    Raises:
        TypeError: If ``class_weight`` is not a dictionary of numbers.
        ValueError: If rows belong to several classes or to none, if labels are not
            whole numbers, or if ``sample_weight`` is given too.

    Example:
        >>> y = np.array([[0.0], [1.0], [0.0]])
        >>> class_weights({1: 5.0}, y)
        array([1., 5., 1.])
    """
    if sample_weight is not None:
        raise ValueError(
            "`class_weight` and `sample_weight` must not be given together: multiply "
            "them into one `sample_weight`. Received: both"
        )
    n_rows, n_columns = y.shape
    if n_columns > 1:
        n_classes = n_columns
    table, lowest = _class_table(class_weight, n_classes)
    result = np.ones(n_rows, y.dtype)
    for first, last in _blocks(n_rows, n_columns * y.itemsize):
        block = y[first:last]
        labels = _one_hot_labels(block, first) if n_columns > 1 else block[:, 0]
        whole = labels == np.floor(labels)
        if not whole.all():
            row = int(np.argmin(whole))
            raise ValueError(
                "`class_weight` needs class labels, whole numbers, as targets. "
                f"Received: y with {labels[row]} in {_row(first + row)}"
            )
        places = labels - lowest
        known = (places >= 0) & (places < len(table))
        result[first:last][known] = table[places[known].astype(np.intp)]
    return result


def _class_table(
    class_weight: Any, n_classes: int | None
) -> tuple[NDArray[np.float64], int]:
    """Weights of the classes lowest, lowest + 1, ... as far as any is named."""
    if not hasattr(class_weight, "items"):
        raise TypeError(
            "`class_weight` must be a dictionary of class label to weight, such as "
            f"{{0: 1.0, 1: 2.5}}. Received: {class_weight!r}"
        )
    weights: dict[int, float] = {}
    for label, weight in class_weight.items():
        if not _is_number(label) or label != math.floor(label):
            raise TypeError(
                "`class_weight` must have whole numbers, the class labels, as keys. "
                f"Received: {label!r}"
            )
        if not _is_number(weight) or not math.isfinite(weight):
            raise ValueError(
                "`class_weight` must have finite numbers as values. "
                f"Received: {weight!r} for class {label}"
            )
        if n_classes is not None and not 0 <= label < n_classes:
            raise ValueError(
                f"`class_weight` must have keys from 0 to {n_classes - 1}, the classes "
                f"of the targets. Received: {label}"
            )
        weights[int(label)] = float(weight)
    lowest = min(weights, default=0)
    size = max(weights, default=-1) - lowest + 1
    if size > 1 << 24:
        raise ValueError(
            "`class_weight` must have keys close together, as class labels are. "
            f"Received: keys from {lowest} to {lowest + size - 1}"
        )
    table = np.ones(size)
    for key, value in weights.items():
        table[key - lowest] = value
    return table, lowest


def _one_hot_labels(block: Array, first: int) -> Array:
    # A sum of k numbers in [0, 1] that come to 1 is off by at most k roundings.
    slack = block.shape[1] * float(np.finfo(block.dtype).eps)
    whole = np.abs(block.sum(axis=1) - 1) <= slack
    whole &= (block >= 0).all(axis=1)
    if not whole.all():
        row = int(np.argmin(whole))
        raise ValueError(
            "`class_weight` needs one class per row, so one-hot targets or labels; "
            "give `sample_weight` for targets with several. Received: y with "
            f"{_listed(block[row].tolist())} in {_row(first + row)}"
        )
    labels: Array = block.argmax(axis=1)
    return labels


# ---- Finite values -----------------------------------------------------------------


def check_finite(array: Array, name: str, *, source: Any = None) -> None:
    """Raise at the first NaN or infinity; text has none.

    Args:
        array: Shape ``(n,)`` or ``(n, columns)``, as converted.
        name: What the message calls the data.
        source: The data before conversion: the place is then given in its words
            (column name and index label of a frame), and a number too large for the
            array's dtype is told from an infinity.

    Raises:
        ValueError: If a value is not finite, naming row and column.
    """
    if array.dtype.kind == "U":
        return
    row_bytes = array.itemsize * (array.shape[1] if array.ndim > 1 else 1)
    for first, last in _blocks(len(array), row_bytes):
        finite = np.isfinite(array[first:last])
        if not finite.all():
            place = np.unravel_index(int(np.argmin(finite)), finite.shape)
            row, column = first + int(place[0]), int(place[1]) if len(place) > 1 else 0
            _raise_not_finite(array, row, column, name, source)


def check_indices(
    array: Array, vocabulary: int, name: str, layer: str, first_column: int = 0
) -> None:
    """Raise at the first number that is no index of an Embedding.

    Args:
        array: Shape ``(n, columns)``, as converted.
        vocabulary: Indices go from 0 to ``vocabulary - 1``.
        name: What the message calls the data.
        layer: Name of the model's first layer, for the message.
        first_column: Columns before it are no indices.

    Raises:
        ValueError: If a number is none, naming row and column.
    """
    for first, last in _blocks(len(array), array.itemsize * array.shape[1]):
        block = array[first:last, first_column:]
        is_index = (block >= 0) & (block < vocabulary) & (block == np.floor(block))
        if not is_index.all():
            row, column = np.unravel_index(int(np.argmin(is_index)), block.shape)
            value = block[row, column]
            raise ValueError(
                f"`{name}` must hold integers from 0 to {vocabulary - 1}, indices for "
                f"layer {layer!r}. Received: {value:g} in {_row(first + int(row))}, "
                f"column {first_column + int(column)}"
            )


def _raise_not_finite(
    array: Array, row: int, column: int, name: str, source: Any
) -> None:
    value = array[row] if array.ndim == 1 else array[row, column]
    where = _row(row)
    if array.ndim > 1 and array.shape[1] > 1:
        where += f", column {column}"
    if _is_frame(source):
        where = f"column {source.columns[column]!r}, {_row_label(source, row)}"
    elif _is_column(source):
        where = f"{_column_label(source)}{_row_label(source, row)}"
    original = _value_at(source, row, column)
    advice = "drop or fill such rows first"
    if original is not None and math.isfinite(original):
        shown = f"{original!r}, too large for {array.dtype}"
        advice = "scale the column, or use dtype 'float64'"
    else:
        shown = str(value)
    raise ValueError(
        f"`{name}` must hold finite numbers. Received: {shown} in {where}; {advice}"
    )


def _value_at(source: Any, row: int, column: int) -> float | None:
    """The number at a place of the data as it came, if it can be had."""
    try:
        if _is_frame(source):
            source, column = _frame_column(source, column), 0
        if hasattr(source, "iloc"):
            return float(source.iloc[row])
        values = np.asarray(source[row]).ravel()
        return float(values[column])
    except (TypeError, ValueError, IndexError, KeyError):
        return None


# ---- Parts of data -----------------------------------------------------------------


def split_at(n_rows: int, validation_split: Any) -> int:
    """Return how many rows, from the first, are trained on.

    Args:
        n_rows: Rows in all.
        validation_split: Share f of rows, the last ones, kept for validation, between
            0 and 1, both excluded; 0 keeps none.

    Returns:
        ``floor(n_rows * (1 - f))``.

    Raises:
        TypeError: If ``validation_split`` is not a number.
        ValueError: If it is outside (0, 1), or leaves either part without a row.

    Example:
        >>> split_at(768, 0.25)
        576
    """
    if not _is_number(validation_split):
        raise TypeError(
            "`validation_split` must be a number between 0 and 1. "
            f"Received: validation_split={validation_split!r}"
        )
    if validation_split == 0:
        return n_rows
    if not 0 < validation_split < 1:
        raise ValueError(
            "`validation_split` must be between 0 and 1, both excluded. "
            f"Received: validation_split={validation_split}"
        )
    border = math.floor(n_rows * (1 - float(validation_split)))
    if border in (0, n_rows):
        raise ValueError(
            "`validation_split` must leave rows to train on and rows to validate on. "
            f"Received: validation_split={validation_split} of {n_rows} rows, which "
            f"leaves {border} to train on"
        )
    return border


def split(
    arrays: Sequence[Array | None], border: int
) -> tuple[list[Array | None], list[Array | None]]:
    """Return views of the rows before and after a border.

    Args:
        arrays: Arrays with one row per row of data; ``None`` stays ``None``.
        border: Rows in the first part, as `split_at` returns it.

    Returns:
        Two lists as long as ``arrays``.
    """
    first = [None if array is None else array[:border] for array in arrays]
    second = [None if array is None else array[border:] for array in arrays]
    return first, second


# ---- Arrays ------------------------------------------------------------------------


def _single(x: Any, ndim: int) -> Any:
    """The one array of a list of inputs or outputs, as Keras takes them; else x."""
    if (
        isinstance(x, (list, tuple))
        and len(x) == 1
        and getattr(x[0], "ndim", None) == ndim
    ):
        return x[0]
    return x


def _as_array(x: Any, name: str) -> Array:
    """Any array-like but a frame as an array of numbers, without copying one."""
    if isinstance(x, np.ndarray):
        # Not through numpy.ma, which would be imported for it.
        masked = np.asarray(getattr(x, "mask", False))
        if masked.any():
            row = int(np.argwhere(masked)[0][0])
            raise ValueError(
                f"`{name}` must hold numbers. Received: a masked array with masked "
                f"values, the first in {_row(row)}; drop such rows, or use .filled()"
            )
        array = np.asarray(x)
    elif x is None or isinstance(x, (str, bytes, dict, set, frozenset)):
        raise TypeError(
            f"`{name}` must be an array, nested lists or a frame. "
            f"Received: {x!r:.80} (of type {type(x).__name__})"
        )
    elif _is_column(x):
        return _column_array(x, name)
    elif isinstance(x, (list, tuple)):
        array = _list_array(x, name)
    else:
        array = np.asarray(x)
        if array.dtype == object and array.ndim == 0:
            dense = "; .toarray() makes it one" if hasattr(x, "toarray") else ""
            raise TypeError(
                f"`{name}` must be an array, nested lists or a frame. "
                f"Received: an object of type {type(x).__name__}{dense}"
            )
    if array.dtype.kind not in "biuf":
        _raise_not_numbers(array, x, name)
    return array


def _list_array(x: Sequence[Any], name: str) -> Array:
    try:
        return np.asarray(x)
    except ValueError as error:
        lengths = [len(row) if hasattr(row, "__len__") else None for row in x]
        odd = next((i for i, n in enumerate(lengths) if n != lengths[0]), None)
        detail = (
            str(error)
            if odd is None
            else f"row 0 with {_numbers(lengths[0])}, row {odd} with "
            f"{_numbers(lengths[odd])}"
        )
        raise ValueError(
            f"`{name}` must have rows of the same length. Received: {detail}"
        ) from None


def _numbers(length: int | None) -> str:
    return "a single number" if length is None else f"{length} numbers"


def _raise_not_numbers(array: Array, x: Any, name: str) -> None:
    if array.dtype.names is not None:
        raise ValueError(
            f"`{name}` must hold numbers. Received: a structured array with the fields "
            f"{_listed(array.dtype.names)}; "
            "numpy.lib.recfunctions.structured_to_unstructured makes columns of them"
        )
    shown = f"an array of dtype {array.dtype}"
    if array.dtype.kind == "O" or isinstance(x, (list, tuple)):
        values = array
        if array.dtype.kind != "O":
            shown = "a list"
            values = np.empty(array.shape, object)
            values[...] = np.asarray(x, dtype=object).reshape(array.shape)
        bad = next((i for i, v in enumerate(values.flat) if not _is_number(v)), None)
        if bad is None:
            raise ValueError(
                f"`{name}` must be an array of numbers. Received: {shown}, though each "
                f"of its values is a number; {_variable(name)}.astype(float) makes it "
                "one"
            )
    elif array.size:
        values, bad = array, 0
    else:
        raise ValueError(f"`{name}` must hold numbers. Received: {shown}")
    place = np.unravel_index(bad, array.shape) if array.ndim else ()
    where = "".join(
        f", {'column' if axis == 1 else 'then'} {int(position)}"
        if axis
        else f" in {_row(int(position))}"
        for axis, position in enumerate(place)
    )
    advice = (
        "; turn text into numbers first: numerals with .astype(float), categories "
        "with np.unique(..., return_inverse=True)"
        if isinstance(values.flat[bad], (str, bytes))
        else ""
    )
    raise ValueError(
        f"`{name}` must hold numbers. Received: {shown} with "
        f"{_short(values.flat[bad])}{where}{advice}"
    )


def _as_rows(array: Array, dtype: np.dtype[Any]) -> Array:
    """Shape (n, ...) as (n, columns) of the dtype, copied only if it has to be."""
    n_rows = array.shape[0]
    n_columns = math.prod(array.shape[1:])
    if array.dtype == dtype and _are_rows(array):
        return array.reshape(n_rows, n_columns)
    result = np.empty((n_rows, n_columns), dtype)
    shaped = result.reshape(array.shape)
    # A number too large becomes an infinity; check_finite has the words for it.
    with np.errstate(over="ignore"):
        for first, last in _blocks(n_rows, n_columns * dtype.itemsize):
            shaped[first:last] = array[first:last]
    return result


def _are_rows(array: Array) -> bool:
    """Whether the core can walk rows: contiguous, forwards, whole elements apart."""
    if not array.flags.aligned:
        return False
    if array.shape[0] <= 1:
        return array.flags.c_contiguous
    row: Array = array[0]
    stride = array.strides[0]
    whole = stride % row.itemsize == 0 and stride >= row.nbytes
    return whole and row.flags.c_contiguous


def _blocks(n_rows: int, row_bytes: int) -> Iterator[tuple[int, int]]:
    """Borders (first, last) of blocks of rows, each of about _BLOCK bytes."""
    step = max(1, _BLOCK // max(1, row_bytes))
    for first in range(0, n_rows, step):
        yield first, min(first + step, n_rows)


# ---- Frames ------------------------------------------------------------------------


def _is_frame(x: Any) -> bool:
    return hasattr(x, "columns") and hasattr(x, "dtypes") and hasattr(x, "shape")


def _is_column(x: Any) -> bool:
    """Whether x is one column of a frame, or such a column's bare values."""
    return (
        not isinstance(x, np.ndarray)
        and hasattr(x, "to_numpy")
        and hasattr(x, "dtype")
        and len(getattr(x, "shape", ())) == 1
    )


def _frame_column(frame: Any, position: int) -> Any:
    # By position: two columns may share a name.
    if hasattr(frame, "iloc"):
        return frame.iloc[:, position]
    return frame[:, position]


def _frame_rows(frame: Any, dtype: np.dtype[Any], name: str) -> Array:
    n_rows, n_columns = frame.shape
    columns = [_frame_column(frame, position) for position in range(n_columns)]
    sources = [
        column
        if _is_extension(column) and _check_column(column, name)
        else _column_array(column, name)
        for column in columns
    ]
    result = np.empty((n_rows, n_columns), dtype)
    with np.errstate(over="ignore"):
        for first, last in _blocks(n_rows, n_columns * dtype.itemsize):
            block = result[first:last]
            for position, source in enumerate(sources):
                part = source[first:last]
                block[:, position] = (
                    part if isinstance(part, np.ndarray) else _values(part)
                )
    return result


def _is_extension(column: Any) -> bool:
    """Whether a column's values are kept in another form than a NumPy array."""
    return not isinstance(column.dtype, np.dtype)


def _column_array(column: Any, name: str) -> Array:
    _check_column(column, name)
    return _values(column)


def _values(column: Any) -> Array:
    """A checked column's numbers."""
    kind = getattr(column.dtype, "kind", None)
    if not _is_extension(column) or kind is None:
        return np.asarray(column)
    return np.asarray(column.to_numpy(dtype=_plain_dtype(column.dtype)))


def _plain_dtype(dtype: Any) -> np.dtype[Any]:
    """The NumPy dtype that holds a nullable dtype's values when none is missing."""
    plain = getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", None))
    if isinstance(plain, np.dtype) and plain.kind in "biuf":
        return plain
    return np.dtype({"b": bool, "i": np.int64, "u": np.uint64}.get(dtype.kind, float))


def _check_column(column: Any, name: str) -> bool:
    """Raise, naming the first bad value, unless a column holds numbers; else True."""
    dtype = column.dtype
    kind = getattr(dtype, "kind", None)
    if kind is None:
        kind = np.asarray(column[:1]).dtype.kind
    if kind not in "biuf":
        _raise_column(column, name)
    if _is_extension(column) and hasattr(column, "isna"):
        missing = np.asarray(column.isna())
        # A sparse column keeps NaN as NaN, as a NumPy column does.
        if not hasattr(dtype, "fill_value") and missing.any():
            row = int(np.argmax(missing))
            raise ValueError(
                f"`{name}` must hold numbers. Received: {_column_label(column)}dtype "
                f"{dtype}, with a missing value in {_row_label(column, row)}; fill or "
                "drop missing values first"
            )
    return True


def _raise_column(column: Any, name: str) -> None:
    values = list(column)
    bad: int | None = 0 if values else None
    if getattr(column.dtype, "kind", "O") == "O" and str(column.dtype) == "object":
        bad = next((i for i, v in enumerate(values) if not _is_number(v)), None)
    label = _column_label(column)
    if bad is None:
        advice = "; .astype(float) makes it one of numbers" if values else ""
        raise ValueError(
            f"`{name}` must hold numbers. Received: {label}dtype {column.dtype}{advice}"
        )
    raise ValueError(
        f"`{name}` must hold numbers. Received: {label}dtype {column.dtype}, with "
        f"{_short(values[bad])} in {_row_label(column, bad)}; turn it into "
        "numbers, or leave it out"
    )


def _column_label(column: Any) -> str:
    name = getattr(column, "name", None)
    return "a column of " if name is None else f"column {name!r} of "


def _row_label(source: Any, row: int) -> str:
    """A row's name: the index label where the data has an index, else its number."""
    if hasattr(source, "iloc") and hasattr(source, "index"):
        return f"the row with index {_short(source.index[row])}"
    return _row(row)


# ---- Places ------------------------------------------------------------------------


class Place(NamedTuple):
    """Where rows were taken from.

    Attributes:
        first: Number of their first row there.
        source: What messages call it; empty: nothing.
    """

    first: int = 0
    source: str = ""


_place: ContextVar[Place] = ContextVar("place", default=Place())  # noqa: B039


@contextlib.contextmanager
def rows_of(place: Place | None) -> Iterator[None]:
    """Have messages number rows as the place does that they were taken from.

    Args:
        place: Of the rows converted in the `with` block; ``None`` changes nothing.

    Example:
        >>> with rows_of(Place(1000, "'x.npy'")):
        ...     check_finite(np.array([1.0, np.nan]), "x")
        Traceback (most recent call last):
        ValueError: `x` must hold finite numbers. Received: nan in row 1001 of 'x.npy';
        drop or fill such rows first
    """
    token = _place.set(place or _place.get())
    try:
        yield
    finally:
        _place.reset(token)


def _row(number: int) -> str:
    """What messages call a row."""
    first, source = _place.get()
    return f"row {first + number}" + (f" of {source}" if source else "")


# ---- Words -------------------------------------------------------------------------


def _variable(name: str) -> str:
    """The word of a name that code can be shown with: "x" of "validation x"."""
    return name.split()[-1]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.bool_, np.integer, np.floating))


def _short(value: Any) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _joined(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more


def _listed(values: Sequence[Any]) -> str:
    return _joined([_short(value) for value in values])
