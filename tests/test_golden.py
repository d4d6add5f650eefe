"""Numbers printed by Keras 3.15 (JAX on a CPU, float32), met by the reference and by C.

They pin formulas, epsilons and the order of operations to Keras's. Each is a string as
it was printed: its digits and float32's precision say how close is close enough.
"""

from __future__ import annotations

import numpy as np
import pytest

from nncore import _core, reference

from .helpers import core_network, layer, tolerance, train

T = np.array([[0.0, 1.0], [1.0, 0.0]])
P = np.array([[0.3, 0.7], [0.6, 0.4]])
ZEROS = (0.0, 0.0, 0.0)

ACTIVATIONS = [
    ("selu", ZEROS, "-1.52017 -.691758 .525351 2.1014"),
    ("softplus", ZEROS, ".126928 .474077 .974077 2.12693"),
    ("gelu", ZEROS, "-.0455003 -.154269 .345731 1.9545"),
    ("gelu_tanh", ZEROS, "-.0454023 -.154286 .345714 1.9546"),
    ("mish", ZEROS, "-.252501 -.220744 .375245 1.94396"),
    ("silu", ZEROS, "-.238406 -.18877 .31123 1.76159"),
    ("hard_sigmoid", ZEROS, ".166667 .416667 .583333 .833333"),
    ("relu", (0.1, 1.0, 0.2), "-.22 -.07 .5 1."),
]

LOSSES = [
    ({"kind": "mean_squared_error"}, ".125"),
    ({"kind": "mean_absolute_error"}, ".35"),
    ({"kind": "huber", "delta": 1.0}, ".0625"),
    ({"kind": "log_cosh"}, ".06114711"),
    ({"kind": "poisson"}, ".716875"),
    ({"kind": "kl_divergence"}, ".4337488"),
    ({"kind": "binary_crossentropy"}, ".4337503"),
    ({"kind": "categorical_crossentropy"}, ".4337503"),
    ({"kind": "sparse_categorical_crossentropy"}, ".4337503"),
    ({"kind": "binary_crossentropy", "from_logits": True}, ".6520111"),
    ({"kind": "categorical_crossentropy", "from_logits": True}, ".555577"),
    ({"kind": "binary_crossentropy", "label_smoothing": 0.1}, ".4650694"),
    ({"kind": "categorical_crossentropy", "label_smoothing": 0.1}, ".4650694"),
    ({"kind": "hinge"}, ".85"),
    ({"kind": "squared_hinge"}, ".975"),
    ({"kind": "categorical_hinge"}, ".7"),
]

# w = [1, -2] after three steps of the default optimizer with these gradients.
START = np.array([1.0, -2.0])
GRADIENTS = np.array([[0.1, -0.4], [-0.2, 0.3], [0.3, 0.05]])
MOMENTS = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
RMS = {"kind": "rmsprop", "rho": 0.9, "epsilon": 1e-7}
OPTIMIZERS = [
    (0.01, {"kind": "sgd"}, ".998 -1.9995"),
    (0.01, {"kind": "sgd", "momentum": 0.9}, ".99809 -1.99536"),
    (0.01, {"kind": "sgd", "momentum": 0.9, "nesterov": True}, ".9962809 -1.995324"),
    (0.01, {"kind": "sgd", "weight_decay": 0.1}, ".995003 -1.993511"),
    (0.01, {"kind": "sgd", "clipnorm": 0.1}, ".9993258 -2.000026"),
    (0.001, RMS, ".9971043 -1.999141"),
    (0.001, {**RMS, "momentum": 0.9}, ".9942685 -1.995499"),
    (0.001, {**RMS, "centered": True}, ".9969293 -1.998972"),
    (0.001, {"kind": "adam", **MOMENTS}, ".9990228 -1.998906"),
    (0.001, {"kind": "adam", "weight_decay": 0.004, **MOMENTS}, ".9990109 -1.998882"),
    (0.001, {"kind": "adamax", **MOMENTS}, ".9990423 -1.998917"),
    (0.001, {"kind": "nadam", **MOMENTS}, ".9989871 -1.999589"),
    (
        0.001,
        {"kind": "adagrad", "initial_accumulator_value": 0.1, "epsilon": 1e-7},
        ".9996024 -1.999807",
    ),
    (0.001, {"kind": "adadelta", "rho": 0.95, "epsilon": 1e-7}, ".9999982 -2."),
    (0.001, {"kind": "lion", "beta_1": 0.9, "beta_2": 0.99}, ".999 -2.001"),
    (
        0.001,
        {
            "kind": "ftrl",
            "learning_rate_power": -0.5,
            "initial_accumulator_value": 0.1,
        },
        ".0461399 -.7594597",
    ),
    (0.01, {"kind": "sgd", "gradient_accumulation_steps": 2}, "1.0005 -1.9995"),
]
WHOLE_OPTIMIZERS = [
    (0.001, {"kind": "lamb", **MOMENTS}, ".9983549 -1.997856"),
    (0.001, {"kind": "adafactor"}, ".9981813 -2.000015"),
]


