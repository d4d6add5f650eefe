"""From a configuration to a model: by the literal tables of names, nothing else.

A class is found in nncore's tables or among the `custom_objects` that the caller of a
loader passes; a configuration cannot name a module, a function or a path. Constructors
check every argument. `same` then holds what was read against what was written: an
argument that was misunderstood, converted or ignored is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from .. import _lookup, _own, _plan, layers
from .._version import __version__
from ..models import Sequential
from . import _json
from ._files import ModelFileError, explained

_Model = TypeVar("_Model", bound=Sequential)

_WORDS = ("name", "dtype", "seed", "layers", "build_input_shape")
_COMPILE_WORDS = (
    *("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics"),
    *("check_finite", "on_nan"),
)


# ---- JSON ----------------------------------------------------------------------------


def to_json(model: Sequential) -> str:
    """A model's configuration as JSON."""
    return _json.dumps(
        {
            "class_name": "Sequential",
            "config": model.get_config(),
            "nncore_version": __version__,
        }
    )


def from_json(text: str, cls: type[_Model]) -> _Model:
    """A model with the layers that `to_json` wrote down, nncore's or any Keras's.

    Raises:
        ModelFileError: the text is none of a model.
    """
    content = _json.loads(text)
    if not isinstance(content, dict):
        raise ModelFileError(f"JSON must describe a model. Received: {content!r:.200}")
    if "nncore_version" not in content:
        from . import _keras

        return _keras.model_from(content, cls)
    with explained("config", content):
        model = model_from_config(cls, content.get("config"))
    same(content["config"], model.get_config(), "config")
    return model


# ---- Objects -------------------------------------------------------------------------


def model_from_config(
    cls: type[_Model], config: Any, seed: int | None = None
) -> _Model:
    """A model with the layers that a configuration describes; it has no weights yet.

    Args:
        cls: the class to make.
        config: what `Sequential.get_config` gave.
        seed: takes the place of the configuration's own.

    Raises:
        ValueError: the configuration is none, or an argument does not fit.
    """
    _words(config, _WORDS, "A model's configuration")
    entries = config.get("layers")
    if not isinstance(entries, list):
        raise ValueError(f"`layers` must be a list. Received: {entries!r:.200}")
    for entry in entries:
        _words(entry, ("class_name", "config"), "A layer's configuration")
    unknown = [e for e in entries if layer_class(e.get("class_name")) is None]
    if unknown:
        raise unknown_layers(unknown)
    model = cls(
        [_layer(place, entry) for place, entry in enumerate(entries)],
        name=config.get("name"),
        seed=config.get("seed") if seed is None else seed,
        dtype=config.get("dtype"),
    )
    if seed is not None:
        model._given_seed = config.get("seed")
    shape = config.get("build_input_shape")
    if shape is not None:
        model._expect(shape)
    return model


def layer_class(name: Any) -> type[layers.Layer] | None:
    """The class of a layer by its name; None if it is unknown."""
    custom = _lookup.custom_class(name, layers.Layer, "custom_objects")
    return custom or (layers._TABLE.get(name) if isinstance(name, str) else None)


def unknown_layers(entries: list[dict[str, Any]]) -> ValueError:
    """The error for layers that are not there, naming them all."""
    found = []
    for entry in entries:
        config = entry.get("config")
        name = config.get("name") if isinstance(config, Mapping) else None
        found.append(f"{entry.get('class_name')!r:.100} (named {name!r:.100})")
    return ValueError(
        "Every layer must be one of nncore's, or be in `custom_objects`: "
        f"{', '.join(sorted(layers._TABLE))}. Received: {', '.join(found)}"
    )


def _layer(place: int, entry: dict[str, Any]) -> layers.Layer:
    try:
        return layers.deserialize(entry)
    except (TypeError, ValueError) as error:
        name = entry["class_name"]
        raise ValueError(f"Layer {place + 1} ({name}): {error}") from error


def compiled_from_config(config: Any) -> _plan.Compiled:
    """What `compile` makes of a configuration that `get_compile_config` gave.

    Raises:
        ValueError: the configuration is none, or an argument does not fit.
    """
    _words(config, _COMPILE_WORDS, "A compile configuration")
    return _plan.Compiled(
        config.get("optimizer", "rmsprop"),
        config.get("loss"),
        config.get("loss_weights"),
        config.get("metrics"),
        config.get("weighted_metrics"),
        check_finite=config.get("check_finite", True),
        on_nan=config.get("on_nan", "stop"),
    )


def _words(config: Any, known: tuple[str, ...], what: str) -> None:
    if not isinstance(config, dict) or not set(config) <= set(known):
        raise ValueError(
            f"{what} must be a dict with keys among {', '.join(known)}. "
            f"Received: {sorted(config) if isinstance(config, dict) else config!r:.200}"
        )


def same(written: Any, read: Any, place: str) -> None:
    """Hold a configuration against that of the object made from it.

    Keys that are missing in `written` have their defaults: the file is older.

    Args:
        written: from the file.
        read: from the object.
        place: what to call them in messages.

    Raises:
        ModelFileError: they differ.
    """
    if isinstance(written, dict) and isinstance(read, dict):
        for key, value in written.items():
            if key not in read:
                raise ModelFileError(
                    f"{place} must have keys among {', '.join(read)}. "
                    f"Received: {key!r:.100}"
                )
            same(value, read[key], f"{place}.{key}")
    elif isinstance(written, list) and isinstance(read, (list, tuple)):
        if len(written) != len(read):
            raise ModelFileError(
                f"{place} must have {len(read)} items. Received: {len(written)}"
            )
        for index, (item, other) in enumerate(zip(written, read, strict=True)):
            same(item, other, f"{place}[{index}]")
    elif isinstance(written, bool) is not isinstance(read, bool) or written != read:
        raise ModelFileError(
            f"{place} must be {read!r:.100}. Received: {written!r:.100}"
        )


def own_classes(model: Sequential) -> dict[str, Any]:
    """The classes and functions in a model's description that are a user's, by name."""
    found: dict[str, Any] = {}
    compiled = model._compiled
    parts: list[Any] = list(model._all_layers())
    if compiled is not None:
        parts += [compiled.optimizer, compiled.loss, *compiled.metrics]
    while parts:
        part = parts.pop()
        if isinstance(part, (list, tuple)):
            parts += part
        elif isinstance(part, _lookup.Described):
            if isinstance(part, _own.Function):
                if hasattr(part, "loss"):
                    parts.append(part.loss)
                elif part.function is not None:
                    found[_own.function_name(part.function)] = part.function
                continue
            if isinstance(part, layers.Lambda):
                found[_own.function_name(part.function)] = part.function
            cls = type(part)
            if cls.__module__.partition(".")[0] != "nncore":
                found[_lookup.class_name(cls)] = cls
            parts += [part._argument(name) for name in part._arguments]
    return found
