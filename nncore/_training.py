"""The loop around the core: chunks, epochs, callbacks, History; no arithmetic on rows.

One call of the core trains a chunk: some batches of an epoch, or many whole epochs
where nothing needs Python between them. A chunk is as much work as takes about
`_CHUNK` seconds, measured as it goes, and ends by the clock where that was wrong, so
that Ctrl-C, which Python notices between chunks, is honoured soon and the calls still
cost nothing. Where chunks end changes no bit of the result: order, sums and position of
an epoch live in the core.
"""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nncore import _checks
from nncore._advice import TrainingWarning
from nncore._legacy import callers_level
from nncore._progress import Progress
from nncore._streams import Batches
from nncore.callbacks import (
    BackupAndRestore,
    CallbackList,
    History,
    Logs,
    TerminateOnNaN,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nncore._core import Network
    from nncore._diagnosis import Watch
    from nncore.models import Sequential

_CHUNK = 0.03  # seconds

# Rows of a stream that are evaluated or predicted in one call. By number, not by time:
# streaming metrics are handed what one call gives.
_ROWS_AT_ONCE = 4096

_EPOCH_HOOKS = ("on_epoch_begin", "on_epoch_end")
_TRAIN_BATCH_HOOKS = (
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_batch_begin",
    "on_batch_end",
)
_TEST_BATCH_HOOKS = ("on_test_batch_begin", "on_test_batch_end")
_PREDICT_BATCH_HOOKS = ("on_predict_batch_begin", "on_predict_batch_end")


class Data:
    """Converted rows: x [n][n_in], y [n][target columns], weights [n] or None.

    Of a stream, it may be a part of them, in an order of its own.

    Args:
        x: inputs.
        y: targets.
        weights: of rows, or None.
        order: [n] row numbers in the order in which they are used, or None.
        start: the first that is used.
        end: behind the last; None: n.
    """

    __slots__ = ("end", "order", "start", "weights", "x", "y")

    def __init__(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        order: NDArray[np.uint32] | None = None,
        start: int = 0,
        end: int | None = None,
    ) -> None:
        """See the class."""
        self.x, self.y, self.weights = x, y, weights
        self.order = order
        self.start, self.end = start, len(x) if end is None else end

    def __len__(self) -> int:
        """The number of rows."""
        return self.end - self.start

    def part(self, first: int, last: int | None = None) -> Data:
        """Rows [first, last) of these, as far as there are such."""
        end = self.end if last is None else min(self.start + last, self.end)
        start = min(self.start + first, end)
        return Data(self.x, self.y, self.weights, self.order, start, end)

    def alone(self) -> Data:
        """These rows in their order, and no others."""
        rows: Any = slice(self.start, self.end)
        if self.order is not None:
            rows = self.order[rows]
        weights = None if self.weights is None else self.weights[rows]
        return Data(self.x[rows], self.y[rows], weights)

    def parts(self, size: int) -> Iterator[Data]:
        """The rows in parts of `size`, each alone; the last may be smaller.

        No rows are one part.
        """
        for first in range(0, max(1, len(self)), size):
            yield self.part(first, first + size).alone()


class Pace:
    """How many units of work make a chunk, learnt from the chunks done so far.

    Args:
        microseconds: estimated time of one unit.

    Attributes:
        units: how many make a chunk.
        limit: seconds after which training ends a chunk whatever was expected of it.
    """

    limit = 2 * _CHUNK

    def __init__(self, microseconds: float) -> None:
        # The estimate may be wrong by a factor on a machine it does not know.
        self.units = max(1, int(_CHUNK / 4 * 1e6 / max(microseconds, 1e-3)))

    def measured(self, units: int, seconds: float) -> None:
        """A chunk of `units` took `seconds`."""
        if units > 0 and seconds > 0:
            wanted = _CHUNK * units / seconds
            self.units = max(1, int(min(wanted, 4 * self.units)))


class Validation(NamedTuple):
    """Rows to evaluate after an epoch, and after which: every k-th, or those listed."""

    data: Data | Batches[Data]
    batch_size: int
    frequency: int | frozenset[int]

    def is_due(self, epoch: int) -> bool:
        """Whether it follows `epoch`, counted from 0."""
        if isinstance(self.frequency, int):
            return (epoch + 1) % self.frequency == 0
        return epoch + 1 in self.frequency


class Training:
    """One `fit`.

    Args:
        model: for `stop_training` and the optimizer's learning rate.
        network: compiled for this data.
        data: rows to train on, at least one; or batches, which are trained on as they
            come: `shuffle` has no effect then, and `batch_size` none where the stream
            says how rows are cut.
        keys: names of the loss and metrics, in the core's order.
        callbacks: the user's, then the History.
        history: where the epochs' numbers go.
        progress: where they are shown.
        batch_size: rows per batch.
        epochs: where counting ends.
        initial_epoch: where it begins.
        shuffle: True, False or "batch" (batches change places, their rows stay).
        validation: None for none.
        on_nan: "stop", "continue" or "raise".
        threads: most threads to use; 0: the process's number.
        watch: looks at every batch, or None.
        seconds: how long to train, or None.
    """

    def __init__(
        self,
        model: Sequential,
        network: Network,
        data: Data | Batches[Data],
        *,
        keys: list[str],
        callbacks: CallbackList,
        history: History,
        progress: Progress,
        batch_size: int,
        epochs: int,
        initial_epoch: int,
        shuffle: bool | str,
        validation: Validation | None,
        on_nan: str,
        threads: int,
        watch: Watch | None = None,
        seconds: float | None = None,
    ) -> None:
        self.model = model
        self.network = network
        self.keys = keys
        self.callbacks = callbacks
        self.history = history
        self.progress = progress
        self.batch_size = batch_size
        self.epochs = epochs
        self.epoch = initial_epoch
        self.shuffle = shuffle
        self.validation = validation
        self.on_nan = on_nan
        self.threads = threads
        self.watch = watch
        self.limit = seconds
        self.deadline = math.inf
        self.is_late = False
        self.lowest = math.inf  # val_loss, and the weights it belongs to
        self.best: list[NDArray[Any]] | None = None
        self.steps: int | None
        if isinstance(data, Batches):
            self.batches: Batches[Data] | None = data
            self.steps = data.steps
            self.pace = Pace(network.microseconds(data.stream.size or batch_size, True))
        else:
            self.batches = None
            self.data = data
            self.n_batches = self.steps = math.ceil(len(data) / batch_size)
            self.pace = Pace(network.microseconds(min(batch_size, len(data)), True))
        self.done = 0  # batches of the epoch under way
        self.used = 0  # batches of what a stream gave last
        self.seconds = 0.0  # time they took
        self.nan_batch = -1
        self.order: NDArray[np.uint32] | None = None
        self.by_batch = callbacks.defines(*_TRAIN_BATCH_HOOKS)
        self.backups = [c for c in callbacks if isinstance(c, BackupAndRestore)]
        self.guards = [c for c in callbacks if isinstance(c, TerminateOnNaN)]
        if self.guards:
            self.on_nan = "stop"
        # Gives back what a training within an epoch was, once that has begun again.
        self.resume: Callable[[], None] | None = None
        self.may_print = callbacks.may_print()

    def run(self) -> None:
        """Train until the last epoch, `stop_training`, or a loss that is not finite."""
        if self.limit is not None:
            self.deadline = time.monotonic() + self.limit
        self.network.reset_epoch()
        others = [c for c in self.callbacks if c is not self.history]
        alone = not CallbackList(others).defines(*_EPOCH_HOOKS) and not self.by_batch
        alone = alone and self.batches is None and not self.backups
        logs: dict[str, Any] = Logs()
        try:
            self.callbacks.on_train_begin(Logs())
            any(backup._restore(self) for backup in self.backups)
            if alone and self.validation is None and self.shuffle != "batch":
                logs = self._run_free()
            else:
                logs = self._run_epochs()
        except KeyboardInterrupt as error:
            self._go_back(error)
            raise
        finally:
            # The half-done epoch of a Ctrl-C or of a stop is dropped: the next fit
            # starts at an epoch's first row.
            self.network.reset_epoch()
            self.progress.close()
            if self.batches is not None:
                self.batches.stream.close()
        if self.nan_batch >= 0 and self.on_nan == "raise":
            raise FloatingPointError(self._nan_message())
        if self.nan_batch >= 0:
            for guard in self.guards:
                guard._found(self.nan_batch)
        self.model._take_averages()
        self.callbacks.on_train_end(logs)
        for backup in self.backups:
            backup._ended()
        if self.nan_batch >= 0 and not self.guards:
            warnings.warn(
                self._nan_message(), RuntimeWarning, stacklevel=callers_level()
            )
        elif self.watch is not None and self.watch.finding:
            warnings.warn(
                self.watch.finding, TrainingWarning, stacklevel=callers_level()
            )

    def _run_free(self) -> dict[str, Any]:
        """All epochs, many in one call: nobody waits for the end of any of them."""
        row: list[float] = []
        if self.epoch < self.epochs:
            self.progress.start(self.steps, self.epoch)
        while self.epoch < self.epochs and not self._stops():
            rows, first, each = self._chunk(self.epochs - self.epoch, self.pace.units)
            if len(rows):
                row = rows[-1].tolist()
                self.history.extend(self.epoch, self.keys, rows)
                self.progress.finish_many(self.keys, rows, first, each)
                self.epoch += len(rows)
                if self.epoch < self.epochs and self.nan_batch < 0:
                    self.progress.start(self.steps, self.epoch)
            if self.nan_batch >= 0:
                break
            self._show()
        if self.done and self.is_late and self.nan_batch < 0:
            row, seconds = self._abandon()
            self.history.extend(self.epoch, self.keys, np.array([row]))
            self.progress.finish(dict(zip(self.keys, row, strict=True)), seconds)
        return Logs(zip(self.keys, row, strict=False))

    def _run_epochs(self) -> dict[str, Any]:
        """Epoch by epoch, with callbacks and validation between them."""
        logs = Logs({key: v[-1] for key, v in self.history.history.items() if v})
        while self.epoch < self.epochs and not self._stops():
            self._pour()
            if self.batches is not None and not self.batches.stream.goes_on():
                break
            self.callbacks.on_epoch_begin(self.epoch, Logs())
            if self.resume is not None:
                self.resume()
                self.resume = None
            self.progress.start(self.steps, self.epoch)
            if self.batches is not None:
                row, seconds = self._epoch_of(self.batches)
            else:
                if self.shuffle == "batch":
                    self.order = self._batch_order()
                run = self._epoch_by_batch if self.by_batch else self._epoch_by_chunk
                row, seconds = run()
            if self.nan_batch >= 0:
                break
            logs = Logs(zip(self.keys, row, strict=True))
            if self.validation is not None and self.validation.is_due(self.epoch):
                values = evaluate(
                    self.network,
                    self.validation.data,
                    busy=self.model._evaluation(),
                    batch_size=self.validation.batch_size,
                    callbacks=self.callbacks,
                    threads=self.threads,
                    keys=self.keys,
                )
                for key, value in zip(self.keys, values, strict=True):
                    logs["val_" + key] = value
                self._keep_if_best(values[0])
            self._pour()
            self.callbacks.on_epoch_end(self.epoch, logs)
            self.progress.finish(logs, seconds, self.done if self.batches else None)
            self.epoch += 1
            self.done = 0
            self._back_up(epoch_ended=True)
        return logs

    def _keep_if_best(self, val_loss: float) -> None:
        if val_loss < self.lowest:
            network = self.network
            self.lowest, self.best_epoch = val_loss, self.epoch
            self.best = network.get_variables()

    def _go_back(self, error: KeyboardInterrupt) -> None:
        """After Ctrl-C: the weights of the best epoch, if there was validation."""
        if self.best is None:
            return
        self.network.set_variables(0, self.best)
        error.add_note(
            f"The model has the weights of epoch {self.best_epoch + 1}, whose val_loss "
            f"was the lowest: {self.lowest:.4g}."
        )

    def _look_at_the_clock(self) -> None:
        self.is_late = time.monotonic() >= self.deadline

    def _stops(self) -> bool:
        return self.is_late or self.model.stop_training

    def _epoch_by_chunk(self) -> tuple[list[float], float]:
        """One epoch's row and seconds."""
        while True:
            room = [backup._room() for backup in self.backups]
            most = min([self.pace.units, *filter(None, room)])
            rows, first, _ = self._chunk(1, most)
            if len(rows) or self.nan_batch >= 0:
                return (rows[0].tolist() if len(rows) else []), first
            if self._stops():
                return self._abandon()
            self._back_up()
            self._show()

    def _epoch_by_batch(self) -> tuple[list[float], float]:
        """One epoch's row and seconds, with hooks around every batch."""
        for batch in range(self.done, self.n_batches):
            self._pour()
            self.callbacks.on_train_batch_begin(batch, Logs())
            rows, first, _ = self._chunk(1, 1)
            if self.nan_batch >= 0:
                break
            row = rows[0].tolist() if len(rows) else self.network.running()
            self._pour()
            self.callbacks.on_train_batch_end(
                batch, Logs(zip(self.keys, row, strict=True))
            )
            if len(rows):
                return row, first
            if self._stops():
                return self._abandon()
            self._back_up()
            self._show()
        return [], 0.0

    def _back_up(self, epoch_ended: bool = False) -> None:
        stream = None if self.batches is None else self.batches.stream
        if stream is not None and not epoch_ended and stream.state(0) is None:
            return
        for backup in self.backups:
            if backup._is_due(epoch_ended):
                backup._save(self)

    def _epoch_of(self, batches: Batches[Data]) -> tuple[list[float], float]:
        """One epoch's row and seconds, its batches coming from a stream."""
        began = time.perf_counter()
        for data in batches.epoch():
            self._train_on(data, batches.stream.size or len(data))
            if self.nan_batch >= 0 or self._stops():
                break
        self.used = 0
        row = self.network.running()
        self.network.reset_epoch()
        return row, time.perf_counter() - began

    def _train_on(self, data: Data, size: int) -> None:
        """Train on what a stream gave: batches of `size` rows, the last may be less."""
        n_batches = math.ceil(len(data) / size)
        self.used = 0
        while self.used < n_batches:
            room = [backup._room() for backup in self.backups]
            most = min([n_batches - self.used, self.pace.units, *filter(None, room)])
            if self.by_batch:
                most = 1
                self._pour()
                self.callbacks.on_train_batch_begin(self.done, Logs())
            began = time.perf_counter()
            rows, batches, _, nan_batch = self.network.train(
                data.x,
                data.y,
                data.weights,
                batch_size=size,
                max_batches=most,
                max_epochs=1,
                shuffle=False,
                learning_rate=self.model._learning_rates(most),
                seconds=self.pace.limit,
                order=data.order,
                stop_on_nan=self.on_nan != "continue",
                stream=True,
                start=data.start + self.used * size,
                threads=self.threads,
            )
            self.pace.measured(batches, time.perf_counter() - began)
            self.used += batches
            for backup in self.backups:
                backup._count(batches)
            if nan_batch >= 0 and self.on_nan != "continue":
                self.nan_batch = nan_batch
                return
            if self.by_batch:
                self._pour()
                row = rows[0].tolist() if len(rows) else self.network.running()
                logs = Logs(zip(self.keys, row, strict=True))
                self.callbacks.on_train_batch_end(self.done, logs)
            self.done += batches
            self._look_at_the_clock()
            if self._stops():
                return
            self._back_up()
            self._show()

    def _chunk(
        self, max_epochs: int, max_batches: int
    ) -> tuple[NDArray[np.float64], float, float]:
        """One call of the core.

        Returns:
            The rows [epochs][keys] of epochs that ended, the seconds of the first of
            them, and the seconds of each further one.
        """
        began = time.perf_counter()
        coming = min(max_batches, max_epochs * self.n_batches - self.done)
        rows, batches, _, nan_batch = self.network.train(
            self.data.x,
            self.data.y,
            self.data.weights,
            batch_size=self.batch_size,
            max_batches=max_batches if self.watch is None else 1,
            max_epochs=max_epochs,
            shuffle=bool(self.shuffle),
            learning_rate=self.model._learning_rates(coming),
            seconds=self.pace.limit,
            order=self.order,
            stop_on_nan=self.on_nan != "continue",
            threads=self.threads,
        )
        seconds = time.perf_counter() - began
        self.pace.measured(batches, seconds)
        self._look_at_the_clock()
        if self.watch is not None:
            self.watch.batch_done(
                *(self.epoch, self.done, self.batch_size, self.order),
                shuffled=bool(self.shuffle),
                bad=nan_batch >= 0 and self.on_nan != "continue",
            )
        if self.on_nan != "continue":
            self.nan_batch = nan_batch
        per_batch = seconds / max(batches, 1)
        first = self.seconds + per_batch * (self.n_batches - self.done)
        self.done += batches - len(rows) * self.n_batches
        for backup in self.backups:
            backup._count(batches)
        self.seconds = per_batch * self.done if len(rows) else self.seconds + seconds
        return rows, first, per_batch * self.n_batches

    def _abandon(self) -> tuple[list[float], float]:
        """End the epoch under way where it stands."""
        row, seconds = self.network.running(), self.seconds
        self.network.reset_epoch()
        self.done, self.seconds = 0, 0.0
        return row, seconds

    def _show(self) -> None:
        if self.progress.is_due():
            logs = dict(zip(self.keys, self.network.running(), strict=True))
            self.progress.update(self.done, logs)

    def _pour(self) -> None:
        if self.may_print:
            self.progress.pour()

    def _batch_order(self) -> NDArray[np.uint32]:
        """Row numbers with the full batches in a new order, a short one at the end."""
        n, size = len(self.data), self.batch_size
        full = n // size
        counters = self.network.counters
        generator = np.random.Generator(
            # The batches done when the epoch began, whenever it is asked.
            np.random.Philox(
                key=[counters["seed"], counters["steps_lived"] - self.done]
            )
        )
        order = np.arange(n, dtype=np.uint32)
        head = order[: full * size].reshape(full, size)
        order[: full * size] = head[generator.permutation(full)].ravel()
        return order

    def _nan_message(self) -> str:
        found = "fit(..., diagnose=True) says where it comes from"
        if self.watch is not None:
            found = self.watch.finding
        of = "" if self.steps is None else f" of {self.steps}"
        return (
            "The loss must be a finite number. Received: a loss that is NaN or "
            f"infinite in epoch {self.epoch + 1} of {self.epochs}, batch "
            f"{self.nan_batch + 1}{of}. Training has ended; weights and "
            "optimizer are as they were before that batch. A smaller learning rate, "
            f"scaled inputs or clipnorm often help. {found}"
        )


def evaluate(
    network: Network,
    data: Data | Batches[Data],
    *,
    busy: contextlib.AbstractContextManager[None],
    batch_size: int,
    callbacks: CallbackList,
    threads: int,
    keys: list[str],
    progress: Progress | None = None,
) -> list[float]:
    """Loss and metrics over all rows, without dropout: [loss, *metrics]."""
    callbacks.on_test_begin(Logs())
    with busy:
        if isinstance(data, Batches):
            values = _evaluate_stream(network, data, callbacks, threads, progress)
        else:
            values = _evaluate_rows(
                network, data, batch_size, callbacks, threads, progress
            )
    logs = Logs(zip(keys, values, strict=True))
    callbacks.on_test_end(logs)
    if progress is not None:
        progress.finish(logs)
        progress.close()
    return values


def _evaluate_stream(
    network: Network,
    batches: Batches[Data],
    callbacks: CallbackList,
    threads: int,
    progress: Progress | None,
) -> list[float]:
    by_batch = callbacks.defines(*_TEST_BATCH_HOOKS)
    stream = batches.stream
    if progress is not None:
        progress.start(batches.steps)
    stream.restart()
    first = done = 0
    values: list[float] | None = None
    try:
        for data in batches.epoch():
            size = stream.size or len(data)
            at_once = 1 if by_batch else max(1, _ROWS_AT_ONCE // size)
            for part in data.parts(size * at_once):
                if by_batch:
                    callbacks.on_test_batch_begin(done, Logs())
                values = network.evaluate(
                    part.x,
                    part.y,
                    part.weights,
                    first,
                    len(part),
                    stream=True,
                    threads=threads,
                    batch_size=size,
                )
                first += len(part)
                if by_batch:
                    callbacks.on_test_batch_end(done, Logs())
                done += math.ceil(len(part) / size)
                if progress is not None and progress.is_due():
                    progress.update(done, {})
    finally:
        stream.close()
    if values is None:
        raise stream.is_empty()
    return values


def _evaluate_rows(
    network: Network,
    data: Data,
    batch_size: int,
    callbacks: CallbackList,
    threads: int,
    progress: Progress | None,
) -> list[float]:
    n = len(data)
    by_batch = callbacks.defines(*_TEST_BATCH_HOOKS)
    pace = Pace(network.microseconds(1000, False) / 1000)
    if progress is not None:
        progress.start(math.ceil(n / batch_size))
    first = batch = 0
    values: list[float] | None = None
    while values is None:
        if by_batch:
            callbacks.on_test_batch_begin(batch, Logs())
        # Whole batches: a loss that is not reduced to the mean asks for them.
        steps = 1 if by_batch else max(1, pace.units // batch_size)
        rows = min(batch_size * steps, n - first)
        began = time.perf_counter()
        values = network.evaluate(
            *(data.x, data.y, data.weights, first, rows),
            threads=threads,
            batch_size=batch_size,
        )
        pace.measured(rows, time.perf_counter() - began)
        first += rows
        if by_batch:
            callbacks.on_test_batch_end(batch, Logs())
            batch += 1
        if progress is not None and values is None and progress.is_due():
            progress.update(first // batch_size, {})
    return values


def predict(
    network: Network,
    x: NDArray[Any],
    *,
    batch_size: int,
    callbacks: CallbackList,
    threads: int,
    progress: Progress,
) -> NDArray[Any]:
    """Outputs [n][n_out] of all rows."""
    n = len(x)
    out: NDArray[Any] = np.empty((n, network.n_out), network.dtype)
    by_batch = callbacks.defines(*_PREDICT_BATCH_HOOKS)
    pace = Pace(network.microseconds(1000, False) / 1000)
    callbacks.on_predict_begin(Logs())
    progress.start(math.ceil(n / batch_size))
    first = batch = 0
    while first < n:
        if by_batch:
            callbacks.on_predict_batch_begin(batch, Logs())
        rows = min(batch_size if by_batch else pace.units, n - first)
        began = time.perf_counter()
        part = out[first : first + rows]
        network.predict(x[first : first + rows], out=part, threads=threads)
        pace.measured(rows, time.perf_counter() - began)
        first += rows
        if by_batch:
            callbacks.on_predict_batch_end(batch, Logs(outputs=part))
            batch += 1
        if first < n and progress.is_due():
            progress.update(first // batch_size, {})
    callbacks.on_predict_end(Logs())
    progress.finish({})
    progress.close()
    return out


def predict_stream(
    network: Network,
    batches: Batches[Data],
    *,
    callbacks: CallbackList,
    threads: int,
    progress: Progress,
) -> NDArray[Any]:
    """Outputs [n][n_out] of the rows of all batches."""
    by_batch = callbacks.defines(*_PREDICT_BATCH_HOOKS)
    stream = batches.stream
    callbacks.on_predict_begin(Logs())
    progress.start(batches.steps)
    outputs: list[NDArray[Any]] = []
    done = 0
    try:
        for data in batches.epoch():
            size = stream.size or max(1, len(data))
            at_once = 1 if by_batch else max(1, _ROWS_AT_ONCE // size)
            for part in data.parts(size * at_once):
                if by_batch:
                    callbacks.on_predict_batch_begin(done, Logs())
                out = network.predict(part.x, threads=threads)
                if by_batch:
                    callbacks.on_predict_batch_end(done, Logs(outputs=out))
                outputs.append(out)
                done += max(1, math.ceil(len(part) / size))
                if progress.is_due():
                    progress.update(done, {})
    finally:
        stream.close()
    if not outputs:
        raise stream.is_empty()
    callbacks.on_predict_end(Logs())
    progress.finish({}, steps=done)
    progress.close()
    return np.concatenate(outputs)


def frequency(validation_freq: Any) -> int | frozenset[int]:
    """The checked `validation_freq`: a positive integer, or epochs counted from 1."""
    if isinstance(validation_freq, (list, tuple, set, frozenset, range)):
        return frozenset(
            _checks.integer("validation_freq", epoch, 1) for epoch in validation_freq
        )
    return _checks.integer("validation_freq", validation_freq, 1)
