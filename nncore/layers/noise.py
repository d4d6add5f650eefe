"""Noise in training: GaussianNoise, GaussianDropout, AlphaDropout.

Outside training these layers change nothing. Keras 1 and 2 have them in a module of
this name.
"""

from __future__ import annotations

from typing import Any

from .. import _checks
from .._legacy import accepts_old_words
from ._layer import Layer

__all__ = ["AlphaDropout", "GaussianDropout", "GaussianNoise"]


def _seed(seed: Any) -> int | None:
    return None if seed is None else _checks.integer("seed", seed, 0, 2**64 - 1)


class GaussianNoise(Layer):
    """Add normally distributed numbers in training: y = x + stddev n.

    n has mean 0 and variance 1 and is drawn anew for every number and batch; outside
    training y = x.

    Args:
        stddev: Standard deviation of what is added, from 0 to 1 as in Keras.
        seed: Integer in [0, 2**64) that makes n repeatable; None takes the model's.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: `stddev` is outside [0, 1], or `seed` is no such integer.

    Examples:
        >>> import nncore
        >>> nncore.layers.GaussianNoise(0.1).stddev
        0.1
    """

    _arguments = ("stddev", "seed")

    @accepts_old_words("GaussianNoise")
    def __init__(
        self,
        stddev: float,
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
        self.stddev = _checks.real("stddev", stddev, 0, 1)
        self.seed = _seed(seed)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        words = {"noise": "gaussian_noise", "dropout": self.stddev}
        return words | {"dropout_seed": self.seed}


class GaussianDropout(Layer):
    """Multiply with normally distributed numbers: y = x (1 + sqrt(r / (1 - r)) n).

    r is the rate; n has mean 0 and variance 1 and is drawn anew for every number and
    batch of training. The factors have the mean and variance of `Dropout`'s.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", 2014, section 10.

    Args:
        rate: r, at least 0 and below 1.
        seed: Integer in [0, 2**64) that makes n repeatable; None takes the model's.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: `rate` is outside [0, 1), or `seed` is no such integer.

    Examples:
        >>> import nncore
        >>> nncore.layers.GaussianDropout(0.2).rate
        0.2
    """

    _arguments = ("rate", "seed")

    @accepts_old_words("GaussianDropout")
    def __init__(
        self,
        rate: float,
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
        self.rate = _checks.real("rate", rate, 0, below=1)
        self.seed = _seed(seed)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        words = {"noise": "gaussian_dropout", "dropout": self.rate}
        return words | {"dropout_seed": self.seed}


class AlphaDropout(Layer):
    """Dropout that keeps mean 0 and variance 1, for layers with selu.

    With probability `rate` a number becomes a' = -1.7581, the limit of selu far below
    0; then y = a x + b, a = ((1 - rate) (1 + rate a'^2))^(-1/2), b = -a a' rate. This
    is drawn anew for every number and batch; outside training y = x.

    Source: Klambauer et al., "Self-normalizing neural networks", 2017.

    Args:
        rate: Share of numbers that are replaced, at least 0 and below 1.
        noise_shape: None; others are not available in this version.
        seed: Integer in [0, 2**64) that makes the choice repeatable; None takes the
            model's.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: `rate` is outside [0, 1), or `seed` is no such integer.

    Examples:
        >>> import nncore
        >>> nncore.layers.AlphaDropout(0.2).rate
        0.2
    """

    _arguments = ("rate", "seed", "noise_shape")
    noise_shape = None

    @accepts_old_words("AlphaDropout")
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
        self.rate = _checks.real("rate", rate, 0, below=1)
        _checks.absent("noise_shape", noise_shape)
        self.seed = _seed(seed)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        words = {"noise": "alpha_dropout", "dropout": self.rate}
        return words | {"dropout_seed": self.seed}