def assert_printed_as(numbers, printed, roundings=8):
    """Each number lies within the last printed digit and float32's roundings."""
    words = printed.split()
    for number, word in zip(np.ravel(numbers), words, strict=True):
        digit = 10.0 ** -len(word.partition(".")[2]) if "." in word else 1.0
        if word.endswith("."):
            digit = 0.0
        size = max(1.0, abs(float(word)))
        error = digit + tolerance("float32", roundings) * size
        assert abs(number - float(word)) <= error, f"{number} is not {word}"


@pytest.mark.parametrize(("name", "args", "printed"), ACTIVATIONS)
def test_activations(name, args, printed, dtype):
    z = np.array([[-2.0, -0.5, 0.5, 2.0]])
    assert_printed_as(reference.activation_forward(name, args, z), printed)
    core = _core.activation_forward(name, args, z.astype(dtype), dtype)
    assert_printed_as(core, printed)


@pytest.mark.parametrize(("spec", "printed"), LOSSES, ids=str)
def test_losses(spec, printed, dtype):
    t = T.argmax(axis=1)[:, None] if spec["kind"].startswith("sparse") else T
    assert_printed_as(reference.loss_value(spec, t, P).mean(), printed)
    assert_printed_as(core_loss(spec, t, P, None, dtype), printed)


def core_loss(spec, t, p, weights, dtype):
    """The loss of predictions that are given: a layer that does nothing."""
    net = core_network(dtype, p.shape[1], [layer(0)])
    net.compile(spec, [], {"kind": "sgd"})
    w = None if weights is None else np.asarray(weights, dtype)
    row = net.evaluate(p.astype(dtype), t.astype(dtype), w, 0, len(p))
    return row[0]


def test_weights_divide_by_the_number_of_rows(dtype):
    spec, weights = {"kind": "mean_squared_error"}, np.array([1.0, 3.0])
    net = reference.Network(2, [layer(0)])
    net.compile(spec, [], {"kind": "sgd"})
    assert_printed_as(net.evaluate(P, T, weights)[0], ".285")
    assert_printed_as(core_loss(spec, T, P, weights, dtype), ".285")


def test_crossentropy_of_a_certain_mistake_is_clipped(dtype):
    spec, t, p = {"kind": "binary_crossentropy"}, np.ones((1, 1)), np.zeros((1, 1))
    assert_printed_as(reference.loss_value(spec, t, p), "16.118")
    assert_printed_as(core_loss(spec, t, p, None, dtype), "16.118")


@pytest.mark.parametrize(
    ("rate", "spec", "printed"), OPTIMIZERS + WHOLE_OPTIMIZERS, ids=str
)
def test_optimizers_of_the_reference(rate, spec, printed):
    w = START.copy()
    optimizer = reference.Optimizer(spec, [w.shape])
    for gradient in GRADIENTS:
        optimizer.step([w], [gradient], rate)
    assert_printed_as(w, printed)


@pytest.mark.parametrize(("rate", "spec", "printed"), OPTIMIZERS, ids=str)
def test_optimizers_of_the_core(rate, spec, printed, dtype):
    # The gradient of |x w - t| is x where x w > t: each row of x is one gradient.
    net = core_network(
        dtype, 2, [layer(1, use_bias=False)], variables=[START.reshape(2, 1)]
    )
    net.compile({"kind": "mean_absolute_error"}, [], spec)
    x, t = GRADIENTS.astype(dtype), np.full((3, 1), -100, dtype)
    train(net, x, t, batch_size=1, learning_rate=rate)
    assert_printed_as(net.get_variable(0), printed)


def test_metrics(dtype):
    t, p = (
        np.array([[0.0], [0.0], [1.0], [1.0]]),
        np.array([[0.1], [0.4], [0.35], [0.8]]),
    )
    specs = [
        {"kind": "binary_accuracy", "threshold": 0.5},
        {"kind": "binary_accuracy", "threshold": 0.3},
        {"kind": "loss_value", "loss": {"kind": "mean_absolute_error"}},
    ]
    ours = reference.Network(1, [layer(0)])
    ours.compile({"kind": "mean_squared_error"}, specs, {"kind": "sgd"})
    core = core_network(dtype, 1, [layer(0)])
    core.compile({"kind": "mean_squared_error"}, specs, {"kind": "sgd"})
    for row in (
        ours.evaluate(p, t),
        core.evaluate(p.astype(dtype), t.astype(dtype), None, 0, 4),
    ):
        assert row[1:3] == [0.75, 0.75]
        assert_printed_as(row[3:], ".3375")


def test_class_metrics_take_the_first_of_the_largest(dtype):
    t, p = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), np.array([[0.2, 0.6, 0.6]] * 2)
    labels = np.array([[1.0], [2.0]])
    for kind, targets, expected in (
        ("categorical_accuracy", t, [1.0, 0.0]),
        ("sparse_categorical_accuracy", labels, [1.0, 0.0]),
    ):
        ours = reference.metric_value({"kind": kind}, targets, p)
        assert ours.tolist() == expected
        loss = "sparse_categorical_crossentropy" if targets is labels else "hinge"
        core = core_network(dtype, 3, [layer(0)])
        core.compile({"kind": loss}, [{"kind": kind}], {"kind": "sgd"})
        row = core.evaluate(p.astype(dtype), targets.astype(dtype), None, 0, 2)
        assert row[1] == 0.5
