"""Normalizations: BatchNormalization, LayerNormalization, RMSNormalization, Unit...

All go along one axis, the last by default: a row of shape (..., columns) is so many
groups of columns, each normalised alone; for another axis the row's numbers are put
into that order before, and back after. Keras 1 and 2 have `BatchNormalization` in a
module of this name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _checks, constraints, initializers, regularizers
from .._legacy import accepts_old_words
from ._layer import Layer, Shape, WeightSpec, checked_shape, held
from .reshaping import permuted

if TYPE_CHECKING:
    from ._layer import FloatArray

__all__ = [
    "BatchNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "UnitNormalization",
]


class _Normalization(Layer):
    """Base of the layers that normalise one axis."""

    axis: int

    def _set_axis(self, axis: Any) -> None:
        given = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
        self.axis = _checks.integer("axis", given)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the input, which is the output's.

        Args:
            input_shape: A tuple of two or more.

        Raises:
            ValueError: `axis` is not one of a row of the input, or sizes are unknown.
        """
        shape = checked_shape("input_shape", input_shape)
        place = self.axis + len(shape) if self.axis < 0 else self.axis
        if not 1 <= place < len(shape):
            raise ValueError(
                f"Layer {self.name!r} must have an axis of its input's rows for `axis`."
                f" Received: axis={self.axis}, input of shape {shape}"
            )
        if shape[place] is None or (place < len(shape) - 1 and None in shape[1:]):
            raise ValueError(
                f"Layer {self.name!r} needs a known number of columns. "
                f"Received: input of shape {shape}"
            )
        return shape

    def _order(self, shape: tuple[int, ...]) -> list[int]:
        """A row's axes with the normalised one last."""
        place = self.axis + len(shape) if self.axis < 0 else self.axis - 1
        return [*(i for i in range(len(shape)) if i != place), place]

    def _columns(self, shape: tuple[int, ...]) -> tuple[int]:
        """The shape of each weight."""
        return (shape[self._order(shape)[-1]],)

    def _specs(self, shape: tuple[int, ...]) -> list[dict[str, Any]]:
        order = self._order(shape)
        moved = tuple(shape[i] for i in order)
        if order == sorted(order):
            return [self._spec(shape)]
        back = [order.index(i) for i in range(len(order))]
        return [
            permuted(self, shape, order),
            self._spec(moved),
            permuted(self, moved, back),
        ]


class _Scaled(_Normalization):
    """Base of those with gamma and beta."""

    center: bool
    scale: bool
    epsilon: float
    beta_initializer: initializers.Initializer
    gamma_initializer: initializers.Initializer

    def _set_scaling(self, words: dict[str, Any]) -> None:
        """Check what both layers take, from the constructor's arguments."""
        self._set_axis(words["axis"])
        self.epsilon = _checks.real("epsilon", words["epsilon"], 0)
        for name in ("center", "scale"):
            setattr(self, name, _checks.boolean(name, words[name]))
        for name in ("beta", "gamma"):
            for part, module in (
                ("initializer", initializers),
                ("regularizer", regularizers),
                ("constraint", constraints),
            ):
                argument = f"{name}_{part}"
                setattr(self, argument, module.get(words[argument], argument))

    def _weights(self, shape: tuple[int, ...]) -> list[WeightSpec]:
        found = []
        if self.scale:
            found.append(
                WeightSpec("gamma", self._columns(shape), self.gamma_initializer)
            )
        if self.center:
            found.append(
                WeightSpec("beta", self._columns(shape), self.beta_initializer)
            )
        return found

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return {
            "columns": shape[-1],
            "scale": self.scale,
            "center": self.center,
            "epsilon": self.epsilon,
            **held("kernel", 1, self, "gamma"),
            **held("bias", 1, self, "beta"),
        }

    @property
    def gamma(self) -> FloatArray | None:
        """A read-only copy of gamma, (columns,); None without scale.

        Raises:
            AttributeError: The model is not built.
        """
        return self._weight("gamma")

    @property
    def beta(self) -> FloatArray | None:
        """A read-only copy of beta, (columns,); None without center.

        Raises:
            AttributeError: The model is not built.
        """
        return self._weight("beta")


