"""The same network in an installed Keras (JAX backend, float64): `pytest -m keras`.

Weights are copied over; then both libraries train 50 batches; loss and weights are
compared after each, predictions now and then. The cases cover every pair of values of
loss, optimizer, activation, clipping, weights and penalty. Metrics, initializers and
noise follow, each with a table of its own. docs/keras-coverage.md is made of the same
tables: a new line in one of them shows there after `make keras-coverage`.

Both compute in float64 and differ by roundings, which a training carries along and may
amplify. How much is measured: nncore trains once more from weights that are off by
2^-40 of their size, and Keras must not be further away than that training is.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

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
# Not crossed with everything else.
MORE_LOSSES: list[tuple[str, dict[str, Any], str]] = [
    ("MeanAbsolutePercentageError", {}, "softplus"),
    ("MeanSquaredLogarithmicError", {}, "softplus"),
    ("CosineSimilarity", {}, "linear"),
    ("BinaryFocalCrossentropy", {}, "sigmoid"),
    ("BinaryFocalCrossentropy", {"from_logits": True, "gamma": 1.3}, "linear"),
    (
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": True, "alpha": 0.7, "label_smoothing": 0.1},
        "sigmoid",
    ),
    ("CategoricalFocalCrossentropy", {}, "softmax"),
    ("CategoricalFocalCrossentropy", {"alpha": [0.2, 0.5, 0.9]}, "softmax"),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "gamma": 1.3}, "linear"),
    ("CategoricalFocalCrossentropy", {"label_smoothing": 0.1}, "softplus"),
    ("CategoricalGeneralizedCrossEntropy", {}, "softmax"),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.8}, "softmax"),
    ("Dice", {"axis": -1}, "sigmoid"),
    ("Tversky", {"axis": -1, "alpha": 0.3, "beta": 0.6}, "sigmoid"),
    *(("Dice", {"reduction": r}, "sigmoid") for r in ("sum_over_batch_size", "sum")),
    ("Tversky", {"alpha": 0.3, "beta": 0.6}, "sigmoid"),
    ("Tversky", {"reduction": "mean_with_sample_weight"}, "sigmoid"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, "softmax"),
    *(
        (name, {"reduction": reduction}, last)
        for reduction in ("sum", "mean", "mean_with_sample_weight")
        for name, last in (("Huber", "linear"), ("BinaryCrossentropy", "sigmoid"))
    ),
    (
        "SparseCategoricalCrossentropy",
        {"ignore_class": 1, "reduction": "mean_with_sample_weight"},
        "softmax",
    ),
]
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
    ("Lamb", {"weight_decay": 0.1}),
    ("Adafactor", {"clip_threshold": 0.8}),
    ("Adafactor", {"gradient_accumulation_steps": 2, "epsilon_2": 0.1}),
    ("Muon", {"learning_rate": 0.02}),
    (
        "Muon",
        {
            "exclude_layers": ["second"],
            "adam_weight_decay": 0.1,
            "adam_lr_ratio": 0.5,
            "nesterov": False,
            "rms_rate": None,
            "ns_steps": 3,
            "use_ema": True,
            "ema_overwrite_frequency": 6,
        },
    ),
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
CASES += [
    {
        "loss": loss,
        "optimizer": ("SGD", {"momentum": 0.9}),
        "activation": "tanh",
        "clipping": {},
        "weights": weights,
        "penalty": ("L2", 0.02) if weights else None,
    }
    for loss in MORE_LOSSES
    for weights in (False, True)
]
for _case in CASES:
    # Ftrl makes weights exactly 0, whose sign is 0; XLA may leave 1e-18 of them.
    if "l1_regularization_strength" in _case["optimizer"][1] and _case["penalty"]:
        _case["penalty"] = PENALTIES[2]


@pytest.fixture(scope="module")
def keras(keras):
    """Keras in float64."""
    jax = importlib.import_module("jax")
    # With JAX, Keras's own promotion rules make float64 results of many functions
    # (tanh, sqrt) float32 whatever floatx is.
    narrower = importlib.import_module(
        "keras.src.backend.common.dtypes"
    ).BIT64_TO_BIT32_DTYPE

    def compute_in(dtype):
        jax.config.update("jax_enable_x64", dtype == "float64")
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        narrower["float64"] = dtype
        nncore.backend.set_floatx(dtype)

    compute_in("float64")
    yield keras
    compute_in("float32")


def build(library, case):
    """The case's network in nncore or in Keras, compiled."""
    penalty = case["penalty"]
    if penalty:
        penalty = getattr(library.regularizers, penalty[0])(penalty[1])
    dense = library.layers.Dense
    hidden = [
        dense(6, activation=case["activation"], kernel_regularizer=penalty),
        dense(5, activation="tanh", bias_regularizer=penalty, name="second"),
    ]
    return compiled(library, case, hidden)


