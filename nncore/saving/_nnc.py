"""`.nnc`: a model whole, to the last bit. docs/file-format.md describes the layout.

Words in the header: `config` (layers), `compile` (loss, metrics, optimizer), `state`
(seed, counters, columns). Arrays: weights/<layer>/<place>, slot<k>/<layer>/<place> for
the optimizer's, config/<k> for long lists of numbers in configurations.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO, TypeVar

import numpy as np

from .. import _checks, _plan
from .._version import __version__
from ..models import Sequential
from . import _config, _json, _tensors
from ._files import ModelFileError, explained

_Model = TypeVar("_Model", bound=Sequential)
Array = _tensors.Array

_FORMAT, _VERSION = "nncore", "1"
_STATE_WORDS = ("seed", "dtype", "columns", "counters")
_SHARES = ("beta_1_power", "beta_2_power", "momentum_product", "schedule_power")
_LONG = 256


# ---- Writing -------------------------------------------------------------------------


def write(
    model: Sequential,
    file: BinaryIO,
    *,
    include_optimizer: bool = True,
    words: dict[str, str] | None = None,
) -> None:
    """Write a model, and more words, into a file that is open and empty."""
    numbers: list[Array] = []
    words = (words or {}) | {
        "config": _json.dumps(_lifted(model.get_config(), numbers)),
        "state": _json.dumps(_state(model)),
    }
    compiled = model._compiled if include_optimizer else None
    if compiled is not None:
        words["compile"] = _json.dumps(_lifted(compiled.get_config(), numbers))
    tensors = [
        _tensors.Tensor(
            f"config/{k}", "float64", array.shape, partial(np.asarray, array)
        )
        for k, array in enumerate(numbers)
    ]
    tensors += _weights(model)
    if compiled is not None:
        tensors += _slots(model)
    _tensors.write(file, _heading() | words, tensors)


def write_weights(model: Sequential, file: BinaryIO) -> None:
    """Write the weights alone, and what Normalization has learnt among them."""
    own = {layer.name: layer._saved_weights() for layer in model._preparing()}
    tensors = [
        _tensors.Tensor(
            *(f"weights/{name}/{k}", model.dtype, array.shape),
            partial(array.astype, model.dtype),
        )
        for name, arrays in own.items()
        for k, array in enumerate(arrays)
    ]
    order = {layer.name: place for place, layer in enumerate(model.layers)}
    tensors += _weights(model)
    tensors.sort(key=lambda tensor: order[_layer_of(tensor.name)])
    _tensors.write(file, _heading(), tensors)


def to_bytes(model: Sequential) -> bytes:
    """The file that `write` makes, in memory."""
    file = io.BytesIO()
    write(model, file)
    return file.getvalue()


def _heading() -> dict[str, str]:
    return {"format": _FORMAT, "version": _VERSION, "nncore": __version__}


def _state(model: Sequential) -> dict[str, Any]:
    state: dict[str, Any] = {"seed": model.seed, "dtype": model.dtype}
    columns = model._columns
    if columns is not None and all(type(name) in (str, int) for name in columns):
        state["columns"] = list(columns)
    if model.built:
        state["counters"] = dict(model._ready_network().counters)
    return state


def _weights(model: Sequential) -> list[_tensors.Tensor]:
    if not model.built:
        return []
    network = model._ready_network()
    return [
        _tensors.Tensor(
            *(f"weights/{name}", network.dtype, variable.shape),
            partial(network.get_variable, i),
        )
        for i, (name, variable) in enumerate(_variables(model))
    ]


def _slots(model: Sequential) -> list[_tensors.Tensor]:
    if not model.built:
        return []
    network = model._ready_network()
    return [
        _tensors.Tensor(
            *(f"slot{k}/{name}", network.dtype, variable.shape),
            partial(network.get_slot, k, i),
        )
        for k in range(network.n_slots)
        for i, (name, variable) in enumerate(_variables(model))
        if variable.trainable
    ]


def _variables(model: Sequential) -> Iterator[tuple[str, _plan.Variable]]:
    """A name of its own for each variable, in the network's order."""
    counts: dict[str, int] = {}
    for variable in model._make_plan().variables:
        layer = variable.layer.name
        place = counts.get(layer, 0)
        counts[layer] = place + 1
        yield f"{layer}/{place}", variable


def _lifted(config: Any, numbers: list[Array]) -> Any:
    """A copy in which long lists of floats have become arrays beside it."""
    if isinstance(config, dict):
        if any(isinstance(key, str) and key.startswith("$") for key in config):
            raise ValueError(
                "A key of a configuration must not begin with $. "
                f"Received: {config!r:.200}"
            )
        return {key: _lifted(value, numbers) for key, value in config.items()}
    if not isinstance(config, (list, tuple)):
        return config
    array = _floats(config)
    if array is None:
        return [_lifted(item, numbers) for item in config]
    numbers.append(array)
    return {"$tensor": len(numbers) - 1}


