"""Dense stacks of PyTorch, to nncore and back: layers, activations, weights.

A module counts by its class in `torch.nn`; nothing of it is called. torch itself is
imported only to make modules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import activations, layers
from ..models import Sequential
from . import _weights

_Model = TypeVar("_Model", bound=Sequential)

# Modules without arguments, by the name of the activation that they are.
_PLAIN = {
    "linear": "Identity",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "selu": "SELU",
    "sigmoid": "Sigmoid",
    "hard_sigmoid": "Hardsigmoid",
    "log_sigmoid": "LogSigmoid",
    "tanh": "Tanh",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "silu": "SiLU",
    "mish": "Mish",
}


def from_torch(cls: type[_Model], module: Any, input_shape: Any, name: Any) -> _Model:
    """The model that does what a `torch.nn.Sequential` does in evaluation mode."""
    modules = list(_flat(module))
    found = [_layer(part) for part in modules]
    arrays = [_arrays(part) for part in modules]
    wide = any(array.dtype == np.float64 for own in arrays for array in own)
    model = cls(found, name=name, dtype="float64" if wide else "float32")
    if input_shape is None:
        columns = next(filter(None, map(_columns, modules)), None)
        if columns is None:
            return model
        input_shape = (columns,)
    model._expect((None, *input_shape))
    for layer, own in zip(found, arrays, strict=True):
        _check_rows(model, layer)
        if isinstance(layer, layers.PReLU):
            # One for all columns may be given once.
            (shape, _) = model._layer_shapes(layer) or ((), ())
            own[0] = np.broadcast_to(own[0], shape)
    named = [(layer.name, own) for layer, own in zip(found, arrays, strict=True)]
    _weights.keep(model, [(name, own) for name, own in named if own])
    model.build()
    return model


def to_torch(model: Sequential) -> Any:
    """The `torch.nn.Sequential` that does what a model does."""
    try:
        from torch import nn
    except ImportError as error:
        raise ImportError(
            "`to_torch` needs PyTorch: pip install torch. Received: " + str(error)
        ) from error
    return nn.Sequential(
        *(part for layer in model.layers for part in _modules(layer, nn))
    )


# ---- From modules to layers ----------------------------------------------------------


def _flat(module: Any) -> Iterator[Any]:
    """The modules in the order in which they are called."""
    kind = type(module)
    if not kind.__module__.startswith("torch.nn."):
        raise ValueError(
            "`module` must be a torch.nn.Sequential of torch.nn's own modules. "
            f"Received: {kind.__module__}.{kind.__name__}"
        )
    if kind.__name__ == "Sequential":
        for part in module:
            yield from _flat(part)
    else:
        yield module


def _layer(module: Any) -> layers.Layer:
    kind = type(module).__name__
    if kind == "Linear":
        return layers.Dense(module.out_features, use_bias=module.bias is not None)
    if kind == "Dropout":
        return layers.Dropout(module.p)
    if kind == "AlphaDropout":
        return layers.AlphaDropout(module.p)
    if kind == "PReLU":
        return layers.PReLU()
    if kind == "BatchNorm1d" and module.track_running_stats and module.momentum:
        return layers.BatchNormalization(
            momentum=1 - module.momentum,
            epsilon=module.eps,
            center=module.bias is not None,
            scale=module.weight is not None,
        )
    if kind == "LayerNorm" and len(module.normalized_shape) == 1:
        return layers.LayerNormalization(
            epsilon=module.eps,
            center=module.bias is not None,
            scale=module.weight is not None,
        )
    if (
        kind == "RMSNorm"
        and len(module.normalized_shape) == 1
        and module.weight is not None
    ):
        double = module.weight.dtype.itemsize == 8
        least = float(np.finfo(np.float64 if double else np.float32).eps)
        return layers.RMSNormalization(
            epsilon=least if module.eps is None else module.eps
        )
    if kind == "Embedding" and module.padding_idx is None and not module.max_norm:
        return layers.Embedding(module.num_embeddings, module.embedding_dim)
    if kind == "Flatten" and (module.start_dim, module.end_dim) == (1, -1):
        return layers.Flatten()
    activation = _activation(module, kind)
    if activation is None:
        raise ValueError(
            "`module` must be a stack of Linear, BatchNorm1d, LayerNorm, RMSNorm, "
            "PReLU, Embedding, Dropout, AlphaDropout, Flatten and activations that "
            f"nncore has. Received: {module!r:.200}"
        )
    return layers.Activation(activation)


def _activation(module: Any, kind: str) -> Any:
    names = {cls: name for name, cls in _PLAIN.items()}
    if kind in names and getattr(module, "beta", 1) == 1:
        return names[kind]
    if kind in ("Softmax", "LogSoftmax") and module.dim in (None, 1, -1):
        return "softmax" if kind == "Softmax" else "log_softmax"
    if kind == "GELU":
        return activations._bind_gelu(module.approximate == "tanh")
    if kind == "LeakyReLU":
        return activations._bind_leaky_relu(module.negative_slope)
    if kind in ("ELU", "CELU"):
        return activations._bind_alpha(kind.lower(), module.alpha)
    if kind == "Hardtanh" and module.min_val == 0:
        return activations._bind_relu(max_value=module.max_val)
    return None


def _columns(module: Any) -> int | None:
    """How many columns a module takes; None if any number."""
    for name in ("in_features", "num_features", "normalized_shape"):
        size = getattr(module, name, None)
        if size is not None:
            return int(size[0] if isinstance(size, tuple) else size)
    return None


def _check_rows(model: Sequential, layer: layers.Layer) -> None:
    """Raise where PyTorch has the columns of a layer in another axis than nncore."""
    shapes = model._layer_shapes(layer)
    one_axis = shapes is None or len(shapes[0]) == 1
    if not one_axis and isinstance(layer, (layers.BatchNormalization, layers.PReLU)):
        raise ValueError(
            f"Layer {layer.name!r} must have rows of numbers, shape (None, columns), "
            "as PyTorch has columns in another place than nncore. Received: rows of "
            f"shape {() if shapes is None else shapes[0]}"
        )


def _arrays(module: Any) -> list[NDArray[Any]]:
    """The weights of a module as its layer has them: the kernel (inputs, units)."""
    arrays = []
    for name in ("weight", "bias", "running_mean", "running_var"):
        tensor = getattr(module, name, None)
        if tensor is None:
            continue
        wide = str(tensor.dtype) == "torch.float64"
        values = tensor.detach().cpu()
        array = (values if wide else values.float()).numpy()
        arrays.append(array.T if type(module).__name__ == "Linear" else array)
    return arrays


# ---- From layers to modules ----------------------------------------------------------


def _modules(layer: layers.Layer, nn: Any) -> Iterator[Any]:
    if isinstance(layer, layers.Dense):
        yield _linear(layer, nn)
        if layer.activation != activations.get("linear"):
            yield _module(layer, nn)
    elif isinstance(layer, layers.Activation):
        yield _module(layer, nn)
    elif isinstance(layer, (layers.Dropout, layers.AlphaDropout)):
        yield getattr(nn, type(layer).__name__)(layer.rate)
    elif isinstance(layer, (layers.Flatten, layers.Identity)):
        yield getattr(nn, type(layer).__name__)()
    elif type(layer).__name__ in _WITH_WEIGHTS:
        yield _with_weights(layer, nn)
    else:
        raise ValueError(
            "A model must be of Dense, BatchNormalization, LayerNormalization, "
            "RMSNormalization, PReLU, Embedding, Dropout, AlphaDropout, Flatten, "
            "Identity and activations to become one of PyTorch. Received: layer "
            f"{layer.name!r}, {type(layer).__name__}"
        )


_WITH_WEIGHTS: dict[str, Callable[[Any, int, Any], Any]] = {
    "BatchNormalization": lambda layer, n, nn: nn.BatchNorm1d(
        n, layer.epsilon, 1 - layer.momentum, affine=layer.scale or layer.center
    ),
    "LayerNormalization": lambda layer, n, nn: nn.LayerNorm(
        n, layer.epsilon, layer.scale or layer.center, bias=layer.center
    ),
    "RMSNormalization": lambda layer, n, nn: nn.RMSNorm(n, layer.epsilon),
    "PReLU": lambda layer, n, nn: nn.PReLU(n),
    "Embedding": lambda layer, n, nn: nn.Embedding(layer.input_dim, layer.output_dim),
}
_TENSORS = {
    "gamma": "weight",
    "scale": "weight",
    "alpha": "weight",
    "embeddings": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def _with_weights(layer: layers.Layer, nn: Any) -> Any:
    """The module of a layer that is no product."""
    import torch

    model = layer._model() if layer._model is not None else None
    if model is None or not layer.built:
        raise _not_built(layer)
    _check_rows(model, layer)
    shape = layer._shapes()[0]
    module = _WITH_WEIGHTS[type(layer).__name__](layer, shape[-1], nn)
    module = module.to(getattr(torch, model.dtype))
    module.requires_grad_(False)
    for weight, array in zip(layer._weights(shape), layer.get_weights(), strict=True):
        tensor = getattr(module, _TENSORS[weight.name])
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(array))
        tensor.requires_grad_(layer.trainable and weight.trainable)
    return module


def _not_built(layer: layers.Layer) -> ValueError:
    return ValueError(
        "A model must be built to become one of PyTorch. "
        f"Received: layer {layer.name!r} without weights"
    )


def _linear(layer: layers.Dense, nn: Any) -> Any:
    import torch

    if not layer.built:
        raise _not_built(layer)
    kernel, *bias = (torch.from_numpy(array) for array in layer.get_weights())
    linear = nn.Linear(*kernel.shape, bias=bool(bias), dtype=kernel.dtype)
    with torch.no_grad():
        linear.weight.copy_(kernel.T)
        if bias:
            linear.bias.copy_(bias[0])
    return linear.requires_grad_(layer.trainable)


def _module(layer: Any, nn: Any) -> Any:
    """The module for a layer's activation."""
    name, args = layer.activation.name, layer.activation.args
    if layer.activation.function is not None:
        name = "a function of one's own"
    slope, most, threshold = args
    makers: dict[str, Callable[[], Any]] = {
        "softmax": lambda: nn.Softmax(dim=-1),
        "log_softmax": lambda: nn.LogSoftmax(dim=-1),
        "gelu": lambda: nn.GELU(),
        "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
        "leaky_relu": lambda: nn.LeakyReLU(slope),
        "elu": lambda: nn.ELU(slope),
        "celu": lambda: nn.CELU(slope),
    }
    if name == "relu" and threshold == 0 and (slope or most < math.inf):
        if most == math.inf:
            return nn.LeakyReLU(slope)
        if not slope:
            return nn.Hardtanh(0.0, most)
    elif name in makers:
        return makers[name]()
    elif name in _PLAIN and (name != "relu" or threshold == 0):
        return getattr(nn, _PLAIN[name])()
    raise ValueError(
        f"Layer {layer.name!r} must have an activation that PyTorch has as a module. "
        f"Received: {layer.activation!r}"
    )
