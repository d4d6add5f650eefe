"""Callbacks: what a training may call while it runs.

A callback is an object with hooks (`on_epoch_end` and so on) that `Sequential.fit`
calls between calls of the core. Names, order and rules are those of Keras 3. The
training loop asks `CallbackList` which hooks are in use: it returns to Python only for
those, so that a training without callbacks stays in C.

`logs` holds Python floats in the order loss, metrics, val_loss, val_metrics. All
callbacks of an epoch share one `logs`: what one adds, the later ones, the History and
the progress line see. The old keys are found too: `logs["acc"]` and `logs["accuracy"]`
are the same entry, whichever of them was asked for in `compile`.
"""

from __future__ import annotations

import inspect
import math
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nncore import _checks
from nncore._legacy import LOG_KEYS, accepts_old_words, callers_level

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nncore.models import Sequential

__all__ = [
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ReduceLROnPlateau",
]


def _other_spelling(key: object) -> str | None:
    """The old word for a new log key or the reverse; None if there is none."""
    if not isinstance(key, str):
        return None
    prefix, word = ("val_", key[4:]) if key.startswith("val_") else ("", key)
    other = LOG_KEYS.get(word)
    return None if other is None else prefix + other


class Logs(dict[str, Any]):
    """A dict that finds `acc` under `accuracy` (and the reverse) when reading."""

    def __missing__(self, key: str) -> Any:
        """The entry under the key's other spelling."""
        other = _other_spelling(key)
        if other is not None and dict.__contains__(self, other):
            return dict.__getitem__(self, other)
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The entry under `key` or its other spelling, else `default`."""
        try:
            return self[key]
        except KeyError:
            return default


class Callback:
    """Base of all callbacks: every hook is there and does nothing.

    Derive from it and define the hooks you need. Only hooks that are defined cost
    anything: a callback with `on_train_batch_end` makes `fit` return to Python after
    every batch, one with `on_epoch_end` after every epoch.

    Attributes:
        params: dict with `verbose`, `epochs` and `steps` (batches per epoch).
        model: the model that is being trained (held weakly; None before `fit`).

    Example:
        >>> from nncore.callbacks import Callback
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> class Stop(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         if epoch == 1:
        ...             self.model.stop_training = True
        >>> model = Sequential([Dense(1, input_shape=(2,))], seed=1)
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(
        ...     [[0.0, 1.0]], [1.0], epochs=9, verbose=0, callbacks=[Stop()]
        ... )
        >>> len(history.history["loss"])
        2
    """

    params: dict[str, Any] | None = None
    _model: weakref.ref[Sequential] | None = None

    @property
    def model(self) -> Any:
        """The model under training, or None."""
        return None if self._model is None else self._model()

    @model.setter
    def model(self, model: Sequential | None) -> None:
        self._model = None if model is None else weakref.ref(model)

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: everything but the model."""
        return {key: value for key, value in vars(self).items() if key != "_model"}

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive `params` before the training starts."""
        self.params = params

    def set_model(self, model: Sequential) -> None:
        """Receive the model before the training starts."""
        self.model = model

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Called once, before the first epoch."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Called once, after the last epoch; `logs` are the last epoch's."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called before each epoch; `epoch` counts from 0."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after each epoch and its validation, with that epoch's `logs`."""

    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Old name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Old name of `on_train_batch_end`."""

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Called before each training batch; `batch` counts from 0 in each epoch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Called after each training batch; `logs` are the epoch's means so far."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Called when `evaluate`, or the validation of an epoch, starts."""

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Called when `evaluate`, or the validation of an epoch, has ended."""

    def on_test_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Called before each batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after each batch of an evaluation; `logs` is empty."""

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Called when `predict` starts."""

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Called when `predict` has ended."""

    def on_predict_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Called before each batch of `predict`."""

    def on_predict_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Called after each batch of `predict`; `logs["outputs"]` are its rows."""


def _defines(callback: Callback, *hooks: str) -> bool:
    """Whether a callback has its own version of any of `hooks`."""
    return any(
        hook in vars(callback)
        or getattr(type(callback), hook) is not getattr(Callback, hook)
        for hook in hooks
    )


class CallbackList(Callback):
    """Several callbacks called as one, in the order given.

    Args:
        callbacks: None, one `Callback`, or an iterable of them.
        model: the model they belong to, or None.
        params: dict handed to each callback's `set_params`, or None.

    Raises:
        TypeError: an element is not a `Callback`.

    Example:
        >>> from nncore.callbacks import CallbackList, LambdaCallback
        >>> one = LambdaCallback(on_epoch_end=lambda epoch, logs: print("one", epoch))
        >>> two = LambdaCallback(on_epoch_end=lambda epoch, logs: print("two", epoch))
        >>> CallbackList([one, two]).on_epoch_end(3)
        one 3
        two 3
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback] | None = None,
        model: Sequential | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        """See the class."""
        if callbacks is None:
            self.callbacks: list[Callback] = []
        elif isinstance(callbacks, CallbackList):
            self.callbacks = list(callbacks.callbacks)
        elif isinstance(callbacks, Callback):
            self.callbacks = [callbacks]
        else:
            try:
                self.callbacks = list(callbacks)
            except TypeError:
                raise TypeError(
                    "`callbacks` must be a Callback or a list of them. "
                    f"Received: callbacks={callbacks!r}"
                ) from None
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                hint = " (a class: call it)" if isinstance(callback, type) else ""
                raise TypeError(
                    "`callbacks` must hold instances of nncore.callbacks.Callback. "
                    f"Received: {callback!r}{hint}"
                )
        if params is not None:
            self.set_params(params)
        if model is not None:
            self.set_model(model)

    def __iter__(self) -> Iterator[Callback]:
        """The callbacks in order."""
        return iter(self.callbacks)

    def __len__(self) -> int:
        """How many callbacks there are."""
        return len(self.callbacks)

    def append(self, callback: Callback) -> None:
        """Add one at the end."""
        self.callbacks.append(callback)

    def defines(self, *hooks: str) -> bool:
        """Whether any callback has its own version of any of `hooks`."""
        return any(_defines(callback, *hooks) for callback in self.callbacks)

    def may_print(self) -> bool:
        """Whether a hook might write to stdout: False for nncore's quiet ones."""
        return any(
            type(callback) not in _QUIET or getattr(callback, "verbose", 0)
            for callback in self.callbacks
        )

    def set_params(self, params: dict[str, Any]) -> None:
        """Hand `params` to each callback."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Sequential) -> None:
        """Hand the model to each callback."""
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_train_begin(logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_train_batch_begin(batch, logs)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_test_begin(logs)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_test_end(logs)

    def on_test_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_test_batch_begin(batch, logs)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_test_batch_end(batch, logs)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_predict_begin(logs)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_predict_end(logs)

    def on_predict_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_predict_batch_begin(batch, logs)

    def on_predict_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_predict_batch_end(batch, logs)


class History(Callback):
    """What `fit` returns: the numbers of every epoch.

    Attributes:
        history: dict from log key to a list of Python floats, one per epoch (lists of
            validation keys are shorter when `validation_freq` is above 1). Key order:
            loss, metrics, val_loss, val_metrics. `history["acc"]` also finds
            `"accuracy"`, and the reverse.
        epoch: list of the epochs' indices, from 0.
        params: dict with `verbose`, `epochs` and `steps`.

    Example:
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(1, input_shape=(2,))], seed=1)
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> h = model.fit([[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0], epochs=3, verbose=0)
        >>> list(h.history), h.epoch, type(h.history["loss"][0]).__name__
        (['loss', 'mae'], [0, 1, 2], 'float')
    """

    def __init__(self) -> None:
        """Start empty."""
        self.history: dict[str, list[float]] = Logs()
        self.epoch: list[int] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the epochs of an earlier training."""
        self.history = Logs()
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Append one epoch's numbers."""
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)

    def extend(
        self, first_epoch: int, keys: list[str], rows: NDArray[np.float64]
    ) -> None:
        """Append many epochs at once: `rows` [epochs][keys] from `first_epoch` on."""
        self.epoch.extend(range(first_epoch, first_epoch + len(rows)))
        for key, column in zip(keys, rows.T.tolist(), strict=True):
            self.history.setdefault(key, []).extend(column)


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        on_epoch_begin: f(epoch, logs), like every one named `epoch`.
        on_epoch_end: f(epoch, logs).
        on_train_begin: f(logs), like every one named `begin` or `end` alone.
        on_train_end: f(logs).
        on_train_batch_begin: f(batch, logs), like every one named `batch`.
        on_train_batch_end: f(batch, logs).
        on_batch_begin: old name of `on_train_batch_begin`.
        on_batch_end: old name of `on_train_batch_end`.
        on_test_begin: f(logs).
        on_test_end: f(logs).
        on_test_batch_begin: f(batch, logs).
        on_test_batch_end: f(batch, logs).
        on_predict_begin: f(logs).
        on_predict_end: f(logs).
        on_predict_batch_begin: f(batch, logs).
        on_predict_batch_end: f(batch, logs).

    Raises:
        TypeError: an argument is neither None nor callable.

    Example:
        >>> from nncore.callbacks import LambdaCallback
        >>> shout = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
        >>> shout.on_epoch_end(7, {})
        7
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., object] | None = None,
        on_epoch_end: Callable[..., object] | None = None,
        on_train_begin: Callable[..., object] | None = None,
        on_train_end: Callable[..., object] | None = None,
        on_train_batch_begin: Callable[..., object] | None = None,
        on_train_batch_end: Callable[..., object] | None = None,
        *,
        on_batch_begin: Callable[..., object] | None = None,
        on_batch_end: Callable[..., object] | None = None,
        on_test_begin: Callable[..., object] | None = None,
        on_test_end: Callable[..., object] | None = None,
        on_test_batch_begin: Callable[..., object] | None = None,
        on_test_batch_end: Callable[..., object] | None = None,
        on_predict_begin: Callable[..., object] | None = None,
        on_predict_end: Callable[..., object] | None = None,
        on_predict_batch_begin: Callable[..., object] | None = None,
        on_predict_batch_end: Callable[..., object] | None = None,
    ) -> None:
        """See the class."""
        hooks = {name: f for name, f in locals().items() if name.startswith("on_")}
        for name, function in hooks.items():
            if function is None:
                continue
            if not callable(function):
                raise TypeError(
                    f"`{name}` must be a function. Received: {name}={function!r}"
                )
            setattr(self, name, function)


