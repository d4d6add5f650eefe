"""RMSprop."""

from __future__ import annotations

from .. import _checks
from .._legacy import accepts_old_words
from ._base import COMMON, Optimizer, Rate, epsilon_of, share


class RMSprop(Optimizer):
    """Gradient over the root of its mean square.

    v = rho v + (1 - rho) g^2; s = lr g / sqrt(v + epsilon); m = mu m + s; w = w - m.
    With `centered`, a = rho a + (1 - rho) g and v - a^2 takes the place of v in s.

    Source: Tieleman and Hinton, "Lecture 6.5: RMSProp", 2012; epsilon inside the root
    as in Keras 3.

    Args:
        learning_rate: lr, a number of at least 0 or a schedule.
        rho: In [0, 1).
        momentum: mu, in [0, 1].
        epsilon: At least 0; None for 1e-7.
        centered: Subtract the squared mean gradient.
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
        >>> nncore.optimizers.RMSprop().rho
        0.9
    """

    _arguments = ("learning_rate", "rho", "momentum", "epsilon", "centered", *COMMON)
    _kind = "rmsprop"
    _own_name = "rmsprop"

    @accepts_old_words("RMSprop")
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float | None = 1e-7,
        centered: bool = False,
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
        self.momentum = _checks.real("momentum", momentum, 0, 1)
        self.epsilon = epsilon_of(epsilon)
        self.centered = _checks.boolean("centered", centered)
