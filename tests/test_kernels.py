"""Each kernel against the reference, and each instruction set against generic.

C in float64 and float32 must lie within a bound that is derived from the reference's
own numbers; every instruction set must then give the very same bits as generic. Kernels
are reached through networks of one layer: one that does nothing shows a loss, an
identity matrix its gradient, a bias of zeros an optimizer.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncore import _bounds, _core, reference

from .helpers import (
    ACTIVATIONS,
    DTYPES,
    ISAS,
    LABELLED,
    LOGARITHMIC,
    LOSSES,
    OPTIMIZERS,
    SIZES,
    bounded_network,
    core_network,
    largest_fraction,
    layer,
    name_of,
    predictions_for,
    same_bits,
    slots_of,
    targets_for,
    tolerance,
    train,
    variables_of,
)

BUT_GENERIC = [isa for isa in ISAS if isa != "generic"]
SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 88.7, -103.9)
SUBNORMAL = (1e-45, -1e-45, 1e-40, 5e-324, -5e-324, 1e-310)


@pytest.fixture(params=BUT_GENERIC)
def other_isa(request):
    return request.param


# ---- Activations --------------------------------------------------------------------


def inputs(dtype, rng, shape=(37, 29)):
    """Values of every magnitude that an activation tells apart."""
    z = rng.normal(size=shape) * np.exp2(rng.integers(-12, 6, shape))
    return z.astype(dtype)


def assert_activation_is_within_its_bound(name, args, z, dy):
    spec = layer(0, name, activation_args=args)
    net = bounded_network(z.dtype.name, z.shape[1], [spec])
    (described,), exact = net.layers, net.rounding.exact
    y = net.activate(described, exact(z))
    core = _core.activation_forward(name, args, z, z.dtype.name, "generic")
    assert core.dtype == z.dtype
    assert largest_fraction(core, y) < 1
    dz = net.activate_back(described, exact(dy), exact(z))
    core = _core.activation_backward(name, args, dy, z, z.dtype.name, "generic")
    assert largest_fraction(core, dz) < 1


@pytest.mark.parametrize(("name", "args"), ACTIVATIONS, ids=map(name_of, ACTIVATIONS))
def test_activation_is_within_the_bound_of_the_reference(name, args, dtype, rng):
    assert_activation_is_within_its_bound(
        name, args, inputs(dtype, rng), inputs(dtype, rng)
    )


@pytest.mark.parametrize(("name", "args"), ACTIVATIONS, ids=map(name_of, ACTIVATIONS))
def test_activation_is_within_the_bound_where_its_parts_underflow(name, args, dtype):
    lowest = -800 if dtype == "float64" else -120
    z = np.linspace(lowest, 0, 3000, dtype=dtype).reshape(100, 30)
    assert_activation_is_within_its_bound(name, args, z, np.ones_like(z))


@pytest.mark.parametrize(("name", "args"), ACTIVATIONS, ids=map(name_of, ACTIVATIONS))
def test_activation_has_the_same_bits_on_every_isa(name, args, dtype, other_isa, rng):
    special = np.array([*SPECIAL, *SUBNORMAL]).astype(dtype)
    for rows, cols in [(1, n) for n in SIZES] + [(5, 3), (3, 67), (2, 521), (1, 4099)]:
        z, dy = inputs(dtype, rng, (rows, cols)), inputs(dtype, rng, (rows, cols))
        for row in (z, dy):
            row.flat[rng.integers(0, row.size, 3)] = rng.choice(special, 3)
        for call in (
            lambda isa, z=z: _core.activation_forward(name, args, z, dtype, isa),
            lambda isa, z=z, dy=dy: _core.activation_backward(
                name, args, dy, z, dtype, isa
            ),
        ):
            assert same_bits(call(other_isa), call("generic")), (rows, cols)


ELEMENTWISE = [a for a in ACTIVATIONS if a[0] not in ("softmax", "log_softmax")]


@pytest.mark.parametrize(("name", "args"), ELEMENTWISE, ids=map(name_of, ELEMENTWISE))
def test_activation_takes_nan_and_infinities_as_the_reference_does(
    name, args, dtype, isa
):
    z = np.array([[np.nan, np.inf, -np.inf, 0.0, -0.0]], dtype=dtype)
    ours = reference.activation_forward(name, args, z)
    core = _core.activation_forward(name, args, z, dtype, isa)
    rounded = tolerance(dtype, _bounds.FUNCTION_ROUNDINGS)
    np.testing.assert_allclose(core, ours, rtol=rounded)
    ones = np.ones_like(z)
    ours = reference.activation_backward(name, args, ones, z)
    core = _core.activation_backward(name, args, ones, z, dtype, isa)
    np.testing.assert_allclose(core, ours, rtol=rounded, atol=rounded)


def test_a_leaky_relu_that_does_not_leak_has_the_bits_of_a_relu(dtype, isa):
    z = np.array([[0.0, -0.0, -1e-30, -1.0, -np.inf, 1.0, np.inf, np.nan] * 3], dtype)
    a, b = (
        _core.activation_forward(name, args, z, dtype, isa)
        for name, args in (
            ("relu", (0.0, np.inf, 0.0)),
            ("leaky_relu", (0.0, 0.0, 0.0)),
        )
    )
    assert same_bits(a, b)


def test_softmax_of_a_row_with_nan_is_nan_and_leaves_other_rows(dtype, isa, rng):
    z = inputs(dtype, rng, (4, 19))
    for name in ("softmax", "log_softmax"):
        clean = _core.activation_forward(name, (0, 0, 0), z, dtype, isa)
        dirty = z.copy()
        dirty[2, 7] = np.nan
        y = _core.activation_forward(name, (0, 0, 0), dirty, dtype, isa)
        assert np.isnan(y[2]).all()
        assert same_bits(np.delete(y, 2, 0), np.delete(clean, 2, 0))


# ---- Losses -------------------------------------------------------------------------


def loss_terms(spec, t, p):
    """Sums of the absolute terms of value and gradient, to which rounding relates."""
    kind, s = spec["kind"], spec.get("label_smoothing", 0.0)
    cols = p.shape[1]
    value = np.abs(reference.loss_value(spec, t, p))
    gradient = np.abs(reference.loss_gradient(spec, t, p))
    if kind in LABELLED:
        t = np.eye(cols)[t[:, 0].astype(int)]
    if kind == "quantile":
        k = len(spec["list"])
        size = np.abs(p) + np.repeat(np.abs(t), k, axis=1)
        return size.mean(axis=1), np.full(p.shape, 1 / cols)
    if kind == "gaussian_nll":
        m, v = np.split(p, 2, axis=1)
        log_v = v if spec["log_variance"] else np.log(v)
        # e^x has the rounding of x.
        much = (1 + np.abs(log_v)) * np.exp(-log_v)
        reach = np.abs(m) + np.abs(t)
        value = value + (1 + np.abs(log_v) + much * reach**2).mean(axis=1)
        inner = 1 + much * reach**2
        if not spec["log_variance"]:
            inner = (inner + 1) * np.exp(-log_v)
        return value, gradient + np.hstack([much * reach, inner]) / t.shape[1]
    if kind == "tweedie":
        # Powers are e^(c log x), which has the rounding of c log x.
        c = spec["power"]
        logs = 1 + (2 + c) * (np.abs(np.log(p)) + np.abs(np.log(t)))
        size = t ** (2 - c) + t * p ** (1 - c) + p ** (2 - c) + t / p + 1
        near = abs((1 - c) * (2 - c)) or 1
        value = value + (logs * size / near).mean(axis=1)
        return value, gradient + (logs * (p + t) * p**-c) / cols * 2
    if kind in LOGARITHMIC:
        value = value + (100 * (np.abs(p) + np.abs(t)) / t).mean(axis=1)
        gradient = gradient + (np.log1p(p) + np.log1p(t)) / cols
    elif kind == "cosine_similarity":
        size = np.sqrt((p**2).sum(axis=1))
        value = value + (np.abs(t * p)).sum(axis=1) / size / np.linalg.norm(t, axis=1)
        gradient = gradient + 2 / size[:, None]
    elif kind in ("dice", "tversky"):
        size = ((t + p).sum(axis=1) * 0.3)[:, None]
        value = value + 2
        gradient = gradient + (2 + (t + p).sum(axis=1, keepdims=True)) / size**2
    elif kind == "categorical_generalized_cross_entropy":
        value = value + 1 / spec["q"]
        gradient = gradient * 2
    elif "focal" in kind:
        logits = spec.get("from_logits")
        binary = kind.startswith("binary")
        if logits and binary:
            p = 1 / (1 + np.exp(-p))
        elif logits:
            p = np.exp(p - p.max(axis=1, keepdims=True))
        spread = -np.log(p).min(axis=1, keepdims=True) + cols
        p = p if binary else p / p.sum(axis=1, keepdims=True)
        rest = np.log(1 - p) if cols > 1 or binary else np.full(p.shape, np.log(1e-7))
        much = (1 + spread) * (1 + np.abs(np.log(p)) + np.abs(rest))
        value = value + much.sum(axis=1)
        gradient = gradient + much * (1 / p + 1 / np.exp(rest)) / (
            (cols if binary else 1) if logits else p.min()
        )
    elif kind in ("huber", "hinge", "squared_hinge", "poisson", "log_cosh"):
        value = value + (1 + np.abs(t * p) + np.abs(p) + np.abs(t)).mean(axis=1)
        gradient = gradient + (1 + np.abs(t) + np.abs(t * p)) / cols
    elif kind == "categorical_hinge":
        value = value + 1 + np.abs(t * p).sum(axis=1) + np.abs(p).max(axis=1)
        gradient = gradient + 1
    elif kind == "kl_divergence":
        value = value + np.abs(t * np.log(t / p)).sum(axis=1) + t.sum(axis=1)
    elif kind == "binary_crossentropy" and spec.get("from_logits"):
        value = value + (1 + np.abs(p) * (1 + t)).mean(axis=1)
        gradient = gradient + 1 / cols
    elif kind == "binary_crossentropy":
        value = value + 1
        gradient = gradient + 2 / (p * (1 - p)) / cols
    elif "categorical_crossentropy" in kind and spec.get("from_logits"):
        spread = p.max(axis=1) - p.min(axis=1)
        value = value + (1 + s) * (1 + cols + spread)
        gradient = gradient + (1 + spread[:, None])
    elif "categorical_crossentropy" in kind:
        smoothed = t * (1 - s) + s / cols
        value = value + smoothed.sum(axis=1) * (2 + cols)
        share = smoothed / (p / p.sum(axis=1, keepdims=True))
        gradient = (share + smoothed.sum(axis=1, keepdims=True)) / p.sum(
            axis=1, keepdims=True
        )
    return value, gradient


def core_losses(spec, t, p, dtype, isa="generic"):
    """C's value and gradient of each row, one row at a time."""
    rows, cols = p.shape
    variables = [np.eye(cols), np.zeros(cols)]
    net = core_network(dtype, cols, [layer(cols)], isa=isa, variables=variables)
    net.compile(spec, [], {"kind": "sgd"})
    values, gradients = [], []
    for i in range(rows):
        value, (_, gradient) = net.gradient(p[i : i + 1], t[i : i + 1], None)
        values.append(value)
        gradients.append(gradient)
    return np.array(values), np.array(gradients)


