"""Batches that come from elsewhere: generators, iterables, `PyDataset`.

A `Stream` hands out batches (x, y, weights) as their source gives them, an epoch at a
time; what is in a batch becomes rows in `_arrays`, as all data does.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from nncore._arrays import Place
from nncore._legacy import callers_level
from nncore.utils.data_utils import PyDataset

_T = TypeVar("_T")


class Item(NamedTuple):
    """Rows as they came, mostly one batch; what their source left out is None."""

    x: Any
    y: Any = None
    weights: Any = None


class Places(NamedTuple):
    """Where an item's parts were taken from; None: nobody knows."""

    x: Place | None = None
    y: Place | None = None
    weights: Place | None = None


# Makes rows that the core can read of an item. It is told the item's number in the
# epoch, or else where it was taken from.
Convert = Callable[[Item, "int | Places"], _T]


def _is_numbered(x: Any) -> bool:
    """Whether `x` gives batches by number: a `PyDataset`, also another library's."""
    words = ("__getitem__", "__len__", "on_epoch_end")
    return isinstance(x, PyDataset) or all(hasattr(x, word) for word in words)


def is_stream(x: Any) -> bool:
    """Whether `x` gives batches, rather than being rows itself.

    Examples:
        >>> is_stream(batch for batch in []), is_stream([[1.0]]), is_stream(None)
        (True, False, False)
    """
    if isinstance(x, Stream) or _is_numbered(x):
        return True
    if isinstance(x, (np.ndarray, list, tuple, str, bytes, dict, set, frozenset)):
        return False
    is_rows = any(
        hasattr(x, name) for name in ("__array__", "dtypes", "dtype", "toarray")
    )
    if is_rows or not hasattr(x, "__iter__"):
        return False
    try:
        memoryview(x)
    except TypeError:
        return True
    return False


class Stream:
    """Batches, and how many of them are an epoch.

    Without a limit an epoch is one pass through the source. With one, an epoch goes on
    where the last one stopped; a source that can be gone through again begins anew
    when it ends, an iterator cannot.

    Args:
        source: what `is_stream` is true for.
        argument: what messages call it.
        steps: batches per epoch, or None.
        rows: rows per epoch, or None; the batch that reaches them is the last.
        shuffles: whether a `PyDataset` gives its batches in a new order each pass.
        seed: of that order.

    Attributes:
        size: rows per batch, where what the stream gives is cut into batches by who
            trains on them; None: it gives batches.
        columns: names of the inputs' columns, or None.
    """

    size: int | None = None
    columns: tuple[Any, ...] | None = None

    def __init__(
        self,
        source: Any,
        argument: str = "x",
        *,
        steps: int | None = None,
        rows: int | None = None,
        shuffles: bool = False,
        seed: int = 0,
    ) -> None:
        self.source = source
        self.argument = argument
        self.limit = steps
        self.rows = rows
        self.shuffles = shuffles
        self.seed = seed
        # An iterator is its own iterator: what it has given is gone.
        self.numbered = _is_numbered(source)
        self.once = not self.numbered and iter(source) is source
        self._pass: Iterator[Any] | None = None
        self._passes = 0  # begun
        self._said = False  # that it ended
        self._given = 0  # batches of the pass under way, or of the last one
        self._peeked: list[Item] = []

    @property
    def steps(self) -> int | None:
        """Batches of an epoch; None: unknown."""
        if self.limit is not None or self.rows is not None:
            return self.limit
        return self._length()

    def _length(self) -> int | None:
        """Batches of a pass; None: unknown."""
        if isinstance(self.source, PyDataset):
            return self.source.num_batches
        try:
            return len(self.source)
        except (TypeError, NotImplementedError):
            # A data set of unknown length may say so only when it is asked.
            return None

    def peek(self) -> Item:
        """The first batch, which stays in the stream.

        Raises:
            ValueError: there is none.
        """
        if not self._peeked:
            item = self._next()
            if item is None:
                raise self.is_empty()
            self._peeked.append(item)
        return self._peeked[0]

    def goes_on(self) -> bool:
        """Whether there is a batch for another epoch; warns if not."""
        if not self.once or self._peeked:
            return True
        item = self._next()
        if item is None and not self._given:
            raise self.is_empty()
        if item is None:
            self._warn_of_end()
            return False
        self._peeked.append(item)
        return True

    def restart(self) -> None:
        """Begin anew, if the source can."""
        if not self.once:
            self._pass = None
            self._peeked.clear()

    def epoch(self) -> Iterator[Item]:
        """The batches of one epoch.

        Raises:
            ValueError: a batch is no (x, y) or (x, y, weights), or there is none.
        """
        batches = rows = 0
        while not self._is_full(batches, rows):
            item = self._next()
            if item is not None:
                batches += 1
                if self.rows is not None:
                    rows += len(item.x)
                yield item
            elif not self._given:
                raise self.is_empty()
            elif self.limit is None and self.rows is None:
                return
            elif self.once:
                self._warn_of_end()
                return

    def converted(self, convert: Convert[_T]) -> Iterator[_T]:
        """What one epoch gives, as rows."""
        for number, item in enumerate(self.epoch()):
            yield convert(item, number)

    def state(self, batches: int) -> dict[str, Any] | None:
        """What `go_on` needs to give again what has not been used yet; None: cannot.

        Args:
            batches: how many of what was given last have been used.
        """

    def go_on(self, state: dict[str, Any]) -> None:
        """Go on where another stream of the same source stood.

        Raises:
            ValueError: the source is another one.
        """
        if state["layout"] != self._layout():
            raise ValueError(
                f"The backup must be of the same data: {self._layout()}. "
                f"Received: {state['layout']}"
            )

    def _layout(self) -> str:
        """What must be the same to go on."""
        return f"{self.argument} of {type(self.source).__name__}"

    def close(self) -> None:
        """End what runs in the background."""

    def _is_full(self, batches: int, rows: int) -> bool:
        if self.rows is not None:
            return rows >= self.rows
        return self.limit is not None and batches >= self.limit

    def is_empty(self) -> ValueError:
        """The error for a stream without a batch."""
        return ValueError(
            f"`{self.argument}` must give at least one batch. Received: "
            f"{type(self.source).__name__}, which gives none"
        )

    def _warn_of_end(self) -> None:
        if self._said:
            return
        self._said = True
        warnings.warn(
            f"`{self.argument}` must give the batches of all epochs. Received: "
            f"{type(self.source).__name__}, which ended after {self._given} batches; "
            "what can be gone through again, such as a list of batches in a "
            "nncore.utils.PyDataset, would begin anew",
            UserWarning,
            stacklevel=callers_level(),
        )

    def _next(self) -> Item | None:
        """The next batch; None once, at the end of a pass."""
        if self._peeked:
            return self._peeked.pop()
        if self._pass is None:
            if self.once and self._given:
                return None
            self._given = 0
            self._pass = self._begin()
        try:
            item = self._item(next(self._pass))
        except StopIteration:
            self._pass = None
            if self.numbered:
                self.source.on_epoch_end()
            return None
        self._given += 1
        return item

    def _begin(self) -> Iterator[Any]:
        if not self.numbered:
            return iter(self.source)
        number, self._passes = self._passes, self._passes + 1
        getattr(self.source, "on_epoch_begin", bool)()
        length = self._length()
        if length is None:
            return iter(self.source)
        order: Iterable[int] = range(length)
        if self.shuffles:
            generator = np.random.Generator(np.random.Philox(key=[self.seed, number]))
            order = generator.permutation(length).tolist()
        return (self.source[index] for index in order)

    def _item(self, given: Any) -> Item:
        if not isinstance(given, (tuple, list)):
            return Item(given)
        if not 1 <= len(given) <= 3:
            raise ValueError(
                f"`{self.argument}` must give batches (x, y) or (x, y, sample_weight). "
                f"Received: a {type(given).__name__} of {len(given)}"
            )
        return Item(*given)