class _Monitor(Callback):
    """What EarlyStopping and ReduceLROnPlateau share: a quantity and its direction."""

    def __init__(self, monitor: str, min_delta: float, mode: str) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(
                f"`mode` must be 'auto', 'min' or 'max'. Received: mode={mode!r}"
            )
        if not isinstance(monitor, str):
            raise TypeError(
                "`monitor` must be the name of a log entry, such as 'val_loss'. "
                f"Received: monitor={monitor!r}"
            )
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(_checks.real("min_delta", min_delta))
        self._maximise: bool | None = {"min": False, "max": True}.get(mode)

    def _resolve_mode(self) -> None:
        """Settle `mode="auto"` by the name and the metrics of the compiled model."""
        if self.mode != "auto":
            return
        name = self.monitor.removeprefix("val_")
        direction = "min" if name.endswith("loss") else None
        if direction is None and self.model is not None:
            direction = self.model._metric_direction(name)
            other = _other_spelling(name)
            if direction is None and other is not None:
                direction = self.model._metric_direction(other)
        if direction is None and any(
            word in name for word in ("acc", "auc", "precision", "recall", "f1")
        ):
            direction = "max"
        if direction is None:
            raise ValueError(
                f"{type(self).__name__} cannot tell whether a smaller or a larger "
                f"'{self.monitor}' is better: it is not the loss and no metric of the "
                "model. Pass mode='min' or mode='max'. "
                f"Received: monitor='{self.monitor}'"
            )
        self._maximise = direction == "max"

    def _better(self, current: float, reference: float | None) -> bool:
        """Whether `current` beats `reference` (None: always) by more than min_delta."""
        if reference is None:
            return True
        if self._maximise:
            return current - self.min_delta > reference
        return current + self.min_delta < reference

    def _monitored(self, logs: dict[str, Any] | None) -> float | None:
        """The value to judge, or None with a warning that names what there is."""
        found = Logs(logs or {}).get(self.monitor)
        if found is None:
            warnings.warn(
                f"{type(self).__name__} looks at '{self.monitor}', which this training "
                f"does not report. Reported: {', '.join(logs or {}) or 'nothing'}",
                UserWarning,
                stacklevel=callers_level(),
            )
            return None
        return float(found)


