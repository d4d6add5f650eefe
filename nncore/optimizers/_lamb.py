"""Lamb."""

from __future__ import annotations

from ._base import COMMON, Optimizer, Rate, epsilon_of, share


class Lamb(Optimizer):
    """Adam's direction, at a length in proportion to the weights: for large batches.

    m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
    u = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon);
    w = w - lr |w| / |u| u, with the Euclidean norms of the whole kernel or bias; the
    ratio is 1 where one of them is 0.

    A model with it trains in NumPy, not in the C loop: at NumPy's speed, and with its
    last bits.

    Source: You et al., "Large batch optimization for deep learning: training BERT in 76
    minutes", 2020.

    Args:
        learning_rate: lr, a number of at least 0 or a schedule.
        beta_1: b1, in [0, 1).
        beta_2: b2, in [0, 1).
        epsilon: At least 0; None is 1e-7.
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
        >>> nncore.optimizers.Lamb().beta_2
        0.999
    """

    _arguments = ("learning_rate", "beta_1", "beta_2", "epsilon", *COMMON)
    _kind = "lamb"
    _own_name = "lamb"
    _in_numpy = True

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = share("beta_1", beta_1)
        self.beta_2 = share("beta_2", beta_2)
        self.epsilon = epsilon_of(epsilon)