@pytest.mark.parametrize("spec", LOSSES, ids=name_of)
@pytest.mark.parametrize("cols", [1, 2, 3, 16, 17, 40])
def test_loss_is_within_the_bound_of_the_reference(spec, cols, dtype, rng):
    t = targets_for(spec, 12, cols, rng).astype(dtype)
    p = predictions_for(spec, 12, cols, rng).astype(dtype)
    wide_t, wide_p = t.astype(np.float64), p.astype(np.float64)
    terms = loss_terms(spec, wide_t, wide_p)
    roundings = _bounds.FUNCTION_ROUNDINGS + cols
    values, gradients = core_losses(spec, t, p, dtype)
    ours = reference.loss_value(spec, wide_t, wide_p)
    assert np.all(np.abs(values - ours) <= tolerance(dtype, roundings) * terms[0])
    ours = reference.loss_gradient(spec, wide_t, wide_p)
    assert np.all(np.abs(gradients - ours) <= tolerance(dtype, roundings) * terms[1])


def test_focal_crossentropy_takes_an_alpha_for_each_class(dtype, isa, rng):
    for cols in (3, 16, 40):
        spec = {"kind": "categorical_focal_crossentropy", "gamma": 2.0}
        alphas = rng.uniform(0.1, 1, cols).tolist()
        t = targets_for(spec, 8, cols, rng).astype(dtype)
        p = predictions_for(spec, 8, cols, rng).astype(dtype)
        weighted = {**spec, "list": alphas}
        by_class = core_losses(weighted, t, p, dtype, isa)
        ones = core_losses({**spec, "alpha": 1.0}, t, p, dtype, isa)
        share = np.asarray(alphas, dtype)[t.argmax(axis=1)]
        np.testing.assert_allclose(
            by_class[0], ones[0] * share, rtol=tolerance(dtype, 4 * cols)
        )
        assert np.any(by_class[1] != ones[1])
        ours = reference.loss_gradient(weighted, t, p)
        terms = loss_terms({**spec, "alpha": 1.0}, t.astype(float), p.astype(float))
        error = np.abs(by_class[1] - ours)
        roundings = _bounds.FUNCTION_ROUNDINGS + cols
        assert np.all(error <= tolerance(dtype, roundings) * terms[1])


