"""Activations with arguments as layers: ReLU, LeakyReLU, ELU, Softmax.

Keras 1 and 2 have them in a module of this name.
"""

from __future__ import annotations

from typing import Any

from .. import activations
from .._legacy import accepts_old_words
from .core import Activation

__all__ = ["ELU", "LeakyReLU", "ReLU", "Softmax"]


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
