"""The same network in an installed Keras (JAX backend, float64): `pytest -m keras`.

Weights are copied over; then both libraries train 50 batches and after each one
predictions, loss and weights are compared. The cases cover every pair of values of
loss, optimizer, activation, clipping, weights and penalty.

Both compute in float64 and differ by roundings, which a training carries along and may
amplify. How much is measured: nncore trains once more from weights that are off by
2^-40 of their size, and Keras must not be further away than that training is.
"""

from __future__ import annotations

import importlib
import os
import warnings
from typing import Any

import numpy as np
import pytest

import nncore

from .helpers import pairwise, targets_for, tolerance

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

STEPS, ROWS, N_IN, N_OUT = 50, 12, 4, 3
NUDGE = 2.0**-40

LOSSES: list[tuple[str, dict[str, Any], str]] = [
    ("MeanSquaredError", {}, "linear"),
    ("MeanAbsoluteError", {}, "tanh"),
    ("Huber", {"delta": 0.7}, "linear"),
    ("LogCosh", {}, "linear"),
    ("BinaryCrossentropy", {}, "sigmoid"),
    ("BinaryCrossentropy", {"from_logits": True}, "linear"),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, "sigmoid"),
    ("CategoricalCrossentropy", {}, "softmax"),
    ("CategoricalCrossentropy", {"from_logits": True}, "linear"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "softmax"),
    ("CategoricalCrossentropy", {}, "softplus"),
    ("SparseCategoricalCrossentropy", {}, "softmax"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "linear"),
    ("Hinge", {}, "tanh"),
    ("SquaredHinge", {}, "linear"),
    ("CategoricalHinge", {}, "linear"),
    ("KLDivergence", {}, "sigmoid"),
    ("Poisson", {}, "exponential"),
]
KINDS = {
    "MeanSquaredError": "mean_squared_error",
    "MeanAbsoluteError": "mean_absolute_error",
    "LogCosh": "log_cosh",
    "BinaryCrossentropy": "binary_crossentropy",
    "CategoricalCrossentropy": "categorical_crossentropy",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy",
    "SquaredHinge": "squared_hinge",
    "CategoricalHinge": "categorical_hinge",
    "KLDivergence": "kl_divergence",
}
OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.5, "rho": 0.8}),
    ("RMSprop", {"centered": True}),
    ("Adagrad", {"initial_accumulator_value": 0.2}),
    ("Adadelta", {"learning_rate": 0.5}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "beta_1": 0.8}),
    ("AdamW", {}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Lion", {"weight_decay": 0.1}),
    ("Ftrl", {"learning_rate": 0.3}),
    (
        "Ftrl",
        {
            "learning_rate": 0.3,
            "learning_rate_power": -0.7,
            "l1_regularization_strength": 0.02,
            "l2_regularization_strength": 0.01,
            "l2_shrinkage_regularization_strength": 0.03,
            "beta": 0.5,
        },
    ),
    ("SGD", {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 7}),
    ("Nadam", {"gradient_accumulation_steps": 3, "weight_decay": 0.1}),
    (
        "Adam",
        {
            "use_ema": True,
            "ema_momentum": 0.8,
            "ema_overwrite_frequency": 4,
            "gradient_accumulation_steps": 2,
        },
    ),
    ("Adamax", {"loss_scale_factor": 128.0}),
    *(
        ("SGD", {"momentum": 0.9, "learning_rate": schedule})
        for schedule in (
            ("ExponentialDecay", {"decay_steps": 7, "decay_rate": 0.8}),
            ("InverseTimeDecay", {"decay_steps": 7, "decay_rate": 0.8}),
            ("PolynomialDecay", {"decay_steps": 12, "power": 1.5, "cycle": True}),
            ("CosineDecay", {"decay_steps": 40, "alpha": 0.1}),
            ("CosineDecayRestarts", {"first_decay_steps": 9, "m_mul": 0.9}),
        )
    ),
    (
        "Adam",
        {
            "gradient_accumulation_steps": 2,
            "learning_rate": (
                "PiecewiseConstantDecay",
                {"boundaries": [7, 30], "values": [0.01, 0.005, 0.001]},
            ),
        },
    ),
]
ACTIVATIONS = (
    *("relu", "leaky_relu", "relu6", "elu", "selu", "celu", "gelu", "sigmoid"),
    *("hard_sigmoid", "log_sigmoid", "tanh", "softplus", "softsign", "silu", "mish"),
    *("exponential", "softmax", "log_softmax", "linear"),
)
CLIPPING = ({}, {"clipnorm": 0.1}, {"clipvalue": 0.02}, {"global_clipnorm": 0.2})
PENALTIES = (None, ("L1", 0.01), ("L2", 0.02))
FACTORS = {
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "activation": ACTIVATIONS,
    "clipping": CLIPPING,
    "weights": (False, True),
    "penalty": PENALTIES,
}
CASES = pairwise(FACTORS, np.random.default_rng(3))