@pytest.mark.parametrize("spec", LOSSES, ids=name_of)
def test_loss_has_the_same_bits_on_every_isa(spec, dtype, other_isa, rng):
    for rows, cols in [(3, n) for n in (1, 2, 7, 15, 16, 17, 33, 129, 257)]:
        t = targets_for(spec, rows, cols, rng).astype(dtype)
        p = predictions_for(spec, rows, cols, rng).astype(dtype)
        cols = p.shape[1]
        net = [
            core_network(dtype, cols, [layer(cols)], isa=isa, variables=[np.eye(cols)])
            for isa in (other_isa, "generic")
        ]
        results = []
        for n in net:
            n.compile(spec, [], {"kind": "sgd"})
            value, gradients = n.gradient(p, t, np.arange(1, rows + 1, dtype=dtype))
            results.append((value, *gradients))
        for a, b in zip(*results, strict=True):
            assert same_bits(a, b)


@pytest.mark.parametrize("spec", LOSSES, ids=name_of)
def test_loss_of_nan_is_nan(spec, dtype, isa, rng):
    t = targets_for(spec, 1, 3, rng).astype(dtype)
    p = predictions_for(spec, 1, 3, rng).astype(dtype)
    if spec["kind"] in LABELLED:
        t[...] = 1
    p[0, 1] = np.nan
    net = core_network(dtype, p.shape[1], [layer(0)], isa=isa)
    net.compile(spec, [], {"kind": "sgd"})
    assert np.isnan(net.evaluate(p, t, None, 0, 1)[0])


