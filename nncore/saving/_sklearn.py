"""Fitted `MLPClassifier` and `MLPRegressor` of scikit-learn as models of nncore."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from .. import layers
from ..models import Sequential
from . import _weights

_Model = TypeVar("_Model", bound=Sequential)

_ACTIVATIONS = {
    "identity": "linear",
    "logistic": "sigmoid",
    "relu": "relu",
    "softmax": "softmax",
    "tanh": "tanh",
}


def from_sklearn(cls: type[_Model], estimator: Any, name: Any) -> _Model:
    """The model that gives an estimator's `predict` or `predict_proba`."""
    kernels = getattr(estimator, "coefs_", None)
    if kernels is None or not hasattr(estimator, "out_activation_"):
        raise ValueError(
            "`estimator` must be a fitted MLPClassifier or MLPRegressor. "
            f"Received: {estimator!r:.200}"
        )
    hidden = [estimator.activation] * (len(kernels) - 1)
    words = [*hidden, estimator.out_activation_]
    unknown = sorted(set(words) - set(_ACTIVATIONS))
    if unknown:
        raise ValueError(
            f"`estimator` must have activations among {', '.join(_ACTIVATIONS)}. "
            f"Received: {', '.join(unknown)}"
        )
    found = [
        layers.Dense(kernel.shape[1], activation=_ACTIVATIONS[word])
        for kernel, word in zip(kernels, words, strict=True)
    ]
    dtype = "float64" if kernels[0].dtype == np.float64 else "float32"
    model = cls(found, name=name, dtype=dtype)
    model._expect((None, len(kernels[0])))
    pairs = zip(found, kernels, estimator.intercepts_, strict=True)
    _weights.keep(model, [(layer.name, [w, b]) for layer, w, b in pairs])
    model.build()
    return model