def compiled(library, case, hidden):
    """A network of hidden layers and what the case's loss asks for."""
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
    model = library.Sequential(
        [
            library.layers.Input((N_IN,)),
            *hidden,
            library.layers.Dense(N_OUT, activation=last, use_bias=False),
        ]
    )
    model.compile(optimizer=optimizer, loss=loss)
    return model


def data(case, rng):
    """Rows, targets that suit the loss, and row weights or None."""
    kind = getattr(nncore.losses, case["loss"][0])._kind
    x = rng.normal(size=(STEPS, ROWS, N_IN))
    y = np.stack([targets_for({"kind": kind}, ROWS, N_OUT, rng) for _ in range(STEPS)])
    if kind in ("hinge", "squared_hinge"):
        y = 2 * y - 1
    if kind == "categorical_generalized_cross_entropy":
        y = y[..., 0]  # what Keras makes one-hot of
    weights = rng.uniform(0.2, 2, (STEPS, ROWS)) if case["weights"] else [None] * STEPS
    return x, y, weights


def train(model, case, weights):
    """After each batch its loss and the weights; before each tenth the predictions."""
    model.set_weights(weights)
    history = []
    batches = zip(*data(case, np.random.default_rng(8)), strict=True)
    for step, (x, y, w) in enumerate(batches):
        found = [model(x)] if step % 10 == 0 else []
        model.reset_metrics()
        found.append(np.ravel(model.train_on_batch(x, y, sample_weight=w))[0])
        history.append([np.asarray(a) for a in (*found, *model.get_weights())])
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
    assert_together(
        train(theirs, case, start),
        train(ours, case, start),
        train(nudged, case, off),
    )


def assert_together(*runs):
    """Keras must be no further from nncore than nncore is from its nudged self."""
    for step, (keras_step, our_step, nudged_step) in enumerate(zip(*runs, strict=True)):
        for a, b, c in zip(keras_step, our_step, nudged_step, strict=True):
            assert b.dtype == np.float64
            allowed = np.abs(b - c).max() + tolerance("float64", 64) * np.abs(b).max()
            assert np.abs(a - b).max() <= allowed, f"step {step}"


HIDDEN = st.one_of(
    st.tuples(
        st.just("Dense"),
        st.fixed_dictionaries(
            {
                "units": st.integers(1, 9),
                "activation": st.sampled_from(
                    # Which may run away to infinity.
                    [name for name in ACTIVATIONS if name != "exponential"]
                ),
                "use_bias": st.booleans(),
                "kernel_regularizer": st.sampled_from([None, "l1", "l2", "L1L2"]),
                "kernel_constraint": st.sampled_from([None, "max_norm", "unit_norm"]),
                "trainable": st.sampled_from([True, True, False]),
            }
        ),
    ),
    st.sampled_from(
        [
            ("BatchNormalization", {"momentum": 0.8}),
            ("LayerNormalization", {"epsilon": 0.01}),
            ("RMSNormalization", {}),
            ("PReLU", {"alpha_initializer": "ones"}),
            ("ELU", {"alpha": 0.7}),
            ("ActivityRegularization", {"l2": 0.01}),
        ]
    ),
)
DRAWN = st.fixed_dictionaries(
    {
        "hidden": st.lists(HIDDEN, min_size=1, max_size=4),
        "loss": st.sampled_from(LOSSES + MORE_LOSSES),
        "optimizer": st.sampled_from(
            # See CASES.
            [case for case in OPTIMIZERS if "l1_regularization_strength" not in case[1]]
        ),
        "clipping": st.sampled_from(CLIPPING),
        "weights": st.booleans(),
    }
)