def _floats(items: Any) -> Array | None:
    """The array that a nested list of many floats and nothing else is."""
    try:
        array = np.array(items)
    except ValueError:
        return None
    is_long = array.dtype == np.float64 and array.size >= _LONG
    return array if is_long and array.tolist() == items else None


# ---- Reading -------------------------------------------------------------------------


def read(buffer: memoryview, cls: type[_Model], *, compile: bool = True) -> _Model:
    """Return the model that a file holds.

    Args:
        buffer: the file's bytes.
        cls: the class to make.
        compile: whether to restore what `compile` was given, and the optimizer.

    Raises:
        ModelFileError: the file is not what `write` makes.
    """
    words, tensors = _parts(buffer)
    if "config" not in words:
        raise ModelFileError(
            "The file must hold a model. Received: weights alone, for `load_weights`"
        )
    numbers = [name for name in tensors if name.startswith("config/")]
    arrays = {name: tensors.pop(name) for name in numbers}
    config = _landed(_json.loads(words["config"], "`config`"), arrays)
    state = _json.loads(words.get("state", "{}"), "`state`")
    settings = None
    if "compile" in words:
        settings = _landed(_json.loads(words["compile"], "`compile`"), arrays)
    if arrays:
        raise ModelFileError(
            "Every tensor must have a use. Received: "
            f"{', '.join(arrays)!r:.200} without one"
        )
    with explained("`state`", state):
        _check_state(state)
    with explained("`config`", config):
        model = _config.model_from_config(cls, config, state["seed"])
        model._floatx = state["dtype"]
    _config.same(_plain(config), model.get_config(), "config")
    if model.dtype != state["dtype"]:
        raise ModelFileError(
            f"`dtype` in `state` must be {model.dtype!r}. Received: {state['dtype']!r}"
        )
    model._columns = None if "columns" not in state else tuple(state["columns"])
    if settings is not None and compile:
        with explained("`compile`", settings):
            model._compiled = _config.compiled_from_config(settings)
        _config.same(_plain(settings), model._compiled.get_config(), "compile")
    n_slots = len({name.partition("/")[0] for name in tensors} - {"weights"})
    if n_slots and settings is None:
        raise ModelFileError(
            "A file without `compile` must have weights alone. Received: "
            f"{n_slots} arrays of an optimizer for each"
        )
    _fill(model, state, tensors, n_slots)
    return model


def words(buffer: memoryview) -> dict[str, str]:
    """The words in a file, checked for being nncore's."""
    return _parts(buffer)[0]


def read_weights(buffer: memoryview) -> list[tuple[str, list[Array]]]:
    """The weights in a file by layer, in the order of the network."""
    words, tensors = _parts(buffer)
    layers = _learnt(words, tensors)
    for name, array in tensors.items():
        if not name.startswith("weights/"):
            continue
        layer, place = _layer_of(name), name.rpartition("/")[2]
        values = layers.setdefault(layer, [])
        if place != str(len(values)):
            raise ModelFileError(
                f"The weights of a layer must come in order: place {len(values)} of "
                f"layer {layer!r:.100}. Received: tensor {name!r:.100}"
            )
        values.append(array)
    return [(name, arrays) for name, arrays in layers.items() if arrays]


def _layer_of(name: str) -> str:
    """Of a tensor such as "weights/dense/0"."""
    return name.partition("/")[2].rpartition("/")[0]


def _learnt(words: dict[str, str], tensors: dict[str, Array]) -> dict[str, list[Array]]:
    """What the layers of a whole model's configuration have learnt; all are named."""
    from ..layers import Normalization

    if "config" not in words:
        return {}
    arrays = {n: a for n, a in tensors.items() if n.startswith("config/")}
    config = _landed(_json.loads(words["config"], "`config`"), arrays)
    found: dict[str, list[Array]] = {}
    with explained("`config`", config):
        for layer in config["layers"]:
            own = layer["config"]
            found[own["name"]] = []
            if layer["class_name"] == "Normalization" and "adapted" in own:
                learnt = Normalization.from_config(own)._found or ()
                found[own["name"]] = list(learnt)
    return found


def _parts(buffer: memoryview) -> tuple[dict[str, str], dict[str, Array]]:
    words, tensors = _tensors.read(buffer)
    found = words.get("format"), words.get("version")
    if found != (_FORMAT, _VERSION):
        raise ModelFileError(
            f"`format` must be {_FORMAT!r} and `version` {_VERSION!r}. Received: "
            f"{found[0]!r:.50} and {found[1]!r:.50}, written by nncore "
            f"{words.get('nncore')!r:.50}"
        )
    return words, tensors


