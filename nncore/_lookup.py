"""Names: which object a word stands for, and which name an object gets.

`resolve` turns what a user may write for an optimizer, an initializer and so on (a
name, a class, an instance, a saved configuration) into an instance; names that nncore
does not have are those in `custom_object_scope`. `Described` is the
base of such objects: it keeps the constructor's arguments as attributes of the same
name, so that `get_config`, `from_config` and `repr` follow. `unique_name` numbers
layers and models as Keras does.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, ClassVar, Self, TypeVar

from . import _counting
from ._checks import received


class Described:
    """A validated object without arithmetic that can be written down and rebuilt.

    Subclasses list the arguments of their constructor in `_arguments` and keep each as
    an attribute of the same name.
    """

    _arguments: ClassVar[tuple[str, ...]] = ()

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values, ready for JSON."""
        return {name: _plain(self._argument(name)) for name in self._arguments}

    def _argument(self, name: str) -> Any:
        """What the constructor was given, as it is now."""
        return getattr(self, name)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a new object from what `get_config` gave."""
        return cls(**config)

    def _serialized(self) -> str | dict[str, Any]:
        """Return a name, or the class name and the configuration."""
        return {"class_name": class_name(type(self)), "config": self.get_config()}

    def __repr__(self) -> str:
        """Return the call that makes this object, defaults left out."""
        from inspect import signature

        defaults = signature(type(self)).parameters
        words = []
        for name in self._arguments:
            value = self._argument(name)
            is_default = name in defaults and defaults[name].default == value
            if name != "name" and not is_default:
                words.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(words)})"


_T = TypeVar("_T", bound=Described)
_Any = TypeVar("_Any")


def _plain(value: Any) -> Any:
    if isinstance(value, Described):
        return value._serialized()
    if isinstance(value, float):
        return float(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


_custom: ContextVar[Mapping[str, Any]] = ContextVar("custom_objects")
_registered: dict[str, Any] = {}


@contextlib.contextmanager
def custom_object_scope(objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Let configurations name one's own classes and functions, in a `with` block.

    Args:
        objects: dict from name to class or function; None adds nothing. These come
            before nncore's own of the same name.

    Raises:
        ValueError: `objects` is no such dict.

    Examples:
        >>> import nncore
        >>> class Halves(nncore.initializers.Constant):
        ...     def __init__(self):
        ...         super().__init__(0.5)
        ...     _arguments = ()
        >>> with nncore.saving.custom_object_scope({"Halves": Halves}):
        ...     nncore.initializers.get("Halves")
        Halves()
    """
    if objects is not None and not (
        isinstance(objects, Mapping)
        and all(isinstance(name, str) for name in objects)
        and all(callable(found) for found in objects.values())
    ):
        raise ValueError(
            "`custom_objects` must be a dict from names to classes or functions. "
            f"{received('custom_objects', objects)}"
        )
    token = _custom.set({**_custom.get({}), **(objects or {})})
    try:
        yield
    finally:
        _custom.reset(token)


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[_Any], _Any]:
    """Decorate a class or function of one's own, so that every file may name it.

    Args:
        package: Whose it is; the file has "package>name".
        name: The name in the file; that of the class or function if None.

    Returns:
        A decorator that returns what it was given.

    Raises:
        ValueError: Another object has that name, or what is decorated has no name.

    Examples:
        >>> import nncore
        >>> @nncore.saving.register_keras_serializable("demo")
        ... class Halves(nncore.initializers.Constant):
        ...     _arguments = ()
        ...     def __init__(self):
        ...         super().__init__(0.5)
        >>> nncore.saving.get_registered_name(Halves)
        'demo>Halves'
        >>> nncore.initializers.get("demo>Halves")
        Halves()
    """

    def register(found: _Any) -> _Any:
        own = getattr(found, "__name__", None) if name is None else name
        if not callable(found) or not isinstance(own, str):
            raise ValueError(
                "`register_keras_serializable` must decorate a class or a function. "
                f"Received: {found!r}"
            )
        full = f"{package}>{own}"
        other = _registered.get(full, found)
        # A cell of a notebook that runs again defines its classes anew.
        if other is not found and _home(other) != _home(found):
            raise ValueError(
                f"`name` must be free in its package. Received: {full!r}, which is "
                f"{other!r}"
            )
        _registered[full] = found
        return found

    return register


def _home(found: Any) -> tuple[Any, ...]:
    return tuple(getattr(found, n, None) for n in ("__module__", "__qualname__"))


