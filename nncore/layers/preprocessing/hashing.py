"""Hashing, HashedCrossing: text and whole numbers as indices without a vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _checks, backend
from .._layer import Shape
from ._base import Preprocessing, as_values, checked_mode, encoded, encoded_shape
from ._fingerprint import crossed, farm_hash, hashed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Hashing(Preprocessing):
    """Turn text, or whole numbers as text, into a hash modulo num_bins.

    The hash is FarmHash64, or with `salt` SipHash-2-4, as in Keras.

    Args:
        num_bins: How many bins.
        mask_value: What is mapped to 0; the others then to 1 ... num_bins - 1.
        salt: An integer or two; None: none.
        output_mode: "int", "one_hot", "multi_hot" or "count", as in `Discretization`.
        sparse: False; others are not available in this version.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`; also "int64" and "int32", which change nothing.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: An argument is none of these.

    Examples:
        >>> import nncore
        >>> nncore.layers.Hashing(num_bins=3)([["A"], ["B"], ["C"]])
        array([[1],
               [0],
               [1]])
    """

    _arguments = ("num_bins", "mask_value", "salt", "output_mode", "sparse")
    _takes_text = True
    sparse = False

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: int | Sequence[int] | None = None,
        output_mode: str = "int",
        sparse: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self.num_bins = _checks.integer("num_bins", num_bins, 1)
        self.mask_value = mask_value
        self.salt = checked_salt(salt)
        self.output_mode = checked_mode(output_mode)
        _checks.absent("sparse", sparse, False)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=None if dtype in ("int64", "int32") else dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs.

        Args:
            inputs: Text or whole numbers, rows first.
        """
        is_masked = self.mask_value is not None and self.num_bins > 1
        bins = self.num_bins - is_masked
        index = hashed(as_text(inputs), bins, self.salt)
        if is_masked:
            index = np.where(inputs == self.mask_value, 0, index + 1)
        dtype = self.dtype or backend.floatx()
        return encoded(index, self.output_mode, self.num_bins, dtype)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the output's shape.

        Args:
            input_shape: A tuple, rows first.
        """
        return encoded_shape(input_shape, self.output_mode, self.num_bins)


class HashedCrossing(Preprocessing):
    """Turn values of several features together into one hash modulo num_bins.

    It is called with a list of arrays, so it serves before a model, not in one.

    Args:
        num_bins: How many bins.
        output_mode: "int" or "one_hot".
        sparse: False; others are not available in this version.
        name: As in `Layer`.
        dtype: As in `Layer`; also "int64" and "int32", which change nothing.
        trainable: As in `Layer`.

    Raises:
        ValueError: An argument is none of these.

    Examples:
        >>> import nncore
        >>> layer = nncore.layers.HashedCrossing(num_bins=5)
        >>> layer((["A", "B", "A"], [101, 101, 102]))
        array([1, 4, 3])
    """

    _arguments = ("num_bins", "output_mode", "sparse")
    _takes_text = True
    sparse = False

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: str | None = None,
        *,
        trainable: bool = True,
    ) -> None:
        """See the class."""
        self.num_bins = _checks.integer("num_bins", num_bins, 1)
        self.output_mode = checked_mode(output_mode, ("int", "one_hot"))
        _checks.absent("sparse", sparse, False)
        dtype = None if dtype in ("int64", "int32") else dtype
        super().__init__(name=name, dtype=dtype, trainable=trainable)

    def __call__(self, inputs: Any = None, training: Any = None) -> NDArray[Any]:
        """Return the outputs.

        Args:
            inputs: Two or more arrays of text or whole numbers, each (n,) or (n, 1).
            training: Accepted as in Keras; no effect.
        """
        return self.call(inputs)

    def call(self, inputs: Any) -> NDArray[Any]:
        """Return the outputs; see `__call__`."""
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(
                f"Layer {self.name!r} must be given a list of two or more features. "
                f"Received: {inputs!r:.60}"
            )
        features = [as_values(part, self.name, True) for part in inputs]
        shape = features[0].shape
        if any(part.shape != shape for part in features) or (
            len(shape) > 2 or shape[1:] not in ((), (1,))
        ):
            raise ValueError(
                f"Layer {self.name!r} must be given features of one shape, (n,) or "
                f"(n, 1). Received: {', '.join(str(part.shape) for part in features)}"
            )
        columns = [_fingerprints(part.ravel()) for part in features]
        found = [
            crossed(values) % self.num_bins for values in zip(*columns, strict=True)
        ]
        index = np.array(found, np.int64).reshape(shape)
        dtype = self.dtype or backend.floatx()
        return encoded(index, self.output_mode, self.num_bins, dtype)


def _fingerprints(values: NDArray[Any]) -> list[int]:
    if values.dtype.kind == "U":
        known: dict[str, int] = {}
        for text in values.tolist():
            if text not in known:
                known[text] = farm_hash(text.encode())
        return [known[text] for text in values.tolist()]
    return [number % 2**64 for number in values.astype(np.int64).tolist()]


def as_text(values: NDArray[Any]) -> NDArray[Any]:
    """Return text; whole numbers in decimal, of real ones the whole part."""
    if values.dtype.kind == "U":
        return values
    return values.astype(np.int64).astype(np.str_)


def checked_salt(salt: Any) -> list[int] | None:
    """Return two integers from one or two, None for None.

    Raises:
        ValueError: `salt` is something else.
    """
    if salt is None:
        return None
    pair = list(salt) if isinstance(salt, (tuple, list)) else [salt, salt]
    if len(pair) != 2:
        raise ValueError(
            f"`salt` must be an integer or two. {_checks.received('salt', salt)}"
        )
    return [_checks.integer("salt", part) for part in pair]
