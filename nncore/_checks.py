"""Checks of single arguments, with one form of message.

Each function takes the argument's name and value, returns the value as a plain Python
number, and raises `TypeError` or `ValueError` that says what was expected first and
what came second. NumPy's numbers count as numbers; booleans never do.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np


def received(name: str, value: object) -> str:
    """Return the second half of every message, e.g. "Received: units=-3"."""
    text = repr(value)
    if len(text) > 200:
        text = f"{text[:200]}..."
    return f"Received: {name}={text}"


def integer(
    name: str, value: Any, minimum: int | None = None, maximum: int | None = None
) -> int:
    """Return `value` as an int within [minimum, maximum].

    Raises:
        ValueError: `value` is no integer (booleans and 5.0 are none) or out of range.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if (
        number is not None
        and not isinstance(value, (bool, np.bool_))
        and (minimum is None or number >= minimum)
        and (maximum is None or number <= maximum)
    ):
        return number
    # Put together only now: it takes longer than the rest.
    kind = {None: "an integer", 0: "a non-negative integer", 1: "a positive integer"}
    wanted = kind.get(minimum, f"an integer of at least {minimum}")
    if maximum is not None:
        wanted = f"an integer from {minimum} to {maximum}"
    raise ValueError(f"`{name}` must be {wanted}. {received(name, value)}")


def real(
    name: str,
    value: Any,
    minimum: float | None = None,
    maximum: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a finite float within the closed and open limits given.

    Raises:
        ValueError: `value` is no number, not finite, or out of range.
    """
    limits = []
    if minimum is not None and maximum is not None:
        limits.append(f"from {minimum:g} to {maximum:g}")
    elif minimum is not None:
        limits.append(f"of at least {minimum:g}")
    elif maximum is not None:
        limits.append(f"of at most {maximum:g}")
    if above is not None:
        limits.append(f"above {above:g}")
    if below is not None:
        limits.append(f"below {below:g}")
    wanted = " ".join(["a finite number", " and ".join(limits)]).rstrip()
    message = f"`{name}` must be {wanted}. {received(name, value)}"
    is_number = isinstance(value, (int, float, np.integer, np.floating)) or (
        isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf"
    )
    if not is_number or isinstance(value, bool):
        raise ValueError(message)
    number = float(value)
    if (
        not math.isfinite(number)
        or (minimum is not None and number < minimum)
        or (maximum is not None and number > maximum)
        or (above is not None and number <= above)
        or (below is not None and number >= below)
    ):
        raise ValueError(message)
    return number


def boolean(name: str, value: Any) -> bool:
    """Return `value` as a bool.

    Raises:
        ValueError: `value` is neither True nor False.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"`{name}` must be True or False. {received(name, value)}")
    return bool(value)


def text(name: str, value: Any) -> str:
    """Return `value`, a string that is not empty.

    Raises:
        ValueError: `value` is something else.
    """
    if not isinstance(value, str) or not value:
        raise ValueError(
            f"`{name}` must be a string that is not empty. {received(name, value)}"
        )
    return value


def float_dtype(name: str, value: Any) -> str:
    """Return "float32" or "float64" for any spelling of the two dtypes.

    Raises:
        ValueError: `value` names another dtype, or none.
    """
    try:
        found = str(np.dtype(value)) if value is not None else None
    except TypeError:
        found = None
    if found not in ("float32", "float64"):
        raise ValueError(
            f"`{name}` must be 'float32' or 'float64'. {received(name, value)}"
        )
    return found


def absent(name: str, value: Any, default: Any = None) -> None:
    """Accept only the default of an argument of Keras that does nothing here.

    Raises:
        ValueError: `value` is not the default.
    """
    if value is not default and not (
        isinstance(value, type(default)) and value == default
    ):
        raise ValueError(
            f"`{name}` must be {default!r}: other values are not available in this "
            f"version. {received(name, value)}"
        )
