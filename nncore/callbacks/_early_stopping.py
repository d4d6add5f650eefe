"""Stopping when nothing improves."""

from __future__ import annotations

import math
from typing import Any

from nncore import _checks
from nncore.callbacks._monitor import Monitor


class EarlyStopping(Monitor):
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

    _is_quiet = True
    _remembered = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

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
