"""A thread that works one item ahead."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Ahead(Generic[_T]):
    """The items of an iterator, each made on a thread while the last one is used.

    There are never more than two at a time: the one that was taken last, and the one
    that comes after it, which is begun when the other is taken.

    Args:
        make: returns the iterator, given a function that it asks now and then whether
            to end. Both run on the thread.
    """

    def __init__(self, make: Callable[[Callable[[], bool]], Iterator[_T]]) -> None:
        self._process = os.getpid()
        self._ends = Event()
        self._items = make(self._ends.is_set)
        self._thread = ThreadPoolExecutor(1, "nncore.data")
        self._next = self._begin()

    def _begin(self) -> Future[_T | None]:
        return self._thread.submit(next, self._items, None)

    @property
    def is_lost(self) -> bool:
        """Whether this is a fork, which has no such thread."""
        return self._process != os.getpid()

    def take(self) -> _T | None:
        """Return the next item, or None behind the last; raises what making it did."""
        item = self._next.result()
        if item is not None:
            self._next = self._begin()
        return item

    def close(self) -> None:
        """End the thread, and wait for it."""
        self._ends.set()
        if not self.is_lost:
            self._thread.shutdown(cancel_futures=True)