@pytest.mark.parametrize("spec", LOSSES, ids=name_of)
@pytest.mark.parametrize("cols", [1, 2, 7, 10])
def test_loss_has_the_same_bits_in_both_engines(spec, cols, dtype, rng, monkeypatch):
    # Rows lie side by side in one of them; an evaluation asks for no gradient.
    rows = 37
    t = targets_for(spec, rows, cols, rng).astype(dtype)
    p = predictions_for(spec, rows, cols, rng).astype(dtype)
    weights = rng.uniform(0.5, 2, rows).astype(dtype)
    n = p.shape[1]
    metrics = []
    if spec["kind"] in LABELLED:
        metrics = [{"kind": "sparse_categorical_accuracy"}]
    elif t.shape == p.shape:
        metrics = [{"kind": "binary_accuracy", "threshold": 0.3}]
        metrics += [{"kind": "categorical_accuracy"}]
    results = []
    for engine in ("tiny", "panel"):
        monkeypatch.setenv("NNCORE_ENGINE", engine)
        net = core_network(dtype, n, [layer(n)], variables=[np.eye(n), np.zeros(n)])
        net.compile(spec, metrics, {"kind": "sgd"})
        looked = net.evaluate(p, t, weights, 0, rows, batch_size=rows)
        report = train(net, p, t, weights)[0]
        assert net.last_run["engine"] == engine
        assert np.all(np.isfinite(looked)), looked
        results.append((looked, report, *variables_of(net)))
    for a, b in zip(*results, strict=True):
        assert same_bits(a, b)
    assert same_bits(results[0][0], results[0][1][0])


