"""Metrics: what is shown beside the loss.

Most metrics are the mean over rows of one number per row, over the whole epoch or call.
Given to `compile`, these are carried out by the compiled core; called by hand, they
evaluate with NumPy through `nncore.reference`. The others (areas under curves, counts,
F-scores, ...) are updated in NumPy with the predictions that the core leaves. All are
exact over the epoch, whatever its batches. t stands for the targets, p for the
predictions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

from .. import _lookup, _own, losses
from ..losses import (
    BCE,
    KLD,
    MAE,
    MAPE,
    MSE,
    MSLE,
    bce,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    kld,
    kullback_leibler_divergence,
    log_cosh,
    logcosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from ._base import Metric
from ._confusion import (
    AUC,
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from ._functions import FunctionMetric, LossMetric
from ._iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from ._means import (
    _ACCURACIES,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanMetricWrapper,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
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
from ._rows import FUNCTIONS as _ROW_FUNCTIONS
from ._rows import (
    Accuracy,
    ConcordanceCorrelation,
    Mean,
    MeanRelativeError,
    PearsonCorrelation,
    RootMeanSquaredError,
    SparseTopKCategoricalAccuracy,
    Sum,
    TopKCategoricalAccuracy,
    accuracy,
    concordance_correlation,
    pearson_correlation,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from ._scores import F1Score, FBetaScore, R2Score

__all__ = [
    "AUC",
    "BCE",
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "Huber",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanRelativeError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "accuracy",
    "bce",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
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
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "pearson_correlation",
    "poisson",
    "resolve_accuracy",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]


_FUNCTIONS: dict[Callable[..., Any], type[Metric]] = {
    binary_accuracy: BinaryAccuracy,
    categorical_accuracy: CategoricalAccuracy,
    sparse_categorical_accuracy: SparseCategoricalAccuracy,
    **_ROW_FUNCTIONS,
}
_CLASSES: tuple[type[Metric], ...] = (
    *(BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy),
    *(MeanSquaredError, MeanAbsoluteError, LogCoshError, Huber, BinaryCrossentropy),
    *(CategoricalCrossentropy, SparseCategoricalCrossentropy, Hinge, SquaredHinge),
    *(CategoricalHinge, KLDivergence, Poisson, MeanAbsolutePercentageError),
    *(MeanSquaredLogarithmicError, CosineSimilarity, RootMeanSquaredError, R2Score),
    *(AUC, Precision, Recall, F1Score, FBetaScore, TruePositives, TrueNegatives),
    *(FalsePositives, FalseNegatives, SensitivityAtSpecificity, PrecisionAtRecall),
    *(SpecificityAtSensitivity, RecallAtPrecision, TopKCategoricalAccuracy),
    *(SparseTopKCategoricalAccuracy, PearsonCorrelation, ConcordanceCorrelation),
    *(Accuracy, MeanRelativeError, Mean, Sum, MeanMetricWrapper),
    *(IoU, BinaryIoU, MeanIoU, OneHotIoU, OneHotMeanIoU),
)
_TABLE: dict[str, type[Metric]] = {
    **{cls.__name__: cls for cls in _CLASSES},
    **{cls._kind: cls for cls in _CLASSES},
    "mape": MeanAbsolutePercentageError,
    "MAPE": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError,
    "accuracy": _Accuracy,
    "acc": _Accuracy,
}
_NAMES = [
    *("accuracy", "acc", *_ACCURACIES),
    *losses._NAMES,
    *("AUC", "Precision", "Recall", "F1Score", "R2Score", "RootMeanSquaredError"),
    *("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"),
    *("top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy"),
]


def get(identifier: Any, argument: str = "metrics") -> Metric:
    """Return the metric that `identifier` stands for.

    Args:
        identifier: "accuracy" or "acc" (see `resolve_accuracy`); the name of a metric
            or of any loss; a function of this module or of `nncore.losses`; a class; an
            instance; what `serialize` gave; or a function of one's own, see
            `FunctionMetric`.
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
    identifier = _own.found_function(identifier)
    if isinstance(identifier, str):
        word = identifier.lower()
        if word in ("accuracy", "acc"):
            return _Accuracy(identifier)
        if identifier in _TABLE:
            return _named(_TABLE[identifier], identifier, argument)
        if identifier in losses._TABLE:
            return _of_loss(losses._TABLE[identifier](), identifier)
        raise _lookup.unknown_name(argument, identifier, _NAMES)
    if isinstance(identifier, dict):
        written = _lookup.custom_object(identifier.get("class_name"))
        if isinstance(written, type) and issubclass(written, losses.Loss):
            identifier = losses.get(identifier)
    if isinstance(identifier, type) and issubclass(identifier, losses.Loss):
        identifier = identifier()
    if isinstance(identifier, losses.Loss):
        if identifier._is_own:
            return LossMetric(identifier)
        return _of_loss(identifier, identifier.name)
    if isinstance(identifier, functools.partial) and identifier.func in _FUNCTIONS:
        name = identifier.func.__name__
        return _FUNCTIONS[identifier.func](name=name, **identifier.keywords)
    if isinstance(identifier, FunctionType) and identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier](name=identifier.__name__)
    if callable(identifier) and not isinstance(identifier, (type, Metric)):
        loss = losses.get(identifier, argument)
        assert loss is not None
        if loss._is_own:
            return FunctionMetric(identifier)
        return _of_loss(loss, loss._kind)
    return _lookup.resolve(
        identifier, argument=argument, base=Metric, table=_TABLE, shown=_NAMES
    )


def _named(cls: type[Metric], name: str, argument: str) -> Metric:
    """Return a metric with its defaults.

    Raises:
        ValueError: Not all its arguments have one.
    """
    try:
        return cls(name=name)
    except TypeError:
        raise ValueError(
            f"`{argument}` must have {cls.__name__} as an instance: it has arguments "
            f"without a default. Received: {argument}={name!r}"
        ) from None


def _of_loss(loss: losses.Loss, name: str) -> Metric:
    """Return the metric that shows a loss."""
    function = next(f for f, cls in losses._FUNCTIONS.items() if cls is type(loss))
    cls = _TABLE.get(loss._kind)
    if cls is None or cls is CosineSimilarity:
        words = [word for word in loss._arguments if word not in _OF_ALL_LOSSES]
        given = {word: getattr(loss, word) for word in words}
        return MeanMetricWrapper(function, name, None, **given)
    given = {word: getattr(loss, word) for word in cls._arguments[2:]}
    return cls(name=name, **given)


_OF_ALL_LOSSES = ("reduction", "name", "dtype")


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
