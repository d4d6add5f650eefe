"""What all data sets share: batches, orders, pools."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore import _arrays, _checks, backend
from nncore._streams import Item, Places, Stream
from nncore._training import Data
from nncore.data._block_stream import BlockStream
from nncore.data._orders import Orders

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POOL_BYTES = 32 << 20
_MOST_POOL_ROWS = 1 << 20


class Dataset:
    """Rows in blocks, which are read when they are needed; a base of data sets.

    Iterating gives batches (x, y) or (x, y, sample_weight), or x alone, as arrays of
    `nncore.backend.floatx()`, each pass in a new order if `shuffle`. `fit` takes the
    same rows without cutting them in Python.

    Args:
        batch_size: rows per batch; the last of a pass may have fewer.
        shuffle: whether `fit` and iteration shuffle; others never do.
        seed: of the orders; every `fit` then begins with the same ones. None: from the
            model's seed and age in `fit`, and 0 where the data set is iterated over.
        pool_rows: rows that are shuffled together, rounded up to whole batches. None:
            as many as are 32 MiB of float32, at most 1048576.
    """

    def __init__(
        self,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        pool_rows: int | None = None,
    ) -> None:
        """See the class."""
        self.batch_size = _checks.integer("batch_size", batch_size, 1)
        self.shuffle = _checks.boolean("shuffle", shuffle)
        self.seed = seed
        if seed is not None:
            self.seed = _checks.integer("seed", seed, 0, 2**64 - 1)
        self.pool_rows = pool_rows
        if pool_rows is not None:
            self.pool_rows = _checks.integer("pool_rows", pool_rows, 1)
        self._passes = 0
        self._paths: list[str] = []  # of the files that blocks lie in, if any

    # ---- Defined by each data set ----

    def _sizes(self) -> NDArray[Any] | None:
        """Rows of each block; None: unknown, and there is one block."""
        raise NotImplementedError

    def _pieces(self, block: int) -> Iterator[tuple[Item, Places]]:
        """A block's rows, in order, with the places they were taken from."""
        raise NotImplementedError

    def _width(self) -> int | None:
        """Numbers of a row in all; None: unknown."""
        return None

    def _columns(self) -> tuple[Any, ...] | None:
        """Names of the inputs' columns; None: they have none."""
        return None

    # ---- Blocks ----

    def _n_rows(self) -> int | None:
        sizes = self._sizes()
        return None if sizes is None else int(sizes.sum())

    def _pool_rows(self) -> int:
        """Rows of a full pool."""
        rows = self.pool_rows
        if rows is None:
            width = self._width()
            rows = 1 << 16 if width is None else _POOL_BYTES // 4 // max(1, width)
            rows = min(rows, _MOST_POOL_ROWS)
        return max(1, -(-rows // self.batch_size)) * self.batch_size

    def _layout(self) -> str:
        """What the orders depend on, in words."""
        sizes, n_rows = self._sizes(), self._n_rows()
        blocks = "rows as they come"
        if sizes is not None:
            names = "\0".join(map(os.path.basename, self._paths)).encode(
                errors="replace"
            )
            fingerprint = zlib.crc32(sizes.astype("<i8").tobytes(), zlib.crc32(names))
            blocks = f"{n_rows} rows in {len(sizes)} blocks ({fingerprint:08x})"
        return f"{blocks}, pools of {self._pool_rows()}, batches of {self.batch_size}"

    def _items(self, orders: Orders, first: int) -> Iterator[tuple[Item, Places, int]]:
        """What blocks give, from the pass's row `first` on.

        Yields:
            An item, its places, and how many of its rows come before that row.
        """
        sizes = self._sizes()
        blocks, skipped = np.zeros(1, np.intp), first
        if sizes is not None:
            blocks = orders.of_blocks(len(sizes))
            ends = sizes[blocks].cumsum()
            done = int(np.searchsorted(ends, first, "right"))
            skipped = first - (int(ends[done - 1]) if done else 0)
            blocks = blocks[done:]
        for block in blocks.tolist():
            for item, places in self._pieces(block):
                # A sparse matrix has no length; what is said of it is said later.
                shape = getattr(item.x, "shape", None)
                n = shape[0] if shape else len(item.x)
                ahead = min(skipped, n)
                skipped -= ahead
                if ahead < n:
                    yield item, places, ahead

    def _block_stream(self, argument: str, **words: Any) -> Stream:
        """What `fit` and the others take."""
        return BlockStream(self, argument, **words)

    # ---- Batches ----

    def __len__(self) -> int:
        """The number of batches.

        Raises:
            TypeError: it is not known.
        """
        n_rows = self._n_rows()
        if n_rows is None:
            raise TypeError(
                f"The number of batches of {type(self).__name__} is not known before "
                "they have come."
            )
        return -(-n_rows // self.batch_size)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], ...] | NDArray[Any]]:
        """The batches of one pass."""
        stream = BlockStream(self, shuffles=True)
        stream._passes, self._passes = self._passes, self._passes + 1
        try:
            for rows in stream.converted(_as_arrays):
                for part in rows.parts(self.batch_size):
                    if not part.y.shape[1]:
                        yield part.x
                    elif part.weights is None:
                        yield part.x, part.y
                    else:
                        yield part.x, part.y, part.weights
        finally:
            stream.close()


def _as_arrays(item: Item, places: Any) -> Data:
    """An item's rows without a model that says what they must be.

    Without targets, y has no columns.
    """
    x, y, weights = map(_arrays.unwrapped, item)
    dtype = backend.floatx()
    with _arrays.rows_of(places.x):
        rows = _arrays.as_inputs(x, shape := _arrays.input_shape(x), dtype)
    n = len(rows)
    targets = rows[:, :0]
    if y is not None:
        with _arrays.rows_of(places.y):
            targets = _arrays.as_targets(y, n, None, dtype)
    if weights is not None:
        with _arrays.rows_of(places.weights):
            weights = _arrays.as_weights(weights, n, dtype)
    return Data(rows.reshape(n, *shape), targets, weights)
