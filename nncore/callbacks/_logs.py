"""What callbacks receive, under new and old names."""

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


class Params(dict[str, Any]):
    """`params` of callbacks; what Keras 1 and 2 had there is found when asked for.

    Args:
        words: verbose, epochs, steps.
        old: what else is found.
    """

    def __init__(self, words: dict[str, Any], old: dict[str, Any]) -> None:
        super().__init__(words)
        self._old = old

    def __missing__(self, key: str) -> Any:
        """An entry of old."""
        return self._old[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The entry under `key`, new or old, else `default`."""
        return self[key] if key in self or key in self._old else default
