"""The layers of a dense network: input, Dense, Activation, Dropout, Flatten, ...

Keras 1 and 2 have these in a module of this name, those of `reshaping` included.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, ClassVar

from .. import _checks, activations, constraints, initializers, regularizers
from .._advice import TrainingWarning
from .._legacy import accepts_old_words, callers_level, dense_arguments
from ._layer import (
    Layer,
    Shape,
    WeightSpec,
    activation_spec,
    activity_spec,
    checked_shape,
    held,
)
from .reshaping import Permute, RepeatVector, Reshape

if TYPE_CHECKING:
    from ._layer import FloatArray

__all__ = [
    "Activation",
    "ActivityRegularization",
    "Dense",
    "Dropout",
    "Flatten",
    "Identity",
    "Input",
    "InputLayer",
    "Layer",
    "Permute",
    "RepeatVector",
    "Reshape",
]


# What preprocessing layers may take; the model's dtype is another matter.
RAW = ("string", "int64", "int32", "uint8", "bool")


class InputLayer(Layer):
    """The shape of a network's input; it computes nothing.

    Args:
        shape: Shape of one row, e.g. (8,); an integer is a tuple of one.
        batch_size: Accepted as in Keras; batches of any size can be given.
        dtype: "float32", "float64" or None; also "string" and integers, which a layer
            that prepares data takes, and which change nothing.
        sparse: False; others are not available in this version.
        ragged: False; likewise.
        batch_shape: The shape with the number of rows (or None) in front, in place of
            `shape`.
        name: As in `Layer`.
        optional: False; others are not available in this version.

    Raises:
        ValueError: No shape is given, or two are, or one with a size that is not a
            positive integer.

    Examples:
        >>> import nncore
        >>> nncore.layers.InputLayer((8,)).batch_shape
        (None, 8)
    """

    @accepts_old_words("InputLayer")
    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        sparse: bool = False,
        ragged: bool = False,
        batch_shape: Any = None,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        """See the class."""
        _checks.absent("sparse", sparse, False)
        _checks.absent("ragged", ragged, False)
        _checks.absent("optional", optional, False)
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                "`shape` must be given, or `batch_shape` in its place. "
                f"Received: shape={shape}, batch_shape={batch_shape}"
            )
        if shape is None:
            rows, *sizes = checked_shape("batch_shape", batch_shape)
        else:
            rows, sizes = None, list(checked_shape("shape", shape))
        if batch_size is not None:
            rows = _checks.integer("batch_size", batch_size, 1)
        self.raw_dtype = dtype if dtype in RAW else None
        dtype = None if dtype in RAW else dtype
        super().__init__(name=name, dtype=dtype, batch_input_shape=(rows, *sizes))

    @property
    def batch_shape(self) -> Shape:
        """The shape of the input, rows first."""
        assert self._batch_input_shape is not None
        return self._batch_input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values, ready for JSON."""
        return {
            "batch_shape": list(self.batch_shape),
            "dtype": self.raw_dtype or self.dtype,
            "name": self.name,
        }

    def __repr__(self) -> str:
        """Return the call that makes this object, defaults left out."""
        return f"InputLayer(batch_shape={self.batch_shape})"


@accepts_old_words("Input")
def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    sparse: bool = False,
    batch_shape: Any = None,
    name: str | None = None,
    ragged: bool = False,
    optional: bool = False,
) -> InputLayer:
    """Return an `InputLayer`, to stand first in a model.

    Args:
        shape: Shape of one row, e.g. (8,); an integer is a tuple of one.
        batch_size: Accepted as in Keras; batches of any size can be given.
        dtype: "float32", "float64" or None; also "string" and integers, which a layer
            that prepares data takes, and which change nothing.
        sparse: As in `InputLayer`.
        batch_shape: As in `InputLayer`.
        name: As in `Layer`.
        ragged: As in `InputLayer`.
        optional: As in `InputLayer`.

    Raises:
        ValueError: As in `InputLayer`.

    Examples:
        >>> import nncore
        >>> nncore.Input((8,)).batch_shape
        (None, 8)
    """
    return InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, name, optional
    )


