"""Learning rates that follow the number of batches trained.

A schedule is given to an optimizer in the place of a learning rate. Batch number s,
from 0 since `compile`, takes the rate that the schedule has for s; with gradient
accumulation s counts all batches, also those without an update. Rates of many batches
are computed at once, before the core trains them. Formulas and names are Keras 3's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks, _lookup

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]


class LearningRateSchedule(_lookup.Described):
    """Base of all schedules, and of one's own.

    Define `__call__`, and `get_config` if the model is to be saved.

    Examples:
        >>> import nncore
        >>> class Halving(nncore.optimizers.schedules.LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.1 * 0.5 ** (step // 100)
        >>> sgd = nncore.optimizers.SGD(Halving())
        >>> sgd.learning_rate
        0.1
    """

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of batch number `step`.

        Args:
            step: An integer from 0.

        Raises:
            NotImplementedError: A class of one's own does not define it.
        """
        raise NotImplementedError(
            f"Learning rate schedule {type(self).__name__!r} must define "
            "`__call__(self, step)`. Received: a class without it"
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values, ready for JSON.

        Raises:
            NotImplementedError: A class of one's own does not define it.
        """
        if not self._arguments:
            raise NotImplementedError(
                f"Learning rate schedule {type(self).__name__!r} must define "
                "`get_config(self)` to be saved. Received: a class without it"
            )
        return super().get_config()

    def _rates(self, first: int, n: int) -> Array:
        """Those of n batches from number `first` on."""
        rates = np.empty(n)
        for i in range(n):
            rate = self(np.int64(first + i))
            name = f"{type(self).__name__}({first + i})"
            rates[i] = _checks.real(name, rate, 0)
        return rates


class _Formula(LearningRateSchedule):
    """A schedule of this file: it takes arrays of steps too."""

    name: str

    def __call__(self, step: ArrayLike) -> Any:
        """Return the learning rate of batch number `step`, from 0; or of several.

        Args:
            step: A number, or an array of any shape.

        Returns:
            A float, or a float64 array of that shape.
        """
        steps = np.asarray(step, np.float64)
        # Always an array: NumPy's functions may round a lone number differently.
        rates = self._at(np.atleast_1d(steps))
        return rates.reshape(steps.shape) if steps.ndim else float(rates[0])

    def _at(self, s: Array) -> Array:
        raise NotImplementedError

    def _rates(self, first: int, n: int) -> Array:
        if type(self).__call__ is not _Formula.__call__:
            return super()._rates(first, n)
        rates = self._at(np.arange(first, first + n, dtype=np.float64))
        if not (np.isfinite(rates) & (rates >= 0)).all():
            number = int(np.argmin(np.isfinite(rates) & (rates >= 0)))
            _checks.real(f"{type(self).__name__}({first + number})", rates[number], 0)
        return rates


class ExponentialDecay(_Formula):
    """lr rate^(s / steps).

    Args:
        initial_learning_rate: lr, at least 0.
        decay_steps: steps, above 0.
        decay_rate: rate, at least 0.
        staircase: Take floor(s / steps).
        name: Any string.

    Raises:
        ValueError: An argument is out of its range.

    Examples:
        >>> from nncore.optimizers import schedules
        >>> schedules.ExponentialDecay(0.5, 10, 0.5)(20)
        0.125
    """

    _arguments = (
        *("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name"),
    )

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        """See the class."""
        self.initial_learning_rate = _start(initial_learning_rate)
        self.decay_steps = _steps("decay_steps", decay_steps)
        self.decay_rate = _checks.real("decay_rate", decay_rate, 0)
        self.staircase = _checks.boolean("staircase", staircase)
        self.name = _checks.text("name", name)

    def _at(self, s: Array) -> Array:
        p = s / self.decay_steps
        if self.staircase:
            p = np.floor(p)
        return self.initial_learning_rate * np.power(self.decay_rate, p)


class InverseTimeDecay(_Formula):
    """lr / (1 + rate s / steps).

    Args:
        initial_learning_rate: lr, at least 0.
        decay_steps: steps, above 0.
        decay_rate: rate, at least 0.
        staircase: Take floor(s / steps).
        name: Any string.

    Raises:
        ValueError: An argument is out of its range.

    Examples:
        >>> from nncore.optimizers import schedules
        >>> schedules.InverseTimeDecay(0.5, 10, 1.0)(10)
        0.25
    """

    _arguments = ExponentialDecay._arguments

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        """See the class."""
        self.initial_learning_rate = _start(initial_learning_rate)
        self.decay_steps = _steps("decay_steps", decay_steps)
        self.decay_rate = _checks.real("decay_rate", decay_rate, 0)
        self.staircase = _checks.boolean("staircase", staircase)
        self.name = _checks.text("name", name)

    def _at(self, s: Array) -> Array:
        p = s / self.decay_steps
        if self.staircase:
            p = np.floor(p)
        return self.initial_learning_rate / (1 + self.decay_rate * p)


class PiecewiseConstantDecay(_Formula):
    """values[i], where i boundaries are below s.

    Args:
        boundaries: Increasing numbers of batches.
        values: One number, at least 0, more than there are boundaries.
        name: Any string.

    Raises:
        ValueError: The lists do not fit, or a value is out of its range.

    Examples:
        >>> from nncore.optimizers import schedules
        >>> [schedules.PiecewiseConstantDecay([3], [1.0, 0.5])(s) for s in (3, 4)]
        [1.0, 0.5]
    """

    _arguments = ("boundaries", "values", "name")

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        """See the class."""
        if not isinstance(boundaries, (list, tuple, range, np.ndarray)):
            raise ValueError(
                "`boundaries` must be a list of numbers. "
                f"{_checks.received('boundaries', boundaries)}"
            )
        if not isinstance(values, (list, tuple, range, np.ndarray)):
            raise ValueError(
                f"`values` must be a list of numbers. "
                f"{_checks.received('values', values)}"
            )
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "`values` must have one number more than `boundaries`. Received: "
                f"{len(values)} values and {len(boundaries)} boundaries"
            )
        self.boundaries = [_number("boundaries", b) for b in boundaries]
        if any(
            b >= c for b, c in zip(self.boundaries, self.boundaries[1:], strict=False)
        ):
            raise ValueError(
                "`boundaries` must increase. "
                f"{_checks.received('boundaries', boundaries)}"
            )
        self.values = [_checks.real("values", value, 0) for value in values]
        self.name = _checks.text("name", name)

    def _at(self, s: Array) -> Array:
        return np.asarray(self.values)[np.searchsorted(self.boundaries, s)]


class PolynomialDecay(_Formula):
    """(lr - end) (1 - min(s, steps) / steps)^power + end.

    Args:
        initial_learning_rate: lr, at least 0.
        decay_steps: steps, above 0.
        end_learning_rate: end, at least 0.
        power: At least 0.
        cycle: Begin anew: steps becomes steps max(1, ceil(s / steps)).
        name: Any string.

    Raises:
        ValueError: An argument is out of its range.

    Examples:
        >>> from nncore.optimizers import schedules
        >>> schedules.PolynomialDecay(1.0, 10, 0.5)(5)
        0.75
    """

    _arguments = (
        *("initial_learning_rate", "decay_steps", "end_learning_rate", "power"),
        *("cycle", "name"),
    )

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        """See the class."""
        self.initial_learning_rate = _start(initial_learning_rate)
        self.decay_steps = _steps("decay_steps", decay_steps)
        self.end_learning_rate = _checks.real("end_learning_rate", end_learning_rate, 0)
        self.power = _checks.real("power", power, 0)
        self.cycle = _checks.boolean("cycle", cycle)
        self.name = _checks.text("name", name)

    def _at(self, s: Array) -> Array:
        steps: Any = self.decay_steps
        if self.cycle:
            steps = steps * np.maximum(1, np.ceil(s / steps))
        p = np.minimum(s, steps) / steps
        span = self.initial_learning_rate - self.end_learning_rate
        rates: Array = span * np.power(1 - p, self.power) + self.end_learning_rate
        return rates


class CosineDecay(_Formula):
    """Half a wave of a cosine down to alpha lr, after a straight way up if wanted.

    lr ((1 - alpha) (1 + cos(pi min(s, steps) / steps)) / 2 + alpha). With
    `warmup_target` the rate first goes from lr to the target within `warmup_steps`
    batches; then the target takes the place of lr, and s - warmup_steps that of s.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm
    restarts", 2017.

    Args:
        initial_learning_rate: lr, at least 0.
        decay_steps: steps, above 0; those of the warmup are not among them.
        alpha: At least 0.
        name: Any string.
        warmup_target: At least 0; None: no warmup.
        warmup_steps: At least 0.

    Raises:
        ValueError: An argument is out of its range.

    Examples:
        >>> from nncore.optimizers import schedules
        >>> schedules.CosineDecay(0.0, 100, warmup_target=0.5, warmup_steps=10)(5)
        0.25
    """

    _arguments = (
        *("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target"),
        "warmup_steps",
    )

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        """See the class."""
        self.initial_learning_rate = _start(initial_learning_rate)
        self.decay_steps = _steps("decay_steps", decay_steps)
        self.alpha = _checks.real("alpha", alpha, 0)
        self.name = _checks.text("name", name)
        self.warmup_target: float | None = None
        if warmup_target is not None:
            self.warmup_target = _checks.real("warmup_target", warmup_target, 0)
        self.warmup_steps = _number("warmup_steps", warmup_steps)

    def _at(self, s: Array) -> Array:
        lr, first = self.initial_learning_rate, 0.0
        if self.warmup_target is not None:
            lr, first = self.warmup_target, self.warmup_steps
        p = np.minimum(s - first, self.decay_steps) / self.decay_steps
        rates = lr * _cosine(p, self.alpha)
        if first:
            span = lr - self.initial_learning_rate
            rising = s / first * span + self.initial_learning_rate
            rates = np.where(s < first, rising, rates)
        return rates


class CosineDecayRestarts(_Formula):
    """`CosineDecay` that begins anew whenever it is down.

    lr ((1 - alpha) m_mul^i (1 + cos(pi p)) / 2 + alpha), where wave i = 0, 1, ... takes
    steps t_mul^i batches, of which the share p is done.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm
    restarts", 2017.

    Args:
        initial_learning_rate: lr, at least 0.
        first_decay_steps: steps, above 0.
        t_mul: At least 1.
        m_mul: At least 0.
        alpha: As in `CosineDecay`.
        name: Any string.

    Raises:
        ValueError: An argument is out of its range.

    Examples:
        >>> from nncore.optimizers import schedules
        >>> [schedules.CosineDecayRestarts(0.5, 4)(s) for s in (0, 2, 4, 8)]
        [0.5, 0.25, 0.5, 0.25]
    """

    _arguments = (
        *("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha"),
        "name",
    )

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        """See the class."""
        self.initial_learning_rate = _start(initial_learning_rate)
        self.first_decay_steps = _steps("first_decay_steps", first_decay_steps)
        self.t_mul = _checks.real("t_mul", t_mul, 1)
        self.m_mul = _checks.real("m_mul", m_mul, 0)
        self.alpha = _checks.real("alpha", alpha, 0)
        self.name = _checks.text("name", name)

    def _at(self, s: Array) -> Array:
        p = s / self.first_decay_steps
        if self.t_mul == 1:
            wave = np.floor(p)
            p = p - wave
        else:
            wave = np.floor(np.log(1 - p * (1 - self.t_mul)) / math.log(self.t_mul))
            # The logarithms' rounding must not put a restart off.
            wave = np.where(p >= self._begin(wave + 1), wave + 1, wave)
            p = (p - self._begin(wave)) / self.t_mul**wave
        rates = _cosine(p, self.alpha, self.m_mul**wave)
        return self.initial_learning_rate * rates

    def _begin(self, wave: Array) -> Array:
        """0, 1, 1 + t_mul, 1 + t_mul + t_mul^2, ..."""
        return np.asarray((1 - self.t_mul**wave) / (1 - self.t_mul))


def _cosine(p: Array, alpha: float, height: float | Array = 1.0) -> Array:
    rates: Array = (1 - alpha) * (0.5 * height * (1 + np.cos(math.pi * p))) + alpha
    return rates


def _start(value: Any) -> float:
    return _checks.real("initial_learning_rate", value, 0)


def _number(name: str, value: Any) -> float:
    """The checked number, still an integer if it was one, as configurations show it."""
    number = _checks.real(name, value)
    return int(value) if isinstance(value, (int, np.integer)) else number


def _steps(name: str, value: Any) -> float:
    _checks.real(name, value, above=0)
    return _number(name, value)


_TABLE: dict[str, type[LearningRateSchedule]] = {
    cls.__name__: cls
    for cls in (
        *(ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay),
        *(CosineDecay, CosineDecayRestarts),
    )
}


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """Return the class name and configuration of a schedule.

    Args:
        learning_rate_schedule: An instance.

    Examples:
        >>> from nncore.optimizers import schedules
        >>> schedules.serialize(schedules.CosineDecay(0.1, 10))["class_name"]
        'CosineDecay'
    """
    return learning_rate_schedule._serialized()


def deserialize(
    config: Any, custom_objects: dict[str, Any] | None = None
) -> LearningRateSchedule:
    """Return the schedule that `serialize` wrote down.

    Args:
        config: What `serialize` gave.
        custom_objects: One's own classes by name.

    Raises:
        ValueError: The name is unknown; the message lists the known ones.

    Examples:
        >>> from nncore.optimizers import schedules
        >>> schedule = schedules.CosineDecay(0.5, 10)
        >>> schedules.deserialize(schedules.serialize(schedule))(0)
        0.5
    """
    with _lookup.custom_object_scope(custom_objects):
        return _lookup.resolve(
            config, argument="learning_rate", base=LearningRateSchedule, table=_TABLE
        )