class BatchNormalization(_Scaled):
    """Mean 0 and variance 1 for each column: y = gamma (x - mean) / root + beta.

    root = sqrt(variance + epsilon). In training, mean and variance are those of the
    batch, variance = sum (x - mean)^2 / rows, and with each update the moving ones
    follow: moving = moving momentum + batch (1 - momentum). Outside training, and in a
    layer with trainable=False always, the moving ones are taken. A row of shape
    (..., columns) counts as so many rows of columns.

    The variance is summed up in a second pass over the rows. Keras subtracts the
    squared mean from the mean square, which loses digits where the mean is large.

    Source: Ioffe and Szegedy, "Batch normalization: accelerating deep network training
    by reducing internal covariate shift", 2015.

    Args:
        axis: One axis of a row: from 1, or counted from the end, -1.
        momentum: Share of the moving statistics that an update keeps, from 0 to 1.
        epsilon: What is added to the variance, at least 0.
        center: Whether there is beta.
        scale: Whether there is gamma.
        beta_initializer: Starting values of beta; as for `Dense`.
        gamma_initializer: Starting values of gamma.
        moving_mean_initializer: Starting values of the moving mean.
        moving_variance_initializer: Starting values of the moving variance.
        beta_regularizer: Penalty on beta; as for `Dense`.
        gamma_regularizer: Penalty on gamma.
        beta_constraint: What holds beta; as for `Dense`.
        gamma_constraint: What holds gamma.
        renorm: False; others are not available in this version.
        renorm_clipping: None; likewise.
        renorm_momentum: Accepted as in Keras; no effect without `renorm`.
        synchronized: False; others are not available in this version.
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
        >>> layer = nncore.layers.BatchNormalization()
        >>> model = nncore.Sequential([nncore.Input((3,)), layer])
        >>> [w.shape for w in layer.get_weights()]
        [(3,), (3,), (3,), (3,)]
        >>> len(layer.trainable_weights), len(layer.non_trainable_weights)
        (2, 2)
    """

    _arguments = (
        *("axis", "momentum", "epsilon", "center", "scale"),
        *("beta_initializer", "gamma_initializer"),
        *("moving_mean_initializer", "moving_variance_initializer"),
        *("beta_regularizer", "gamma_regularizer"),
        *("beta_constraint", "gamma_constraint"),
    )
    _has_weights = True

    @accepts_old_words("BatchNormalization")
    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self._set_scaling(locals())
        self.momentum = _checks.real("momentum", momentum, 0, 1)
        self.moving_mean_initializer = initializers.get(
            moving_mean_initializer, "moving_mean_initializer"
        )
        self.moving_variance_initializer = initializers.get(
            moving_variance_initializer, "moving_variance_initializer"
        )
        _checks.absent("renorm", renorm, False)
        _checks.absent("renorm_clipping", renorm_clipping)
        _checks.absent("synchronized", synchronized, False)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    @property
    def moving_mean(self) -> FloatArray:
        """A read-only copy of the moving mean, (columns,).

        Raises:
            AttributeError: The model is not built.
        """
        mean = self._weight("moving_mean")
        assert mean is not None
        return mean

    @property
    def moving_variance(self) -> FloatArray:
        """A read-only copy of the moving variance, (columns,).

        Raises:
            AttributeError: The model is not built.
        """
        variance = self._weight("moving_variance")
        assert variance is not None
        return variance

    def _weights(self, shape: tuple[int, ...]) -> list[WeightSpec]:
        found = super()._weights(shape)
        for name in ("moving_mean", "moving_variance"):
            initializer = getattr(self, f"{name}_initializer")
            found.append(
                WeightSpec(name, self._columns(shape), initializer, trainable=False)
            )
        return found

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        words = {"kind": "batch_normalization", "momentum": self.momentum}
        return super()._spec(shape) | words


