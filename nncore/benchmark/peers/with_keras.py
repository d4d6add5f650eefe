"""Keras's own `fit` on the backend that is installed; slow, so it runs few steps."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from ..cases import Case, data, weights
from . import Prepared

STEPS = 200


def load() -> Any:
    """Keras, on the backend that the user chose or else the first installed."""
    for backend in ("jax", "tensorflow", "torch"):
        if importlib.util.find_spec(backend):
            os.environ.setdefault("KERAS_BACKEND", backend)
    import keras

    return keras


def versions() -> dict[str, str]:
    """What is measured."""
    keras = load()
    return {"keras": f"{keras.__version__} on {keras.backend.backend()}"}


def prepare(case: Case, threads: int, variant: str) -> Prepared:
    """Whole epochs by `fit`, or `predict`."""
    keras = load()
    keras.backend.set_floatx(case.dtype)
    layers = [
        keras.layers.Dense(units, activation=act)
        for units, act in zip(case.widths[1:], case.activations, strict=True)
    ]
    model = keras.Sequential([keras.Input((case.widths[0],)), *layers])
    model.set_weights(weights(case))
    x, y = data(case)
    if case.does != "train":
        checked = model.predict(x, verbose=0).ravel()[:8].tolist()
        statement = f"model.predict(x, batch_size={min(case.rows, 4096)}, verbose=0)"
        return Prepared(statement, {"model": model, "x": x}, case.rows, checked)
    rules = {
        "adam": lambda: keras.optimizers.Adam(),
        "sgd": lambda: keras.optimizers.SGD(),
        "momentum": lambda: keras.optimizers.SGD(momentum=0.9),
    }
    model.compile(
        loss=case.loss, optimizer=rules[case.optimizer](), metrics=[case.metric]
    )
    history = model.fit(x, y, batch_size=case.batch, shuffle=False, verbose=0)
    epochs = max(1, min(case.epochs, STEPS // case.steps))
    statement = (
        f"model.fit(x, y, batch_size={case.batch}, epochs={epochs}, "
        f"{'' if case.shuffle else 'shuffle=False, '}verbose=0)"
    )
    return Prepared(
        statement,
        {"model": model, "x": x, "y": y},
        epochs * case.rows,
        [float(history.history["loss"][0])],
    )
