"""Trainings whose bits are written down: tests/data/golden.json, and the model files.

    .venv/bin/python tests/trust/golden.py    # writes them anew: a decision

Results may change only where CHANGELOG.md says so. The lists below are frozen: what
nncore learns later gets cases of its own at the end. Model files of a format's version
are never written again, only added.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import nncore
from nncore import optimizers
from nncore.layers import Activation, Dense, Dropout

DATA = Path(__file__).resolve().parents[1] / "data"
HASHES = DATA / "golden.json"
FILES = DATA / "golden"

ACTIVATIONS = (
    *("linear", "relu", "leaky_relu", "relu6", "elu", "selu", "celu", "gelu"),
    *("sigmoid", "hard_sigmoid", "log_sigmoid", "tanh", "softplus", "softsign"),
    *("silu", "mish", "exponential", "softmax", "log_softmax"),
)
LOSSES = (
    *("mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "hinge"),
    *("binary_crossentropy", "categorical_crossentropy", "squared_hinge", "poisson"),
    *("sparse_categorical_crossentropy", "categorical_hinge", "kl_divergence"),
)
OPTIMIZERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "clipnorm": 0.5}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.8, "centered": True}),
    ("Adagrad", {"clipvalue": 0.1}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "global_clipnorm": 0.5}),
    ("Adam", {"weight_decay": 0.01}),
    ("Adamax", {}),
    ("Nadam", {}),
)
LAST = {
    "binary_crossentropy": "sigmoid",
    "poisson": "softplus",
    **dict.fromkeys(("categorical_crossentropy", "kl_divergence"), "softmax"),
    "sparse_categorical_crossentropy": "softmax",
}
# Rows, columns, units of hidden layers, batch: narrow, wide, very wide; then sums of
# more than one block along columns and rows of a batch, and along an epoch's rows.
SHAPES = (
    *((23, 2, (5,), 4), (61, 9, (17, 6), 10), (200, 70, (130, 64), 32)),
    *((1100, 600, (40,), 530), (4300, 3, (6,), 700)),
)
N_CASES = 75


def case(number: int) -> dict[str, Any]:
    """What training `number` is made of: each list is walked at its own pace."""
    return {
        "activation": ACTIVATIONS[number % len(ACTIVATIONS)],
        "loss": LOSSES[number % len(LOSSES)],
        "optimizer": OPTIMIZERS[(number * 5 + number // 12) % len(OPTIMIZERS)],
        "shape": SHAPES[number % len(SHAPES)],
        "dropout": (0.0, 0.0, 0.3, 0.5)[number % 4],
        "penalty": (None, "l2", None, "l1", "l1_l2")[number % 5],
        "weighted": number % 7 == 3,
        "shuffle": number % 6 != 5,
    }


def rows_for(what: dict[str, Any], number: int) -> tuple[Any, Any, Any]:
    """x, y and weights of rows, from integers alone."""
    n, columns, *_ = what["shape"]
    numbers = np.random.Generator(np.random.Philox(key=number))
    x = numbers.integers(-2000, 2001, (n, columns)) / 1024
    labels = numbers.integers(0, 3, n)
    weights = numbers.integers(1, 9, n) / 4 if what["weighted"] else None
    loss = what["loss"]
    if loss.startswith("sparse"):
        return x, labels, weights
    y = np.eye(3)[labels]
    if "hinge" in loss and loss != "categorical_hinge":
        y = 2 * y - 1
    elif loss == "poisson":
        y = numbers.integers(0, 5, (n, 3)).astype(float)
    elif loss in LOSSES[:4]:
        y = numbers.integers(-999, 1000, (n, 3)) / 512
    return x, y, weights


def training(number: int, dtype: str) -> nncore.Sequential:
    """A model that has been trained as its number says."""
    what = case(number)
    x, y, weights = rows_for(what, number)
    layers: list[Any] = []
    for units in what["shape"][2]:
        layers.append(Dense(units, kernel_regularizer=what["penalty"]))
        layers.append(Activation(what["activation"]))
        if what["dropout"]:
            layers.append(Dropout(what["dropout"]))
    layers.append(Dense(3, LAST.get(what["loss"], "linear")))
    for place, layer in enumerate(layers):
        layer.name = f"layer_{place}"
    model = nncore.Sequential(layers, name="golden", seed=number, dtype=dtype)
    name, options = what["optimizer"]
    metrics = ["accuracy"] if what["loss"].startswith("sparse") else ["mse"]
    model.compile(getattr(optimizers, name)(**options), what["loss"], metrics=metrics)
    model.fit(
        *(x, y),
        batch_size=what["shape"][3],
        epochs=3,
        shuffle=what["shuffle"],
        sample_weight=weights,
        verbose=0,
    )
    return model


def digest(model: nncore.Sequential, number: int) -> str:
    """A hash of weights, the optimizer's state, the history and predictions."""
    x, y, weights = rows_for(case(number), number)
    assert model.history is not None
    numbers = [
        *model.get_weights(),
        *(np.array(values) for values in model.history.history.values()),
        np.array(model.evaluate(x, y, sample_weight=weights, verbose=0)),
        model.predict(x, verbose=0),
    ]
    network = model._ready_network()
    for slot in range(network.n_slots):
        numbers += [network.get_slot(slot, i) for i in range(network.n_variables)]
    found = hashlib.sha256()
    for array in numbers:
        array = np.where(np.isnan(array), np.nan, array).astype(array.dtype.str)
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def file_model() -> nncore.Sequential:
    """What the model files hold."""
    return training(7, "float32")


def main() -> int:
    HASHES.write_text(
        json.dumps(
            {
                f"{number} {dtype}": digest(training(number, dtype), number)
                for number in range(N_CASES)
                for dtype in ("float32", "float64")
            },
            indent=0,
        )
        + "\n"
    )
    FILES.mkdir(exist_ok=True)
    for name in ("nnc-1.nnc", "keras-3.keras", "keras-3.h5"):
        if not (FILES / name).exists():
            file_model().save(FILES / name)
    for name in ("weights-1.nnc", "keras-3.weights.h5"):
        if not (FILES / name).exists():
            file_model().save_weights(FILES / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
