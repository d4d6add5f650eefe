"""Weights from elsewhere into a model, layer by layer: all that fit, or none."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from .._legacy import callers_level
from ..layers import Layer
from ..layers.preprocessing import Preprocessing
from ..models import Sequential

Entry = tuple[str, Sequence[NDArray[Any]]]


def assign(
    model: Sequential,
    entries: Sequence[Entry],
    *,
    by_name: bool = False,
    skip_mismatch: bool = False,
) -> None:
    """Set the weights of a model's layers.

    Args:
        model: a built model.
        entries: name and weights of each layer, in order; layers without any do not
            count.
        by_name: give weights to layers of the same name, rather than in order; layers
            that only one side has stay as they are.
        skip_mismatch: warn of layers whose weights do not fit, rather than raise.

    Raises:
        ValueError: the layers do not fit; nothing is set then.
    """
    entries = [entry for entry in entries if len(entry[1])]
    targets = [layer for layer in model.layers if layer.get_weights()]
    pairs: list[tuple[Layer, Entry]]
    if by_name:
        named = {entry[0]: entry for entry in entries}
        pairs = [(x, named[x.name]) for x in targets if x.name in named]
    elif len(entries) == len(targets):
        pairs = list(zip(targets, entries, strict=True))
    else:
        raise ValueError(
            f"The weights must be for {len(targets)} layers, "
            f"{', '.join(layer.name for layer in targets)}. "
            f"Received: {len(entries)}, {', '.join(name for name, _ in entries)!r:.200}"
        )
    fitting = []
    for layer, (name, arrays) in pairs:
        wanted = [weight.shape for weight in layer._saved_weights()]
        found = [array.shape for array in arrays]
        if found == wanted:
            fitting.append((layer, arrays))
            continue
        message = (
            f"The weights of layer {layer.name!r} must have the shapes {wanted}. "
            f"Received: {found} from {name!r:.100}"
        )
        if not skip_mismatch:
            raise ValueError(message)
        warnings.warn(
            f"{message}; they are left out", UserWarning, stacklevel=callers_level()
        )
    for layer, arrays in fitting:
        layer.set_weights(arrays)


def keep(model: Sequential, entries: Sequence[Entry]) -> None:
    """Have the network of a model start from weights, which must fit all its layers.

    Raises:
        ValueError: they do not fit.
    """
    variables = model._make_plan().variables
    owners = {id(variable.layer) for variable in variables}
    prepares = [
        layer
        for layer in model.layers
        if id(layer) not in owners
        and isinstance(layer, Preprocessing)
        and layer.get_weights()
    ]
    targets = [x for x in model.layers if id(x) in owners or x in prepares]
    rest = []
    for index, entry in enumerate(entries):
        if index < len(targets) and targets[index] in prepares:
            targets[index].set_weights(entry[1])
        else:
            rest.append(entry)
    arrays = [array for _, values in rest for array in values]
    shapes = [variable.shape for variable in variables]
    if [array.shape for array in arrays] != shapes:
        raise ValueError(
            f"The weights must have the shapes {shapes!r:.200}. Received: "
            f"{[array.shape for array in arrays]!r:.200}"
        )
    for variable, array in zip(variables, arrays, strict=True):
        model._kept.put(variable, array.astype(model.dtype, copy=False))