def _landed(config: Any, arrays: dict[str, Array]) -> Any:
    """The configuration with its arrays again; each is taken out of `arrays`."""

    def land(value: Any) -> Any:
        if not isinstance(value, dict) or "$tensor" not in value:
            return value
        array = arrays.pop(f"config/{value['$tensor']}", None)
        if array is None or len(value) != 1:
            raise ModelFileError(
                f"A list of numbers must be in a tensor of its own. Received: "
                f"{value!r:.100}"
            )
        return array

    return _json.changed(config, land)


def _check_state(state: Any) -> None:
    if not isinstance(state, dict) or not set(state) <= set(_STATE_WORDS):
        raise ValueError(
            f"It must be a dict with keys among {', '.join(_STATE_WORDS)}. "
            f"Received: {state!r:.200}"
        )
    _checks.integer("seed", state.get("seed"), 0, 2**64 - 1)
    if state.get("dtype") not in ("float32", "float64"):
        raise ValueError(
            f"`dtype` must be 'float32' or 'float64'. Received: {state.get('dtype')!r}"
        )
    columns = state.get("columns", [])
    if not isinstance(columns, list) or any(type(n) not in (str, int) for n in columns):
        raise ValueError(
            f"`columns` must be a list of names. Received: {columns!r:.200}"
        )


def _fill(
    model: Sequential, state: dict[str, Any], tensors: dict[str, Array], n_slots: int
) -> None:
    """Give a model its weights, its optimizer's arrays and its counters."""
    given = state.get("counters")
    if not model.built:
        if tensors or given is not None:
            raise ModelFileError(
                "A model without `build_input_shape` must have no weights and no "
                f"counters. Received: {len(tensors)} tensors"
            )
        return
    with explained("`config`", model.input_shape):
        model._make_plan()
    variables = dict(_variables(model))
    _check_tensors(model, variables, tensors, n_slots)
    for name, variable in variables.items():
        model._kept.put(variable, tensors[f"weights/{name}"])
    with explained("`compile`", model.input_shape):
        network = model._ready_network()
    compiled = model._compiled is not None
    has_slots = any(variable.trainable for variable in variables.values())
    if compiled and has_slots and network.n_slots != n_slots:
        raise ModelFileError(
            f"The optimizer must have {network.n_slots} arrays for each weight. "
            f"Received: {n_slots}"
        )
    for slot in range(n_slots if compiled else 0):
        for index, (name, variable) in enumerate(variables.items()):
            if variable.trainable:
                array = tensors[f"slot{slot}/{name}"].reshape(variable.core_shape)
                network.set_slot(slot, index, array)
    counters = network.counters
    if not isinstance(given, dict) or set(given) != set(counters):
        raise ModelFileError(
            f"`counters` must be {', '.join(counters)}. Received: {given!r:.200}"
        )
    with explained("`counters`", given):
        network.set_counters(_counters(given))


def _counters(given: dict[str, Any]) -> Any:
    """The counters with each in its range: whole numbers, or products of shares."""
    for name, value in given.items():
        if name in _SHARES:
            _checks.real(name, value, 0, 1)
        else:
            _checks.integer(name, value, 0, 2**64 - 1)
    return given


def _check_tensors(
    model: Sequential,
    variables: dict[str, _plan.Variable],
    tensors: dict[str, Array],
    n_slots: int,
) -> None:
    """Exactly what the configuration implies must be there, before anything is made."""
    kinds = ["weights", *(f"slot{slot}" for slot in range(n_slots))]
    wanted = {
        f"{kind}/{name}": variable.shape
        for kind in kinds
        for name, variable in variables.items()
        if kind == "weights" or variable.trainable
    }
    if set(wanted) != set(tensors):
        missing, extra = set(wanted) - set(tensors), set(tensors) - set(wanted)
        raise ModelFileError(
            "The tensors must be those that the configuration implies. Received: "
            f"without {sorted(missing)!r:.200}, with {sorted(extra)!r:.200}"
        )
    for name, shape in wanted.items():
        array = tensors[name]
        if array.shape != shape or array.dtype != model.dtype:
            raise ModelFileError(
                f"Tensor {name!r:.100} must be {model.dtype} of shape {shape}. "
                f"Received: {array.dtype} of shape {array.shape}"
            )


def _plain(config: Any) -> Any:
    """The configuration with lists for arrays."""
    return _json.changed(
        config, lambda value: value.tolist() if isinstance(value, np.ndarray) else value
    )
