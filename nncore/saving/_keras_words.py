"""Configurations as Keras 1, 2 and 3 write them, to nncore's and back.

Reading is lenient about words (old names, notes for Keras itself, arguments that are
None or False) and strict about meaning: an argument that nncore does not have and that
is set is an error. What comes out is nncore's own configuration, which then goes
through `_config` like any other. Writing gives Keras 3's.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from .. import (
    _legacy,
    _lookup,
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from .._legacy import callers_level
from . import _config, _keras_learnt
from ._files import ModelFileError

# What an argument holds, by the end of its name; others are taken as they are.
_TABLES: dict[str, Mapping[str, Callable[..., Any]]] = {
    "layer": layers._TABLE,
    "activation": activations._BIND,
    "initializer": initializers._TABLE,
    "regularizer": regularizers._TABLE,
    "constraint": constraints._TABLE,
    "loss": losses._TABLE,
    "metric": metrics._TABLE,
    "optimizer": {cls.__name__: cls for cls in optimizers._TABLE.values()},
}
# Layers that Keras 3 lets stand where an activation does.
_ACTIVATION_LAYERS = {
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "ELU": "elu",
    "Softmax": "softmax",
}

# What Keras lacks: layers, losses (by class and function), and metrics.
_OWN_LAYERS = (layers.MixedEmbedding,)
_OWN_LOSSES = {
    "Quantile": "quantile",
    "Tweedie": "tweedie",
    "GaussianNLL": "gaussian_nll",
}
_OWN_METRICS = ("Huber", "MeanRelativeError")

# Arguments by which Keras talks to itself.
_NOTES = frozenset(
    {"dtype", "trainable", "name", "fn", "jit_compile", "is_legacy_optimizer"}
    | {
        "vocabulary_size",
        "oov_method",
        "registered_name",
        "build_config",
        "shared_object_id",
        "input_dtype",
    }
)


# ---- Reading -------------------------------------------------------------------------


def model_words(content: Any) -> dict[str, Any]:
    """The configuration in nncore's words of a model for any that Keras writes.

    Args:
        content: the dictionary that `to_json` writes, or a `.keras` file holds.

    Raises:
        ModelFileError: it is no such model; layers that nncore lacks are all named.
    """
    config, name = _node(content, "A model")
    words = {"layers": config} if isinstance(config, list) else config
    if name not in ("Sequential", "Functional", "Model"):
        raise ModelFileError(f"The model must be a Sequential. Received: {name!r:.100}")
    if not isinstance(words, dict) or not isinstance(words.get("layers"), list):
        raise ModelFileError(
            f"A model must have a list of layers. Received: {config!r:.200}"
        )
    entries = words["layers"]
    nodes = [_node(entry, "A layer") for entry in entries]
    unknown = [
        {"class_name": cls, "config": own}
        for own, cls in nodes
        if _config.layer_class(cls) is None
    ]
    if unknown:
        raise ModelFileError(str(_config.unknown_layers(unknown)))
    if name != "Sequential":
        nodes = [_node(entry, "A layer") for entry in _chain(entries)]
    old = isinstance(config, list) or _is_old(content)
    result = {
        "name": words.get("name") or "sequential",
        "dtype": _dtype(nodes),
        "layers": [_layer(cls, own, i, old) for i, (own, cls) in enumerate(nodes)],
    }
    shape = words.get("build_input_shape") or _build_shape(content)
    if shape is not None:
        result["build_input_shape"] = shape
    return result


def compile_words(config: Any) -> dict[str, Any]:
    """The compile configuration in nncore's words for any that Keras writes.

    Raises:
        ModelFileError: there is something that nncore lacks.
    """
    if not isinstance(config, dict):
        raise ModelFileError(
            f"What `compile` was given must be a dict. Received: {config!r:.200}"
        )
    optimizer = config.get("optimizer_config", config.get("optimizer"))
    weights = config.get("loss_weights")
    return {
        # Keras 3 forgets it in a `.keras` that is saved after an `.h5`, and then takes
        # the default of `compile`.
        "optimizer": "rmsprop" if optimizer is None else _optimizer(optimizer),
        "loss": _value(config.get("loss"), "loss"),
        "loss_weights": None if weights in ({}, []) else weights,
        "metrics": [_metric(item) for item in _flat(config.get("metrics"))],
        "weighted_metrics": [
            _metric(item) for item in _flat(config.get("weighted_metrics"))
        ],
    }


def _node(node: Any, what: str) -> tuple[Any, str]:
    """Configuration and class name, without what Keras registers it under."""
    name = node.get("class_name") if isinstance(node, dict) else None
    if not isinstance(name, str):
        raise ModelFileError(
            f"{what} must have a `class_name`. Received: {node!r:.200}"
        )
    config = node.get("config")
    registered = node.get("registered_name")
    if isinstance(registered, str) and _lookup.custom_object(registered) is not None:
        return {} if config is None else config, registered
    return {} if config is None else config, name.rpartition(">")[2]


def _is_old(content: dict[str, Any]) -> bool:
    return str(content.get("keras_version") or "3").startswith(("1", "2"))


def _layer(cls: str, config: Any, place: int, old: bool) -> dict[str, Any]:
    words = _fitting(_config.layer_class(cls), cls, config)
    words = _keras_learnt.read(cls, words)
    if words.pop("dtype", None) in layers.core.RAW and cls == "InputLayer":
        words["dtype"] = config["dtype"]
    if place or "batch_input_shape" in words:
        words.pop("input_shape", None)
        if cls != "Embedding":
            words.pop("input_dim", None)
    if place:
        words.pop("batch_input_shape", None)
    if old and words.get("activation") == "hard_sigmoid":
        warnings.warn(
            f"Layer {words.get('name')!r} has the activation hard_sigmoid of Keras 1 "
            "and 2, clip(0.2 x + 0.5, 0, 1); here it is Keras 3's, "
            "clip(x / 6 + 0.5, 0, 1).",
            UserWarning,
            stacklevel=callers_level(),
        )
    return {"class_name": cls, "config": words}


def _fitting(maker: Any, owner: str, config: Any) -> dict[str, Any]:
    """The arguments of a configuration under their modern names, as far as they fit."""
    if not isinstance(config, dict):
        raise ModelFileError(
            f"The configuration of {owner!r:.100} must be a dict. "
            f"Received: {config!r:.200}"
        )
    renamed = _legacy.RENAMED.get(owner, {})
    ignored = _NOTES | _legacy.DROPPED.get(owner, frozenset())
    only = _legacy.ONLY.get(owner, {})
    known = {} if maker is None else inspect.signature(maker).parameters
    words: dict[str, Any] = {}
    if "adapted" in config:
        words["adapted"] = config["adapted"]
        config = {word: value for word, value in config.items() if word != "adapted"}
    for old, value in config.items():
        word: str = renamed.get(old) or old
        if word in known or (maker is None and value is not None):
            words[word] = _value(value, word.rpartition("_")[2])
        elif (
            value is not None
            and value is not False
            and not (old in ignored or (old in only and value == only[old]))
        ):
            raise ModelFileError(
                f"{owner} must have arguments among {', '.join(known)}. "
                f"Received: {old}={value!r:.100}"
            )
    return words


def _value(value: Any, kind: str) -> Any:
    """An argument: a plain value, or an object of the kind named."""
    if not isinstance(value, dict):
        return value
    if set(value) >= {"name", "l1", "l2"} and kind == "regularizer":
        # Keras 1 has all of them as one class, without a name of its own.
        return {
            "class_name": "L1L2",
            "config": {"l1": value["l1"], "l2": value["l2"]},
        }
    if kind == "constraint" and "name" in value and "class_name" not in value:
        # Keras 1 has the name beside the arguments.
        value = {
            "class_name": value["name"],
            "config": {k: v for k, v in value.items() if k != "name"},
        }
    if "class_name" not in value:
        return value
    config, name = _node(value, "An object")
    if name == "function" and isinstance(config, str):
        return config
    if kind == "activation" and name in _ACTIVATION_LAYERS:
        config = _fitting(layers._TABLE[name], name, config)
        words = inspect.signature(activations._BIND[_ACTIVATION_LAYERS[name]])
        config = {k: v for k, v in config.items() if k in words.parameters}
        return {"class_name": _ACTIVATION_LAYERS[name], "config": config}
    maker = _TABLES.get(kind, {}).get(name)
    return {"class_name": name, "config": _fitting(maker, name, config)}


def _optimizer(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    config, name = _node(value, "An optimizer")
    names = {known.lower(): known for known in _TABLES["optimizer"]}
    name = names.get(name.lower(), name)
    words = _fitting(_TABLES["optimizer"].get(name), name, config)
    rate = words.get("learning_rate")
    if isinstance(rate, dict):
        words["learning_rate"] = _schedule(rate, words)
    return {"class_name": name, "config": words}


def _schedule(rate: dict[str, Any], words: dict[str, Any]) -> Any:
    """A schedule, or the number that the old argument `decay` goes with."""
    given, name = _node(rate, "A schedule")
    if (
        name == "InverseTimeDecay"
        and given.get("decay_steps") == 1
        and given.get("name") == "decay"
    ):
        words["decay"] = given.get("decay_rate")
        return given.get("initial_learning_rate")
    return {"class_name": name, "config": given}


def _metric(value: Any) -> Any:
    if isinstance(value, dict) and "class_name" in value:
        config, name = _node(value, "A metric")
        if name == "MeanMetricWrapper" and isinstance(config, dict):
            function = _value(config.get("fn"), "metric")
            if isinstance(function, str) and function in metrics._TABLE:
                return {"class_name": function, "config": {"name": config.get("name")}}
            words = {k: v for k, v in config.items() if k not in ("fn", "dtype")}
            return {"class_name": name, "config": {"fn": function, **words}}
        if isinstance(config, dict) and str(config.get("dtype")).startswith("int"):
            # Of counts, which are exact here.
            value = {"class_name": name, "config": {**config, "dtype": None}}
    return _value(value, "metric")


def _flat(value: Any) -> list[Any]:
    """Metrics as one list: Keras may have one for each output."""
    if value is None:
        return []
    if isinstance(value, dict) and "class_name" not in value:
        value = list(value.values())
    if not isinstance(value, list):
        return [value]
    return [
        item for part in value for item in (part if isinstance(part, list) else [part])
    ]


def _dtype(nodes: list[tuple[Any, str]]) -> str:
    """The dtype of the layers' weights, which are one for nncore."""
    for config, _ in nodes:
        dtype = config.get("dtype") if isinstance(config, dict) else None
        if isinstance(dtype, dict):
            policy = dtype.get("config")
            dtype = policy.get("name") if isinstance(policy, dict) else None
        if dtype == "float64":
            return "float64"
    return "float32"


