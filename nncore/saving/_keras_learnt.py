"""What preprocessing layers have learnt, between Keras's files and nncore's layers.

Keras keeps vocabularies as text files of the archive and idf weights beside the weights
of other layers; nncore keeps both in the configuration. Boundaries that `adapt` found
stand in Keras's configuration as if they had been given.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _lookup
from ..layers import Layer
from ..layers.preprocessing import Preprocessing
from . import _h5read, _zip
from ._files import ModelFileError

_LOOKUPS = ("StringLookup", "IntegerLookup")
# Keras gives these a dtype of their own.
_TYPED = (*_LOOKUPS, "Hashing")


def gathered(content: Any, buffer: memoryview, root: _h5read.Group) -> Any:
    """The configuration of a `.keras` file with the vocabularies that lie beside it."""
    config = content.get("config") if isinstance(content, dict) else None
    entries = config.get("layers") if isinstance(config, dict) else None
    counts: dict[str, int] = {}
    for entry in entries if isinstance(entries, list) else []:
        cls = entry.get("class_name") if isinstance(entry, dict) else None
        if cls not in _LOOKUPS:
            continue
        stem = _lookup.snake_case(cls)
        number = counts.get(stem, 0)
        counts[stem] = number + 1
        name = f"{stem}_{number}" if number else stem
        own = entry.get("config")
        if isinstance(own, dict) and own.get("vocabulary") is None:
            _gather(own, cls, name, buffer, root)
    return content


def _gather(
    own: dict[str, Any], cls: str, name: str, buffer: memoryview, root: _h5read.Group
) -> None:
    path = f"assets/layers/{name}/vocabulary.txt"
    found = _zip.read(buffer, (path,)).get(path)
    if found is None:
        return
    try:
        lines: list[Any] = bytes(found).decode().split("\n")
        if cls == "IntegerLookup":
            lines = [int(line) for line in lines]
    except ValueError as error:
        raise ModelFileError(
            f"{path}: {error}. Received: {bytes(found[:60])!r}"
        ) from error
    n_special = own.get("num_oov_indices", 1)
    if own.get("output_mode") == "int" and own.get("mask_token") is not None:
        n_special += 1
    learnt: dict[str, Any] = {"vocabulary": lines[n_special:]}
    if own.get("output_mode") == "tf_idf":
        group = root.group(f"layers/{name}/vars")
        learnt["idf_weights"] = group.array("idf_weights").astype(float).tolist()
    own["adapted"] = learnt


def read(cls: str, words: dict[str, Any]) -> dict[str, Any]:
    """A layer's arguments as nncore has them, from those of a file of Keras."""
    both = words.get("bin_boundaries"), words.get("num_bins")
    if cls == "Discretization" and None not in both:
        learnt = {"bin_boundaries": both[0]}
        return words | {"bin_boundaries": None, "adapted": learnt}
    return words


def written(layer: Layer, config: dict[str, Any]) -> dict[str, Any]:
    """A layer's configuration as Keras takes it, from nncore's."""
    if not isinstance(layer, Preprocessing):
        return config
    config = dict(config)
    learnt = config.pop("adapted", None) or {}
    if hasattr(layer, "get_vocabulary") and learnt:
        # With the special tokens in front, whose idf weights are known too.
        learnt = learnt | {"vocabulary": layer.get_vocabulary()}
    if type(layer).__name__ != "Normalization":
        config |= learnt
    if type(layer).__name__ in _TYPED:
        config.pop("dtype", None)
    if type(layer).__name__ == "Discretization":
        config.pop("trainable", None)
    return config


def beside(layer: Layer) -> dict[str, Any]:
    """What Keras keeps among the weights, by its name there."""
    idf = getattr(layer, "_idf", None)
    return {} if idf is None else {"idf_weights": idf.astype(np.float32)}


def input_dtype(given: Any, model: Any) -> str:
    """The dtype of a model's input, as Keras has it."""
    if given is not None and given.raw_dtype is not None:
        return str(given.raw_dtype)
    first = type(model.layers[0]).__name__
    words = {"StringLookup": "string", "Hashing": "string", "IntegerLookup": "int64"}
    return words.get(first, str(model.dtype))
