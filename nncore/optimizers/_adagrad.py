"""Adagrad."""

from __future__ import annotations

from .. import _checks
from .._legacy import accepts_old_words
from ._base import COMMON, Optimizer, Rate, epsilon_of


class Adagrad(Optimizer):
    """Gradient over the root of the sum of its squares.

    a = a + g^2; w = w - lr g / sqrt(a + epsilon)

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning
    and stochastic optimization", 2011.

    Args:
        learning_rate: lr, a number of at least 0 or a schedule.
        initial_accumulator_value: Start of a, at least 0.
        epsilon: At least 0; None for 1e-7.
        weight_decay: As in `Optimizer`.
        clipnorm: As in `Optimizer`.
        clipvalue: As in `Optimizer`.
        global_clipnorm: As in `Optimizer`.
        use_ema: As in `Optimizer`.
        ema_momentum: As in `Optimizer`.
        ema_overwrite_frequency: As in `Optimizer`.
        loss_scale_factor: As in `Optimizer`.
        gradient_accumulation_steps: As in `Optimizer`.
        name: As in `Optimizer`.
        decay: As in `Optimizer`.

    Raises:
        ValueError: As in `Optimizer`.

    Examples:
        >>> import nncore
        >>> nncore.optimizers.Adagrad(0.01).learning_rate
        0.01
    """

    _arguments = ("learning_rate", "initial_accumulator_value", "epsilon", *COMMON)
    _kind = "adagrad"
    _own_name = "adagrad"

    @accepts_old_words("Adagrad")
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float | None = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float = 0.0,
    ) -> None:
        """See the class."""
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            decay,
        )
        self.initial_accumulator_value = _checks.real(
            "initial_accumulator_value", initial_accumulator_value, 0
        )
        self.epsilon = epsilon_of(epsilon)