class Kept(PyDataset):
    """The batches of an iterator, kept to be gone through again."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self.batches = list(batches)

    def __len__(self) -> int:
        """The number of batches."""
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        """One batch."""
        return self.batches[index]


class Rows(Stream):
    """Rows of arrays in batches, in orders that follow from the seed.

    Args:
        arrays: arrays of as many rows each; behind the first, None may be one.
        batch_size: rows of a batch; the last of a pass may have fewer.
        steps: batches per epoch.
        shuffle: True (each pass has the rows in a new order), "batch" (the batches), or
            False.
        seed: of the orders.
    """

    def __init__(
        self,
        arrays: tuple[Any, ...],
        batch_size: int,
        *,
        steps: int,
        shuffle: bool | str,
        seed: int,
    ) -> None:
        super().__init__(arrays, steps=steps, seed=seed)
        self.arrays = arrays
        self.batch_size = batch_size
        self.shuffle = shuffle
        self._done = 0  # batches of the epoch
        self._coming = self._from(0)

    def epoch(self) -> Iterator[Item]:
        """The batches of one epoch."""
        try:
            while not self._is_full(self._done, 0):
                rows = next(self._coming)
                self._given += 1
                self._done += 1
                yield Item(*(None if a is None else a[rows] for a in self.arrays))
        finally:
            self._done = 0

    def state(self, _batches: int) -> dict[str, Any]:
        """Where the stream stands; each item is one batch."""
        return {
            "seed": self.seed,
            "batches": self._given,
            "of_epoch": self._done,
            "layout": self._layout(),
        }

    def go_on(self, state: dict[str, Any]) -> None:
        """Stand there."""
        super().go_on(state)
        self.seed = state["seed"]
        self._given, self._done = state["batches"], state["of_epoch"]
        self._coming = self._from(self._given)

    def _layout(self) -> str:
        n_rows, size = len(self.arrays[0]), self.batch_size
        return f"{n_rows} rows in batches of {size}, shuffle={self.shuffle}"

    def _from(self, batch: int) -> Iterator[Any]:
        """Which rows are in a batch and in those behind it, pass after pass."""
        n_rows = len(self.arrays[0])
        cuts = [
            slice(i, i + self.batch_size) for i in range(0, n_rows, self.batch_size)
        ]
        rows: list[Any] = cuts
        first, skipped = divmod(batch, len(cuts))
        for number in count(first):
            generator = np.random.Generator(np.random.Philox(key=[self.seed, number]))
            if self.shuffle == "batch":
                rows = [cuts[i] for i in generator.permutation(len(cuts))]
            elif self.shuffle:
                order = generator.permutation(n_rows)
                rows = [order[cut] for cut in cuts]
            yield from rows[skipped:]
            skipped = 0


class Batches(Generic[_T]):
    """What a stream gives, as rows that the core can read, whole batches each time.

    Args:
        stream: where batches come from.
        convert: makes rows of what it gives.
    """

    def __init__(self, stream: Stream, convert: Convert[_T]) -> None:
        self.stream = stream
        self.convert = convert

    @property
    def steps(self) -> int | None:
        """Batches of an epoch; None: unknown."""
        return self.stream.steps

    def epoch(self) -> Iterator[_T]:
        """What one epoch gives."""
        return self.stream.converted(self.convert)
