"""Models that travel: saved, loaded, pickled, exchanged with other libraries.

The functions here choose a format by the ending of a path and leave the rest to the
module of that format; docs/file-format.md describes them. No file can run code, name a
module, open another file or make more memory be taken than a small multiple of its
size, and no argument changes that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from .. import _checks
from .._lookup import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from ._files import ModelFileError, Path, checked_path, contents, naming, replacing

if TYPE_CHECKING:
    from ..models import Sequential

    _Model = TypeVar("_Model", bound=Sequential)

__all__ = [
    "ModelFileError",
    "clone_model",
    "custom_object_scope",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "model_from_json",
    "register_keras_serializable",
    "save_model",
    "save_weights",
]


_WHOLE = (".nnc", ".keras", ".h5", ".hdf5")
_WEIGHTS = (".nnc", ".weights.h5", ".h5", ".hdf5")


# ---- Optimizers ----------------------------------------------------------------------


def optimizer_variables(model: Sequential) -> list[Any]:
    """What `Optimizer.variables` gives."""
    import numpy as np

    from . import _keras_slots

    variables = dict(_keras_slots.written(model, rate=True))
    rate = model._settable_rate()
    if rate is not None:
        variables["learning_rate"] = rate  # with all its digits
    return [np.array(array) for array in variables.values()]


def set_optimizer_variables(model: Sequential, arrays: Sequence[Any]) -> None:
    """What `Optimizer.set_weights` does.

    Raises:
        ValueError: the arrays do not fit.
    """
    import numpy as np

    from . import _keras_slots

    given = [np.asarray(array) for array in arrays]
    problem = _keras_slots.read(model, given)
    if problem is not None:
        raise ValueError(
            f"`weights` must be what `variables` gave. Received: {problem}"
        )
    optimizer = model.optimizer
    assert optimizer is not None
    if isinstance(optimizer._argument("learning_rate"), float):
        optimizer.learning_rate = given[1]


# ---- Files ---------------------------------------------------------------------------


def save_model(
    model: Sequential,
    filepath: Path,
    overwrite: bool = True,
    *,
    include_optimizer: bool = True,
) -> None:
    """Write a model to a file, for `load_model`.

    The file appears whole or not at all: it is written beside its place, and renamed
    when it is on the disk.

    Args:
        model: a `Sequential`.
        filepath: path whose ending says the format: ".nnc" holds everything to the last
            bit; ".keras", and the older ".h5" (or ".hdf5"), are for Keras 3 and keep
            what it knows of: layers, weights, `compile`'s arguments, the optimizer.
        overwrite: False raises if the file exists.
        include_optimizer: False leaves out what `compile` was given and the optimizer's
            state.

    Raises:
        ValueError: the path has another ending, or the model holds something that
            cannot be written, such as a function; or, for Keras, it is not built.
        FileExistsError: the file exists, and `overwrite` is False.

    Examples:
        >>> import os, tempfile
        >>> import nncore
        >>> model = nncore.Sequential([nncore.layers.Dense(1, input_dim=2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "model.nnc"))
        ...     nncore.load_model(os.path.join(folder, "model.nnc")).count_params()
        3
    """
    path, ending = checked_path(filepath, _WHOLE, "save a model")
    with model._holding("save"), replacing(path, overwrite) as file:
        if ending == ".nnc":
            from . import _nnc

            _nnc.write(model, file, include_optimizer=include_optimizer)
            return
        from . import _keras

        write = _keras.write_archive if ending == ".keras" else _keras.write_h5
        write(model, file, include_optimizer)


def load_model(
    filepath: Path,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Sequential:
    """Return the model that a file holds.

    Args:
        filepath: path that `save_model` wrote, or Keras 1, 2 or 3 (".keras", ".h5",
            ".hdf5").
        custom_objects: dict from the names of one's own classes and functions, which
            the file may then name, to what they name; what was registered with
            `register_keras_serializable` need not be there.
        compile: False leaves the model uncompiled, without its optimizer.
        safe_mode: accepted for Keras's sake; must be True, as there is no other mode.

    Raises:
        ModelFileError: the file is damaged, of another kind, or holds something that
            nncore lacks (all layers that it lacks are named).
        ValueError: the path has another ending.
        OSError: the file cannot be opened.

    Warns:
        UserWarning: the optimizer's state in a file of Keras does not fit; the
            optimizer starts anew.

    Examples:
        >>> import nncore
        >>> nncore.load_model("nowhere.nnc")
        Traceback (most recent call last):
        FileNotFoundError: [Errno 2] No such file or directory: 'nowhere.nnc'
    """
    from ..models import Sequential

    _checks.absent("safe_mode", safe_mode, True)
    path, ending = checked_path(filepath, _WHOLE, "load a model")
    with custom_object_scope(custom_objects), naming(path):
        if ending == ".nnc":
            from . import _nnc

            return _nnc.read(contents(path), Sequential, compile=compile)
        from . import _keras

        read = _keras.read_archive if ending == ".keras" else _keras.read_h5
        return read(contents(path), Sequential, compile)


def save_weights(model: Sequential, filepath: Path, overwrite: bool = True) -> None:
    """Write a model's weights alone to a file, for `load_weights`.

    Args:
        model: a `Sequential`.
        filepath: path that ends in ".nnc"; in ".weights.h5" for Keras 3; or in ".h5" or
            ".hdf5" for the layout that Keras 1 and 2 have for it.
        overwrite: False raises if the file exists.

    Raises:
        ValueError: the path has another ending, or the model has no weights yet.
        FileExistsError: the file exists, and `overwrite` is False.
    """
    path, ending = checked_path(filepath, _WEIGHTS, "save weights")
    with model._holding("save_weights"):
        model._ready_network()
        with replacing(path, overwrite) as file:
            if ending == ".nnc":
                from . import _nnc

                _nnc.write_weights(model, file)
                return
            from . import _keras

            is_new = ending == ".weights.h5"
            (_keras.write_weights if is_new else _keras.write_h5_weights)(model, file)


def load_weights(
    model: Sequential,
    filepath: Path,
    by_name: bool = False,
    skip_mismatch: bool = False,
) -> None:
    """Set a model's weights to those in a file.

    Args:
        model: a built `Sequential`. Its optimizer's state stays.
        filepath: path that `save_model` or `save_weights` wrote, or Keras.
        by_name: give weights to layers of the same name, rather than in order; layers
            that only one side has stay as they are.
        skip_mismatch: warn of layers whose weights do not fit, rather than raise.

    Raises:
        ModelFileError: the file is damaged or of another kind.
        ValueError: the weights do not fit the layers, or the path has another ending;
            nothing is set then.
    """
    from . import _weights

    path, ending = checked_path(filepath, _WHOLE, "load weights")
    with model._holding("load_weights"):
        model._ready_network()
        with naming(path):
            if ending == ".nnc":
                from . import _nnc

                entries = _nnc.read_weights(contents(path))
            else:
                from . import _keras

                entries = _keras.read_weights(contents(path), ending, model)
        _weights.assign(model, entries, by_name=by_name, skip_mismatch=skip_mismatch)


# ---- Bytes, text, copies -------------------------------------------------------------


def to_bytes(model: Sequential) -> bytes:
    """What `save_model` would write to "*.nnc"."""
    from . import _nnc

    with model._holding("save"):
        return _nnc.to_bytes(model)


def from_bytes(
    data: bytes, cls: type[_Model], custom_objects: dict[str, Any] | None = None
) -> _Model:
    """The model that `to_bytes` gave: how a pickle holds a model."""
    from . import _nnc

    with custom_object_scope(custom_objects):
        return _nnc.read(memoryview(data), cls)


def model_to_json(model: Sequential) -> str:
    """Return a model's configuration as JSON, for `model_from_json`."""
    from . import _config

    return _config.to_json(model)


def model_from_json(
    json_string: str, custom_objects: dict[str, Any] | None = None
) -> Sequential:
    """Return a new model, with new weights, from what `Sequential.to_json` gave.

    Args:
        json_string: str.
        custom_objects: dict from the names of one's own classes to the classes.

    Raises:
        ModelFileError: it describes no model.

    Examples:
        >>> import nncore
        >>> model = nncore.Sequential([nncore.layers.Dense(3, input_dim=4)])
        >>> nncore.models.model_from_json(model.to_json()).count_params()
        15
    """
    from ..models import Sequential
    from . import _config

    text = _checks.text("json_string", json_string)
    with custom_object_scope(custom_objects):
        return _config.from_json(text, Sequential)


def model_from_config(
    cls: type[_Model], config: Any, custom_objects: dict[str, Any] | None = None
) -> _Model:
    """Return a new model, with new weights, from what `Sequential.get_config` gave."""
    from . import _config

    with custom_object_scope(custom_objects):
        return _config.model_from_config(cls, config)


def clone_model(
    model: Sequential, input_tensors: None = None, clone_function: Any = None
) -> Sequential:
    """Return a new model, not compiled, with the same layers and new weights.

    Args:
        model: a `Sequential`.
        input_tensors: accepted for Keras's sake; must be None.
        clone_function: called with each layer, returns the layer for the new model;
            None copies.

    Examples:
        >>> import nncore
        >>> model = nncore.Sequential([nncore.layers.Dense(3, input_dim=4)])
        >>> nncore.models.clone_model(model).count_params()
        15
    """
    from . import _config

    _checks.absent("input_tensors", input_tensors)
    config = model.get_config()
    if clone_function is None:
        return model_from_config(type(model), config, _config.own_classes(model))
    new = type(model)(
        [clone_function(layer) for layer in model._all_layers()],
        name=config["name"],
        seed=config["seed"],
        dtype=config["dtype"],
    )
    if "build_input_shape" in config:
        new._expect(config["build_input_shape"])
    return new


def reduced(model: _Model) -> tuple[Any, ...]:
    """What pickle and copy need: a function, the bytes, one's own classes."""
    from . import _config

    return from_bytes, (to_bytes(model), type(model), _config.own_classes(model))
