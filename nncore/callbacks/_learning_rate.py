"""Learning rates that follow the epochs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from nncore import _checks
from nncore._legacy import accepts_old_words
from nncore.callbacks._callback import Callback
from nncore.callbacks._monitor import Monitor


class LearningRateScheduler(Callback):
    """Set the learning rate at the beginning of every epoch by a function.

    The rate in force is also written to `logs["learning_rate"]`, so it appears in the
    History.

    Args:
        schedule: f(epoch, learning_rate) or f(epoch), with `epoch` from 0, returning
            the rate for that epoch as a real number.
        verbose: 1 prints a line per epoch, default 0.

    Raises:
        ValueError: the function returns something that is not a finite number >= 0.

    Example:
        >>> from nncore.callbacks import LearningRateScheduler
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(1, input_shape=(2,))], seed=1)
        >>> model.compile("sgd", "mse")
        >>> def halve(epoch, rate):
        ...     return rate / 2 if epoch else rate
        >>> scheduler = LearningRateScheduler(halve)
        >>> h = model.fit([[0.0, 1.0]], [1.0], epochs=3, verbose=0, callbacks=scheduler)
        >>> h.history["learning_rate"]
        [0.01, 0.005, 0.0025]
    """

    _is_quiet = True

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        """See the class."""
        if not callable(schedule):
            raise TypeError(
                "`schedule` must be a function of (epoch, learning_rate) or (epoch). "
                f"Received: schedule={schedule!r}"
            )
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ask the function, set the rate."""
        optimizer = self.model.optimizer
        if self._takes_rate:
            rate = self.schedule(epoch, float(optimizer.learning_rate))
        else:
            rate = self.schedule(epoch)
        number = _checks.real(f"schedule({epoch})", rate, 0)
        optimizer.learning_rate = number
        if self.verbose:
            print(
                f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate "
                f"to {number}."
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the rate that was in force."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _takes_two(function: Callable[..., Any]) -> bool:
    """Whether `function` can be called with two positional arguments."""
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate by `factor` when a quantity has ceased to improve.

    The rate in force is also written to `logs["learning_rate"]`.

    Args:
        monitor: log key to look at, default "val_loss".
        factor: what the rate is multiplied with, below 1, default 0.1.
        patience: epochs without improvement before a reduction, default 10.
        verbose: 1 prints a line at each reduction, default 0.
        mode: "min", "max" or "auto" (default): by the metric's kind.
        min_delta: smallest change that counts as improvement, default 1e-4.
        cooldown: epochs after a reduction in which the wait does not grow, default 0.
        min_lr: the rate is never set below this, default 0.

    Raises:
        ValueError: an argument is out of its range, or (when training starts) the
            direction of `monitor` is not known.

    Example:
        >>> from nncore.callbacks import ReduceLROnPlateau
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(1, input_shape=(2,))], seed=1)
        >>> model.compile("sgd", "mse")
        >>> reduce = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
        >>> h = model.fit([[0.0, 1.0]], [1.0], epochs=3, verbose=0, callbacks=[reduce])
        >>> h.history["learning_rate"], model.optimizer.learning_rate
        ([0.01, 0.01, 0.005], 0.0025)
    """

    _is_quiet = True
    _remembered = ("wait", "best", "cooldown_counter")

    @accepts_old_words("ReduceLROnPlateau")
    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        """See the class."""
        super().__init__(monitor, min_delta, mode)
        self.factor = _checks.real("factor", factor, above=0, below=1)
        self.patience = _checks.integer("patience", patience, 0)
        self.verbose = verbose
        self.cooldown = _checks.integer("cooldown", cooldown, 0)
        self.min_lr = _checks.real("min_lr", min_lr, 0)
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start anew; settle what is better.

        Raises:
            TypeError: the learning rate is a schedule, which cannot be set.
        """
        self._reset()
        self._resolve_mode()
        if self.model._settable_rate() is None:
            raise TypeError(
                "ReduceLROnPlateau must have a learning rate that is a number. "
                f"Received: {self.model.optimizer!r}"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Judge one epoch."""
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        if logs is not None:
            logs["learning_rate"] = rate
        current = self._monitored(logs)
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if not math.isnan(current) and self._better(current, self.best):
            self.best = current
            self.wait = 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                rate = max(rate * self.factor, self.min_lr)
                optimizer.learning_rate = rate
                if self.verbose:
                    print(
                        f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning "
                        f"rate to {rate}."
                    )
                self.cooldown_counter = self.cooldown
                self.wait = 0
