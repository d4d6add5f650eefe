"""Utilities: seeds, one-hot targets, normalised rows, data sets, pictures."""

from .._lookup import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from .._random import set_random_seed
from ..backend import clear_session
from ._files import get_file
from ._gradients import check_gradients, numerical_gradient
from ._plot_model import plot_model
from ._progbar import Progbar
from .data_utils import PyDataset, Sequence
from .np_utils import normalize, to_categorical

__all__ = [
    "Progbar",
    "PyDataset",
    "Sequence",
    "check_gradients",
    "clear_session",
    "custom_object_scope",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "normalize",
    "numerical_gradient",
    "plot_model",
    "register_keras_serializable",
    "set_random_seed",
    "to_categorical",
]