def _build_shape(content: dict[str, Any]) -> Any:
    build = content.get("build_config")
    return build.get("input_shape") if isinstance(build, dict) else None


def _chain(entries: list[Any]) -> list[Any]:
    """The layers of a functional model in which each follows the one before it."""
    after: dict[Any, dict[str, Any]] = {}
    for entry in entries:
        sources = _sources(entry.get("inbound_nodes"))
        source = sources[0] if sources else None
        if len(sources) > 1 or source in after:
            raise ModelFileError(
                "The layers of a model must stand in one row. "
                f"Received: layer {entry.get('name')!r:.100} in a model with branches"
            )
        after[source] = entry
    row = []
    name = None
    while name in after:
        row.append(after.pop(name))
        name = row[-1].get("name")
    if after:
        raise ModelFileError(
            "The layers of a model must stand in one row. Received: "
            f"{len(after)} layers beside it"
        )
    return row


def _sources(nodes: Any) -> list[str]:
    """The names of the layers whose outputs a layer is called with."""
    found = []
    parts = [nodes]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            parts += part.values()
        elif isinstance(part, list):
            if len(part) > 2 and isinstance(part[0], str) and isinstance(part[1], int):
                found.append(part[0])
            else:
                parts += part
    return found


# ---- Writing -------------------------------------------------------------------------


