"""The base of all optimizers: the arguments that all of them take, and their state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from .. import _checks, _lookup, backend
from .._rate import Rate as VariableRate
from . import schedules
from .schedules import LearningRateSchedule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Rate = float | LearningRateSchedule

_SPEC = (
    *("momentum", "beta_1", "beta_2", "rho", "epsilon", "initial_accumulator_value"),
    *("learning_rate_power", "l1_regularization_strength", "beta"),
    *("l2_regularization_strength", "l2_shrinkage_regularization_strength"),
    *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "decay"),
    *("loss_scale_factor", "ema_momentum"),
)
_COUNTS = ("gradient_accumulation_steps", "ema_overwrite_frequency")
_FLAGS = ("nesterov", "amsgrad", "centered", "use_ema")
_EXEMPT = "exclude_from_weight_decay"

COMMON = (
    *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema"),
    *("ema_momentum", "ema_overwrite_frequency", "loss_scale_factor"),
    *("gradient_accumulation_steps", "name", "decay"),
)


class Optimizer(_lookup.Described):
    """Base of all optimizers, with the arguments that all of them take.

    Args:
        learning_rate: lr, a number of at least 0 or a schedule of
            `nncore.optimizers.schedules`.
        weight_decay: Before the rule, w becomes w - lr weight_decay w, for kernels and
            biases alike. None or 0: no decay.
        clipnorm: Each weight's gradient g becomes g c / max(|g|, c) with c = clipnorm
            and |g| its Euclidean norm.
        clipvalue: Every component of g is brought into [-clipvalue, clipvalue].
        global_clipnorm: Like `clipnorm`, with the norm over all gradients together.
        use_ema: Keep a running average of every weight: a = w after the first update,
            then a = m a + (1 - m) w after each batch. At the end of `fit` the weights
            become their averages. False by default.
        ema_momentum: m, in [0, 1]; 0.99 by default.
        ema_overwrite_frequency: The weights become their averages after every so many
            updates too. None: only at the end of `fit`.
        loss_scale_factor: The loss is multiplied with this before it is differentiated,
            and its gradients are divided by it. Tiny gradients then do not vanish on
            the way; weights and reports stay what they are. None: 1.
        gradient_accumulation_steps: An integer of at least 2: only every so many
            batches is there an update, with the mean of their gradients. None: after
            each batch.
        name: Any string.
        decay: The rule takes lr / (1 + decay n) for lr after n batches, as in Keras 1
            and 2.

    Raises:
        ValueError: An argument is out of its range, or more than one of `clipnorm`,
            `clipvalue` and `global_clipnorm` is given.
    """

    _kind: ClassVar[str] = ""
    # Whether the rule is NumPy's to run: it looks at whole variables.
    _in_numpy: ClassVar[bool] = False
    _own_name: ClassVar[str] = ""
    _model: Callable[[], Any] | None = None

    def __init__(
        self,
        learning_rate: Rate = 0.001,
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
        if not self._kind:
            raise ValueError(
                "An optimizer must be one of nncore.optimizers: the arithmetic runs in "
                f"C. Received: {type(self)}"
            )
        self._learning_rate: Rate = _rate(learning_rate)
        self.weight_decay: float | None = None
        if weight_decay is not None:
            self.weight_decay = _checks.real("weight_decay", weight_decay, 0)
        self.clipnorm = _limit("clipnorm", clipnorm)
        self.clipvalue = _limit("clipvalue", clipvalue)
        self.global_clipnorm = _limit("global_clipnorm", global_clipnorm)
        limits = (clipnorm, clipvalue, global_clipnorm)
        if sum(limit is not None for limit in limits) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` may be "
                f"given. Received: clipnorm={clipnorm}, clipvalue={clipvalue}, "
                f"global_clipnorm={global_clipnorm}"
            )
        self.use_ema = _checks.boolean("use_ema", use_ema)
        self.ema_momentum = _checks.real("ema_momentum", ema_momentum, 0, 1)
        self.ema_overwrite_frequency = _count(
            "ema_overwrite_frequency", ema_overwrite_frequency, 1
        )
        self.loss_scale_factor = _limit("loss_scale_factor", loss_scale_factor)
        self.gradient_accumulation_steps = _count(
            "gradient_accumulation_steps", gradient_accumulation_steps, 2
        )
        self.name = self._own_name if name is None else _checks.text("name", name)
        self.decay = _checks.real("decay", decay, 0)
        if self.decay and isinstance(self._learning_rate, LearningRateSchedule):
            raise ValueError(
                "`decay` must be 0 where `learning_rate` is a schedule. "
                f"{_checks.received('decay', decay)}"
            )
        self._exempt: tuple[str, ...] = ()

    @property
    def learning_rate(self) -> float:
        """The learning rate of the coming batch.

        It can be set at any time, also while training, to a number or a schedule; but
        a number cannot take the place of a schedule (TypeError).
        """
        if isinstance(self._learning_rate, LearningRateSchedule):
            return float(self._learning_rate._rates(self._batches(), 1)[0])
        return VariableRate(self._learning_rate, self)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        value = _rate(value)
        is_schedule = isinstance(value, LearningRateSchedule)
        if not is_schedule and isinstance(self._learning_rate, LearningRateSchedule):
            raise TypeError(
                "`learning_rate` must not be set where it is a schedule, unless to "
                "another one: make the optimizer with a number to set it. "
                f"{_checks.received('learning_rate', value)}"
            )
        self._learning_rate = value

    @property
    def lr(self) -> float:
        """The learning rate, by its name in Keras 1 and 2."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        self.learning_rate = value

    def _rates(self, n: int) -> float | NDArray[np.float64]:
        """The learning rate, or those of the n coming batches."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate._rates(self._batches(), n)
        return self._learning_rate

    def _trained_model(self) -> Any:
        return None if self._model is None else self._model()

    def _batches(self) -> int:
        """Batches trained since the model was compiled."""
        model = self._trained_model()
        return 0 if model is None else int(model._batches_done())

    @property
    def iterations(self) -> int:
        """The number of updates done since the model was compiled; 0 before."""
        return self._batches() // (self.gradient_accumulation_steps or 1)

    @property
    def variables(self) -> list[NDArray[Any]]:
        """Copies of all that the optimizer keeps, in Keras 3's order.

        The number of batches trained; the learning rate, unless it is a schedule; the
        averages of the weights and the sums of their gradients, if they are kept; the
        rule's own arrays. Empty before the model is compiled and built.
        """
        model = self._trained_model()
        return [] if model is None else list(model._optimizer_variables())

    def get_weights(self) -> list[NDArray[Any]]:
        """Return `variables`, by its name in Keras 1 and 2."""
        return self.variables

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all that the optimizer keeps.

        Args:
            weights: What `variables` gave, of an optimizer with the same arguments and
                a model with the same weights.

        Raises:
            ValueError: The arrays do not fit, or there is no built model.
        """
        model = self._trained_model()
        if model is None:
            raise ValueError(
                "A model must be compiled with the optimizer and built before "
                f"`set_weights`. Received: {len(weights)} arrays"
            )
        model._set_optimizer_variables(weights)

    def exclude_from_weight_decay(
        self, var_list: Iterable[Any] | None = None, var_names: Any = None
    ) -> None:
        """Let weight decay leave some weights alone.

        A call replaces what an earlier one said.

        Args:
            var_list: Layers, none of whose weights decay.
            var_names: Parts of names: a weight whose name has one of them does not
                decay. Names are "dense/kernel", "dense_1/bias" and so on.

        Raises:
            ValueError: A model has been compiled with the optimizer, or an argument is
                something else.

        Examples:
            >>> import nncore
            >>> adam = nncore.optimizers.AdamW()
            >>> adam.exclude_from_weight_decay(var_names=["bias"])
        """
        if self._model is not None:
            raise ValueError(
                "`exclude_from_weight_decay` must be called before `compile`. "
                "Received: the optimizer of a compiled model"
            )
        exempt = []
        for layer in var_list or ():
            name = getattr(layer, "name", None)
            if not isinstance(name, str) or not hasattr(layer, "get_weights"):
                received = _checks.received("var_list", layer)
                raise ValueError(f"`var_list` must hold layers. {received}")
            exempt.append(f"^{name}/")
        self._exempt = (*exempt, *parts_of_names("var_names", var_names))

    def _decays(self, path: str) -> bool:
        """Whether weight decay applies to the weight of that name."""
        return not any(
            path.startswith(part[1:]) if part[0] == "^" else part in path
            for part in self._exempt
        )

    def _of_each(self, paths: Sequence[str], shapes: Sequence[Any]) -> dict[str, Any]:
        """What the description says about each weight of a model."""
        of_each = {"undecayed": [not self._decays(path) for path in paths]}
        return of_each | {"shapes": shapes} if self._in_numpy else of_each

    def _argument(self, name: str) -> Any:
        return self._learning_rate if name == "learning_rate" else getattr(self, name)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values, ready for JSON.

        What `exclude_from_weight_decay` was given is there too.
        """
        config = super().get_config()
        if self._exempt:
            config[_EXEMPT] = list(self._exempt)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a new optimizer from what `get_config` gave."""
        config = dict(config)
        exempt = config.pop(_EXEMPT, None)
        optimizer = cls(**config)
        if exempt is not None:
            optimizer.exclude_from_weight_decay(var_names=exempt)
        return optimizer

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: everything but the model."""
        return {key: value for key, value in vars(self).items() if key != "_model"}

    def _spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = {"kind": self._kind}
        for name in _SPEC:
            spec[name] = float(getattr(self, name, None) or 0.0)
        for name in _COUNTS:
            spec[name] = int(getattr(self, name) or 0)
        for name in _FLAGS:
            spec[name] = bool(getattr(self, name, False))
        return spec


def _rate(value: Any) -> Rate:
    if isinstance(value, LearningRateSchedule):
        return value
    if isinstance(value, dict) and "class_name" in value:
        return schedules.deserialize(value)
    if callable(value):
        raise ValueError(
            "`learning_rate` must be a number or a schedule: derive from "
            "nncore.optimizers.schedules.LearningRateSchedule. "
            f"{_checks.received('learning_rate', value)}"
        )
    return _checks.real("learning_rate", value, 0)


def _limit(name: str, value: Any) -> float | None:
    return None if value is None else _checks.real(name, value, above=0)


def _count(name: str, value: Any, least: int) -> int | None:
    return None if value is None else _checks.integer(name, value, least)


def epsilon_of(value: Any) -> float:
    """The checked epsilon; None is Keras's."""
    return backend.epsilon() if value is None else _checks.real("epsilon", value, 0)


def parts_of_names(argument: str, value: Any) -> list[str]:
    """The checked parts of weights' names; None is none."""
    parts = [value] if isinstance(value, str) else list(value or ())
    for part in parts:
        if not isinstance(part, str) or not part or set(part) & set("*+?[]()|\\$"):
            raise ValueError(
                f"`{argument}` must hold parts of names; patterns are not searched "
                f"for. {_checks.received(argument, part)}"
            )
    return parts


def share(name: str, value: Any) -> float:
    """The checked number in [0, 1)."""
    return _checks.real(name, value, 0, below=1)
