"""Adam, and Adam with weight decay."""

from __future__ import annotations

from .. import _checks
from .._legacy import accepts_old_words
from ._base import COMMON, Optimizer, Rate, epsilon_of, share


class Adam(Optimizer):
    """Mean gradient over the root of the mean square, both corrected for their start.

    m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
    w = w - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, in the
    form that the end of its section 2 gives.

    Args:
        learning_rate: lr, a number of at least 0 or a schedule.
        beta_1: In [0, 1).
        beta_2: In [0, 1).
        epsilon: At least 0; None for 1e-7.
        amsgrad: Take the largest v so far, from Reddi, Kale and Kumar, "On the
            convergence of Adam and beyond", 2018.
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
        >>> nncore.optimizers.Adam(beta_1=0.8).beta_1
        0.8
    """

    _arguments = ("learning_rate", "beta_1", "beta_2", "epsilon", "amsgrad", *COMMON)
    _kind = "adam"
    _own_name = "adam"

    @accepts_old_words("Adam")
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
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
        self.beta_1 = share("beta_1", beta_1)
        self.beta_2 = share("beta_2", beta_2)
        self.epsilon = epsilon_of(epsilon)
        self.amsgrad = _checks.boolean("amsgrad", amsgrad)


class AdamW(Adam):
    """`Adam` with weight decay.

    Before Adam's rule, w = w - lr weight_decay w.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.

    Args:
        learning_rate: lr, a number of at least 0 or a schedule.
        weight_decay: As in `Optimizer`.
        beta_1: In [0, 1).
        beta_2: In [0, 1).
        epsilon: At least 0; None for 1e-7.
        amsgrad: Take the largest v so far, from Reddi, Kale and Kumar, "On the
            convergence of Adam and beyond", 2018.
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
        >>> nncore.optimizers.AdamW().weight_decay
        0.004
    """

    _own_name = "adamw"

    @accepts_old_words("AdamW")
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
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
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            amsgrad=amsgrad,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
            decay=decay,
        )