def model_node(model: Any) -> dict[str, Any]:
    """A model as Keras 3 describes it.

    Raises:
        ValueError: the model is not built, or there is something that Keras lacks.
    """
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} must be built to be saved in Keras's format. "
            "Received: no input shape"
        )
    policy = _object("keras", "DTypePolicy", {"name": model.dtype})
    entries = [_input_node(model)]
    shapes = [model._layer_shapes(layer) for layer in model.layers]
    for layer, (shape, _) in zip(model.layers, shapes, strict=True):
        if type(layer) in _OWN_LAYERS:
            raise ValueError(
                "Keras must have each layer that its files are to hold; a .nnc file "
                f"holds all. Received: layer {layer.name!r}, {type(layer).__name__}"
            )
        config = {
            word: _written(value, word, layer)
            for word, value in layer.get_config().items()
            if word != "batch_input_shape"
        }
        config = _keras_learnt.written(layer, config | {"dtype": policy})
        node = _owned(_object("keras.layers", type(layer).__name__, config), layer)
        if layer.get_weights():
            node["build_config"] = {"input_shape": [None, *shape]}
        entries.append(node)
    build = [None, *model.input_shape[1:]]
    config = {
        "name": model.name,
        "trainable": True,
        "dtype": policy,
        "layers": entries,
        "build_input_shape": build,
    }
    node = _object("keras", "Sequential", config)
    return node | {"build_config": {"input_shape": build}}


