"""What a user writes in Python: how a function is named in a file, what must be there.

A model may have parts that the compiled core does not know: subclasses of nncore's base
classes, and plain functions. Then the whole model runs in NumPy. One rule holds for all
of them but layers: `gradient` takes what the part itself takes, and returns the
derivative with respect to the last argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from . import _lookup


class Function(_lookup.Described):
    """A plain function in the place of an object; in a file it is its name.

    Args:
        function: The function; its attribute `gradient`, if any, is the derivative.
    """

    _arguments: ClassVar[tuple[str, ...]] = ("function",)
    function: Callable[..., Any] | None

    def _serialized(self) -> str:
        assert self.function is not None
        return function_name(self.function)

    def __repr__(self) -> str:
        """Return the function's name."""
        return f"<function {getattr(self.function, '__name__', self.function)}>"


def function_name(function: Callable[..., Any]) -> str:
    """Return the name that stands for a user's function in a file.

    Raises:
        ValueError: It has none, as it is a lambda, or an object that is no function.
    """
    name = _lookup.registered_name(function)
    if name is None or not name.rpartition(">")[2].isidentifier():
        raise ValueError(
            "A function must have a name to be written down: use `def`, or derive a "
            f"class. Received: {function!r}"
        )
    return name


def found_function(identifier: Any) -> Any:
    """Return the user's function that a name stands for; else what was given."""
    if isinstance(identifier, str):
        found = _lookup.custom_object(identifier)
        if callable(found) and not isinstance(found, type):
            return found
    return identifier


def require(part: Any, what: str, methods: Iterable[str], base: type) -> None:
    """Raise unless a part written in Python defines all methods.

    Args:
        part: The object.
        what: What to call it, e.g. "Loss 'mine'".
        methods: Their signatures, e.g. "gradient(y_true, y_pred)".
        base: nncore's own class, whose methods do not count.

    Raises:
        ValueError: Methods are missing; they are named.
    """
    source = getattr(part, "function", part)
    is_function = source is not part
    missing = []
    for method in methods:
        name = method.partition("(")[0]
        if is_function and name != "gradient":
            continue
        found = getattr(source if is_function else type(source), name, None)
        if not callable(found) or (
            not is_function and found is getattr(base, name, None)
        ):
            missing.append(method)
    if not missing:
        return
    advice = (
        f"give the function an attribute, {getattr(source, '__name__', 'f')}.gradient; "
        "nncore.utils.numerical_gradient makes one"
        if is_function
        else f"write {' and '.join(missing)} in {type(part).__name__}"
    )
    raise ValueError(
        f"{what} must have {' and '.join(missing)} for a model to be trained with it. "
        f"Received: {part!r}, without; {advice}"
    )
