"""The base of all callbacks."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from nncore.models import Sequential


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

    # What get_state gives, as far as a class has something to remember.
    _remembered: ClassVar[tuple[str, ...]] = ()
    # Whether none of its hooks writes to stdout, unless `verbose` says so.
    _is_quiet: ClassVar[bool] = False

    def get_state(self) -> dict[str, Any]:
        """Return what `BackupAndRestore` is to keep of this callback.

        Define it, with `set_state`, in a callback of your own that remembers something
        from one epoch or batch to the next.

        Returns:
            Names and values: None, booleans, numbers, strings, NumPy arrays of floats,
            lists and dictionaries of these.
        """
        return {name: getattr(self, name) for name in self._remembered}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_state` gave; called after `on_train_begin`."""
        for name in self._remembered:
            setattr(self, name, state[name])

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


def defines(callback: Callback, *hooks: str) -> bool:
    """Whether a callback has its own version of any of `hooks`."""
    return any(
        hook in vars(callback)
        or getattr(type(callback), hook) is not getattr(Callback, hook)
        for hook in hooks
    )
