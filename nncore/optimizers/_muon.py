"""Muon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _checks
from ._base import COMMON, Optimizer, Rate, epsilon_of, parts_of_names, share

_OWN = (
    *("muon_a", "muon_b", "muon_c", "adam_lr_ratio", "momentum", "ns_steps"),
    *("nesterov", "rms_rate"),
)


class Muon(Optimizer):
    """The momentum of a kernel, made nearly orthogonal; AdamW for all other weights.

    m = momentum m + g; x = momentum m + g, without nesterov x = m;
    x = x / (|x| + 1e-7); ns_steps times, with A = x x^T:
    x = muon_a x + (muon_b A + muon_c A A) x, on the transpose of a kernel that has more
    rows than columns;
    w = w - lr rms_rate sqrt(max(rows, columns)) x.

    Biases, what else is no matrix, embeddings and what `exclude_layers` names follow
    the rule of `Adam` with lr adam_lr_ratio. The last layer is better there.

    A model with it trains in NumPy, not in the C loop: at NumPy's speed, and with its
    last bits.

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks",
    2024; Liu et al., "Muon is scalable for LLM training", 2025.

    Args:
        learning_rate: lr, a number of at least 0 or a schedule.
        adam_beta_1: Adam's b1, in [0, 1).
        adam_beta_2: Adam's b2, in [0, 1).
        adam_weight_decay: The `weight_decay` of weights that follow Adam.
        epsilon: Adam's, at least 0; None is 1e-7.
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
        exclude_layers: Parts of names: a weight whose name has one of them follows
            Adam. Names are "dense/kernel", "dense_1/kernel" and so on.
        exclude_embeddings: Whether weights with "embedding" in their names follow Adam.
        muon_a: A number.
        muon_b: A number.
        muon_c: A number.
        adam_lr_ratio: At least 0.
        momentum: At least 0 and at most 1.
        ns_steps: A positive integer.
        nesterov: Whether a step looks one step ahead.
        rms_rate: Above 0. None: w = w - lr x.
        decay: As in `Optimizer`.

    Raises:
        ValueError: As in `Optimizer`.

    Examples:
        >>> import nncore
        >>> nncore.optimizers.Muon(exclude_layers=["dense_2/"]).momentum
        0.95
    """

    _arguments = (
        *("learning_rate", "adam_beta_1", "adam_beta_2", "adam_weight_decay"),
        *("epsilon", *COMMON, "exclude_layers", "exclude_embeddings", *_OWN),
    )
    _kind = "muon"
    _own_name = "muon"
    _in_numpy = True

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float | None = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
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
        self.adam_beta_1 = share("adam_beta_1", adam_beta_1)
        self.adam_beta_2 = share("adam_beta_2", adam_beta_2)
        self.adam_weight_decay: float | None = None
        if adam_weight_decay is not None:
            self.adam_weight_decay = _checks.real(
                "adam_weight_decay", adam_weight_decay, 0
            )
        self.epsilon = epsilon_of(epsilon)
        self.exclude_layers = parts_of_names("exclude_layers", exclude_layers) or None
        self.exclude_embeddings = _checks.boolean(
            "exclude_embeddings", exclude_embeddings
        )
        self.muon_a = _checks.real("muon_a", muon_a)
        self.muon_b = _checks.real("muon_b", muon_b)
        self.muon_c = _checks.real("muon_c", muon_c)
        self.adam_lr_ratio = _checks.real("adam_lr_ratio", adam_lr_ratio, 0)
        self.momentum = _checks.real("momentum", momentum, 0, 1)
        self.ns_steps = _checks.integer("ns_steps", ns_steps, 1)
        self.nesterov = _checks.boolean("nesterov", nesterov)
        self.rms_rate: float | None = None
        if rms_rate is not None:
            self.rms_rate = _checks.real("rms_rate", rms_rate, above=0)

    def _spec(self) -> dict[str, Any]:
        return super()._spec() | {
            "beta_1": self.adam_beta_1,
            "beta_2": self.adam_beta_2,
            "adam_weight_decay": self.adam_weight_decay or 0.0,
            **{name: getattr(self, name) or 0 for name in _OWN},
        }

    def _of_each(self, paths: Sequence[str], shapes: Sequence[Any]) -> dict[str, Any]:
        by_adam = [
            len(shape) != 2 or self._leaves_to_adam(path)
            for path, shape in zip(paths, shapes, strict=True)
        ]
        return super()._of_each(paths, shapes) | {"by_adam": by_adam}

    def _leaves_to_adam(self, path: str) -> bool:
        is_embedding = self.exclude_embeddings and "embedding" in path.lower()
        return is_embedding or any(part in path for part in self.exclude_layers or ())