def get_registered_name(obj: Any) -> str:
    """Return the name that a class or function has in files.

    Args:
        obj: A class or a function.

    Examples:
        >>> import nncore
        >>> nncore.saving.get_registered_name(nncore.layers.Dense)
        'Dense'
    """
    return registered_name(obj) or str(obj)


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Return the class or function of that name; None if there is none.

    Args:
        name: A name as `get_registered_name` gives it.
        custom_objects: dict from name to class or function, which is searched too.

    Examples:
        >>> import nncore
        >>> nncore.saving.get_registered_object("demo>Nothing") is None
        True
    """
    found = custom_object(name)
    return (custom_objects or {}).get(name) if found is None else found


def get_custom_objects() -> dict[str, Any]:
    """Return the dict from names to what one has registered; it may be changed.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> def sine(x):
        ...     return np.sin(x)
        >>> nncore.saving.get_custom_objects()["sine"] = sine
        >>> float(nncore.activations.get("sine")(0.0))
        0.0
        >>> del nncore.saving.get_custom_objects()["sine"]
    """
    return _registered


def registered_name(found: Any) -> str | None:
    """Return the name under which something is registered, or else its own."""
    for name, other in _registered.items():
        if other is found:
            return name
    own = getattr(found, "__name__", None)
    return own if isinstance(own, str) else None


def custom_object(name: Any) -> Any:
    """Return what a user has registered or given under a name; None: nothing."""
    if not isinstance(name, str):
        return None
    found = _custom.get({}).get(name)
    if found is None:
        # In a file of Keras a registered class has its package in front.
        found = _registered.get(name, _custom.get({}).get(name.rpartition(">")[2]))
    return found


def custom_class(name: Any, base: type[_T], argument: str) -> type[_T] | None:
    """Return a user's class of that name, None if there is none.

    Raises:
        ValueError: There is one that does not derive from `base`.
    """
    found = custom_object(name)
    if found is not None and not (isinstance(found, type) and issubclass(found, base)):
        raise ValueError(
            f"`{argument}` must be derived from nncore's {base.__name__}. "
            f"{received(argument, found)}"
        )
    return found


def class_name(cls: type) -> str:
    """Return what a class is called in files."""
    return registered_name(cls) or cls.__name__


def serialize(value: Described) -> Any:
    """Return what `resolve` turns into an object equal to `value`."""
    return value._serialized()


def nearest_first(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names, those most like `name` first.

    Examples:
        >>> nearest_first("rleu", ["tanh", "relu", "sigmoid"])
        ['relu', 'sigmoid', 'tanh']
    """
    from difflib import SequenceMatcher

    def unlike(candidate: str) -> tuple[float, str]:
        matcher = SequenceMatcher(None, name.lower(), candidate.lower())
        return -matcher.ratio(), candidate

    return sorted(known, key=unlike)


def unknown_name(argument: str, name: str, known: Iterable[str]) -> ValueError:
    """Return the error for a name that is in no table, listing those that are."""
    names = ", ".join(nearest_first(name, known))
    return ValueError(
        f"`{argument}` must be a known name. {received(argument, name)}. "
        f"Known, nearest first: {names}"
    )


def resolve(
    identifier: Any,
    *,
    argument: str,
    base: type[_T],
    table: Mapping[str, Callable[..., _T]],
    shown: Iterable[str] | None = None,
) -> _T:
    """Return the instance that `identifier` stands for.

    Args:
        identifier: A name in `table` or in `custom_object_scope`; a subclass of `base`;
            an instance; or a dictionary with "class_name" and "config", as `serialize`
            of each module gives.
        argument: What to call the argument in messages, e.g. "optimizer".
        base: The class of all such objects.
        table: Every accepted name and the class or function that makes the object.
        shown: The names to list when a name is unknown; all of `table` if None.

    Raises:
        ValueError: The name is unknown (the message lists the known ones, nearest
            first) or `identifier` is none of the above.
    """
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, base):
        return identifier()
    is_config = isinstance(identifier, dict) and "class_name" in identifier
    if is_config or isinstance(identifier, str):
        name = identifier["class_name"] if is_config else identifier
        config = (identifier.get("config") or {}) if is_config else {}
        custom = custom_class(name, base, argument)
        maker = custom or (table.get(name) if isinstance(name, str) else None)
        if maker is None:
            raise unknown_name(argument, str(name), table if shown is None else shown)
        if not isinstance(config, dict):
            raise ValueError(f"`config` must be a dict. {received('config', config)}")
        make = getattr(maker, "from_config", None)
        made: _T = maker(**config) if make is None else make(config)
        return made
    raise ValueError(
        f"`{argument}` must be a name, or an instance or a class of nncore's "
        f"{base.__name__}s. "
        f"{received(argument, identifier)}"
    )


def snake_case(name: str) -> str:
    """Return a class name in Keras's lower-case form.

    Examples:
        >>> snake_case("Dense"), snake_case("LeakyReLU"), snake_case("AdamW")
        ('dense', 'leaky_re_lu', 'adam_w')
    """
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


_times_used: dict[str, int] = {}


def unique_name(stem: str) -> str:
    """Return `stem`, then `stem_1`, `stem_2`, and so on, counted in this process."""
    used = _counting.take(_times_used, stem)
    return f"{stem}_{used}" if used else stem


def forget_names() -> None:
    """Begin the numbering of `unique_name` anew."""
    _times_used.clear()
