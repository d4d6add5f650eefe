"""A network that streaming metrics watch.

Some metrics are computed in NumPy. `Watched` stands in for the core's network: in
training and evaluation it has the core leave its outputs, which it hands to the metrics
with their targets and weights, and puts the metrics' results among the numbers that the
core reports.

Outputs are handed on in blocks that depend on rows alone, never on where a call ends:
so the metrics, too, have the same bits however the work is cut.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nncore._core import Network
    from nncore.metrics import Metric

_NUMBERS = 2**20  # outputs that are kept before they are handed on


class _Block:
    """Outputs that wait for the metrics.

    Args:
        watched: whose metrics they are for.
        rows: how many there is room for.
    """

    def __init__(self, watched: Watched, rows: int) -> None:
        network = watched.network
        self.watched = watched
        self.y = np.empty((rows, network.n_out), network.dtype)
        self.number = np.empty(rows, np.uint32)
        self.kept: list[tuple[Any, Any]] = []  # targets and weights of what is filled
        self.filled = 0

    def room(self) -> int:
        """Rows that still fit."""
        return len(self.y) - self.filled

    def keep(self, n: int, y: NDArray[Any], weights: NDArray[Any] | None) -> None:
        """The next n rows have been filled; y and weights are theirs."""
        self.kept.append((y, weights))
        self.filled += n

    def waiting(self) -> tuple[Any, Any, Any]:
        """Outputs, targets and weights of all that is filled, which is not nothing."""
        y = np.concatenate([y for y, _ in self.kept])
        weights = None
        if self.kept[0][1] is not None:
            weights = np.concatenate([w for _, w in self.kept])
        return self.y[: self.filled], y, weights

    def hand_on(self, metrics: dict[int, Metric]) -> None:
        """Update the metrics with all that is filled."""
        if not self.filled:
            return
        out, y, weights = self.waiting()
        for place, metric in metrics.items():
            weighs = weights is not None and place > self.watched.n_plain
            metric.update_state(y, out, weights if weighs else None)

    def clear(self) -> None:
        """Forget what is filled."""
        self.kept, self.filled = [], 0


class Watched:
    """The core's network with its interface, whose rows hold streaming metrics too.

    Args:
        network: the core's, compiled with the other metrics.
        streaming: the streaming metrics by their place in a row of numbers.
        n_plain: those from there on are given the weights of rows.
    """

    def __init__(
        self, network: Network, streaming: dict[int, Metric], n_plain: int
    ) -> None:
        self.network = network
        self.streaming = streaming
        self.n_plain = n_plain
        self.training: _Block | None = None  # of the epoch under way
        self.n_rows = 0
        self.testing: _Block | None = None
        self.tested = streaming

    def __getattr__(self, name: str) -> Any:
        """What is the same."""
        return getattr(self.network, name)

    def reset_epoch(self) -> None:
        """As the core's."""
        self.network.reset_epoch()
        self.training = None

    def get_watch(self) -> dict[str, Any] | None:
        """Where the metrics stand within an epoch; None: between two."""
        block = self.training
        if block is None:
            return None
        return {
            "metrics": [metric.get_state() for metric in self.streaming.values()],
            "rows": self.n_rows,
            "room": len(block.y),
            "waiting": block.waiting() if block.filled else None,
        }

    def set_watch(self, state: dict[str, Any] | None) -> None:
        """Take back what `get_watch` gave."""
        self.training = None
        if state is None:
            return
        # What counts on must not change what was given.
        counted = copy.deepcopy(state["metrics"])
        for metric, its in zip(self.streaming.values(), counted, strict=True):
            metric.set_state(its)
        self.training, self.n_rows = _Block(self, state["room"]), state["rows"]
        if state["waiting"] is not None:
            out, y, weights = state["waiting"]
            self.training.y[: len(out)] = out
            self.training.keep(len(out), y, weights)

    def set_counters(self, counters: Any) -> None:
        """As the core's."""
        self.network.set_counters(counters)
        self.training = None

    def train(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        *,
        batch_size: int,
        stream: bool = False,
        **options: Any,
    ) -> tuple[NDArray[np.float64], int, int, int]:
        """As the core's, but for one epoch at most."""
        n, size = len(x), min(batch_size, len(x))
        if self.training is None or not (stream or self.n_rows == n):
            self.training, self.n_rows = self._block(n, size), n
            for metric in self.streaming.values():
                metric.reset_state()
        block = self.training
        if block.room() < size:
            block = self._handed_on(block, self.streaming, n, size)
            self.training = block
        free = slice(block.filled, None)
        options["max_epochs"] = 1
        rows, batches, epochs, nan_batch = self.network.train(
            *(x, y, weights),
            batch_size=batch_size,
            stream=stream,
            outputs=block.y[free],
            numbers=block.number[free],
            **options,
        )
        count = self.network.rows_trained
        chosen = block.number[block.filled : block.filled + count]
        block.keep(count, y[chosen], None if weights is None else weights[chosen])
        if len(rows):
            block.hand_on(self.streaming)
            block.clear()
            values = self._results(self.streaming)
            if not stream:
                self.training = None
            rows = np.array([self._joined(rows[-1].tolist(), values)])
        return rows, batches, epochs, nan_batch

    def running(self) -> list[float]:
        """As the core's."""
        row = self.network.running()
        if self.training is None:
            return self._joined(row, [0.0] * len(self.streaming))
        return self._joined(row, self._so_far(self.training))

    def evaluate(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        first: int,
        n: int,
        stream: bool = False,
        **options: Any,
    ) -> list[float] | None:
        """As the core's."""
        if first == 0 or self.testing is None:
            # The metrics of an epoch under way are not touched.
            self.tested = self.streaming
            if self.training is not None:
                self.tested = copy.deepcopy(self.streaming)
            for metric in self.tested.values():
                metric.reset_state()
            self.testing = self._block(n if stream else len(x), 1)
        part = slice(0, n) if stream else slice(first, first + n)
        out = np.empty((n, self.network.n_out), self.network.dtype)
        row = self.network.evaluate(
            *(x, y, weights, first, n), stream=stream, outputs=out, **options
        )
        self._test(out, y[part], None if weights is None else weights[part])
        if row is None:
            return None
        self.testing.hand_on(self.tested)
        self.testing.clear()
        return self._joined(row, self._results(self.tested))

    def _test(
        self, out: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None
    ) -> None:
        """Fill the block with rows, and hand it on whenever it is full."""
        block = self.testing
        assert block is not None
        at = 0
        while at < len(out):
            if not block.room():
                block = self._handed_on(block, self.tested, len(out), 1)
            n = min(block.room(), len(out) - at)
            block.y[block.filled : block.filled + n] = out[at : at + n]
            block.keep(
                n, y[at : at + n], None if weights is None else weights[at : at + n]
            )
            at += n
        self.testing = block

    def _block(self, n_rows: int, at_least: int) -> _Block:
        # Whole batches, so that the last one, which may be short, finds room as well.
        most = max(_NUMBERS // self.network.n_out // at_least, 1)
        return _Block(self, min(-(-n_rows // at_least), most) * at_least)

    def _handed_on(
        self, block: _Block, metrics: dict[int, Metric], n_rows: int, at_least: int
    ) -> _Block:
        block.hand_on(metrics)
        block.clear()
        if len(block.y) >= at_least:
            return block
        return self._block(n_rows, at_least)

    def _so_far(self, block: _Block) -> list[float]:
        """Results with what waits in a block, which goes on waiting."""
        now = copy.deepcopy(self.streaming)
        block.hand_on(now)
        return self._results(now)

    def _results(self, metrics: dict[int, Metric]) -> list[float]:
        values = [np.asarray(m.result(), dtype=np.float64) for m in metrics.values()]
        for metric, value in zip(metrics.values(), values, strict=True):
            if value.size != 1:
                raise ValueError(
                    f"Metric {metric.name!r} must give one number in `compile`. "
                    f"Received: an array of shape {value.shape}"
                )
        return [float(value.reshape(())) for value in values]

    def _joined(self, row: list[float], values: list[float]) -> list[float]:
        joined = list(row)
        for place, value in zip(self.streaming, values, strict=True):
            joined.insert(place, value)
        return joined