def without_idle_biases(hidden):
    """The layers, no Dense with a bias in front of a BatchNormalization.

    Where the activation is linear, such a bias has no gradient but rounding errors,
    which differ between CPUs, and which Adam and its like divide by their own size.
    """
    behind = [name for name, _ in hidden[1:]] + [""]
    return [
        (name, {**given, "use_bias": False})
        if name == "Dense" and following == "BatchNormalization"
        else (name, given)
        for (name, given), following in zip(hidden, behind, strict=True)
    ]


# A failing network is shown as it was drawn: to shrink it would take minutes.
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
)
@given(case=DRAWN)
def test_drawn_networks_follow_keras(keras, case):
    hidden = without_idle_biases(case["hidden"])
    theirs, ours, nudged = (
        compiled(
            library,
            case,
            [getattr(library.layers, name)(**given) for name, given in hidden],
        )
        for library in (keras, nncore, nncore)
    )
    rng = np.random.default_rng(9)
    start = []
    for w in theirs.get_weights():
        # Vectors may be variances.
        sign = rng.choice([-1, 1], w.shape) if w.ndim == 2 else 1
        start.append(sign * rng.uniform(0.2, 0.9, w.shape))
    off = [w * (1 + NUDGE * rng.choice([-1, 1], w.shape)) for w in start]
    assert_together(
        train(theirs, case, start), train(ours, case, start), train(nudged, case, off)
    )


