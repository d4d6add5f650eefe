"""Utilities: seeds, one-hot targets, normalised rows."""

from .._random import set_random_seed
from .data_utils import PyDataset, Sequence
from .np_utils import normalize, to_categorical

__all__ = [
    "PyDataset",
    "Sequence",
    "normalize",
    "set_random_seed",
    "to_categorical",
]
