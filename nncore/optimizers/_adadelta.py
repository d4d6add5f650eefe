"""Adadelta."""

from __future__ import annotations

from .._legacy import accepts_old_words
from ._base import COMMON, Optimizer, Rate, epsilon_of, share


class Adadelta(Optimizer):
    """Steps scaled by the size of past steps.

    a = rho a + (1 - rho) g^2; d = g sqrt(b + epsilon) / sqrt(a + epsilon);
    b = rho b + (1 - rho) d^2; w = w - lr d

    Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012. The paper has
    lr = 1.

    Args:
        learning_rate: lr, a number of at least 0 or a schedule.
        rho: In [0, 1).
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
        >>> nncore.optimizers.Adadelta(1).learning_rate
        1.0
    """

    _arguments = ("learning_rate", "rho", "epsilon", *COMMON)
    _kind = "adadelta"
    _own_name = "adadelta"

    @accepts_old_words("Adadelta")
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.95,
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
        self.rho = share("rho", rho)
        self.epsilon = epsilon_of(epsilon)
