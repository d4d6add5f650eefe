"""What `fit` sees of a data set: pools of whole batches, and where it stands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from nncore._streams import Convert, Item, Stream
from nncore.data._ahead import Ahead
from nncore.data._orders import Orders
from nncore.data._pool import Kind, Pool, kinds

if TYPE_CHECKING:
    from nncore._training import Data
    from nncore.data._dataset import Dataset


class BlockStream(Stream):
    """A data set, epoch by epoch.

    Args:
        dataset: where blocks come from.
        argument: what messages call it.
        steps: batches per epoch; the next epoch goes on behind them. None: all.
        rows: per epoch, in place of `steps`; the batch that reaches them is the last.
        shuffles: whether blocks and rows come in orders that are drawn.
        seed: of those, if the data set has none.
    """

    source: Dataset

    def __init__(
        self,
        dataset: Dataset,
        argument: str = "x",
        *,
        steps: int | None = None,
        rows: int | None = None,
        shuffles: bool = False,
        seed: int = 0,
    ) -> None:
        if rows is not None:
            steps = math.ceil(rows / dataset.batch_size)
        seed = seed if dataset.seed is None else dataset.seed
        shuffles = shuffles and dataset.shuffle
        super().__init__(dataset, argument, steps=steps, shuffles=shuffles, seed=seed)
        self.size: int = dataset.batch_size
        self.columns = dataset._columns()
        self._ahead: Ahead[Data] | None = None
        self._rest: Data | None = None  # of a pool, for the next epoch
        self._done = 0  # batches of the epoch

    def peek(self) -> Item:
        """The first rows of the first block."""
        for item, _, _ in self.source._items(Orders(0, 0, False), 0):
            return item
        raise self.is_empty()

    def restart(self) -> None:
        """Begin anew."""
        self.close()
        self._given = self._done = 0

    def close(self) -> None:
        """End the thread."""
        ahead, self._ahead, self._rest = self._ahead, None, None
        if ahead is not None:
            ahead.close()

    def state(self, batches: int) -> dict[str, Any]:
        """Where the stream stands."""
        return {
            "seed": self.seed,
            "pass": self._passes,
            "batches": self._given + batches,
            "of_epoch": self._done + batches,
            "layout": self._layout(),
        }

    def go_on(self, state: dict[str, Any]) -> None:
        """Stand there."""
        super().go_on(state)
        self.close()
        self.seed, self._passes = state["seed"], state["pass"]
        self._given, self._done = state["batches"], state["of_epoch"]

    def _layout(self) -> str:
        return self.source._layout() + (", shuffled" if self.shuffles else "")

    def converted(self, convert: Convert[Any]) -> Iterator[Any]:
        """Pools, or parts of them where an epoch ends or began within."""
        limit = math.inf if self.limit is None else self.limit
        while self._done < limit:
            rows, self._rest = self._rest or self._take(convert), None
            if rows is None:
                if not self._given:
                    raise self.is_empty()
                self.close()
                self._passes, self._given = self._passes + 1, 0
                if self.limit is None:
                    break
                continue
            batches = math.ceil(len(rows) / self.size)
            if batches > (left := limit - self._done):
                border = int(left) * self.size
                rows, self._rest = rows.part(0, border), rows.part(border)
                batches = int(left)
            yield rows
            self._given += batches
            self._done += batches
        self._done = 0

    def _take(self, convert: Convert[Data]) -> Data | None:
        if self._ahead is None or self._ahead.is_lost:
            first = self._given * self.size
            self._ahead = Ahead(lambda ends: self._pools(convert, first, ends))
        return self._ahead.take()

    def _pools(
        self, convert: Convert[Data], first: int, ends: Callable[[], bool]
    ) -> Iterator[Data]:
        """The pass's rows from `first` on, in pools; runs on the thread."""
        orders = Orders(self.seed, self._passes, self.shuffles)
        whole, n_rows = self.source._pool_rows(), self.source._n_rows()
        number, skipped = divmod(first, whole)
        at = number * whole  # the row that is put next
        pool: Pool | None = None
        like: list[Kind | None] = []

        def shuffled(pool: Pool) -> Iterator[Data]:
            # A last batch that is short counts whole: then `skipped` is behind the end.
            if pool.filled > skipped:
                rows = pool.rows()
                rows.order = orders.of_pool(number, len(rows))
                yield rows.part(skipped)

        for item, places, done in self.source._items(orders, at):
            if ends():
                return
            rows = convert(item, places)
            while done < len(rows):
                if pool is None:
                    room = whole if n_rows is None else min(whole, n_rows - at)
                    like = like or kinds(rows)
                    pool = Pool(like, room)
                fits = min(pool.room, len(rows) - done)
                pool.put(rows.part(done, done + fits).alone())
                done, at = done + fits, at + fits
                if not pool.room:
                    yield from shuffled(pool)
                    pool, number, skipped = None, number + 1, 0
        if pool is not None:
            yield from shuffled(pool)
