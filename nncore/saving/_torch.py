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
    linear = [part for part in modules if type(part).__name__ == "Linear"]
    arrays = [_arrays(part) for part in linear]
    wide = any(array.dtype == np.float64 for own in arrays for array in own)
    model = cls(found, name=name, dtype="float64" if wide else "float32")
    if input_shape is None and linear:
        input_shape = (None, linear[0].in_features)
    elif input_shape is not None:
        input_shape = (None, *input_shape)
    if input_shape is None:
        return model
    model._expect(input_shape)
    dense = [layer.name for layer in found if isinstance(layer, layers.Dense)]
    _weights.keep(model, list(zip(dense, arrays, strict=True)))
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
    if kind == "Flatten" and (module.start_dim, module.end_dim) == (1, -1):
        return layers.Flatten()
    activation = _activation(module, kind)
    if activation is None:
        raise ValueError(
            "`module` must be a stack of Linear, Dropout, Flatten and activations that "
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


def _arrays(module: Any) -> list[NDArray[Any]]:
    """Kernel (inputs, units) and bias of a Linear."""
    given = [module.weight.T] + ([] if module.bias is None else [module.bias])
    arrays = []
    for tensor in given:
        wide = str(tensor.dtype) == "torch.float64"
        values = tensor.detach().cpu()
        arrays.append((values if wide else values.float()).numpy())
    return arrays


# ---- From layers to modules ----------------------------------------------------------


def _modules(layer: layers.Layer, nn: Any) -> Iterator[Any]:
    if isinstance(layer, layers.Dense):
        yield _linear(layer, nn)
        if layer.activation.name != "linear":
            yield _module(layer, nn)
    elif isinstance(layer, layers.Activation):
        yield _module(layer, nn)
    elif isinstance(layer, layers.Dropout):
        yield nn.Dropout(layer.rate)
    elif isinstance(layer, layers.Flatten):
        yield nn.Flatten()
    else:
        raise ValueError(
            "A model must be of Dense, Dropout, Flatten and activations to become one "
            f"of PyTorch. Received: layer {layer.name!r}, {type(layer).__name__}"
        )


def _linear(layer: layers.Dense, nn: Any) -> Any:
    import torch

    if not layer.built:
        raise ValueError(
            "A model must be built to become one of PyTorch. "
            f"Received: layer {layer.name!r} without weights"
        )
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
