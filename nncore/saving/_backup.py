"""A training that is under way as a file, for `BackupAndRestore`.

The layout is that of `.nnc` (docs/file-format.md). In the header stands `state`: the
place in the training, the learning rate, the History, what callbacks and metrics
remember. Arrays: epoch (the sums of the one under way), state/<k> for arrays in
`state`, weight/<i> and slot<k>/<i> by the network's order, so that layers may have
other names the next time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks
from .._version import __version__
from .._watched import Watched
from . import _json, _tensors
from ._files import ModelFileError, contents, naming, replacing

if TYPE_CHECKING:
    from .._training import Training

_FORMAT, _VERSION = "nncore-backup", "2"
Array = _tensors.Array


# ---- Writing -------------------------------------------------------------------------


def save(training: Training, path: str) -> None:
    """Write down where a training stands, between two batches.

    Raises:
        ValueError: a callback or the History holds what cannot be written.
    """
    arrays: list[Array] = []
    words = {
        "format": _FORMAT,
        "version": _VERSION,
        "nncore": __version__,
        "state": _json.dumps(_lifted(_state(training), arrays)),
    }
    network = training.network
    indices = range(network.n_variables)
    tensors = [
        _whole("epoch", network.get_epoch()),
        *(_whole(f"state/{k}", array) for k, array in enumerate(arrays)),
    ]
    readers: dict[str, Callable[[int], Array]] = {"weight": network.get_variable}
    for k in range(network.n_slots):
        readers[f"slot{k}"] = partial(network.get_slot, k)
    for kind, read in readers.items():
        for i in indices:
            shape = network.variable_shape(i)
            values = partial(read, i)
            tensors.append(_tensors.Tensor(f"{kind}/{i}", network.dtype, shape, values))
    with replacing(path, True) as file:
        _tensors.write(file, words, sorted(tensors, key=lambda t: t.dtype != "float64"))


def _whole(name: str, array: Array) -> _tensors.Tensor:
    return _tensors.Tensor(
        name, str(array.dtype), array.shape, partial(np.asarray, array)
    )


def _state(training: Training) -> dict[str, Any]:
    model, history = training.model, training.history
    return {
        "epoch": training.epoch,
        "batch": training.done,
        "rows": len(training.data) if training.batches is None else 0,
        "batch_size": training.batch_size,
        "data": None
        if training.batches is None
        else training.batches.stream.state(training.used),
        "stopped": bool(model.stop_training),
        "seed": model.seed,
        "keys": training.keys,
        "counters": dict(training.network.counters),
        "watch": training.network.get_watch()
        if isinstance(training.network, Watched)
        else None,
        "learning_rate": model._settable_rate(),
        "epochs": list(history.epoch),
        "history": [[key, _column(values)] for key, values in history.history.items()],
        "callbacks": [[name, c.get_state()] for name, c in _named(training)],
    }


def _column(values: list[Any]) -> Any:
    """An array, where nothing is lost by it."""
    if values and all(type(value) is float for value in values):
        return np.array(values)
    return values


def _named(training: Training) -> list[tuple[str, Any]]:
    """The callbacks with something to remember, under names of their own."""
    counts: dict[str, int] = {}
    named = []
    for callback in training.callbacks:
        if callback is not training.history:
            name = type(callback).__name__
            counts[name] = counts.get(name, -1) + 1
            named.append((f"{name}/{counts[name]}", callback))
    return named


def _lifted(value: Any, arrays: list[Array]) -> Any:
    """A copy in which arrays stand beside it."""
    if isinstance(value, dict):
        return {key: _lifted(item, arrays) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_lifted(item, arrays) for item in value]
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype not in (np.float32, np.float64):
        raise ValueError(
            "Arrays in the state of a callback or metric must be of float32 or "
            f"float64. Received: {value.dtype}"
        )
    arrays.append(value)
    return {"$array": len(arrays) - 1}


# ---- Reading -------------------------------------------------------------------------


def restore(training: Training, path: str) -> None:
    """Give a training the state that `save` wrote.

    Raises:
        ModelFileError: the file is damaged or of another kind.
        ValueError: the training is another one.
    """
    buffer = contents(path)
    with naming(path):
        words, tensors = _tensors.read(buffer)
        found = words.get("format"), words.get("version")
        if found != (_FORMAT, _VERSION):
            raise ModelFileError(
                f"`format` must be {_FORMAT!r} and `version` {_VERSION!r}. Received: "
                f"{found[0]!r:.50} and {found[1]!r:.50}"
            )
        state = _landed(_json.loads(words.get("state", ""), "`state`"), tensors)
        _check(training, state, tensors)
    _take(training, state, tensors)
    if state["batch"]:
        # on_epoch_begin must not change again what it has changed already.
        training.resume = partial(_take, training, state, tensors)


def _landed(state: Any, tensors: dict[str, Array]) -> Any:
    def land(value: Any) -> Any:
        if not isinstance(value, dict) or "$array" not in value:
            return value
        return tensors.pop(f"state/{value['$array']}")

    return _json.changed(state, land)


def _check(training: Training, state: Any, tensors: dict[str, Array]) -> None:
    """The backup must be of this model, and within an epoch of these data."""
    network = training.network
    kinds = ["weight", *(f"slot{k}" for k in range(network.n_slots))]
    wanted = {
        f"{kind}/{i}": network.variable_shape(i)
        for kind in kinds
        for i in range(network.n_variables)
    }
    given = {k: array.shape for k, array in tensors.items() if k != "epoch"}
    dtypes = {str(array.dtype) for k, array in tensors.items() if k in wanted}
    if given != wanted or not dtypes <= {network.dtype}:
        raise ValueError(
            "The backup must be of the same model, compiled alike: "
            f"{len(wanted)} arrays of {network.dtype}. Received: {len(given)} of "
            f"{', '.join(sorted(dtypes)) or 'no dtype'}, some of other shapes"
        )
    _checks.integer("epoch", state["epoch"], 0)
    if _checks.integer("batch", state["batch"], 0):
        data = training.data if training.batches is None else ()
        there = len(data), training.batch_size
        if (state["rows"], state["batch_size"]) != there:
            raise ValueError(
                f"The backup must be of the same data: {there[0]} rows in batches of "
                f"{there[1]}. Received: {state['rows']} in batches of "
                f"{state['batch_size']}"
            )
        if state["keys"] != training.keys:
            raise ValueError(
                "The backup must be of the same loss and metrics: "
                f"{', '.join(training.keys)}. Received: {', '.join(state['keys'])}"
            )


def _take(training: Training, state: Any, tensors: dict[str, Array]) -> None:
    model = training.model
    # Before anything is changed: it refuses other data.
    if state.get("data") is not None and training.batches is not None:
        training.batches.stream.go_on(state["data"])
    network = model._seeded(state["seed"])
    for i in range(network.n_variables):
        network.set_variable(i, tensors[f"weight/{i}"])
        for k in range(network.n_slots):
            network.set_slot(k, i, tensors[f"slot{k}/{i}"])
    network.set_counters(state["counters"])
    network.set_epoch(tensors["epoch"])
    assert model._compiled is not None
    training.network = model._compiled.measured(network)
    if isinstance(training.network, Watched):
        training.network.set_watch(state["watch"])
    training.epoch, training.done = state["epoch"], state["batch"]
    model.stop_training = state["stopped"]
    if state["learning_rate"] is not None and model.optimizer is not None:
        model.optimizer.learning_rate = state["learning_rate"]
    history = training.history
    history.epoch = list(state["epochs"])
    history.history.clear()
    for key, values in state["history"]:
        history.history[key] = (
            [float(v) for v in values]
            if isinstance(values, np.ndarray)
            else list(values)
        )
    callbacks = dict(_named(training))
    for name, remembered in state["callbacks"]:
        if name in callbacks:
            callbacks[name].set_state(remembered)