# Layers in front of a Dense and the loss, by name; indices for an Embedding.
LAYERS = {
    "BatchNormalization": lambda k: [
        k.layers.Dense(6, use_bias=False),
        k.layers.BatchNormalization(
            momentum=0.8,
            gamma_regularizer=k.regularizers.L2(0.01),
            beta_regularizer=k.regularizers.L1(0.02),
        ),
        k.layers.Activation("tanh"),
    ],
    "BatchNormalization first": lambda k: [
        k.layers.BatchNormalization(scale=False, epsilon=0.1),
        k.layers.Dense(6, activation="tanh"),
        k.layers.BatchNormalization(center=False, gamma_constraint="non_neg"),
    ],
    "BatchNormalization frozen": lambda k: [
        k.layers.Dense(6, activation="tanh"),
        k.layers.BatchNormalization(trainable=False),
    ],
    "BatchNormalization of groups": lambda k: [
        k.layers.Dense(6),
        k.layers.Reshape((3, 2)),
        k.layers.BatchNormalization(),
        k.layers.ReLU(negative_slope=0.1),
        k.layers.Flatten(),
    ],
    "Normalization of other axes": lambda k: [
        k.layers.Reshape((2, 2)),
        k.layers.Permute((2, 1)),
        k.layers.BatchNormalization(axis=1, gamma_regularizer="l2"),
        k.layers.Flatten(),
        k.layers.Dense(12, activation="tanh"),
        k.layers.Reshape((2, 3, 2)),
        k.layers.UnitNormalization(axis=2),
        k.layers.LayerNormalization(axis=-2),
        k.layers.BatchNormalization(axis=2, trainable=False),
        k.layers.Flatten(),
    ],
    "LayerNormalization": lambda k: [
        k.layers.Dense(6),
        k.layers.LayerNormalization(
            gamma_constraint=k.constraints.MaxNorm(1.0),
            beta_constraint=k.constraints.MinMaxNorm(0.5, 0.8, 0.7),
        ),
        k.layers.Activation("silu"),
        k.layers.Reshape((2, -1)),
        k.layers.LayerNormalization(center=False, epsilon=1e-6),
        k.layers.LayerNormalization(scale=False),
        k.layers.Flatten(),
    ],
    "RMSNormalization": lambda k: [
        k.layers.RMSNormalization(),
        k.layers.Dense(6, activation="tanh"),
        k.layers.RMSNormalization(epsilon=0.1, trainable=False),
    ],
    "UnitNormalization": lambda k: [
        k.layers.UnitNormalization(),
        k.layers.Dense(6),
        k.layers.Reshape((2, 3)),
        k.layers.UnitNormalization(),
        k.layers.Flatten(),
    ],
    "PReLU": lambda k: [
        k.layers.Dense(6),
        k.layers.PReLU(alpha_regularizer="l2", alpha_constraint="non_neg"),
        k.layers.Dense(6),
        k.layers.Reshape((2, 3)),
        k.layers.PReLU(shared_axes=[1]),
        k.layers.PReLU(),
        k.layers.Flatten(),
    ],
    "ReLU": lambda k: [
        k.layers.Dense(6),
        k.layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2),
        k.layers.Dense(6),
        k.layers.LeakyReLU(),
        k.layers.Dense(6),
        k.layers.ELU(alpha=0.7),
        k.layers.Softmax(),
    ],
    "Permute": lambda k: [
        k.layers.Identity(),
        k.layers.RepeatVector(3),
        k.layers.Permute((2, 1)),
        k.layers.BatchNormalization(),
        k.layers.Reshape((2, 3, 2)),
        k.layers.Permute((3, 1, 2)),
        k.layers.Flatten(),
        k.layers.Dense(6, activation="tanh"),
    ],
    "Embedding": lambda k: [
        k.layers.Embedding(5, 3, embeddings_regularizer="l1"),
        k.layers.Permute((2, 1)),
        k.layers.Flatten(),
    ],
    "Embedding with a constraint": lambda k: [
        k.layers.Embedding(5, 2, embeddings_constraint=k.constraints.UnitNorm(axis=1)),
        k.layers.Flatten(),
        k.layers.Dense(6, activation="tanh"),
    ],
    "Dense on several axes": lambda k: [
        k.layers.Reshape((2, 2)),
        k.layers.Dense(
            *(3, "tanh"),
            kernel_regularizer="l2",
            kernel_constraint=k.constraints.MaxNorm(1.0),
            bias_constraint="non_neg",
        ),
        k.layers.LayerNormalization(),
        k.layers.Reshape((1, 2, 3)),
        k.layers.Dense(2, use_bias=False, activity_regularizer="l1"),
        k.layers.BatchNormalization(),
        k.layers.Activation("sigmoid"),
        k.layers.Dropout(0.0),
        k.layers.Flatten(),
    ],
    "Dense on an Embedding": lambda k: [
        k.layers.Embedding(5, 3),
        k.layers.Dense(2, "tanh"),
        k.layers.Flatten(),
    ],
    "MaxNorm": lambda k: [
        k.layers.Dense(
            *(6, "tanh"),
            kernel_constraint=k.constraints.MaxNorm(0.7),
            bias_constraint=k.constraints.NonNeg(),
        ),
        k.layers.Dense(5, "tanh", kernel_constraint=k.constraints.MaxNorm(1, axis=1)),
    ],
    "MinMaxNorm": lambda k: [
        k.layers.Dense(
            *(6, "tanh"),
            kernel_constraint=k.constraints.MinMaxNorm(0.5, 0.8, rate=0.3, axis=1),
            bias_constraint=k.constraints.UnitNorm(),
        ),
        k.layers.Dense(
            5, "tanh", kernel_constraint=k.constraints.MaxNorm(2, axis=[0, 1])
        ),
    ],
    "activity_regularizer": lambda k: [
        k.layers.Dense(6, "tanh", activity_regularizer=k.regularizers.L1L2(0.01, 0.02)),
        k.layers.ActivityRegularization(l1=0.03),
        k.layers.Dense(5, "relu", activity_regularizer="l2"),
        k.layers.ActivityRegularization(l2=0.01),
    ],
    "OrthogonalRegularizer": lambda k: [
        k.layers.Dense(6, kernel_regularizer=k.regularizers.OrthogonalRegularizer(0.1)),
        k.layers.Dense(
            *(5, "tanh"),
            kernel_regularizer=k.regularizers.OrthogonalRegularizer(mode="columns"),
        ),
    ],
    "no noise": lambda k: [
        k.layers.GaussianNoise(0.0),
        k.layers.GaussianDropout(0.0),
        k.layers.AlphaDropout(0.0),
        k.layers.Dense(6, "selu"),
    ],
}


MORE = {"gradient_accumulation_steps": 3}, {"use_ema": True, "ema_momentum": 0.9}


