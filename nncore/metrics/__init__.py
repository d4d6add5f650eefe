"""Metrics: what is shown beside the loss.

A metric is the mean over rows of one number per row, over the whole epoch or call.
Given to `compile`, it is carried out by the compiled core; called by hand, it evaluates
with NumPy through `nncore.reference`. t stands for the targets, p for the predictions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

from .. import _lookup, losses
from ..losses import (
    BCE,
    KLD,
    MAE,
    MSE,
    bce,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    kld,
    kullback_leibler_divergence,
    log_cosh,
    logcosh,
    mae,
    mean_absolute_error,
    mean_squared_error,
    mse,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from ._base import Metric
from ._means import (
    _ACCURACIES,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    Huber,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    _Accuracy,
    binary_accuracy,
    categorical_accuracy,
    resolve_accuracy,
    sparse_categorical_accuracy,
)

__all__ = [
    "BCE",
    "KLD",
    "MAE",
    "MSE",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Poisson",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "bce",
    "binary_accuracy",
    "binary_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_hinge",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "kullback_leibler_divergence",
    "log_cosh",
    "logcosh",
    "mae",
    "mean_absolute_error",
    "mean_squared_error",
    "mse",
    "poisson",
    "resolve_accuracy",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]


_FUNCTIONS: dict[Callable[..., Any], type[Metric]] = {
    binary_accuracy: BinaryAccuracy,
    categorical_accuracy: CategoricalAccuracy,
    sparse_categorical_accuracy: SparseCategoricalAccuracy,
}
_CLASSES: tuple[type[Metric], ...] = (
    *(BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy),
    *(MeanSquaredError, MeanAbsoluteError, LogCoshError, Huber, BinaryCrossentropy),
    *(CategoricalCrossentropy, SparseCategoricalCrossentropy, Hinge, SquaredHinge),
    *(CategoricalHinge, KLDivergence, Poisson),
)
_TABLE: dict[str, type[Metric]] = {
    **{cls.__name__: cls for cls in _CLASSES},
    **{cls._kind: cls for cls in _CLASSES},
    "accuracy": _Accuracy,
    "acc": _Accuracy,
}
_NAMES = [
    *("accuracy", "acc", *_ACCURACIES),
    *losses._NAMES,
]


def get(identifier: Any, argument: str = "metrics") -> Metric:
    """Return the metric that `identifier` stands for.

    Args:
        identifier: "accuracy" or "acc" (see `resolve_accuracy`); the name of a metric
            or of any loss; a function of this module or of `nncore.losses`; a class; an
            instance; or what `serialize` gave.
        argument: What to call the argument in messages.

    Returns:
        A metric whose `name` is what Keras shows in logs: the string itself, the
        function's name, or the instance's `name`.

    Raises:
        ValueError: The name is unknown; the message lists the known ones.

    Examples:
        >>> import nncore
        >>> nncore.metrics.get("mse").name, nncore.metrics.get("acc").name
        ('mse', 'acc')
    """
    if isinstance(identifier, str):
        word = identifier.lower()
        if word in ("accuracy", "acc"):
            return _Accuracy(identifier)
        if identifier in _TABLE:
            return _TABLE[identifier](identifier)
        if identifier in losses._TABLE:
            return _of_loss(losses._TABLE[identifier](), identifier)
        raise _lookup.unknown_name(argument, identifier, _NAMES)
    if isinstance(identifier, type) and issubclass(identifier, losses.Loss):
        identifier = identifier()
    if isinstance(identifier, losses.Loss):
        return _of_loss(identifier, identifier.name)
    if isinstance(identifier, functools.partial) and identifier.func in _FUNCTIONS:
        name = identifier.func.__name__
        return _FUNCTIONS[identifier.func](name, None, **identifier.keywords)
    if isinstance(identifier, FunctionType) and identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier](identifier.__name__)
    if isinstance(identifier, (FunctionType, functools.partial)):
        loss = losses.get(identifier, argument)
        assert loss is not None
        return _of_loss(loss, loss._kind)
    return _lookup.resolve(
        identifier, argument=argument, base=Metric, table=_TABLE, shown=_NAMES
    )


def _of_loss(loss: losses.Loss, name: str) -> Metric:
    """Return the metric that shows a loss."""
    cls = _TABLE[loss._kind]
    return cls(name, None, *(getattr(loss, word) for word in cls._arguments[2:]))


def serialize(metric: Metric) -> Any:
    """Return a name, or the class name and configuration, of a metric.

    Args:
        metric: An instance.

    Examples:
        >>> from nncore import metrics
        >>> metrics.serialize(metrics.BinaryAccuracy(threshold=0.4))["config"]
        {'name': 'binary_accuracy', 'dtype': None, 'threshold': 0.4}
    """
    return metric._serialized()


def deserialize(config: Any) -> Metric:
    """Return the metric that `serialize` wrote down.

    Args:
        config: What `serialize` gave.

    Examples:
        >>> from nncore import metrics
        >>> metrics.deserialize(metrics.serialize(metrics.Poisson("p"))).name
        'p'
    """
    return get(config)
