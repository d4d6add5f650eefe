"""Gradient descent."""

from __future__ import annotations

from .. import _checks
from .._legacy import accepts_old_words
from ._base import COMMON, Optimizer, Rate


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    m = mu m - lr g; w = w + m, or with `nesterov` w = w + mu m - lr g

    Source: Sutskever et al., "On the importance of initialization and momentum in deep
    learning", 2013.

    Args:
        learning_rate: lr, a number of at least 0 or a schedule.
        momentum: mu, in [0, 1].
        nesterov: Take the second form.
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
        >>> nncore.optimizers.SGD(0.1, momentum=0.9).momentum
        0.9
    """

    _arguments = ("learning_rate", "momentum", "nesterov", *COMMON)
    _kind = "sgd"
    _own_name = "SGD"

    @accepts_old_words("SGD")
    def __init__(
        self,
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        self.momentum = _checks.real("momentum", momentum, 0, 1)
        self.nesterov = _checks.boolean("nesterov", nesterov)