@pytest.mark.parametrize("spec", LOSSES, ids=name_of)
@pytest.mark.parametrize("cols", [1, 3, 16, 17, 40, 300])
def test_a_row_among_others_has_the_gradient_that_it_has_alone(spec, cols, dtype, rng):
    rows = 21
    t = targets_for(spec, rows, cols, rng).astype(dtype)
    p = predictions_for(spec, rows, cols, rng).astype(dtype)
    # Rows of the unit matrix: the kernel is the predictions, its gradient theirs.
    x = np.eye(rows, dtype=dtype)
    net = core_network(dtype, rows, [layer(p.shape[1], use_bias=False)], variables=[p])
    net.compile({**spec, "reduction": "sum"}, [], {"kind": "sgd"})
    _, (gradient,) = net.gradient(x, t, None)
    for i in range(rows):
        _, (alone,) = net.gradient(x[i : i + 1], t[i : i + 1], None)
        assert same_bits(gradient[i], alone[i])


@pytest.mark.parametrize(
    "spec", [s for s in LOSSES if s["kind"] in LABELLED], ids=name_of
)
@pytest.mark.parametrize("cols", [3, 20, 300])
def test_a_label_that_is_no_class_gives_nan(spec, cols, dtype, isa, rng):
    p = rng.uniform(0.05, 0.95, (1, cols)).astype(dtype)
    net = core_network(dtype, cols, [layer(0)], isa=isa)
    net.compile(spec, [], {"kind": "sgd"})
    for label in (-1, -0.5, 0.5, cols, 1e30, np.inf, np.nan):
        if label != spec.get("ignore_class"):
            y = np.full((1, 1), label, dtype)
            assert np.isnan(net.evaluate(p, y, None, 0, 1)[0]), label
    assert np.isfinite(net.evaluate(p, np.ones((1, 1), dtype), None, 0, 1)[0])


# ---- Optimizers ---------------------------------------------------------------------

CLIPS = ({}, {"clipnorm": 0.5}, {"clipvalue": 0.2}, {"global_clipnorm": 0.7})


def gradient_network(dtype, n, spec, isa, penalties=None):
    """w[n][1] whose gradient is the row of x: that of |x w - t| where x w > t."""
    net = core_network(
        dtype, n, [layer(1, use_bias=False, **(penalties or {}))], isa=isa
    )
    net.compile({"kind": "mean_absolute_error"}, [], spec)
    return net, np.full((1, 1), -1e6, dtype)


@pytest.mark.parametrize("spec", OPTIMIZERS, ids=name_of)
@pytest.mark.parametrize("clip", CLIPS, ids=str)
def test_optimizer_is_within_the_bound_of_the_reference(spec, clip, dtype, rng):
    n = 37
    spec = {**spec, **clip, "decay": 0.1}
    penalties = {"kernel_l1": 0.02, "kernel_l2": 0.03}
    net, t = gradient_network(dtype, n, spec, "generic", penalties)
    net.set_variable(0, rng.normal(size=(n, 1)).astype(dtype))
    ours = bounded_network(dtype, n, [layer(1, use_bias=False, **penalties)])
    ours.compile({"kind": "mean_squared_error"}, [], spec)
    for step in range(6):
        x = (rng.normal(size=(1, n)) * np.exp2(-2.0 * step)).astype(dtype)
        x[0, rng.integers(0, n, 5)] = 0
        ours.start_from(variables_of(net), slots_of(net))
        (w,) = ours.variables
        gradient = ours.rounding.exact(x.T) + reference.penalty_gradient(w, 0.02, 0.03)
        ours.optimizer.step(ours.variables, [gradient], 0.05)
        train(net, x, t, learning_rate=0.05)
        assert largest_fraction(net.get_variable(0), ours.variables[0]) < 1
        for slot, ours_slot in zip(slots_of(net), ours.optimizer.slots, strict=True):
            assert largest_fraction(slot[0], ours_slot[0]) < 1


