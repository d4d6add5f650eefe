"""Saving the model as it is trained."""

from __future__ import annotations

import os
from typing import Any

from nncore import _checks
from nncore._legacy import accepts_old_words
from nncore.callbacks._logs import Logs
from nncore.callbacks._monitor import Monitor

_WHOLE = (".nnc", ".keras", ".h5", ".hdf5")
_WEIGHTS = (".nnc", ".weights.h5", ".h5", ".hdf5")


class ModelCheckpoint(Monitor):
    """Save the model, or its weights, after epochs or batches.

    A file appears whole or not at all, and so does the one that replaces it.

    Args:
        filepath: where to; its ending says the format, as for `Sequential.save`, or
            `save_weights`. May hold the epoch, counted from 1, and logs, for one
            "best.{epoch:02d}-{val_loss:.2f}.nnc"; and {batch} with an integer
            `save_freq`. Folders are made.
        monitor: log key to look at, default "val_loss".
        verbose: 1 prints lines, default 0.
        save_best_only: save only if `monitor` is better than ever before, default
            False. Where it is not reported, a warning says so and the model is saved.
        save_weights_only: save the weights alone, default False.
        mode: "min", "max" or "auto" (default): by the metric's kind.
        save_freq: "epoch" (default), or a number of batches: after so many since the
            last time.
        initial_value_threshold: what the first value must be better than, or None.
        period: look only at every so many epochs, as in Keras 1 and 2; default 1.

    Raises:
        ValueError: an argument is out of its range, or (when training starts) the
            direction of `monitor` is not known.
        KeyError: (when saving) `filepath` holds a name that is not reported.

    Example:
        >>> import os, tempfile
        >>> from nncore.callbacks import ModelCheckpoint
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(1, input_shape=(2,))], seed=1)
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     saver = ModelCheckpoint(os.path.join(folder, "{epoch}.nnc"))
        ...     h = model.fit([[0.0, 1.0]], [1.0], epochs=2, verbose=0, callbacks=saver)
        ...     sorted(os.listdir(folder))
        ['1.nnc', '2.nnc']
    """

    _is_quiet = True
    _remembered = ("best", "_batches", "_epochs")

    @accepts_old_words("ModelCheckpoint")
    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        period: int = 1,
    ) -> None:
        """See the class."""
        super().__init__(monitor, 0, mode)
        self.filepath = _checks.text("filepath", os.fspath(filepath))
        self.verbose = verbose
        self.save_best_only = _checks.boolean("save_best_only", save_best_only)
        self.save_weights_only = _checks.boolean("save_weights_only", save_weights_only)
        endings = _WEIGHTS if self.save_weights_only else _WHOLE
        name = self.filepath.lower()
        if not name.endswith(endings) or (
            not self.save_weights_only and name.endswith(".weights.h5")
        ):
            what = "the weights" if self.save_weights_only else "the model"
            raise ValueError(
                f"`filepath` must end in {' or '.join(endings)} to save {what}. "
                f"{_checks.received('filepath', self.filepath)}"
            )
        self.save_freq = save_freq
        if save_freq != "epoch":
            self.save_freq = _frequency(save_freq)
            # Only then does it cost a return to Python after every batch.
            self.on_train_batch_end = self._on_batch  # type: ignore[method-assign]
        self.period = _checks.integer("period", period, 1)
        self.best: float | None = None
        if initial_value_threshold is not None:
            self.best = _checks.real("initial_value_threshold", initial_value_threshold)
        self._batches = self._epochs = self._epoch = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Settle what is better; `best` stays from one training to the next."""
        if self.save_best_only:
            self._resolve_mode()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch's number."""
        self._epoch = epoch

    def _on_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches += 1
        if self._batches >= int(self.save_freq):
            self._batches = 0
            self._save_if_better(Logs({"batch": batch + 1, **(logs or {})}))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if epochs are what counts."""
        self._epoch = epoch
        self._epochs += 1
        if self.save_freq == "epoch" and self._epochs >= self.period:
            self._epochs = 0
            self._save_if_better(Logs(logs or {}))

    def _save_if_better(self, logs: Logs) -> None:
        path = self._path(logs)
        number = self._epoch + 1
        note = f"\nEpoch {number}: saving model to {path}"
        current = self._monitored(logs) if self.save_best_only else None
        if current is not None:
            before = "None" if self.best is None else f"{self.best:.5f}"
            if not self._better(current, self.best) or current != current:
                self._say(
                    f"\nEpoch {number}: {self.monitor} did not improve from {before}"
                )
                return
            note = (
                f"\nEpoch {number}: {self.monitor} improved from {before} to "
                f"{current:.5f}, saving model to {path}"
            )
        self._say(note)
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        # Not before it is saved: an error must not make the next best seem worse.
        self.best = self.best if current is None else current
        self._say(f"\nEpoch {number}: finished saving model to {path}")

    def _say(self, text: str) -> None:
        if self.verbose:
            print(text)

    def _path(self, logs: Logs) -> str:
        named = Logs({**logs, "epoch": self._epoch + 1})
        try:
            return self.filepath.format_map(named)
        except KeyError as error:
            raise KeyError(
                f"`filepath` must hold names among {', '.join(named)}. "
                f"Received: {error} in {self.filepath!r}"
            ) from None


def _frequency(save_freq: Any) -> int:
    try:
        return _checks.integer("save_freq", save_freq, 1)
    except ValueError:
        raise ValueError(
            "`save_freq` must be 'epoch' or a positive number of batches. "
            f"{_checks.received('save_freq', save_freq)}"
        ) from None
