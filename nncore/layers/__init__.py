"""Layers: the steps of a network, described.

Layers are put in order in `nncore.Sequential`, which builds the network.
"""

from __future__ import annotations

from typing import Any

from .. import _lookup
from ._layer import Layer
from .advanced_activations import ELU, LeakyReLU, PReLU, ReLU, Softmax
from .advanced_activations import ThresholdedReLU as ThresholdedReLU
from .core import (
    Activation,
    ActivityRegularization,
    Dense,
    Dropout,
    Flatten,
    Identity,
    Input,
    InputLayer,
)
from .embeddings import Embedding, MixedEmbedding
from .noise import AlphaDropout, GaussianDropout, GaussianNoise
from .normalization import (
    BatchNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from .preprocessing import (
    CategoryEncoding,
    Discretization,
    HashedCrossing,
    Hashing,
    IntegerLookup,
    Lambda,
    Normalization,
    Rescaling,
    StringLookup,
)
from .reshaping import Permute, RepeatVector, Reshape

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "BatchNormalization",
    "CategoryEncoding",
    "Dense",
    "Discretization",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "HashedCrossing",
    "Hashing",
    "Identity",
    "Input",
    "InputLayer",
    "IntegerLookup",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MixedEmbedding",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Softmax",
    "StringLookup",
    "UnitNormalization",
    "deserialize",
    "serialize",
]

_TABLE: dict[str, type[Layer]] = {
    cls.__name__: cls
    for cls in (
        *(InputLayer, Dense, Activation, Dropout, Flatten),
        *(ReLU, LeakyReLU, ELU, Softmax, PReLU),
        *(BatchNormalization, LayerNormalization, RMSNormalization, UnitNormalization),
        *(GaussianNoise, GaussianDropout, AlphaDropout, ActivityRegularization),
        *(Reshape, Permute, RepeatVector, Identity, Embedding),
        MixedEmbedding,
        *(Normalization, Rescaling, Discretization, CategoryEncoding, IntegerLookup),
        *(StringLookup, Hashing, HashedCrossing, Lambda),
    )
}


def serialize(layer: Layer) -> Any:
    """Return the class name and configuration of a layer, without its weights.

    Args:
        layer: An instance.

    Examples:
        >>> import nncore
        >>> nncore.layers.serialize(nncore.layers.Dropout(0.2, name="d"))["class_name"]
        'Dropout'
    """
    return layer._serialized()


def deserialize(config: Any) -> Layer:
    """Return the layer that `serialize` wrote down.

    Args:
        config: What `serialize` gave.

    Raises:
        ValueError: The class name is unknown.

    Examples:
        >>> import nncore
        >>> written = nncore.layers.serialize(nncore.layers.Dense(4, name="d"))
        >>> nncore.layers.deserialize(written).units
        4
    """
    return _lookup.resolve(config, argument="layer", base=Layer, table=_TABLE)