@pytest.mark.parametrize("spec", OPTIMIZERS, ids=name_of)
def test_optimizer_has_the_same_bits_on_every_isa(spec, dtype, other_isa, rng):
    for n in (*SIZES, 521):
        x = rng.normal(size=(4, n)).astype(dtype)
        x[:, rng.integers(0, n)] = 1e-30
        w = rng.normal(size=(n, 1)).astype(dtype)
        states = []
        for isa in (other_isa, "generic"):
            net, t = gradient_network(dtype, n, spec, isa)
            net.set_variable(0, w)
            train(net, x, np.repeat(t, 4, axis=0), batch_size=1)
            states.append([*variables_of(net), *(s[0] for s in slots_of(net))])
        assert all(same_bits(a, b) for a, b in zip(*states, strict=True)), n


# ---- Products -----------------------------------------------------------------------

SHAPES = [
    *((m, 5, 4) for m in SIZES),
    *((3, k, 6) for k in SIZES),
    *((2, 7, n) for n in SIZES),
    *(
        (1, 521, 1),
        (5, 1031, 3),
        (3, 2, 601),
        (17, 97, 131),
        (1, 4099, 2),
        (4, 1, 4099),
    ),
    (1025, 3, 2),
    (1025, 65, 131),
    (40, 1024, 300),
]


def small_integers(rng, shape, dtype):
    return rng.integers(-2, 3, shape).astype(dtype)


def scales_exactly(rows):
    """Whether rows times the rounded 1 / rows is 1 in both dtypes."""
    return all(kind(1 / rows) * kind(rows) == 1 for kind in (np.float32, np.float64))


@pytest.mark.parametrize(("rows", "n_in", "n_out"), SHAPES)
def test_products_of_integers_are_exact(rows, n_in, n_out, dtype, isa, rng):
    x, w = (
        small_integers(rng, shape, dtype) for shape in ((rows, n_in), (n_in, n_out))
    )
    b = small_integers(rng, n_out, dtype)
    net = core_network(dtype, n_in, [layer(n_out)], isa=isa, variables=[w, b])
    assert np.array_equal(net.predict(x), x @ w + b)


