"""Ftrl."""

from __future__ import annotations

from .. import _checks
from .._legacy import accepts_old_words
from ._base import COMMON, Optimizer, Rate


class Ftrl(Optimizer):
    """Follow the regularized leader: penalties that make weights exactly 0.

    With p = -learning_rate_power: A = a + g^2;
    z = z + g + 2 shrinkage w - (A^p - a^p) / lr w; a = A;
    w = (clip(z, -l1, l1) - z) / (A^p / lr + 2 l2 + beta / lr), 0 where |z| <= l1.
    A weight is computed from z alone: what it started from is soon forgotten.

    Source: McMahan et al., "Ad click prediction: a view from the trenches", 2013, with
    Keras's shrinkage.

    Args:
        learning_rate: lr, a number above 0 or a schedule.
        learning_rate_power: At most 0.
        initial_accumulator_value: Start of a, at least 0.
        l1_regularization_strength: l1, at least 0.
        l2_regularization_strength: l2, at least 0.
        l2_shrinkage_regularization_strength: shrinkage, at least 0.
        beta: At least 0.
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
        >>> nncore.optimizers.Ftrl(l1_regularization_strength=0.1).learning_rate_power
        -0.5
    """

    _arguments = (
        *("learning_rate", "learning_rate_power", "initial_accumulator_value"),
        *("l1_regularization_strength", "l2_regularization_strength"),
        *("l2_shrinkage_regularization_strength", "beta", *COMMON),
    )
    _kind = "ftrl"
    _own_name = "ftrl"

    @accepts_old_words("Ftrl")
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        self.learning_rate_power = _checks.real(
            "learning_rate_power", learning_rate_power, maximum=0
        )
        self.initial_accumulator_value = _checks.real(
            "initial_accumulator_value", initial_accumulator_value, 0
        )
        self.l1_regularization_strength = _checks.real(
            "l1_regularization_strength", l1_regularization_strength, 0
        )
        self.l2_regularization_strength = _checks.real(
            "l2_regularization_strength", l2_regularization_strength, 0
        )
        self.l2_shrinkage_regularization_strength = _checks.real(
            "l2_shrinkage_regularization_strength",
            l2_shrinkage_regularization_strength,
            0,
        )
        self.beta = _checks.real("beta", beta, 0)
