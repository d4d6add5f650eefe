"""Adafactor."""

from __future__ import annotations

from typing import Any

from .. import _checks
from ._base import COMMON, Optimizer, Rate

_OWN = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold")


class Adafactor(Optimizer):
    """Steps in proportion to the weights, over a mean square made of rows and columns.

    With b = 1 - t^beta_2_decay and q = g^2 + epsilon_1, for a bias v = b v + (1 - b) q.
    For a kernel r and c follow the means of q along its rows and columns in that way,
    and v = r c^T / mean(r). Then, rms(x) being the root of the mean of x^2,
    u = g / sqrt(v); u = u / max(1, rms(u) / clip_threshold);
    w = w - max(epsilon_2, rms(w)) min(lr, 1 / sqrt(t)) u.

    A model with it trains in NumPy, not in the C loop: at NumPy's speed, and with its
    last bits.

    Source: Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory
    cost", 2018.

    Args:
        learning_rate: lr, a number of at least 0 or a schedule.
        beta_2_decay: A number below 0.
        epsilon_1: At least 0.
        epsilon_2: At least 0.
        clip_threshold: Above 0.
        relative_step: As in Keras this changes nothing: lr is held below 1 / sqrt(t)
            either way.
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
        >>> nncore.optimizers.Adafactor().beta_2_decay
        -0.8
    """

    _arguments = ("learning_rate", *_OWN, "relative_step", *COMMON)
    _kind = "adafactor"
    _own_name = "adafactor"
    _in_numpy = True

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
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
        self.beta_2_decay = _checks.real("beta_2_decay", beta_2_decay, below=0)
        self.epsilon_1 = _checks.real("epsilon_1", epsilon_1, 0)
        self.epsilon_2 = _checks.real("epsilon_2", epsilon_2, 0)
        self.clip_threshold = _checks.real("clip_threshold", clip_threshold, above=0)
        self.relative_step = _checks.boolean("relative_step", relative_step)

    def _spec(self) -> dict[str, Any]:
        return super()._spec() | {name: getattr(self, name) for name in _OWN}