class LayerNormalization(_Scaled):
    """Mean 0 and variance 1 for each row: y = gamma (x - mean) / root + beta.

    root = sqrt(variance + epsilon); mean and variance = sum (x - mean)^2 / columns are
    those of a row's last axis, in training and outside.

    Source: Ba, Kiros and Hinton, "Layer normalization", 2016.

    Args:
        axis: One axis of a row: from 1, or counted from the end, -1.
        epsilon: What is added to the variance, at least 0.
        center: Whether there is beta.
        scale: Whether there is gamma.
        beta_initializer: Starting values of beta; as for `Dense`.
        gamma_initializer: Starting values of gamma.
        beta_regularizer: Penalty on beta; as for `Dense`.
        gamma_regularizer: Penalty on gamma.
        beta_constraint: What holds beta; as for `Dense`.
        gamma_constraint: What holds gamma.
        rms_scaling: False; Keras's True is not available: see `RMSNormalization`.
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
        >>> layer = nncore.layers.LayerNormalization(center=False)
        >>> model = nncore.Sequential([nncore.Input((3,)), layer])
        >>> [w.shape for w in layer.get_weights()]
        [(3,)]
    """

    _arguments = (
        *("axis", "epsilon", "center", "scale"),
        *("beta_initializer", "gamma_initializer"),
        *("beta_regularizer", "gamma_regularizer"),
        *("beta_constraint", "gamma_constraint"),
    )
    _has_weights = True

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        rms_scaling: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self._set_scaling(locals())
        _checks.absent("rms_scaling", rms_scaling, False)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return super()._spec(shape) | {"kind": "layer_normalization"}


class RMSNormalization(_Normalization):
    """Root mean square 1 for each row: y = scale x / sqrt(mean x^2 + epsilon).

    The mean is that of a row's last axis.

    Source: Zhang and Sennrich, "Root mean square layer normalization", 2019.

    Args:
        axis: -1, or the same counted from the front; others are not available in this
            version.
        epsilon: What is added to the mean square, at least 0.
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
        >>> layer = nncore.layers.RMSNormalization()
        >>> model = nncore.Sequential([nncore.Input((3,)), layer])
        >>> layer.scale
        array([1., 1., 1.], dtype=float32)
    """

    _arguments = ("axis", "epsilon")
    _has_weights = True

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-6,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self._set_axis(axis)
        self.epsilon = _checks.real("epsilon", epsilon, 0)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    @property
    def scale(self) -> FloatArray:
        """A read-only copy of the scale, (columns,).

        Raises:
            AttributeError: The model is not built.
        """
        scale = self._weight("scale")
        assert scale is not None
        return scale

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the input, which is the output's.

        Args:
            input_shape: A tuple of two or more.

        Raises:
            ValueError: `axis` is not the last one of the input, or its size is unknown.
        """
        shape = super().compute_output_shape(input_shape)
        if self.axis not in (-1, len(shape) - 1):
            # Keras multiplies the last axis by the scale of another.
            raise ValueError(
                f"Layer {self.name!r} must have the last axis of its input for `axis`, "
                "-1: others are not available in this version. "
                f"Received: axis={self.axis}, input of shape {shape}"
            )
        return shape

    def _weights(self, shape: tuple[int, ...]) -> list[WeightSpec]:
        return [WeightSpec("scale", self._columns(shape), initializers.get("ones"))]

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return {
            "kind": "rms_normalization",
            "columns": shape[-1],
            "scale": True,
            "epsilon": self.epsilon,
        }


class UnitNormalization(_Normalization):
    """Length 1 for each row: y = x / max(sqrt(sum x^2), 1e-12).

    The sum is that of a row's last axis.

    Args:
        axis: One axis of a row: from 1, or counted from the end, -1.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: `axis` is something else.

    Examples:
        >>> import nncore
        >>> model = nncore.Sequential([nncore.layers.UnitNormalization()])
        >>> model([[3.0, 4.0]])
        array([[0.6, 0.8]], dtype=float32)
    """

    _arguments = ("axis",)

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
        self._set_axis(axis)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        # The core takes the least square of a length.
        words = {"kind": "unit_normalization", "columns": shape[-1]}
        return words | {"epsilon": 1e-24}
