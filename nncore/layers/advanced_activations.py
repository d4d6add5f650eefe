"""Activations with arguments or weights as layers: ReLU, LeakyReLU, ELU, PReLU, ...

Keras 1 and 2 have them in a module of this name.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from .. import _checks, activations, constraints, initializers, regularizers
from .._legacy import accepts_old_words, callers_level
from ._layer import Layer, WeightSpec, held
from .core import Activation

if TYPE_CHECKING:
    from ._layer import FloatArray

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class ReLU(Activation):
    """Layer form of `nncore.activations.relu`, where the formula stands.

    Args:
        max_value: Largest value, at least 0; None for no limit.
        negative_slope: Slope at and below the threshold, at least 0.
        threshold: Where the function leaves the lower line, at least 0.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: An argument is no number or is negative.

    Examples:
        >>> import nncore
        >>> nncore.layers.ReLU(max_value=6).activation([-1.0, 8.0])
        array([0., 6.], dtype=float32)
    """

    _arguments = ("max_value", "negative_slope", "threshold")

    @accepts_old_words("ReLU")
    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        activation = activations._bind_relu(negative_slope, max_value, threshold)
        self.negative_slope, _, self.threshold = activation.args
        self.max_value: float | None = activation.config.get("max_value")
        super().__init__(
            activation,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )


class LeakyReLU(Activation):
    """Layer form of `nncore.activations.leaky_relu`, where the formula stands.

    Args:
        negative_slope: Slope at and below 0, at least 0. The function's default is 0.2,
            the layer's 0.3, both as in Keras.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: `negative_slope` is no number or is negative.

    Examples:
        >>> import nncore
        >>> nncore.layers.LeakyReLU(0.1).activation([-1.0, 8.0])
        array([-0.1,  8. ], dtype=float32)
    """

    _arguments = ("negative_slope",)

    @accepts_old_words("LeakyReLU")
    def __init__(
        self,
        negative_slope: float = 0.3,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        activation = activations._bind_leaky_relu(negative_slope)
        self.negative_slope = activation.args[0]
        super().__init__(
            activation,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )


class ELU(Activation):
    """Layer form of `nncore.activations.elu`, where the formula stands.

    Args:
        alpha: The limit for x to minus infinity is -alpha.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: `alpha` is no finite number.

    Examples:
        >>> import nncore
        >>> nncore.layers.ELU().activation([0.0, 1.0])
        array([0., 1.], dtype=float32)
    """

    _arguments = ("alpha",)

    @accepts_old_words("ELU")
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        activation = activations._bind_elu(alpha)
        self.alpha = activation.args[0]
        super().__init__(
            activation,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )


class Softmax(Activation):
    """Layer form of `nncore.activations.softmax`, where the formula stands.

    Args:
        axis: -1; others are not available in this version.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: `axis` is not -1.

    Examples:
        >>> import nncore
        >>> nncore.layers.Softmax().activation([0.0, 0.0])
        array([0.5, 0.5], dtype=float32)
    """

    _arguments = ("axis",)
    axis = -1

    @accepts_old_words("Softmax")
    def __init__(
        self,
        axis: int = -1,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        super().__init__(
            activations._bind_softmax(axis),
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )


class PReLU(Layer):
    """Trained slopes below 0: y = max(x, 0) + alpha min(x, 0).

    There is an alpha for each number of a row, but for axes that share theirs. The
    derivative at 0 is 0, as Keras has it.

    Source: He et al., "Delving deep into rectifiers", 2015.

    Args:
        alpha_initializer: Starting values of alpha; as for `Dense`.
        alpha_regularizer: Penalty on alpha; as for `Dense`.
        alpha_constraint: What holds alpha; as for `Dense`.
        shared_axes: Axes along which alpha is the same, counted from 1 behind the rows,
            an integer or a list; they must be the first ones: 1, or 1 and 2, ...
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: An argument is none of these.

    Examples:
        >>> import nncore
        >>> layer = nncore.layers.PReLU("ones")
        >>> model = nncore.Sequential([nncore.Input((3,)), layer])
        >>> layer.alpha
        array([1., 1., 1.], dtype=float32)
    """

    _arguments = (
        *("alpha_initializer", "alpha_regularizer", "alpha_constraint"),
        "shared_axes",
    )
    _has_weights = True

    @accepts_old_words("PReLU")
    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self.alpha_initializer = initializers.get(
            alpha_initializer, "alpha_initializer"
        )
        self.alpha_regularizer = regularizers.get(
            alpha_regularizer, "alpha_regularizer"
        )
        self.alpha_constraint = constraints.get(alpha_constraint, "alpha_constraint")
        self.shared_axes: list[int] | None = None
        if shared_axes is not None:
            many = isinstance(shared_axes, (tuple, list))
            axes = sorted(
                _checks.integer("shared_axes", axis, 1)
                for axis in (shared_axes if many else [shared_axes])
            )
            if axes != list(range(1, len(axes) + 1)):
                raise ValueError(
                    "`shared_axes` must be the first axes behind the rows, 1 or 1 and "
                    "2 and so on: others are not available in this version. "
                    f"{_checks.received('shared_axes', shared_axes)}"
                )
            self.shared_axes = axes
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    @property
    def alpha(self) -> FloatArray:
        """A read-only copy of alpha, shaped like a row, with 1 for shared axes.

        Raises:
            AttributeError: The model is not built.
        """
        alpha = self._weight("alpha")
        assert alpha is not None
        return alpha

    def _shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        shared = len(self.shared_axes or ())
        if shared > len(shape):
            raise ValueError(
                f"Layer {self.name!r} (PReLU) must have `shared_axes` among the "
                f"{len(shape)} of its rows. Received: shared_axes={self.shared_axes}"
            )
        return (1,) * shared + shape[shared:]

    def _weights(self, shape: tuple[int, ...]) -> list[WeightSpec]:
        return [WeightSpec("alpha", self._shape(shape), self.alpha_initializer)]

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        alpha = self._shape(shape)
        spec: dict[str, Any] = {"kind": "prelu", "columns": math.prod(alpha)}
        spec |= held("kernel", len(alpha), self, "alpha")
        constraint = spec.get("kernel_constraint")
        if constraint is not None and len(alpha) > 1:
            # The core has alpha as one vector.
            if constraint["axis"] is not None:
                raise ValueError(
                    "`alpha_constraint` must go along all axes of an alpha of more "
                    "than one: others are not available in this version. "
                    f"{_checks.received('axis', constraint['axis'])}"
                )
            spec["kernel_constraint"] = {**constraint, "axis": 0}
        return spec


def ThresholdedReLU(
    theta: float = 1.0,
    *,
    name: str | None = None,
    trainable: bool = True,
    dtype: str | None = None,
    input_shape: Any = None,
    input_dim: int | None = None,
) -> ReLU:
    """Return the `ReLU` that Keras 1 and 2 call so: x above theta, else 0.

    Args:
        theta: The threshold, at least 0.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.

    Examples:
        >>> import nncore, warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     nncore.layers.ThresholdedReLU(2.0).activation([1.0, 3.0])
        array([0., 3.], dtype=float32)
    """
    warnings.warn(
        "`ThresholdedReLU(theta)` is now `ReLU(threshold=theta)`.",
        DeprecationWarning,
        stacklevel=callers_level(),
    )
    return ReLU(
        threshold=theta,
        name=name,
        trainable=trainable,
        dtype=dtype,
        input_shape=input_shape,
        input_dim=input_dim,
    )