@pytest.mark.parametrize(
    ("name", "optimizer", "options"),
    [
        *((name, optimizer, {}) for name in LAYERS for optimizer in ("SGD", "Adam")),
        *(
            ("BatchNormalization", optimizer, options)
            for optimizer in ("SGD", "Adam")
            for options in MORE
        ),
        *(
            (name, "SGD", options)
            for name in ("MaxNorm", "MinMaxNorm")
            for options in MORE
        ),
    ],
)
def test_layers_follow_keras(keras, name, optimizer, options):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(STEPS, ROWS, N_IN))
    if "Embedding" in name:
        x = rng.integers(0, 5, x.shape).astype(np.float64)
    y = rng.normal(size=(STEPS, ROWS, N_OUT))
    weights = rng.uniform(0.5, 1.5, (STEPS, ROWS))

    def run(library, start=None):
        layers = LAYERS[name](library)
        model = library.Sequential(
            [library.layers.Input((N_IN,)), *layers, library.layers.Dense(N_OUT)]
        )
        rule = getattr(library.optimizers, optimizer)(learning_rate=0.01, **options)
        model.compile(rule, "mean_squared_error")
        if start is None:
            return model
        model.set_weights(start)
        history = []
        for a, b, w in zip(x, y, weights, strict=True):
            out = np.asarray(model.predict_on_batch(a))
            model.reset_metrics()
            tested = np.asarray(model.test_on_batch(a, b)).ravel()[0]
            model.reset_metrics()
            loss = np.asarray(model.train_on_batch(a, b, sample_weight=w)).ravel()[0]
            after = map(np.asarray, model.get_weights())
            history.append([out, np.asarray(tested), np.asarray(loss), *after])
        return history

    model = run(keras)
    shapes = [w.shape for w in model.get_weights()]
    assert shapes == [w.shape for w in run(nncore).get_weights()]
    # Moving variances must be positive, like everything else then.
    start = [rng.uniform(0.2, 0.9, shape) for shape in shapes]
    off = [w * (1 + NUDGE * rng.choice([-1, 1], w.shape)) for w in start]
    assert_together(run(keras, start), run(nncore, start), run(nncore, off))


NOISE = [
    *(("Dropout", 0.3), ("GaussianNoise", 0.4)),
    *(("GaussianDropout", 0.3), ("AlphaDropout", 0.3)),
]


@pytest.mark.parametrize(("name", "amount"), NOISE)
def test_noise_has_the_moments_of_keras(keras, name, amount):
    x = np.random.default_rng(4).normal(0.5, 1, (1000, 500))

    def moments(library):
        """E u and E u^2 of noisy outputs u from the losses for targets 0 and 1."""
        noise = getattr(library.layers, name)(amount, seed=3)
        model = library.Sequential([library.layers.Input((500,)), noise])
        model.compile(library.optimizers.SGD(), "mean_squared_error")
        losses = []
        for target in (0, 1):
            model.reset_metrics()
            loss = model.train_on_batch(x, np.full_like(x, target))
            losses.append(float(np.asarray(loss).ravel()[0]))
        assert np.array_equal(np.asarray(model.predict_on_batch(x)), x)
        return (losses[0] - losses[1] + 1) / 2, losses[0]

    # u and u^2 have standard deviations below 2 and 8; two losses make a mean.
    for ours, theirs, spread in zip(
        moments(nncore), moments(keras), (16, 8), strict=True
    ):
        assert abs(ours - theirs) < 6 * spread * np.sqrt(2 / x.size)


INITIALIZERS: list[tuple[str, dict[str, Any]]] = [
    *(("Zeros", {}), ("Ones", {}), ("Constant", {"value": 0.3})),
    ("Identity", {"gain": 2.0}),
    *((name, {}) for name in ("RandomNormal", "RandomUniform", "TruncatedNormal")),
    ("RandomNormal", {"mean": 0.1, "stddev": 0.2}),
    ("RandomUniform", {"minval": -0.1, "maxval": 0.3}),
    ("TruncatedNormal", {"mean": 0.1, "stddev": 0.2}),
    *((name, {}) for name in ("GlorotUniform", "HeUniform", "LecunUniform")),
    *((name, {}) for name in ("GlorotNormal", "HeNormal", "LecunNormal")),
    *(
        ("VarianceScaling", {"scale": 0.7, "mode": mode, "distribution": distribution})
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("truncated_normal", "untruncated_normal", "uniform")
    ),
    *(("Orthogonal", {}), ("Orthogonal", {"gain": 0.6})),
]


