"""A thread that works one item ahead."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

_T = TypeVar("_T")
_PATIENCE = 1.0  # seconds


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
        items = make(self._ends.is_set)
        self._asked: SimpleQueue[Future[_T | None] | None] = SimpleQueue()
        # No executor: Python would wait for its threads before it exits.
        self._thread = Thread(
            target=_work, args=(items, self._asked), name="nncore.data", daemon=True
        )
        self._thread.start()
        self._next = self._begin()

    def _begin(self) -> Future[_T | None]:
        future: Future[_T | None] = Future()
        self._asked.put(future)
        return future

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
        """End the thread, which ends by itself if it is blocked in a read just now."""
        self._ends.set()
        if not self.is_lost:
            self._asked.put(None)
            # Mostly it ends at once, and then nobody reads any more; but no Ctrl-C
            # is to wait for a source that gives nothing.
            self._thread.join(_PATIENCE)


def _work(items: Iterator[_T], asked: SimpleQueue[Future[_T | None] | None]) -> None:
    for future in iter(asked.get, None):
        _answer(future, items)
        del future  # it would be held until the next is asked for


def _answer(future: Future[_T | None], items: Iterator[_T]) -> None:
    try:
        future.set_result(next(items, None))
    except BaseException as error:
        future.set_exception(error)
        del future  # which holds the error, whose traceback holds this frame
