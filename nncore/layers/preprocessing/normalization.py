"""Normalization: data with mean 0 and variance 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _checks, backend
from .._layer import Shape, checked_shape
from ._base import Preprocessing, batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

_LONG = np.float64


class Normalization(Preprocessing):
    """Shift and scale data to mean 0 and variance 1: y = (x - mean) / max(sd, 1e-7).

    sd is the square root of the variance. Mean and variance are given, or learnt by
    `adapt`, in double, one for each place along `axis`.

    Args:
        axis: The axis, or axes, whose places have a mean each; None: one for all. Rows
            are axis 0.
        mean: A number, or one for each place; None: `adapt` will find it.
        variance: Likewise; both or none are given.
        invert: Undo: y = mean + x max(sd, 1e-7).
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: An argument is none of these, or `adapt` was not called when the
            layer is asked for outputs.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> layer = nncore.layers.Normalization()
        >>> layer.adapt(np.array([[0.0, 7.0], [2.0, 9.0]]))
        >>> layer(np.array([[1.0, 10.0]]))
        array([[0., 2.]], dtype=float32)
        >>> nncore.layers.Normalization(mean=3.0, variance=4.0)([[1.0], [5.0]])
        array([[-1.],
               [ 1.]], dtype=float32)
    """

    _arguments = ("axis", "mean", "variance", "invert")

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        if axis is None:
            axis = ()
        axes = axis if isinstance(axis, (tuple, list)) else (axis,)
        self.axis = tuple(_checks.integer("axis", a) for a in axes)
        self.invert = _checks.boolean("invert", invert)
        self.mean, self.variance = (
            _numbers("mean", mean),
            _numbers("variance", variance),
        )
        given = self.mean is not None, self.variance is not None
        if len(set(given)) > 1 or np.shape(self.mean) != np.shape(self.variance):
            raise ValueError(
                "`mean` and `variance` must be given together, in the same shape. "
                f"Received: mean={mean}, variance={variance}"
            )
        if np.ndim(self.mean) > len(self.axis):
            raise ValueError(
                f"`mean` must have at most the {len(self.axis)} axes of `axis`. "
                f"Received: mean of shape {np.shape(self.mean)}"
            )
        if self.variance is not None and np.min(self.variance) < 0:
            raise ValueError(
                f"`variance` must be at least 0. Received: variance={variance}"
            )
        self._found: tuple[NDArray[Any], NDArray[Any]] | None = None
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def _kept(self, ndim: int) -> tuple[int, ...]:
        """The axes whose places have a mean each, counted from 0."""
        if any(not -ndim <= a < ndim for a in self.axis):
            raise ValueError(
                f"`axis` of layer {self.name!r} must be an axis of its input, from "
                f"{-ndim} to {ndim - 1}. Received: axis={self.axis}"
            )
        return tuple(sorted({a % ndim for a in self.axis}))

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find mean and variance of data.

        Args:
            data: An array, nested lists or a frame, rows first; or an iterable of such
                batches.
            steps: How many batches of an iterable to take; None: all.

        Raises:
            ValueError: There is no row, the layer was given its mean, or a value is no
                finite number.
        """
        if self.mean is not None:
            raise ValueError(
                f"`adapt` must not be called on layer {self.name!r}, which was given "
                "its mean and variance. Received: a call"
            )
        count, mean, square = 0, np.zeros(()), np.zeros(())
        kept: tuple[int, ...] = ()
        for values, _ in batches(data, steps, self.name, False):
            kept = self._kept(values.ndim)
            others = tuple(a for a in range(values.ndim) if a not in kept)
            n = math.prod(values.shape[a] for a in others)
            if n == 0:
                continue
            part = values.mean(axis=others, dtype=_LONG)
            spread = values.var(axis=others, dtype=_LONG)
            if count and part.shape != mean.shape:
                raise ValueError(
                    f"`data` must have batches of one shape. Received: {part.shape} "
                    f"after {mean.shape} places along axis {self.axis}"
                )
            # Chan, Golub and LeVeque, 1979: sums of squares of two parts.
            shift, share = part - mean, n / (count + n)
            square = square + spread * n + shift * shift * (count * share)
            mean = mean + shift * share
            count += n
        if not count or not np.isfinite(mean + square).all():
            raise ValueError(
                "`data` must have at least one row, and finite numbers alone. "
                f"Received: {'no row' if not count else 'nan or inf'}"
            )
        self._found = mean, square / count

    def _statistics(self, shape: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Mean and variance, shaped to meet rows of a shape."""
        kept = self._kept(len(shape))
        if self.mean is None and self._found is None:
            raise ValueError(
                f"Layer {self.name!r} must know mean and variance: call adapt(data), "
                "or give mean= and variance=. Received: neither"
            )
        pair = self._found or (np.asarray(self.mean), np.asarray(self.variance))
        last = kept[len(kept) - pair[0].ndim :]
        sizes = [1] * len(shape)
        for a, size in zip(last, pair[0].shape, strict=True):
            if shape[a] != size and size != 1:
                raise ValueError(
                    f"Layer {self.name!r} must be given {size} places along axis {a}, "
                    f"as it has a mean for each. Received: shape {(None, *shape[1:])}"
                )
            sizes[a] = size
        mean, variance = (np.reshape(values, sizes) for values in pair)
        return mean, variance

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs.

        Args:
            inputs: Real numbers, rows first.
        """
        dtype = inputs.dtype
        mean, variance = (v.astype(dtype) for v in self._statistics(inputs.shape))
        deviation = np.maximum(np.sqrt(variance), dtype.type(backend.epsilon()))
        if self.invert:
            return np.asarray(mean + inputs * deviation)
        return np.asarray((inputs - mean) / deviation)

    def gradient(self, inputs: Any, outputs: Any, d_outputs: Any) -> NDArray[Any]:
        """Return the derivative with respect to the inputs."""
        _, variance = self._statistics(inputs.shape)
        deviation = np.maximum(np.sqrt(variance), backend.epsilon())
        deviation = deviation.astype(inputs.dtype)
        return np.asarray(
            d_outputs * deviation if self.invert else d_outputs / deviation
        )

    # ---- Weights, as Keras has them ----

    def get_weights(self) -> list[NDArray[Any]]:
        """Return mean, variance and, for Keras's sake, a count of 0.

        They are 0 and 1 before `adapt`; there are none if mean and variance were given,
        or while neither data nor a model says how many there are.
        """
        owner, pair = self._owner(), self._found
        if pair is None and (self.mean is not None or owner is None):
            return []
        dtype = self.dtype or (backend.floatx() if owner is None else owner.dtype)
        if pair is None:
            sizes = (1, *self._shapes()[0])
            shape = tuple(sizes[a] for a in self._kept(len(sizes)))
            pair = np.zeros(shape), np.ones(shape)
        mean, variance = (values.astype(dtype) for values in pair)
        return [mean, variance, np.zeros((), np.int32)]

    def _saved_weights(self) -> list[NDArray[Any]]:
        return self.get_weights()[:2]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Set mean and variance in place of what `adapt` has found.

        Args:
            weights: Mean and variance; a third array is not looked at.

        Raises:
            ValueError: They are not of one shape.
        """
        self._check_weights(weights)
        mean, variance = (np.asarray(weight, _LONG) for weight in weights[:2])
        self._found = mean, variance

    def _check_weights(self, weights: Sequence[ArrayLike]) -> None:
        wanted = [weight.shape for weight in self.get_weights()[:2]]
        shapes = [np.asarray(weight, _LONG).shape for weight in weights[:2]]
        is_pair = len(shapes) == 2 and shapes[0] == shapes[1]
        if self.mean is not None or not is_pair or wanted not in ([], shapes):
            raise ValueError(
                f"`weights` of layer {self.name!r} must be mean and variance, of the "
                f"shapes {wanted}. Received: {shapes}"
            )

    @property
    def trainable_weights(self) -> list[NDArray[Any]]:
        """None of the weights is trained."""
        return []

    @property
    def non_trainable_weights(self) -> list[NDArray[Any]]:
        """All weights."""
        return self.weights

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the output's shape: that of the input.

        Args:
            input_shape: A tuple, rows first.

        Raises:
            ValueError: It has other sizes than the data that `adapt` saw.
        """
        shape = checked_shape("input_shape", input_shape)
        if self._found is not None or self.mean is not None:
            self._statistics(tuple(size or 1 for size in shape))
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, and what was learnt, as plain values."""
        return super().get_config() | {"axis": list(self.axis)}

    def _learnt(self) -> dict[str, Any] | None:
        if self._found is None:
            return None
        mean, variance = self._found
        return {"mean": mean.tolist(), "variance": variance.tolist()}

    def _learn(self, learnt: dict[str, Any]) -> None:
        mean, variance = (_numbers(n, learnt.get(n)) for n in ("mean", "variance"))
        if mean is None or np.shape(mean) != np.shape(variance):
            raise ValueError(
                "`adapted` must have mean and variance of the same shape. "
                f"Received: {learnt!r:.100}"
            )
        self._found = np.asarray(mean), np.asarray(variance)


def _numbers(name: str, value: Any) -> Any:
    """A number or nested lists of numbers; None for None."""
    if value is None:
        return None
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise ValueError(
            f"`{name}` must hold finite numbers. {_checks.received(name, value)}"
        )
    return array.astype(_LONG).tolist()