@pytest.mark.parametrize(("name", "options"), INITIALIZERS, ids=str)
def test_initializers_have_the_distribution_of_keras(keras, name, options):
    shape = 300, 400
    theirs, ours = (
        np.asarray(getattr(library.initializers, name)(**options)(shape))
        for library in (keras, nncore)
    )
    if name in ("Zeros", "Ones", "Constant", "Identity"):
        assert (ours == theirs).all()
        return
    # Kolmogorov and Smirnov: once in 10^9 are two samples of the same further apart.
    values = np.sort(np.concatenate([theirs.ravel(), ours.ravel()]))
    below = [
        np.searchsorted(np.sort(a.ravel()), values, "right") / a.size
        for a in (theirs, ours)
    ]
    allowed = np.sqrt(-np.log(1e-9 / 2) / ours.size)
    assert np.abs(below[0] - below[1]).max() < allowed
    if name == "Orthogonal":
        found, expected = ours @ ours.T, theirs @ theirs.T
        limit = tolerance(ours.dtype, 2 * sum(shape)) * np.abs(expected).max()
        assert np.abs(found - expected).max() < limit


# ---- Metrics -------------------------------------------------------------------------

# Kinds of data: targets for predictions of three columns, or of one.
BINARY, ONE_HOT, LABELS, REAL, ONE = "binary", "one-hot", "labels", "real", "one"
METRICS: list[tuple[str, dict[str, Any], str]] = [
    ("BinaryAccuracy", {"threshold": 0.4}, BINARY),
    ("CategoricalAccuracy", {}, ONE_HOT),
    ("SparseCategoricalAccuracy", {}, LABELS),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOT),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, LABELS),
    *((name, {}, REAL) for name in ("MeanSquaredError", "MeanAbsoluteError")),
    *((name, {}, REAL) for name in ("RootMeanSquaredError", "LogCoshError")),
    *((name, {}, REAL) for name in ("CosineSimilarity", "PearsonCorrelation")),
    ("ConcordanceCorrelation", {}, REAL),
    ("MeanAbsolutePercentageError", {}, REAL),
    ("MeanSquaredLogarithmicError", {}, BINARY),
    ("R2Score", {}, REAL),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, REAL),
    ("R2Score", {"num_regressors": 2}, REAL),
    ("R2Score", {}, ONE),
    *((name, {}, ONE_HOT) for name in ("CategoricalCrossentropy", "KLDivergence")),
    *((name, {}, ONE_HOT) for name in ("CategoricalHinge", "Poisson")),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, ONE_HOT),
    ("SparseCategoricalCrossentropy", {}, LABELS),
    ("BinaryCrossentropy", {}, BINARY),
    ("BinaryCrossentropy", {"from_logits": True}, ONE),
    *((name, {}, BINARY) for name in ("Hinge", "SquaredHinge")),
    *(
        (name, {"thresholds": thresholds}, BINARY)
        for name in (
            *("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"),
            *("Precision", "Recall"),
        )
        for thresholds in (None, 0.3)
    ),
    ("Precision", {"top_k": 2}, ONE_HOT),
    ("Recall", {"top_k": 1, "class_id": 2}, ONE_HOT),
    ("Recall", {"class_id": 1}, BINARY),
    *(("AUC", {"curve": curve}, BINARY) for curve in ("ROC", "PR", "PRGAIN")),
    ("AUC", {"summation_method": "minoring", "curve": "PR"}, ONE),
    ("AUC", {"summation_method": "majoring"}, ONE),
    ("AUC", {"thresholds": [0.1, 0.35, 0.8]}, BINARY),
    ("AUC", {"multi_label": True}, BINARY),
    ("AUC", {"num_thresholds": 50, "multi_label": True, "curve": "PR"}, ONE_HOT),
    ("AUC", {"from_logits": True}, ONE),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, BINARY),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6}, BINARY),
    ("PrecisionAtRecall", {"recall": 0.6}, BINARY),
    ("RecallAtPrecision", {"precision": 0.5}, BINARY),
    *(("F1Score", {"average": a}, ONE_HOT) for a in ("micro", "macro", "weighted")),
    ("F1Score", {"threshold": 0.5}, ONE),
    ("FBetaScore", {"average": "macro", "beta": 2.0, "threshold": 0.4}, BINARY),
    ("BinaryIoU", {"threshold": 0.4}, ONE),
    ("OneHotIoU", {"num_classes": 3, "target_class_ids": [0, 2]}, ONE_HOT),
    ("OneHotMeanIoU", {"num_classes": 3}, ONE_HOT),
]
# With JAX Keras cannot have the first in a compiled step; behind a sigmoid nncore knows
# the logits of the second, as Keras with TensorFlow does.
ALONE = (
    ("R2Score", {"num_regressors": 2}, REAL),
    ("BinaryCrossentropy", {"from_logits": True}, ONE),
)
# Computed in float32 or int32 whatever floatx is.
ROUGH = ("BinaryIoU", "OneHotIoU", "OneHotMeanIoU")


