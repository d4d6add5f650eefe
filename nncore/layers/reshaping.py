"""Other orders and shapes of a row's numbers: Reshape, Permute, RepeatVector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _checks
from .._legacy import accepts_old_words
from ._layer import Layer, Shape, checked_shape

__all__ = ["Permute", "RepeatVector", "Reshape"]

_MOST = 2**20


def _known_sizes(layer: Layer, input_shape: Any) -> tuple[int | None, tuple[int, ...]]:
    """The number of rows, and the sizes of one row.

    Raises:
        ValueError: A size other than the number of rows is unknown.
    """
    rows, *sizes = checked_shape("input_shape", input_shape)
    known = tuple(size for size in sizes if size is not None)
    if len(known) < len(sizes):
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) needs known sizes behind "
            f"the number of rows. Received: input of shape {(rows, *sizes)}"
        )
    return rows, known


def _check_size(layer: Layer, size: int) -> None:
    """Raise for rows so long that listing their numbers would take the memory."""
    if size > _MOST:
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) must give rows of at most "
            f"{_MOST} numbers. Received: {size}"
        )


def permuted(layer: Layer, shape: tuple[int, ...], axes: list[int]) -> dict[str, Any]:
    """The core's layer that puts a row's axes, from 0, into another order."""
    _check_size(layer, math.prod(shape))
    places = np.arange(math.prod(shape)).reshape(shape)
    return {"kind": "gather", "order": tuple(places.transpose(axes).ravel().tolist())}


class Reshape(Layer):
    """Give each row another shape; the last axis goes fastest in both.

    Args:
        target_shape: Sizes of the output without the number of rows; one may be -1,
            which stands for what is left.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: A size is neither a positive integer nor the only -1.

    Examples:
        >>> import nncore
        >>> nncore.layers.Reshape((3, -1)).compute_output_shape((None, 12))
        (None, 3, 4)
    """

    _arguments = ("target_shape",)

    @accepts_old_words("Reshape")
    def __init__(
        self,
        target_shape: Any,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        given = target_shape if isinstance(target_shape, (tuple, list)) else ()
        if not given or sum(size == -1 for size in given) > 1:
            raise ValueError(
                "`target_shape` must be a tuple of positive integers, one of which may "
                f"be -1. {_checks.received('target_shape', target_shape)}"
            )
        self.target_shape = tuple(
            -1 if size == -1 else _checks.integer("target_shape", size, 1)
            for size in given
        )
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (rows, *target_shape), with the size for -1.

        Args:
            input_shape: A tuple of one or more sizes, rows first.

        Raises:
            ValueError: A size other than the number of rows is unknown, or a row has
                another number of elements.
        """
        rows, sizes = _known_sizes(self, input_shape)
        size, known = math.prod(sizes), math.prod(n for n in self.target_shape if n > 0)
        target = tuple(size // known if n == -1 else n for n in self.target_shape)
        if math.prod(target) != size:
            raise ValueError(
                f"Layer {self.name!r} (Reshape) must be given rows that fit "
                f"`target_shape`, {self.target_shape}. Received: input of shape "
                f"{(rows, *sizes)}, {size} numbers to a row"
            )
        return rows, *target


class Permute(Layer):
    """Put the axes of each row into another order.

    Args:
        dims: The input's axes, counted from 1 behind the rows, in the order in which
            the output has them.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: `dims` are not the numbers 1, 2, ... in some order.

    Examples:
        >>> import nncore
        >>> nncore.layers.Permute((2, 1)).compute_output_shape((None, 10, 64))
        (None, 64, 10)
    """

    _arguments = ("dims",)

    @accepts_old_words("Permute")
    def __init__(
        self,
        dims: Any,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        given = dims if isinstance(dims, (tuple, list)) else ()
        self.dims = tuple(_checks.integer("dims", axis, 1) for axis in given)
        if not given or sorted(self.dims) != list(range(1, len(given) + 1)):
            raise ValueError(
                "`dims` must be the numbers 1, 2, ... of the input's axes behind the "
                f"rows, each once. {_checks.received('dims', dims)}"
            )
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (rows, sizes in the new order).

        Args:
            input_shape: A tuple of as many sizes as there are `dims`, and the rows.

        Raises:
            ValueError: There are more sizes, or fewer.
        """
        shape = checked_shape("input_shape", input_shape)
        if len(shape) != 1 + len(self.dims):
            raise ValueError(
                f"Layer {self.name!r} (Permute) must be given rows of "
                f"{len(self.dims)} axes. Received: input of shape {shape}"
            )
        return shape[0], *(shape[axis] for axis in self.dims)

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        if self.dims == tuple(range(1, len(shape) + 1)):
            return {}
        return permuted(self, shape, [axis - 1 for axis in self.dims])


class RepeatVector(Layer):
    """Repeat each row n times: (rows, columns) becomes (rows, n, columns).

    Args:
        n: How often, a positive integer.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: `n` is no positive integer.

    Examples:
        >>> import nncore
        >>> nncore.layers.RepeatVector(3).compute_output_shape((None, 32))
        (None, 3, 32)
    """

    _arguments = ("n",)

    @accepts_old_words("RepeatVector")
    def __init__(
        self,
        n: int,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self.n = _checks.integer("n", n, 1)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (rows, n, columns).

        Args:
            input_shape: A tuple of two.

        Raises:
            ValueError: The input has another rank.
        """
        shape = checked_shape("input_shape", input_shape)
        if len(shape) != 2:
            raise ValueError(
                f"Layer {self.name!r} (RepeatVector) needs input of rank 2, (rows, "
                f"columns). Received: input of shape {shape}"
            )
        return shape[0], self.n, shape[1]

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        if self.n == 1:
            return {}
        _check_size(self, self.n * math.prod(shape))
        return {"kind": "gather", "order": tuple(range(math.prod(shape))) * self.n}
