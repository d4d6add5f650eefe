"""The numbers that hooks receive, under new and old names."""

from __future__ import annotations

from typing import Any

from nncore._legacy import LOG_KEYS


def other_spelling(key: object) -> str | None:
    """The old word for a new log key or the reverse; None if there is none."""
    if not isinstance(key, str):
        return None
    prefix, word = ("val_", key[4:]) if key.startswith("val_") else ("", key)
    other = LOG_KEYS.get(word)
    return None if other is None else prefix + other


class Logs(dict[str, Any]):
    """A dict that finds `acc` under `accuracy` (and the reverse) when reading."""

    def __missing__(self, key: str) -> Any:
        """The entry under the key's other spelling."""
        other = other_spelling(key)
        if other is not None and dict.__contains__(self, other):
            return dict.__getitem__(self, other)
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The entry under `key` or its other spelling, else `default`."""
        try:
            return self[key]
        except KeyError:
            return default
