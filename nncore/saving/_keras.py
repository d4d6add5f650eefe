"""Keras's files: `.keras`, `.h5` and `.weights.h5`, of Keras 1 to 3.

Two layouts of HDF5 hold weights. The newer, of `.keras` and `.weights.h5`, has a group
for each layer by class and number. The older, of `.h5`, has one by the layer's name,
with lists of names; it holds a whole model, or weights alone at its root.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterable
from typing import Any, BinaryIO, TypeVar

from numpy.typing import NDArray

from .. import _lookup
from .._legacy import callers_level
from .._version import __version__
from ..models import Sequential
from . import (
    _config,
    _h5read,
    _h5write,
    _json,
    _keras_learnt,
    _keras_slots,
    _keras_words,
    _weights,
    _zip,
)
from ._files import ModelFileError, explained, naming

_Model = TypeVar("_Model", bound=Sequential)
Array = NDArray[Any]
Entry = tuple[str, list[Array]]

# The layout that is written. Keras reads no more of it than that it is there.
_KERAS_VERSION = "3.15.1"
_CONFIG, _VARIABLES, _METADATA = "config.json", "model.weights.h5", "metadata.json"


# ---- Reading -------------------------------------------------------------------------


def read_archive(buffer: memoryview, cls: type[_Model], compile: bool) -> _Model:
    """Return the model that a `.keras` file holds."""
    members = _zip.read(buffer, (_CONFIG, _VARIABLES))
    if len(members) < 2:
        raise ModelFileError(
            f"The archive must have {_CONFIG} and {_VARIABLES}. "
            f"Received: {', '.join(members) or 'neither'}"
        )
    content = _json.loads(members[_CONFIG], _CONFIG)
    with naming(_VARIABLES):
        root = _h5read.open_file(members[_VARIABLES])
        content = _keras_learnt.gathered(content, buffer, root)
    with naming(_CONFIG):
        model = model_from(content, cls)
    with naming(_VARIABLES):
        _fill(model, _entries_by_class(root, model))
    settings = content.get("compile_config")
    if compile and settings:
        with naming(_CONFIG):
            _compile(model, settings)
        if "optimizer" in root and model.built and model.loss is not None:
            variables = _numbered(root.group("optimizer/vars"))
            _restored(_keras_slots.read(model, variables))
    return model


def read_h5(buffer: memoryview, cls: type[_Model], compile: bool) -> _Model:
    """Return the model that a `.h5` file holds."""
    root = _h5read.open_file(buffer)
    text = root.text("model_config")
    if text is None or "model_weights" not in root:
        raise ModelFileError(
            "The file must hold a model. Received: weights alone, for `load_weights`"
        )
    content = _json.loads(text, "model_config")
    version = root.text("keras_version") or "1"
    with naming("model_config"):
        if isinstance(content, dict):
            content.setdefault("keras_version", version)
        model = model_from(content, cls)
    weights = root.group("model_weights")
    _fill(model, _entries_by_name(weights))
    text = root.text("training_config")
    if not compile or text is None:
        return model
    settings = _json.loads(text, "training_config")
    with naming("training_config"):
        _compile(model, settings)
    if "optimizer_weights" in root and model.built and model.loss is not None:
        group = root.group("optimizer_weights")
        names = group.names("weight_names")
        is_old = bool(names) and not names[0].endswith(("iteration", "iteration:0"))
        order = _trained_names(weights, model) if version.startswith("1") else None
        arrays = [group.array(name) for name in names]
        _restored(_keras_slots.read(model, arrays, old=is_old, names=order))
    return model


def read_weights(buffer: memoryview, ending: str, model: Sequential) -> list[Entry]:
    """The weights in a file of Keras by layer, in order."""
    if ending == ".keras":
        buffer = _zip.read(buffer, (_VARIABLES,)).get(_VARIABLES, memoryview(b""))
    root = _h5read.open_file(buffer)
    if "model_weights" in root:
        return _entries_by_name(root.group("model_weights"))
    if root.names("layer_names"):
        return _entries_by_name(root)
    return _entries_by_class(root, model)


def model_from(content: Any, cls: type[_Model]) -> _Model:
    """The model that a configuration of Keras describes, without its weights."""
    with explained("config", content):
        words = _keras_words.model_words(content)
        return _config.model_from_config(cls, words)


def _fill(model: Sequential, entries: list[Entry]) -> None:
    entries = [(name, arrays) for name, arrays in entries if arrays]
    if not model.built:
        if entries:
            raise ModelFileError(
                "A model without an input shape must have no weights. "
                f"Received: weights of {len(entries)} layers"
            )
        return
    with explained("weights", [name for name, _ in entries]):
        _weights.keep(model, entries)
        model._ready_network()


def _compile(model: Sequential, settings: Any) -> None:
    with explained("compile (compile=False loads without)", settings):
        words = _keras_words.compile_words(settings)
        compiled = _config.compiled_from_config(words)
        if model.built:
            model._compile_network(compiled)
        model._compiled = compiled


def _restored(problem: str | None) -> None:
    if problem is not None:
        warnings.warn(
            f"The optimizer starts anew, as its arrays do not fit. Received: {problem}",
            UserWarning,
            stacklevel=callers_level(),
        )


def _numbered(group: _h5read.Group) -> list[Array]:
    """The arrays 0, 1, 2, ... of a group."""
    n = sum(name.isdecimal() for name in group.members)
    return [group.array(str(i)) for i in range(n)]


def _floats(arrays: Iterable[Array], name: str) -> list[Array]:
    # Normalization counts rows in an integer, which Keras leaves at 0.
    arrays = [array for array in arrays if array.shape or array.dtype.kind == "f"]
    for array in arrays:
        if array.dtype.kind != "f":
            raise ModelFileError(
                f"The weights of {name!r:.100} must be floats. Received: {array.dtype}"
            )
    return arrays


def _entries_by_class(root: _h5read.Group, model: Sequential) -> list[Entry]:
    """Weights of the newer layout: layers/dense/vars/0, layers/dense_1/vars/0, ...

    TensorFlow 2.12 has another name for the whole, and leaves numbers out.
    """
    path = "layers" if "layers" in root else "_layer_checkpoint_dependencies"
    group = root.group(path)
    numbered: dict[str, list[tuple[int, str]]] = {}
    for name in group.members:
        stem, _, number = name.rpartition("_")
        if stem and number.isdecimal() and len(number) < 9:
            numbered.setdefault(stem, []).append((int(number), name))
        else:
            numbered.setdefault(name, []).append((0, name))
    ordered = {stem: iter(sorted(names)) for stem, names in numbered.items()}
    entries = []
    for layer in model.layers:
        stem = _lookup.snake_case(type(layer).__name__)
        found = next(ordered.get(stem, iter(())), None)
        if found is None:
            raise ModelFileError(
                f"The weights must have a group {stem!r} for layer {layer.name!r}. "
                f"Received: {', '.join(group.members)!r:.200}"
            )
        own = group.group(found[1])
        arrays = _numbered(own.group("vars")) if "vars" in own else []
        entries.append((layer.name, _floats(arrays, found[1])))
    return entries


def _entries_by_name(group: _h5read.Group) -> list[Entry]:
    """Weights of the older layout: a group for each layer, with names of arrays."""
    entries = []
    for layer in group.names("layer_names"):
        own = group.group(layer)
        arrays = [own.array(name) for name in own.names("weight_names")]
        entries.append((layer, _floats(arrays, layer)))
    return entries


def _trained_names(group: _h5read.Group, model: Sequential) -> list[str]:
    """The names of the trained weights in the order of the model."""
    names = [
        group.group(layer).names("weight_names") for layer in group.names("layer_names")
    ]
    found = [name for own in names for name in own]
    variables = model._make_plan().variables
    pairs = zip(variables, found, strict=True)
    return [name for variable, name in pairs if variable.is_trained]


# ---- Writing -------------------------------------------------------------------------


def write_archive(model: Sequential, file: BinaryIO, include_optimizer: bool) -> None:
    """Write a model as Keras 3 does into a file that is open and empty."""
    content = _keras_words.model_node(model)
    compiled = model._compiled if include_optimizer else None
    if compiled is not None:
        content["compile_config"] = _keras_words.compile_node(compiled)
    variables = io.BytesIO()
    write_weights(model, variables, include_optimizer=include_optimizer)
    versions = {"keras_version": _KERAS_VERSION, "nncore_version": __version__}
    members = {
        _METADATA: json.dumps(versions).encode(),
        _CONFIG: _json.dumps(content).encode(),
        _VARIABLES: variables.getvalue(),
    }
    _zip.write(file, members)


def write_weights(
    model: Sequential, file: BinaryIO, *, include_optimizer: bool = True
) -> None:
    """Write the newer layout, of `.weights.h5`."""
    root = _h5write.Group()
    root.at("vars").attributes["name"] = model.name
    for layer, name in _class_names(model):
        group = root.at(f"layers/{name}/vars")
        group.attributes["name"] = layer.name
        for i, array in enumerate(layer.get_weights()):
            group.members[str(i)] = array
        group.members.update(_keras_learnt.beside(layer))
    compiled = model._compiled if include_optimizer else None
    if compiled is not None and compiled.loss is not None:
        group = root.at("optimizer/vars")
        group.attributes["name"] = compiled.optimizer.name
        rate = not compiled.optimizer.decay
        for i, (_, array) in enumerate(_keras_slots.written(model, rate=rate)):
            group.members[str(i)] = array
    _h5write.write(file, root)


def _class_names(model: Sequential) -> list[tuple[Any, str]]:
    """Layers with their names in the newer layout: class and number."""
    used: dict[str, int] = {}
    named = []
    for layer in model.layers:
        stem = _lookup.snake_case(type(layer).__name__)
        used[stem] = used.get(stem, -1) + 1
        named.append((layer, f"{stem}_{used[stem]}" if used[stem] else stem))
    return named


def write_h5(model: Sequential, file: BinaryIO, include_optimizer: bool) -> None:
    """Write the older layout, of `.h5`, with a whole model."""
    node = _keras_words.model_node(model)
    for entry in node["config"]["layers"]:
        del entry["module"], entry["registered_name"]
        entry.pop("build_config", None)
    content = {"class_name": node["class_name"], "config": node["config"]}
    root = _h5write.Group()
    root.attributes["keras_version"] = _KERAS_VERSION
    root.attributes["backend"] = "numpy"
    root.attributes["model_config"] = _json.dumps(content)
    root.members["model_weights"] = _by_name(model)
    compiled = model._compiled if include_optimizer else None
    if compiled is not None:
        settings = _keras_words.compile_node(compiled)
        settings["optimizer_config"] = settings.pop("optimizer")
        root.attributes["training_config"] = _json.dumps(settings)
        if compiled.loss is not None:
            group = root.at("optimizer_weights")
            rate = not compiled.optimizer.decay
            stem = compiled.optimizer.name
            arrays = _keras_slots.written(model, rate=rate)
            group.attributes["weight_names"] = [f"{stem}/{name}" for name, _ in arrays]
            for name, array in arrays:
                group.put(f"{stem}/{name}", array)
    _h5write.write(file, root)


def write_h5_weights(model: Sequential, file: BinaryIO) -> None:
    """Write the older layout, of `.h5`, with weights alone."""
    _h5write.write(file, _by_name(model))


def _by_name(model: Sequential) -> _h5write.Group:
    root = _h5write.Group()
    root.attributes["layer_names"] = [layer.name for layer in model.layers]
    root.attributes["backend"] = "numpy"
    root.attributes["keras_version"] = _KERAS_VERSION
    variables = model._make_plan().variables
    for layer in model.layers:
        if "/" in layer.name:
            raise ValueError(
                "A layer's name must be without / to be a group of HDF5. "
                f"Received: {layer.name!r}"
            )
        group = root.at(layer.name)
        arrays = layer.get_weights()
        words = [v.name for v in variables if v.layer is layer]
        # What Normalization has learnt is none of the network's.
        words = words or ["mean", "variance", "count"][: len(arrays)]
        names = [f"{layer.name}/{word}" for word in words]
        group.attributes["weight_names"] = names
        for name, array in zip(names, arrays, strict=True):
            group.put(name, array)
    root.at("top_level_model_weights").attributes["weight_names"] = []
    return root