class Dense(Layer):
    """Densely connected layer: y = f(x W + b).

    x is (rows, inputs), the kernel W (inputs, units), the bias b (units,), f the
    activation, y (rows, units). x of shape (rows, ..., inputs) gives y (rows, ...,
    units): every position within a row meets the same W and b, and the model trains in
    NumPy, at NumPy's speed.

    Args:
        units: Number of outputs, a positive integer.
        activation: f: a name ("relu"), a function of `nncore.activations`, a
            `functools.partial` of one, or None for f(x) = x.
        use_bias: Whether there is b.
        kernel_initializer: Starting values of W: a name, an instance of
            `nncore.initializers`, an array, or a function (shape, dtype) -> array.
        bias_initializer: Starting values of b.
        kernel_regularizer: Penalty on W: "l1", "l2", an instance of
            `nncore.regularizers`, or None.
        bias_regularizer: Penalty on b.
        activity_regularizer: Penalty on y, as a mean over the rows of a batch; like
            `kernel_regularizer`.
        kernel_constraint: What holds W after each batch: "max_norm", an instance of
            `nncore.constraints`, or None.
        bias_constraint: What holds b.
        lora_rank: None; others are not available in this version.
        lora_alpha: None; likewise.
        quantization_config: None; likewise.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: An argument is none of these; names are checked here, and the
            message lists the known ones, nearest first.

    Examples:
        >>> import nncore
        >>> layer = nncore.layers.Dense(16, activation="relu", input_dim=2)
        >>> layer.compute_output_shape((None, 2))
        (None, 16)
        >>> nncore.layers.Dense(units=0)
        Traceback (most recent call last):
        ValueError: `units` must be a positive integer. Received: units=0
    """

    _arguments = (
        *("units", "activation", "use_bias", "kernel_initializer", "bias_initializer"),
        *("kernel_regularizer", "bias_regularizer", "activity_regularizer"),
        *("kernel_constraint", "bias_constraint"),
    )
    _has_weights = True

    @dense_arguments
    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self.units = _checks.integer("units", units, 1)
        self.activation = activations.get(activation)
        self.use_bias = _checks.boolean("use_bias", use_bias)
        self.kernel_initializer = initializers.get(
            kernel_initializer, "kernel_initializer"
        )
        self.bias_initializer = initializers.get(bias_initializer, "bias_initializer")
        self.kernel_regularizer = regularizers.get(
            kernel_regularizer, "kernel_regularizer"
        )
        self.bias_regularizer = regularizers.get(bias_regularizer, "bias_regularizer")
        self.activity_regularizer = regularizers.get(
            activity_regularizer, "activity_regularizer"
        )
        self.kernel_constraint = constraints.get(kernel_constraint, "kernel_constraint")
        self.bias_constraint = constraints.get(bias_constraint, "bias_constraint")
        _checks.absent("lora_rank", lora_rank)
        _checks.absent("lora_alpha", lora_alpha)
        _checks.absent("quantization_config", quantization_config)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )
        if self.units == 1 and self.activation.name == "softmax":
            warnings.warn(
                f"Layer {self.name!r} has a softmax over one unit, which is always 1. "
                "Use the activation 'sigmoid'.",
                TrainingWarning,
                stacklevel=callers_level(),
            )

    @property
    def kernel(self) -> FloatArray:
        """A read-only copy of W, (inputs, units).

        Raises:
            AttributeError: The model is not built.
        """
        kernel = self._weight("kernel")
        assert kernel is not None
        return kernel

    @property
    def bias(self) -> FloatArray | None:
        """A read-only copy of b, (units,); None without bias.

        Raises:
            AttributeError: The model is not built.
        """
        return self._weight("bias")

    def _weights(self, shape: tuple[int, ...]) -> list[WeightSpec]:
        kernel = (shape[-1], self.units)
        found = [WeightSpec("kernel", kernel, self.kernel_initializer)]
        if self.use_bias:
            found.append(WeightSpec("bias", (self.units,), self.bias_initializer))
        return found

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return {
            "kind": "dense",
            "units": self.units,
            "columns": shape[-1] if len(shape) > 1 else 0,
            "use_bias": self.use_bias,
            **activation_spec(self.activation),
            **activity_spec(self.activity_regularizer),
            **held("kernel", 2, self, "kernel"),
            **held("bias", 1, self, "bias"),
        }

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (rows, ..., units) for an input of shape (rows, ..., inputs).

        Args:
            input_shape: A tuple of two or more.

        Raises:
            ValueError: The input has another rank, or an unknown number of columns.
        """
        shape = checked_shape("input_shape", input_shape)
        if len(shape) < 2:
            raise ValueError(
                f"Layer {self.name!r} (Dense) needs input of rank 2 or more, "
                f"(rows, columns). Received: input of shape {shape}"
            )
        if shape[-1] is None:
            raise ValueError(
                f"Layer {self.name!r} (Dense) needs a known number of columns. "
                f"Received: input of shape {shape}"
            )
        return *shape[:-1], self.units


class Activation(Layer):
    """Activation as a layer of its own: y = f(x).

    Args:
        activation: f, as in `Dense`.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: The activation is unknown.

    Examples:
        >>> import nncore
        >>> nncore.layers.Activation("tanh").activation
        <activation tanh()>
    """

    _arguments: ClassVar[tuple[str, ...]] = ("activation",)

    @accepts_old_words("Activation")
    def __init__(
        self,
        activation: Any,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self.activation = activations.get(activation)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return activation_spec(self.activation)


class Dropout(Layer):
    """Set a random share of the inputs to 0 in training: y = x m / (1 - rate).

    m is 0 with probability `rate`, else 1, drawn anew for every number and batch;
    outside training y = x. With rate 1, y = 0 in training.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", 2014.

    Args:
        rate: Share set to 0, in [0, 1].
        noise_shape: None; others are not available in this version.
        seed: Integer in [0, 2**64) that makes m repeatable; None takes the model's.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: `rate` is outside [0, 1], or `seed` is no such integer.

    Examples:
        >>> import nncore
        >>> nncore.layers.Dropout(0.2).rate
        0.2
    """

    _arguments = ("rate", "seed", "noise_shape")
    noise_shape = None

    @accepts_old_words("Dropout")
    def __init__(
        self,
        rate: float,
        noise_shape: None = None,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self.rate = _checks.real("rate", rate, 0, 1)
        _checks.absent("noise_shape", noise_shape)
        self.seed: int | None = None
        if seed is not None:
            self.seed = _checks.integer("seed", seed, 0, 2**64 - 1)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return {"noise": "dropout", "dropout": self.rate, "dropout_seed": self.seed}


class Flatten(Layer):
    """Turn each row of any shape into one line of numbers, last axis fastest.

    Args:
        data_format: "channels_last" or None; "channels_first", which reorders input of
            rank 3 or more, is not available in this version.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: `data_format` is something else.

    Examples:
        >>> import nncore
        >>> nncore.layers.Flatten().compute_output_shape((None, 28, 28))
        (None, 784)
    """

    _arguments = ("data_format",)

    @accepts_old_words("Flatten")
    def __init__(
        self,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        if data_format not in (None, "channels_last"):
            raise ValueError(
                "`data_format` must be 'channels_last' or None. "
                f"{_checks.received('data_format', data_format)}"
            )
        self.data_format = data_format
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (rows, product of the other sizes).

        Args:
            input_shape: A tuple of one or more sizes, rows first.

        Raises:
            ValueError: A size other than the number of rows is unknown.
        """
        rows, *sizes = checked_shape("input_shape", input_shape)
        known = [size for size in sizes if size is not None]
        if len(known) < len(sizes):
            raise ValueError(
                f"Layer {self.name!r} (Flatten) needs known sizes behind the number of "
                f"rows. Received: input of shape {(rows, *sizes)}"
            )
        return rows, math.prod(known)


class Identity(Layer):
    """Give back the inputs: y = x.

    Args:
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Examples:
        >>> import nncore
        >>> nncore.layers.Identity().compute_output_shape((None, 8))
        (None, 8)
    """


class ActivityRegularization(Layer):
    """Give back the inputs, with a penalty on them: y = x.

    The loss of a batch grows by (l1 sum |x| + l2 sum x^2) / rows, whatever the rows'
    weights, in `fit` as in `evaluate`.

    Args:
        l1: Factor of the sum of absolute values, at least 0.
        l2: Factor of the sum of squares, at least 0.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: A factor is negative or no finite number.

    Examples:
        >>> import nncore
        >>> nncore.layers.ActivityRegularization(l1=0.01).l1
        0.01
    """

    _arguments = ("l1", "l2")

    @accepts_old_words("ActivityRegularization")
    def __init__(
        self,
        l1: float = 0.0,
        l2: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self.l1 = _checks.real("l1", l1, 0)
        self.l2 = _checks.real("l2", l2, 0)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return activity_spec(self)