@pytest.fixture(scope="module")
def keras(request):
    """Keras with JAX and float64, if it is installed and asked for."""
    if "keras" not in request.config.getoption("markexpr"):
        pytest.skip("compares with an installed Keras: run with -m keras")
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jax = pytest.importorskip("jax", reason="needs pip install keras jax")
        keras = pytest.importorskip("keras", reason="needs pip install keras jax")
    jax.config.update("jax_enable_x64", True)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    # With JAX, Keras's own promotion rules make float64 results of many functions
    # (tanh, sqrt) float32 whatever floatx is.
    dtypes = importlib.import_module("keras.src.backend.common.dtypes")
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    nncore.backend.set_floatx("float64")
    yield keras
    nncore.backend.set_floatx("float32")


def build(library, case):
    """The case's network in nncore or in Keras, compiled."""
    name, options, last = case["loss"]
    loss = getattr(library.losses, name)(**options)
    name, options = case["optimizer"]
    options = {"learning_rate": 0.01, **options, **case["clipping"]}
    if isinstance(options["learning_rate"], tuple):
        cls, words = options["learning_rate"]
        words = words if "values" in words else {"initial_learning_rate": 0.02, **words}
        schedule = getattr(library.optimizers.schedules, cls)(**words)
        options["learning_rate"] = schedule
    optimizer = getattr(library.optimizers, name)(**options)
    penalty = case["penalty"]
    if penalty:
        penalty = getattr(library.regularizers, penalty[0])(penalty[1])
    model = library.Sequential(
        [
            library.layers.Input((N_IN,)),
            library.layers.Dense(
                6, activation=case["activation"], kernel_regularizer=penalty
            ),
            library.layers.Dense(5, activation="tanh", bias_regularizer=penalty),
            library.layers.Dense(N_OUT, activation=last, use_bias=False),
        ]
    )
    model.compile(optimizer=optimizer, loss=loss)
    return model


def data(case, rng):
    """Rows, targets that suit the loss, and row weights or None."""
    name = case["loss"][0]
    kind = KINDS.get(name, name.lower())
    x = rng.normal(size=(STEPS, ROWS, N_IN))
    y = np.stack([targets_for({"kind": kind}, ROWS, N_OUT, rng) for _ in range(STEPS)])
    if kind in ("hinge", "squared_hinge"):
        y = 2 * y - 1
    weights = rng.uniform(0.2, 2, (STEPS, ROWS)) if case["weights"] else [None] * STEPS
    return x, y, weights


def train(model, case, weights):
    """After each batch: predictions and loss before it, weights after it."""
    model.set_weights(weights)
    history = []
    for x, y, w in zip(*data(case, np.random.default_rng(8)), strict=True):
        out = np.asarray(model.predict_on_batch(x))
        model.reset_metrics()
        loss = np.asarray(model.train_on_batch(x, y, sample_weight=w)).ravel()[0]
        history.append([out, np.asarray(loss), *map(np.asarray, model.get_weights())])
    return history


def text(case):
    """A readable test id."""
    words = []
    for value in case.values():
        parts = value if isinstance(value, tuple) else (value,)
        words += [str(part) for part in parts if part not in ({}, None, False)]
    return " ".join(words)


@pytest.mark.parametrize("case", CASES, ids=text)
def test_training_follows_keras(keras, case):
    theirs, ours, nudged = (build(lib, case) for lib in (keras, nncore, nncore))
    rng = np.random.default_rng(9)
    start = [rng.normal(size=w.shape) * 0.5 for w in theirs.get_weights()]
    off = [w * (1 + NUDGE * rng.choice([-1, 1], w.shape)) for w in start]
    runs = (
        train(theirs, case, start),
        train(ours, case, start),
        train(nudged, case, off),
    )
    for step, (keras_step, our_step, nudged_step) in enumerate(zip(*runs, strict=True)):
        for a, b, c in zip(keras_step, our_step, nudged_step, strict=True):
            assert b.dtype == np.float64
            allowed = np.abs(b - c).max() + tolerance("float64", 64) * np.abs(b).max()
            assert np.abs(a - b).max() <= allowed, f"step {step}"
