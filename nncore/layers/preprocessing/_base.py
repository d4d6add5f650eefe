"""What the preprocessing layers share: where they run, what they have learnt, codes.

They are written in NumPy. Where they lead a model, `Sequential` runs them once over
what it is given, before the C core sees rows of numbers; their outputs are not trained
through. What `adapt` has learnt is part of the configuration, so it is in every file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ... import _checks, backend
from .._layer import Layer, Shape, checked_shape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Preprocessing(Layer):
    """Base of the layers that prepare data, in NumPy, in front of a model's others."""

    _takes_text = False

    # ---- In a model, and alone ----

    def __call__(self, inputs: Any = None, training: Any = None) -> NDArray[Any]:
        """Return the outputs for inputs.

        Args:
            inputs: An array, nested lists or a frame.
            training: Accepted as in Keras; no effect.
        """
        values = as_values(inputs, self.name, self._takes_text)
        return self._leads(values, self.dtype or backend.floatx())

    def _leads(self, values: NDArray[Any], dtype: str) -> NDArray[Any]:
        """Return the outputs for what a model was given, in the model's dtype if real.

        Numbers that stand for things stay as they came: not all of them are float32.
        """
        if not self._takes_text:
            values = values.astype(dtype, copy=False)
        found: NDArray[Any] = self._run(values, False)
        return found.astype(dtype) if found.dtype.kind == "f" else found

    def _require_gradients(self) -> None:
        if not hasattr(self, "gradient"):
            advice = ""
            if hasattr(self, "function"):
                advice = "; its function may have an attribute gradient"
            raise ValueError(
                f"A preprocessing layer must stand before all weights that are trained:"
                f" it has no gradient. Received: layer {self.name!r} "
                f"({type(self).__name__}) behind one{advice}"
            )

    def get_weights(self) -> list[NDArray[Any]]:
        """Return []: what the layer has learnt is in its configuration."""
        return []

    def _check_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Raise unless `set_weights` takes these."""

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the output's shape: that of the input.

        Args:
            input_shape: A tuple, rows first.
        """
        return checked_shape("input_shape", input_shape)

    # ---- What was learnt ----

    def _learnt(self) -> dict[str, Any] | None:
        """What `adapt` has found, as plain values; None: nothing."""
        return None

    def _learn(self, learnt: dict[str, Any]) -> None:
        """Take what `_learnt` gave."""
        raise ValueError(
            f"`adapted` must not be given for {type(self).__name__}. "
            f"Received: {sorted(learnt)}"
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, and what was learnt, as plain values."""
        learnt = self._learnt()
        return super().get_config() | ({} if learnt is None else {"adapted": learnt})

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a new layer from what `get_config` gave."""
        config = dict(config)
        learnt = config.pop("adapted", None)
        layer = cls(**config)
        if learnt is not None:
            if not isinstance(learnt, dict):
                raise ValueError(f"`adapted` must be a dict. Received: {learnt!r:.100}")
            layer._learn(learnt)
        return layer


def as_values(x: Any, name: str, takes_text: bool = True) -> NDArray[Any]:
    """Return an array of numbers, or of str, from whatever holds such values.

    Raises:
        ValueError: A value is missing, or is neither a number nor text.
    """
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()
    array = np.asarray(x)
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind == "U" and takes_text:
        return array
    if array.dtype.kind in "OST" and takes_text:
        values = np.asarray(array, object).ravel()
        texts = [v.decode() if isinstance(v, bytes) else v for v in values.tolist()]
        if all(isinstance(text, str) for text in texts):
            return np.array(texts, dtype=np.str_).reshape(array.shape)
        if all(isinstance(v, (int, np.integer)) for v in texts):
            return np.array(texts, dtype=np.int64).reshape(array.shape)
        place = next(i for i, text in enumerate(texts) if not isinstance(text, str))
        raise ValueError(
            f"Layer {name!r} must be given text, or whole numbers. "
            f"Received: {texts[place]!r:.60} at place {place}"
        )
    if array.dtype.kind == "O":
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError):
            pass
    wanted = "numbers or text" if takes_text else "numbers"
    raise ValueError(
        f"Layer {name!r} must be given {wanted}. "
        f"Received: an array of dtype {array.dtype}"
    )


def batches(data: Any, steps: int | None, name: str, text: bool) -> Iterator[Any]:
    """Yield (array, whether it is all the data) for what `adapt` was given.

    Data is an array, a frame, nested lists, or else an iterable of such batches; of a
    batch that is a tuple the first part is taken.
    """
    is_batches = (
        isinstance(data, Iterable)
        and not hasattr(data, "dtype")
        and not hasattr(data, "dtypes")
        and not isinstance(data, (list, tuple))
    ) or (
        isinstance(data, (list, tuple))
        and len(data) > 0
        and all(isinstance(part, np.ndarray) and part.ndim > 1 for part in data)
    )
    if not is_batches:
        if steps is not None:
            raise ValueError(
                "`steps` is for data that comes in batches. "
                f"{_checks.received('steps', steps)}"
            )
        yield as_values(data, name, text), True
        return
    limit = None if steps is None else _checks.integer("steps", steps, 1)
    for number, batch in enumerate(data):
        if limit is not None and number >= limit:
            return
        part = batch[0] if isinstance(batch, tuple) else batch
        yield as_values(part, name, text), False


_MODES = ("int", "one_hot", "multi_hot", "count")


def checked_mode(value: Any, modes: tuple[str, ...] = _MODES) -> str:
    """Return an `output_mode`, by its name today.

    Raises:
        ValueError: It is none of those.
    """
    older = {"binary": "multi_hot", "tf-idf": "tf_idf"}
    mode = older.get(value, value) if isinstance(value, str) else value
    if mode not in modes:
        raise ValueError(
            f"`output_mode` must be one of {', '.join(map(repr, modes))}. "
            f"{_checks.received('output_mode', value)}"
        )
    return str(mode)


def encoded(
    index: NDArray[Any],
    mode: str,
    depth: int,
    dtype: str,
    weights: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return indices, or what they are in one of the other modes.

    Args:
        index: Integers of any shape; those outside [0, depth) count nothing.
        mode: "int": as they are. "one_hot": a row of `depth` for each, in the place of
            a last axis of length 1. "multi_hot", "count": one row for all along the
            last axis, of 0 and 1 or of how many there are.
        depth: Length of such a row.
        dtype: Of such rows.
        weights: What each counts in "count"; None: 1.
    """
    if mode == "int":
        return index
    index = index if index.ndim else index[np.newaxis]
    if mode == "one_hot" and index.ndim > 1 and index.shape[-1] == 1:
        index = index[..., 0]
    together = mode != "one_hot"
    rows = index.shape[:-1] if together else index.shape
    flat = index.reshape(-1, index.shape[-1]) if together else index.reshape(-1, 1)
    out = np.zeros((len(flat), depth), dtype)
    valid = (flat >= 0) & (flat < depth)
    row, column = np.nonzero(valid)
    if mode == "count":
        share = np.ones(flat.shape) if weights is None else weights.reshape(flat.shape)
        np.add.at(out, (row, flat[row, column]), share[row, column])
    else:
        out[row, flat[row, column]] = 1
    return out.reshape(*rows, depth)


def encoded_shape(shape: Any, mode: str, depth: int) -> Shape:
    """Return the shape that `encoded` gives, rows first."""
    sizes = checked_shape("input_shape", shape)
    if mode == "int":
        return sizes
    if mode == "one_hot" and (len(sizes) == 1 or sizes[-1] != 1):
        return *sizes, depth
    return *sizes[:-1], depth
