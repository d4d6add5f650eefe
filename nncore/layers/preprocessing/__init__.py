"""Layers that prepare data: they run in NumPy, in front of a model's other layers."""

from __future__ import annotations

from ._base import Preprocessing, as_values
from .category_encoding import CategoryEncoding
from .discretization import Discretization
from .hashing import HashedCrossing, Hashing
from .lambda_layer import Lambda
from .lookup import IntegerLookup, StringLookup
from .normalization import Normalization
from .rescaling import Rescaling

__all__ = [
    "CategoryEncoding",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "Lambda",
    "Normalization",
    "Preprocessing",
    "Rescaling",
    "StringLookup",
    "as_values",
]