class EarlyStopping(_Monitor):
    """Stop training when a quantity has ceased to improve.

    After each epoch the wait grows by one; an epoch whose value is better than the best
    so far by more than `min_delta` (and better than `baseline`, if given) resets it.
    Training stops when the wait reaches `patience`, never at the first epoch.

    Args:
        monitor: log key to look at, default "val_loss".
        min_delta: smallest change that counts as improvement, default 0.
        patience: epochs without improvement that are endured, default 0.
        verbose: 1 prints a line when it stops or restores, default 0.
        mode: "min", "max" or "auto" (default): by the metric's kind.
        baseline: value that must be beaten, or None.
        restore_best_weights: give the model, when training ends for whatever reason,
            the weights of its best epoch. Default False.
        start_from_epoch: epochs before this one are not looked at, default 0.

    Raises:
        ValueError: an argument is out of its range, or (when training starts) the
            direction of `monitor` is not known.

    Example:
        >>> from nncore.callbacks import EarlyStopping
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(1, input_shape=(2,))], seed=1)
        >>> model.compile("sgd", "mse")
        >>> stop = EarlyStopping("loss", patience=2, min_delta=1e9)
        >>> h = model.fit([[0.0, 1.0]], [1.0], epochs=99, verbose=0, callbacks=stop)
        >>> len(h.epoch), stop.stopped_epoch
        (3, 2)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        """See the class."""
        super().__init__(monitor, min_delta, mode)
        self.patience = _checks.integer("patience", patience, 0)
        self.verbose = verbose
        self.baseline = None if baseline is None else _checks.real("baseline", baseline)
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = _checks.integer("start_from_epoch", start_from_epoch, 0)
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start anew; settle what is better."""
        self._reset()
        self._resolve_mode()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Judge one epoch."""
        current = self._monitored(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        improved = not math.isnan(current) and self._better(current, self.best)
        if self.restore_best_weights and (improved or self.best_weights is None):
            self.best_weights = self.model.get_weights()
            self.best_epoch = epoch
        self.wait += 1
        if improved:
            self.best = current
            self.best_epoch = epoch
            if self.baseline is None or self._better(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Report; put the best weights back."""
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}."
                )
            self.model.set_weights(self.best_weights)


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


class ReduceLROnPlateau(_Monitor):
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
        """Start anew; settle what is better."""
        self._reset()
        self._resolve_mode()

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


_QUIET = (EarlyStopping, History, LearningRateScheduler, ReduceLROnPlateau)
