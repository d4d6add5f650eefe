"""The numbers of every epoch as lines of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import IO, Any

from nncore import _checks
from nncore.callbacks._callback import Callback


class CSVLogger(Callback):
    r"""Write a line per epoch: its number, from 0, and what is reported, by name.

    The first epoch decides on the columns; what a later one lacks is "NA".

    Args:
        filename: where to.
        separator: between columns, default ",".
        append: False (default) begins anew; True goes on with a file that exists.

    Raises:
        ValueError: `separator` is not one character.

    Example:
        >>> import os, tempfile
        >>> from nncore.callbacks import CSVLogger
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(1, "linear", input_shape=(1,))], seed=1)
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "log.csv")
        ...     h = model.fit([[0.0]], [1.0], verbose=0, callbacks=CSVLogger(path))
        ...     with open(path, newline="") as file:
        ...         file.readline()
        'epoch,loss,val_loss\r\n'
    """

    _is_quiet = True

    def __init__(
        self,
        filename: str | os.PathLike[str],
        separator: str = ",",
        append: bool = False,
    ) -> None:
        """See the class."""
        self.filename = os.fspath(filename)
        self.sep = _checks.text("separator", separator)
        if len(separator) != 1:
            raise ValueError(
                "`separator` must be one character. "
                f"{_checks.received('separator', separator)}"
            )
        self.append = _checks.boolean("append", append)
        self.keys: list[str] | None = None
        self.csv_file: IO[str] | None = None
        self._end: int | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the columns of an earlier training."""
        self._close()
        self.keys, self._end = None, None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a line."""
        logs = logs or {}
        file = self._open()
        begins = self.keys is None and file.tell() == 0
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in logs):
                # Validation may come with a later epoch.
                self.keys += [f"val_{key}" for key in self.keys]
        import csv  # takes as long as a dozen modules of this package

        writer = csv.writer(file, delimiter=self.sep)
        if begins:
            writer.writerow(["epoch", *self.keys])
        writer.writerow([epoch, *(_plain(logs.get(key, "NA")) for key in self.keys)])
        file.flush()
        self._end = file.tell()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the file."""
        self._open()
        self._close()

    def get_state(self) -> dict[str, Any]:
        """Return the columns and how long the file is."""
        return {"keys": self.keys, "end": self._end}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where the file was; lines that came later will be written anew."""
        self.keys, self._end = state["keys"], state["end"]
        if self._end is None or not os.path.exists(self.filename):
            return
        self._close()
        self.csv_file = open(self.filename, "r+", newline="", encoding="utf-8")  # noqa: SIM115
        self.csv_file.seek(0, os.SEEK_END)
        self.csv_file.truncate(min(self._end, self.csv_file.tell()))
        self.csv_file.seek(0, os.SEEK_END)

    def _open(self) -> IO[str]:
        # Not at the beginning, when a training that goes on has not said so yet.
        if self.csv_file is None:
            mode = "a" if self.append else "w"
            self.csv_file = open(self.filename, mode, newline="", encoding="utf-8")  # noqa: SIM115
        return self.csv_file

    def _close(self) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
            self.csv_file = None

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: no open file."""
        return {**super().__getstate__(), "csv_file": None}


def _plain(value: Any) -> Any:
    if isinstance(value, Iterable) and not isinstance(value, str):
        if getattr(value, "ndim", None) == 0:
            return value
        return f'"[{", ".join(map(str, value))}]"'
    return value
