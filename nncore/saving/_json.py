"""JSON as a model's file holds it, read with suspicion.

Written are None, booleans, numbers, strings, lists and dictionaries, nothing else.
JSON has no word for some floats: they become {"$float": "inf"}, "-inf" or "nan". Other
keys that begin with "$" are not for configurations.

`loads` refuses what parsers read differently (a key twice, NaN, Infinity, 1e999, half a
surrogate pair) and, before anything is allocated, what is long, deep or of many parts.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ._files import ModelFileError

MAX_BYTES = 16 * 2**20
_MAX_CONTAINERS = 100_000
_MAX_VALUES = 1_000_000
_MAX_DEPTH = 64
_MAX_DIGITS = 20

# What `changed` does to the parts of a value, innermost first.
_Change = Callable[[Any], Any]


def dumps(value: Any) -> str:
    """Return a value as JSON.

    Raises:
        ValueError: there is something in it that JSON cannot say.
    """
    return json.dumps(changed(value, _writable), allow_nan=False)


def loads(text: str | bytes | memoryview, what: str = "JSON") -> Any:
    """Return the value of a JSON text.

    Args:
        text: what to read.
        what: what to call it in messages.

    Raises:
        ModelFileError: it is not valid, or goes beyond a limit.
    """
    if len(text) > MAX_BYTES:
        raise ModelFileError(
            f"{what} must have at most {MAX_BYTES} bytes. Received: {len(text)}"
        )
    try:
        text = text if isinstance(text, str) else str(text, "utf-8")
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{what} must be UTF-8. Received: {error}") from None
    parts = text.count("[") + text.count("{"), text.count(",")
    if parts[0] > _MAX_CONTAINERS or parts[1] > _MAX_VALUES:
        raise ModelFileError(
            f"{what} must have at most {_MAX_CONTAINERS} lists and dictionaries and "
            f"{_MAX_VALUES} values. Received: up to {parts[0]} and {parts[1]}"
        )
    try:
        value = json.loads(
            text,
            object_pairs_hook=_without_twins,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_short,
        )
        return changed(value, _readable)
    except RecursionError:
        problem = "lists in lists without end"
    except ValueError as error:
        problem = str(error)
    raise ModelFileError(f"{what} must be valid. Received: {problem}")


def changed(value: Any, change: _Change, depth: int = 0) -> Any:
    """A copy of a value, each part replaced by what `change` makes of it."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"more than {_MAX_DEPTH} levels of nesting")
    if isinstance(value, dict):
        value = {k: changed(v, change, depth + 1) for k, v in value.items()}
    elif isinstance(value, (list, tuple)):
        value = [changed(item, change, depth + 1) for item in value]
    return change(value)


def _writable(value: Any) -> Any:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"A key must be a string. Received: {key!r}")
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if value is None or isinstance(value, (bool, int, float, str, list)):
        return value
    raise ValueError(
        "A configuration must hold plain values to be saved: None, booleans, numbers, "
        f"strings, lists and dictionaries. Received: {value!r:.200}"
    )


def _readable(value: Any) -> Any:
    if isinstance(value, str) and not value.isascii():
        value.encode()  # half a surrogate pair is an error
    elif isinstance(value, dict):
        for key in value:
            key.encode()
        if "$float" in value:
            if value not in ({"$float": name} for name in ("inf", "-inf", "nan")):
                raise ValueError(f"{value!r:.100} for inf, -inf or nan")
            return float(value["$float"])
    return value


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise ValueError(f"the key {counts.most_common(1)[0][0]!r:.100} twice")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text:.40}, which no float holds")
    return value


def _short(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"an integer of {len(text)} digits")
    return int(text)