def compile_node(compiled: Any) -> dict[str, Any]:
    """What `compile` was given, as Keras 3 describes it.

    Warns:
        UserWarning: a loss or metrics that Keras lacks are left out.
    """
    config = compiled.get_config()
    written = [
        [node for metric in config[word] if (node := _metric_node(metric)) is not None]
        for word in ("metrics", "weighted_metrics")
    ]
    loss = None if compiled.loss is None else compiled.loss._serialized()
    if isinstance(loss, dict) and loss["class_name"] in _OWN_LOSSES:
        warnings.warn(
            f"Keras has no loss {loss['class_name']}: it is left out of the file. "
            "Compile what is loaded anew; a .nnc file keeps the loss.",
            UserWarning,
            stacklevel=callers_level(),
        )
        loss = None
    weight = config["loss_weights"]
    return {
        "optimizer": _optimizer_node(config["optimizer"]),
        "loss": loss if isinstance(loss, str | None) else _named("keras.losses", loss),
        "loss_weights": None if weight == 1 else weight,
        "metrics": written[0] or None,
        "weighted_metrics": written[1] or None,
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": "auto",
    }


def _object(module: str, name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": None,
    }


def _owned(node: dict[str, Any], part: Any) -> dict[str, Any]:
    """A node of an object, under its registered name if its class is a user's."""
    cls = type(part)
    if cls.__module__.partition(".")[0] == "nncore":
        return node
    registered = _lookup.class_name(cls)
    return node | {
        "module": cls.__module__,
        "class_name": cls.__name__,
        "registered_name": registered,
    }


def _named(module: str, written: dict[str, Any]) -> dict[str, Any]:
    config = {k: v for k, v in written["config"].items() if (k, v) != ("dtype", None)}
    return _object(module, written["class_name"], config)


def _input_node(model: Any) -> dict[str, Any]:
    given = model._input
    return _object(
        "keras.layers",
        "InputLayer",
        {
            "batch_shape": [None, *model.input_shape[1:]],
            "dtype": _keras_learnt.input_dtype(given, model),
            "sparse": False,
            "name": "input_layer" if given is None else given.name,
        },
    )


def _written(value: Any, word: str, layer: Any) -> Any:
    """An argument of a layer."""
    if word == "seed" and value is not None:
        return value % 2**31
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    name, config = value["class_name"], dict(value["config"])
    if word == "activation":
        known = {function: cls for cls, function in _ACTIVATION_LAYERS.items()}
        if name not in known:
            raise ValueError(
                f"Layer {layer.name!r} must have an activation that Keras can write "
                f"down. Received: {name} with {config}"
            )
        return _object("keras.layers", known[name], config)
    if name == "_Given":
        # Starting values that were given; what they became is among the weights.
        name, config = "Zeros", {}
    kind = word.rpartition("_")[2]
    config = {k: _written(v, k, layer) for k, v in config.items()}
    return _object(f"keras.{kind}s", name, config)


def _optimizer_node(written: dict[str, Any]) -> dict[str, Any]:
    config = dict(written["config"])
    config.pop("exclude_from_weight_decay", None)
    rate = config["learning_rate"]
    if isinstance(rate, dict):
        config["learning_rate"] = _named("keras.optimizers.schedules", rate)
    decay = config.pop("decay", 0.0)
    if decay:
        rate = {
            "initial_learning_rate": config["learning_rate"],
            "decay_steps": 1,
            "decay_rate": decay,
            "staircase": False,
            "name": "decay",
        }
        config["learning_rate"] = _object(
            "keras.optimizers.schedules", "InverseTimeDecay", rate
        )
    return _object("keras.optimizers", written["class_name"], config)


def _metric_node(written: Any) -> Any:
    if not isinstance(written, dict):
        return written
    name, config = written["class_name"], written["config"]
    function = config.get("fn") if name == "MeanMetricWrapper" else None
    if name in _OWN_METRICS or function in _OWN_LOSSES.values():
        warnings.warn(
            f"Keras has no metric {function or name}: it is left out of the file.",
            UserWarning,
            stacklevel=callers_level(),
        )
        return None
    if isinstance(function, str):
        node = _object("builtins", "function", {})
        named = {"config": function, "registered_name": function}
        config = {**config, "fn": node | named}
        written = {"class_name": name, "config": config}
    return _named("keras.metrics", written)
