"""Numbers given out one by one, each once, whichever threads ask."""

from __future__ import annotations

import os
import threading

_lock = threading.Lock()


def take(counts: dict[str, int], key: str) -> int:
    """Return `counts[key]`, at first 0, and raise it by one.

    Examples:
        >>> counts = {}
        >>> take(counts, "dense"), take(counts, "dense"), take(counts, "dropout")
        (0, 1, 0)
    """
    with _lock:
        number = counts.get(key, 0)
        counts[key] = number + 1
    return number


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


# Who held it in the parent does not live on in the child.
os.register_at_fork(after_in_child=_renew_lock)