def measured_data(kind, n, rng):
    """Targets and predictions."""
    columns = 1 if kind == ONE else 3
    p = rng.uniform(0.01, 0.99, (n, columns))
    if kind in (ONE_HOT, LABELS):
        p /= p.sum(axis=1, keepdims=True)
        labels = rng.integers(0, columns, n)
        return (labels.astype(float) if kind == LABELS else np.eye(3)[labels]), p
    if kind == REAL:
        return rng.normal(size=p.shape) + p, p
    return rng.integers(0, 2, p.shape).astype(float), p


def metric_id(case):
    name, options, kind = case
    return " ".join([name, *(f"{k}={v}" for k, v in options.items()), kind])


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", METRICS, ids=metric_id)
def test_a_metric_alone_is_keras_own(keras, case, weighted):
    name, options, kind = case
    theirs = getattr(keras.metrics, name)(**options)
    ours = getattr(nncore.metrics, name)(**options)
    assert ours.name == getattr(keras.metrics, name)(**options, name=ours.name).name
    roundings = 2**10
    rough = tolerance("float32", 8) if name in ROUGH else 0
    rng = np.random.default_rng(6)
    if weighted and name in ROUGH:
        pytest.skip("their weights are integers")
    for _ in range(2):
        for n in (40, 7, 25):
            t, p = measured_data(kind, n, rng)
            w = rng.uniform(0.2, 2, n) if weighted else None
            theirs.update_state(t, p, sample_weight=w)
            ours.update_state(t, p, w)
            expected = np.asarray(theirs.result())
            np.testing.assert_allclose(
                np.asarray(ours.result()).reshape(expected.shape),
                expected,
                rtol=tolerance("float64", roundings) + rough,
                atol=tolerance("float64", roundings),
            )
        theirs.reset_state()
        ours.reset_state()


@pytest.mark.parametrize("kind", [BINARY, ONE_HOT, LABELS, REAL, ONE])
def test_metrics_in_compile_are_keras_own(keras, kind):
    cases = [case for case in METRICS if case[2] == kind and case not in ALONE]
    losses = {LABELS: "sparse_categorical_crossentropy", REAL: "mse"}
    last = {REAL: "linear", BINARY: "sigmoid", ONE: "sigmoid"}.get(kind, "softmax")
    histories, start = [], None
    rng = np.random.default_rng(7)
    x = rng.normal(size=(50, 4))
    y, _ = measured_data(kind, 50, rng)
    w = rng.uniform(0.2, 2, 50)
    for library in (keras, nncore):
        given = [
            [
                getattr(library.metrics, name)(**options, name=f"m{i}")
                for i, (name, options, _) in enumerate(cases)
                if not (weighs and name in ROUGH)
            ]
            for weighs in (False, True)
        ]
        columns = 1 if kind == ONE else 3
        dense = library.layers.Dense
        model = library.Sequential(
            [
                library.layers.Input((4,)),
                dense(5, activation="tanh"),
                dense(columns, activation=last),
            ]
        )
        start = model.get_weights() if start is None else start
        model.set_weights(start)
        model.compile(
            optimizer=library.optimizers.SGD(0.1),
            loss=losses.get(kind, "binary_crossentropy"),
            metrics=given[0],
            weighted_metrics=given[1],
        )
        history = model.fit(
            *(x, y),
            sample_weight=w,
            epochs=2,
            batch_size=16,
            shuffle=False,
            validation_data=(x[:20], y[:20], w[:20]),
            verbose=0,
        ).history
        histories.append(history)
    theirs, ours = histories
    assert set(theirs) == set(ours)
    for key, values in theirs.items():
        expected = np.ravel(values)
        np.testing.assert_allclose(
            ours[key],
            expected,
            rtol=tolerance("float32", 8),
            atol=tolerance("float64", 2**10),
            err_msg=key,
        )
