"""Lion."""

from __future__ import annotations

from .. import _checks
from ._base import COMMON, Optimizer, Rate, share


class Lion(Optimizer):
    """The sign of a mean gradient.

    w = w - lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g

    Source: Chen et al., "Symbolic discovery of optimization algorithms", 2023. A lr of
    a tenth to a third of Adam's, and a larger weight decay, suit it.

    Args:
        learning_rate: lr, a number of at least 0 or a schedule.
        beta_1: b1, in (0, 1].
        beta_2: b2, in [0, 1).
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
        >>> nncore.optimizers.Lion().beta_2
        0.99
    """

    _arguments = ("learning_rate", "beta_1", "beta_2", *COMMON)
    _kind = "lion"
    _own_name = "lion"

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        self.beta_1 = _checks.real("beta_1", beta_1, maximum=1, above=0)
        self.beta_2 = share("beta_2", beta_2)
