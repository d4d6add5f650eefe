"""Going on with a training that was killed."""

from __future__ import annotations

import contextlib
import glob
import os
from typing import TYPE_CHECKING, Any

from nncore import _checks
from nncore.callbacks._callback import Callback

if TYPE_CHECKING:
    from nncore._training import Training

_FILE = "training.backup"


class BackupAndRestore(Callback):
    """Keep all that a training needs to go on, and go on if it was broken off.

    Run the same script again after a crash, a kill or Ctrl-C: `fit` then goes on where
    the last backup was made and ends with the same bits, weights and History alike, as
    if nothing had happened. In the backup are weights, the optimizer's arrays and
    learning rate, the place in the epoch and its sums, the generator's place, the
    History, what the metrics have counted, and what the callbacks of this package
    remember (patience, best values and weights, lines written); callbacks and metrics
    of your own are asked for `get_state` and given `set_state`. A backup appears whole
    or not at all.

    Data that come from a generator start anew when a training goes on, and there are
    backups between their epochs only. Those of `nncore.data` go on where they stood.

    Args:
        backup_dir: folder of the backup, for this training alone; made if need be.
        save_freq: "epoch" (default), or a number of batches.
        double_checkpoint: no effect: a backup that replaces another is whole before.
        delete_checkpoint: remove the backup when training has ended by itself, default
            True.

    Raises:
        ValueError: an argument is out of its range, or (when training starts) the
            backup is of another model or of other data.
        ModelFileError: (when training starts) the backup is damaged.

    Example:
        >>> import os, tempfile
        >>> from nncore.callbacks import BackupAndRestore, LambdaCallback
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> def train(folder, *more):
        ...     model = Sequential([Dense(1, input_shape=(1,))], seed=1)
        ...     model.compile("sgd", "mse")
        ...     callbacks = [BackupAndRestore(folder), *more]
        ...     return model.fit(
        ...         [[1.0]], [2.0], epochs=5, verbose=0, callbacks=callbacks
        ...     )
        >>> def fail(epoch, logs):
        ...     if epoch == 3:
        ...         raise OSError
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     whole = train(os.path.join(folder, "a")).history
        ...     try:
        ...         train(os.path.join(folder, "b"), LambdaCallback(on_epoch_end=fail))
        ...     except OSError:
        ...         train(os.path.join(folder, "b")).history == whole
        True
    """

    _is_quiet = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        """See the class."""
        self.backup_dir = _checks.text("backup_dir", os.fspath(backup_dir))
        self.save_freq = save_freq
        if save_freq != "epoch":
            self.save_freq = _checks.integer("save_freq", save_freq, 1)
        self.double_checkpoint = _checks.boolean("double_checkpoint", double_checkpoint)
        self.delete_checkpoint = _checks.boolean("delete_checkpoint", delete_checkpoint)
        self._batches = 0

    @property
    def path(self) -> str:
        """The file of the backup."""
        return os.path.join(self.backup_dir, _FILE)

    def get_state(self) -> dict[str, Any]:
        """Return how many batches ago a backup was made."""
        return {"batches": self._batches}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_state` gave."""
        self._batches = state["batches"]

    def _restore(self, training: Training) -> bool:
        """Give a training that begins the state of the one that was broken off."""
        self._batches = 0
        self._clear()
        if not os.path.exists(self.path):
            return False
        from nncore.saving import _backup

        _backup.restore(training, self.path)
        return True

    def _clear(self) -> None:
        """Remove what a kill has left of a backup that was not whole yet."""
        folder = glob.escape(self.backup_dir)
        for path in glob.glob(os.path.join(folder, f".{_FILE}.*.tmp")):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _room(self) -> int:
        """Batches until the next backup is due; 0: only when the epoch has ended."""
        if self.save_freq == "epoch":
            return 0
        return max(1, int(self.save_freq) - self._batches)

    def _count(self, batches: int) -> None:
        """So many batches have been trained."""
        self._batches += batches

    def _is_due(self, epoch_ended: bool) -> bool:
        """Whether it is time for a backup."""
        if self.save_freq == "epoch":
            return epoch_ended
        return self._batches >= int(self.save_freq)

    def _save(self, training: Training) -> None:
        from nncore.saving import _backup

        self._batches = 0
        os.makedirs(self.backup_dir, exist_ok=True)
        _backup.save(training, self.path)

    def _ended(self) -> None:
        """The training has ended by itself."""
        self._clear()
        if self.delete_checkpoint:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
            # Other files in it are not ours.
            with contextlib.suppress(OSError):
                os.rmdir(self.backup_dir)