def test_no_rows_give_no_rows(dtype, isa):
    net = core_network(dtype, 3, [layer(4, "tanh"), layer(2, "softmax")], isa=isa)
    assert net.predict(np.zeros((0, 3), dtype)).shape == (0, 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_row_leaves_the_bits_of_other_rows(bad, dtype, isa, rng):
    layers = [layer(20, "relu"), layer(5, "tanh"), layer(3, "softmax")]
    shapes = [v.shape for v in reference.Network(7, layers).variables]
    variables = [rng.normal(size=shape) for shape in shapes]
    net = core_network(dtype, 7, layers, isa=isa, variables=variables)
    x = inputs(dtype, rng, (13, 7))
    clean = net.predict(x)
    x[5, 3] = bad
    dirty = net.predict(x)
    assert same_bits(np.delete(dirty, 5, 0), np.delete(clean, 5, 0))
    if np.isnan(bad):
        assert np.isnan(dirty[5]).all()


@pytest.mark.parametrize(("rows", "n_in", "n_out"), SHAPES)
def test_gradients_of_integers_are_exact(rows, n_in, n_out, dtype, isa, rng):
    # Weighted by the number of rows, categorical hinge has integer gradients:
    # -t, and 1 - t more where (1 - t) p is largest, if the loss is positive.
    if not scales_exactly(rows):
        rows += 1
    assert scales_exactly(rows)
    layers = [layer(3), layer(n_in), layer(n_out)]
    x, t = small_integers(rng, (rows, 2), dtype), np.zeros((rows, n_out), dtype)
    t[np.arange(rows), rng.integers(0, n_out, rows)] = -1
    shapes = [(2, 3), 3, (3, n_in), n_in, (n_in, n_out), n_out]
    variables = [small_integers(rng, shape, dtype) for shape in shapes]
    variables[0] = rng.integers(0, 2, (2, 3)).astype(dtype)
    net = core_network(dtype, 2, layers, isa=isa, variables=variables)
    net.compile({"kind": "categorical_hinge"}, [], {"kind": "sgd"})
    _, gradients = net.gradient(x, t, np.full(rows, rows, dtype))
    ours = reference.Network(2, layers)
    ours.variables = [v.astype(np.float64) for v in variables]
    ours.compile({"kind": "categorical_hinge"}, [], {"kind": "sgd"})
    _, exact = ours.gradient(x, t, np.full(rows, float(rows)))
    assert max(np.abs(g).max() for g in exact) < 2**24
    for gradient, ours_gradient in zip(gradients, exact, strict=True):
        assert np.array_equal(gradient, np.round(ours_gradient))


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 40),
    n_in=st.integers(1, 70),
    n_out=st.integers(1, 70),
    seed=st.integers(0, 2**32 - 1),
)
def test_prediction_is_within_the_bound_of_the_product(dtype, rows, n_in, n_out, seed):
    rng = np.random.default_rng(seed)
    x, w, b = (
        inputs(dtype, rng, shape) for shape in ((rows, n_in), (n_in, n_out), (n_out,))
    )
    core = core_network(dtype, n_in, [layer(n_out)], variables=[w, b])
    exact = _bounds.Rounding(dtype).exact
    bounded = exact(x) @ exact(w) + exact(b)
    assert largest_fraction(core.predict(x), bounded) < 1


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40, deadline=None)
@given(
    units=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    rows=st.integers(1, 20),
    name=st.sampled_from([n for n in reference.ACTIVATIONS if n != "exponential"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_gradient_is_within_the_bound_of_the_chain_rule(dtype, units, rows, name, seed):
    rng, n_in = np.random.default_rng(seed), 5
    layers = [*(layer(n, name) for n in units), layer(2, "sigmoid")]
    variables = [
        rng.normal(size=v.shape).astype(dtype) * np.asarray(0.5, dtype)
        for v in reference.Network(n_in, layers).variables
    ]
    x = rng.normal(size=(rows, n_in)).astype(dtype)
    y = rng.integers(0, 2, (rows, 2)).astype(dtype)
    ours = bounded_network(dtype, n_in, layers)
    ours.compile({"kind": "binary_crossentropy"}, [], {"kind": "sgd"})
    ours.start_from(variables, [])
    for i, spec in enumerate(layers):
        probe = [*layers[:i], {**spec, "activation": "linear"}]
        n = len(reference.Network(n_in, probe).variables)
        net = core_network(dtype, n_in, probe, variables=variables[:n])
        ours.core_z[i] = net.predict(x).astype(np.float64)
    core = core_network(dtype, n_in, layers, variables=variables)
    core.compile({"kind": "binary_crossentropy"}, [], {"kind": "sgd"})
    loss, gradients = core.gradient(x, y, None)
    bounded, ours_gradients = ours.gradient(x.astype(float), y.astype(float))
    assert largest_fraction(loss, bounded) < 1
    for gradient, ours_gradient in zip(gradients, ours_gradients, strict=True):
        assert largest_fraction(gradient, ours_gradient) < 1


# ---- Random words -------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("cols", [1, 3, 4, 5, 17, 130])
def test_dropout_keeps_what_the_reference_keeps(rate, cols, dtype, isa):
    # The bias gradient of hinge with positive loss is -t where dropout keeps, scaled.
    spec = layer(cols, dropout=rate, dropout_seed=2**63 + 5)
    net = core_network(dtype, 1, [spec], isa=isa)
    net.compile({"kind": "hinge"}, [], {"kind": "sgd"})
    x, t = np.zeros((1, 1), dtype), -np.ones((1, cols), dtype)
    for step in range(3):
        before = net.get_variable(1)
        train(net, x, t, learning_rate=0.01)
        moved = net.get_variable(1) != before
        keeps = reference.dropout_keeps(1, cols, rate, 2**63 + 5, step)
        assert np.array_equal(moved, keeps[0])


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 64, 101])
def test_rows_come_in_the_order_of_the_reference(n, dtype, isa):
    # One row a batch, one weight a row: with momentum the order shows in the weights.
    seed = 2**63 + 9
    rows = []
    for order in (None, "reference"):
        net = core_network(dtype, n, [layer(1)], seed=seed, isa=isa)
        net.compile({"kind": "log_cosh"}, [], {"kind": "sgd", "momentum": 0.9})
        x, t = np.eye(n, dtype=dtype), np.arange(1, n + 1, dtype=dtype)[:, None]
        for epoch in range(3):
            options = {"batch_size": 1, "shuffle": order is None}
            if order:
                options["order"] = reference.shuffled(n, seed, epoch)
            train(net, x, t, **options)
        rows.append(variables_of(net))
    assert all(same_bits(a, b) for a, b in zip(*rows, strict=True))
