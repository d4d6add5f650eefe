"""The whole arithmetic of a dense network in plain NumPy float64.

This file is the lesson and the oracle. It is written to be read from top to bottom:
activations, layers, losses, penalties, constraints and clipping, optimizers, random
words, metrics, and last the network that puts them together. Every formula stands where
it is computed.
Nothing here is fast, nothing depends on the compiled core, and the tests trust it
because central differences confirm each gradient.

Shapes: a batch is ``x [rows][n_in]``; a layer computes ``z = S(x)``, where S is its
kind, for a dense one ``z = x W + b`` with ``W [n_in][units]`` and ``b [units]``; then
``y = f(z)``, and in training ``u = noise(y)``. ``dz`` always means the derivative of
the batch's loss with respect to ``z``.

Networks, losses, metrics and optimizers are described by the dictionaries that the
compiled core takes too. Formulas, epsilons and defaults are Keras 3's.

Example:
    Two units that learn to tell two points apart:

    >>> import numpy as np
    >>> from nncore import reference
    >>> layers = [{"units": 1, "use_bias": True, "activation": "sigmoid"}]
    >>> net = reference.Network(2, layers)
    >>> net.compile({"kind": "mean_squared_error"}, [], {"kind": "sgd"})
    >>> x, y = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.0], [1.0]])
    >>> for _ in range(100):
    ...     loss = net.train_on_batch(x, y, learning_rate=5.0)
    >>> net.predict(x).round()
    array([[0.],
           [1.]])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Spec = Mapping[str, Any]
Args = Sequence[float]

EPSILON = 1e-7
"""Keras's fuzz factor: probabilities are clipped to [EPSILON, 1 - EPSILON]."""

SELU_ALPHA = 1.6732632423543772848
SELU_SCALE = 1.0507009873554804934
"""Klambauer et al., Self-Normalizing Neural Networks (2017), equation 14."""


# ---- Activations: y = f(z) and f'(z) ------------------------------------------------
#
# Each function takes z and the three numbers `args` and returns a pair: f(z), f'(z).
# At a kink, where f has no derivative, the one that the compiled core uses is taken.
# Infinite z give the limits, never inf / inf or 0 inf: where a factor is 0 long before,
# z is held at a finite bound. NaN gives NaN.


def _sigmoid(z: Array) -> Array:
    # Neither branch ever raises e to a large positive power, so nothing overflows.
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def _softplus(z: Array) -> Array:
    return np.logaddexp(z, 0.0)


def _normal_cdf(z: Array) -> Array:
    # NumPy has no erf; erfc keeps its digits in the left tail, where 1 + erf has none.
    erfc = np.frompyfunc(math.erfc, 1, 1)
    return 0.5 * np.asarray(erfc(-z / math.sqrt(2)), dtype=np.float64)


def _linear(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = z."""
    return z.copy(), np.ones_like(z)


def _relu(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = min(z, max_value) above threshold, else slope (z - threshold)."""
    slope, max_value, threshold = args
    # A slope of 0 means 0 also for z = -inf, where 0 times z would be NaN.
    below = slope * (z - threshold) if slope != 0 else np.where(np.isnan(z), z, 0.0)
    y = np.where(z > threshold, np.minimum(z, max_value), below)
    rises = (z < max_value) | math.isinf(max_value)
    return y, np.where(z > threshold, rises * 1.0, slope)


def _leaky_relu(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = z above 0, slope z below."""
    return _relu(z, (args[0], math.inf, 0.0))


def _relu6(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = min(max(z, 0), 6)."""
    return _relu(z, (0.0, 6.0, 0.0))


def _elu(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = z above 0, alpha (e^z - 1) below (Clevert et al., 2015)."""
    alpha = args[0]
    left = np.minimum(z, 0.0)
    y = np.where(z >= 0, z, alpha * np.expm1(left))
    return y, np.where(z >= 0, 1.0, alpha * np.exp(left))


def _selu(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = scale elu(z) with constants that keep mean 0 and variance 1."""
    y, slope = _elu(z, (SELU_ALPHA, 0.0, 0.0))
    return SELU_SCALE * y, SELU_SCALE * slope


def _celu(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = z above 0, alpha (e^(z / alpha) - 1) below (Barron, 2017)."""
    alpha = args[0]
    left = np.minimum(z, 0.0) / alpha
    y = np.where(z >= 0, z, alpha * np.expm1(left))
    return y, np.where(z >= 0, 1.0, np.exp(left))


def _gelu(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = z Phi(z), Phi the normal distribution (Hendrycks and Gimpel, 2016)."""
    cdf, near = _normal_cdf(z), np.clip(z, -100, 100)
    density = np.exp(-0.5 * near * near) / math.sqrt(2 * math.pi)
    return np.maximum(z, -100) * cdf, cdf + near * density


def _gelu_tanh(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = z (1 + tanh(u)) / 2, u = sqrt(2 / pi) (z + 0.044715 z^3)."""
    c, near = math.sqrt(2 / math.pi), np.clip(z, -100, 100)
    u = c * (near + 0.044715 * near**3)
    du = c * (1 + 3 * 0.044715 * near**2)
    # (1 + tanh u) / 2 is sigmoid(2u), which keeps its digits for very negative u.
    s = _sigmoid(2 * u)
    return np.maximum(z, -100) * s, s + near * 2 * s * _sigmoid(-2 * u) * du


def _sigmoid_pair(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = 1 / (1 + e^-z), f' = f (1 - f)."""
    y = _sigmoid(z)
    return y, y * _sigmoid(-z)


def _hard_sigmoid(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = z / 6 + 1/2, clipped to [0, 1]."""
    y = np.clip(z / 6 + 0.5, 0.0, 1.0)
    return y, np.where((z > -3) & (z < 3), 1 / 6, 0.0)


def _log_sigmoid(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = log sigmoid(z) = -softplus(-z)."""
    return -_softplus(-z), _sigmoid(-z)


def _tanh(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = tanh(z), f' = 1 - f^2 = 4 sigmoid(2z) sigmoid(-2z)."""
    return np.tanh(z), 4 * _sigmoid(2 * z) * _sigmoid(-2 * z)


def _softplus_pair(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = log(1 + e^z)."""
    return _softplus(z), _sigmoid(z)


def _softsign(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = z / (1 + |z|)."""
    near = np.clip(z, -1e30, 1e30)
    return near / (1 + np.abs(near)), 1 / (1 + np.abs(near)) ** 2


def _silu(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = z sigmoid(z)."""
    s, near = _sigmoid(z), np.clip(z, -1000, 1000)
    return np.maximum(z, -1000) * s, s + near * s * _sigmoid(-z)


def _mish(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = z tanh(softplus(z)) (Misra, 2019)."""
    # With n = e^2z + 2 e^z, tanh(softplus(z)) = n / (n + 2). For positive z both are
    # divided by e^2z, so that nothing overflows.
    e = np.exp(-np.abs(z))
    n = np.where(z >= 0, 1 + 2 * e, e * (e + 2))
    two = np.where(z >= 0, 2 * e * e, 2.0)
    t, one_minus_t = n / (n + two), two / (n + two)
    near = np.clip(z, -1000, 1000)
    return np.maximum(z, -1000) * t, t + near * one_minus_t * (1 + t) * _sigmoid(z)


def _exponential(z: Array, args: Args) -> tuple[Array, Array]:
    """Value f = e^z."""
    y = np.exp(z)
    return y, y


_ELEMENTWISE: dict[str, Callable[[Array, Args], tuple[Array, Array]]] = {
    "linear": _linear,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "relu6": _relu6,
    "elu": _elu,
    "selu": _selu,
    "celu": _celu,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "sigmoid": _sigmoid_pair,
    "hard_sigmoid": _hard_sigmoid,
    "log_sigmoid": _log_sigmoid,
    "tanh": _tanh,
    "softplus": _softplus_pair,
    "softsign": _softsign,
    "silu": _silu,
    "mish": _mish,
    "exponential": _exponential,
}

ACTIVATIONS = (*_ELEMENTWISE, "softmax", "log_softmax")
"""Names of all activations."""


def _log_softmax(z: Array) -> Array:
    # Subtracting the largest z changes nothing but keeps every power at most 1.
    shifted = z - z.max(axis=-1, keepdims=True)
    return np.asarray(
        shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), dtype=np.float64
    )


def activation_forward(name: str, args: Args, z: npt.ArrayLike) -> Array:
    """Values of an activation.

    Args:
        name: One of `ACTIVATIONS`.
        args: Three numbers: relu takes (negative_slope, max_value, threshold),
            leaky_relu (negative_slope, 0, 0), elu and celu (alpha, 0, 0).
        z: Pre-activations ``[rows][units]``. Softmax and log_softmax act on each row,
            ``softmax(z)_j = e^(z_j) / sum_k e^(z_k)``; all others on each number.

    Returns:
        ``f(z)``, float64, shaped like `z`.

    Example:
        >>> activation_forward("relu", (0.0, float("inf"), 0.0), [[-1.0, 2.0]])
        array([[0., 2.]])
    """
    z = np.asarray(z, dtype=np.float64)
    with np.errstate(all="ignore"):
        if name == "softmax":
            return np.exp(_log_softmax(z))
        if name == "log_softmax":
            return _log_softmax(z)
        return np.asarray(_elementwise(name)(z, args)[0])


def activation_backward(
    name: str, args: Args, dy: npt.ArrayLike, z: npt.ArrayLike
) -> Array:
    """Carry a derivative back through an activation: ``dz = dy f'(z)``.

    Softmax and log_softmax mix a row's numbers, so their derivative is a matrix; its
    product with ``dy`` is ``y (dy - sum_k dy_k y_k)`` for ``y = softmax(z)``, and
    ``dy - softmax(z) sum_k dy_k``.

    Args:
        name: One of `ACTIVATIONS`.
        args: As for `activation_forward`.
        dy: Derivative of the loss with respect to ``f(z)``, ``[rows][units]``.
        z: Pre-activations, the same shape.

    Returns:
        Derivative of the loss with respect to `z`, float64.

    Example:
        >>> activation_backward("tanh", (0, 0, 0), [[3.0]], [[0.0]])
        array([[3.]])
    """
    z, dy = np.asarray(z, dtype=np.float64), np.asarray(dy, dtype=np.float64)
    with np.errstate(all="ignore"):
        if name == "softmax":
            y = np.exp(_log_softmax(z))
            return np.asarray(y * (dy - (dy * y).sum(axis=-1, keepdims=True)))
        if name == "log_softmax":
            y = np.exp(_log_softmax(z))
            return np.asarray(dy - y * dy.sum(axis=-1, keepdims=True))
        slope = _elementwise(name)(z, args)[1]
        if name != "linear":
            slope = np.where(np.isnan(z), np.nan, slope)
        return np.asarray(dy * slope)


def _elementwise(name: str) -> Callable[[Array, Args], tuple[Array, Array]]:
    if name not in _ELEMENTWISE:
        raise ValueError(f"Expected one of {', '.join(ACTIVATIONS)}. Received: {name}")
    return _ELEMENTWISE[name]


# ---- Layers: z = S(x) and the way back ----------------------------------------------
#
# A kind of layer has variables, names and shapes in order; S, which also returns what
# the way back needs; and the way back from dz to dx and the variables' gradients. x is
# [rows][n_in]; v holds the variables by name.
#
# Normalisations and PReLU cut each row into groups of C columns, C being the length of
# their variables; every group is treated like a row of its own.

Weights = dict[str, Array]


class _Same:
    """Kind "none": z = x."""

    def shapes(self, layer: Spec, n_in: int) -> dict[str, tuple[int, ...]]:
        return {}

    def n_out(self, layer: Spec, n_in: int) -> int:
        return n_in

    def forward(
        self, layer: Spec, x: Array, v: Weights, training: bool
    ) -> tuple[Array, Weights]:
        return x, {}

    def backward(
        self, layer: Spec, dz: Array, x: Array, v: Weights, kept: Weights
    ) -> tuple[Array, Weights]:
        return dz, {}


class _Dense(_Same):
    """z = x W + b; dW = x^T dz, db = sum of the rows of dz, dx = dz W^T.

    With "columns" C a row is cut into groups of C columns, each a row of its own.
    """

    def shapes(self, layer: Spec, n_in: int) -> dict[str, tuple[int, ...]]:
        units = layer["units"]
        columns = layer.get("columns") or n_in
        found: dict[str, tuple[int, ...]] = {"kernel": (columns, units)}
        return found | {"bias": (units,)} if layer.get("use_bias") else found

    def n_out(self, layer: Spec, n_in: int) -> int:
        return int(layer["units"]) * (n_in // (layer.get("columns") or n_in))

    def forward(
        self, layer: Spec, x: Array, v: Weights, training: bool
    ) -> tuple[Array, Weights]:
        z = x.reshape(-1, len(v["kernel"])) @ v["kernel"]
        z = z + v["bias"] if "bias" in v else z
        return z.reshape(len(x), self.n_out(layer, x.shape[1])), {}

    def backward(
        self, layer: Spec, dz: Array, x: Array, v: Weights, kept: Weights
    ) -> tuple[Array, Weights]:
        dz = dz.reshape(-1, v["kernel"].shape[1])
        gradients = self.gradients(dz, x.reshape(-1, len(v["kernel"])))
        return (dz @ v["kernel"].T).reshape(x.shape), gradients

    def gradients(self, dz: Array, x: Array) -> Weights:
        return {"kernel": x.T @ dz, "bias": dz.sum(axis=0)}


class _Normalization(_Same):
    """z = gamma h + beta, h being x normalised; gamma and beta may be missing."""

    def shapes(self, layer: Spec, n_in: int) -> dict[str, tuple[int, ...]]:
        names = {"gamma": layer.get("scale"), "beta": layer.get("center")}
        return {name: (layer["columns"],) for name, there in names.items() if there}

    def forward(
        self, layer: Spec, x: Array, v: Weights, training: bool
    ) -> tuple[Array, Weights]:
        kept = self.normalize(layer, x.reshape(-1, layer["columns"]), v, training)
        z = kept["h"]
        z = z * v["gamma"] if "gamma" in v else z
        z = z + v["beta"] if "beta" in v else z
        return z.reshape(x.shape), kept

    def backward(
        self, layer: Spec, dz: Array, x: Array, v: Weights, kept: Weights
    ) -> tuple[Array, Weights]:
        dz = dz.reshape(-1, layer["columns"])
        gradients = {"gamma": (dz * kept["h"]).sum(axis=0), "beta": dz.sum(axis=0)}
        dh = dz * v["gamma"] if "gamma" in v else dz
        return self.normalize_back(dh, kept).reshape(x.shape), gradients

    def normalize(self, layer: Spec, x: Array, v: Weights, training: bool) -> Weights:
        raise NotImplementedError

    def normalize_back(self, dh: Array, kept: Weights) -> Array:
        raise NotImplementedError


class _BatchNormalization(_Normalization):
    """h = (x - mean) / sqrt(variance + eps), by column (Ioffe and Szegedy, 2015).

    In training mean and variance are the batch's own, and the moving ones follow them
    with each update: moving = moving momentum + batch (1 - momentum). Otherwise, and
    in a frozen layer always, the moving ones are taken.
    """

    def shapes(self, layer: Spec, n_in: int) -> dict[str, tuple[int, ...]]:
        statistics = dict.fromkeys(MOVING, (layer["columns"],))
        return super().shapes(layer, n_in) | statistics

    def normalize(self, layer: Spec, x: Array, v: Weights, training: bool) -> Weights:
        if not training or not layer.get("trainable", True):
            root = np.sqrt(v["moving_variance"] + layer["epsilon"])
            return {"h": (x - v["moving_mean"]) / root, "root": root}
        mean = x.mean(axis=0)
        variance = ((x - mean) ** 2).mean(axis=0)
        root = np.sqrt(variance + layer["epsilon"])
        batch = {"moving_mean": mean, "moving_variance": variance}
        return {"h": (x - mean) / root, "root": root, **batch}

    def normalize_back(self, dh: Array, kept: Weights) -> Array:
        h, root = kept["h"], kept["root"]
        if "moving_mean" in kept:
            dh = dh - dh.mean(axis=0) - h * (dh * h).mean(axis=0)
        return dh / root


class _LayerNormalization(_Normalization):
    """h = (x - mean) / sqrt(variance + eps), by row (Ba et al., 2016)."""

    def normalize(self, layer: Spec, x: Array, v: Weights, training: bool) -> Weights:
        mean = x.mean(axis=1, keepdims=True)
        variance = ((x - mean) ** 2).mean(axis=1, keepdims=True)
        root = np.sqrt(variance + layer["epsilon"])
        return {"h": (x - mean) / root, "root": root}

    def normalize_back(self, dh: Array, kept: Weights) -> Array:
        h, root = kept["h"], kept["root"]
        along = (dh * h).mean(axis=1, keepdims=True)
        dx: Array = (dh - dh.mean(axis=1, keepdims=True) - h * along) / root
        return dx


class _RMSNormalization(_Normalization):
    """h = x / sqrt(mean of x^2 + eps), by row (Zhang and Sennrich, 2019)."""

    def normalize(self, layer: Spec, x: Array, v: Weights, training: bool) -> Weights:
        root = np.sqrt((x * x).mean(axis=1, keepdims=True) + layer["epsilon"])
        return {"h": x / root, "root": root}

    def normalize_back(self, dh: Array, kept: Weights) -> Array:
        h, root = kept["h"], kept["root"]
        dx: Array = (dh - h * (dh * h).mean(axis=1, keepdims=True)) / root
        return dx


class _UnitNormalization(_Normalization):
    """h = x / sqrt(max(sum of x^2, eps)), by row; no gamma, no beta."""

    def normalize(self, layer: Spec, x: Array, v: Weights, training: bool) -> Weights:
        square = (x * x).sum(axis=1, keepdims=True)
        root = np.sqrt(np.maximum(square, layer["epsilon"]))
        # Where eps is the larger, h is proportional to x.
        return {"h": x / root, "root": root, "long": square > layer["epsilon"]}

    def normalize_back(self, dh: Array, kept: Weights) -> Array:
        h, root = kept["h"], kept["root"]
        along = (dh * h).sum(axis=1, keepdims=True) * kept["long"]
        dx: Array = (dh - h * along) / root
        return dx


class _PReLU(_Same):
    """z = max(x, 0) + alpha min(x, 0) (He et al., 2015); the slope at 0 is 0."""

    def shapes(self, layer: Spec, n_in: int) -> dict[str, tuple[int, ...]]:
        return {"alpha": (layer["columns"],)}

    def forward(
        self, layer: Spec, x: Array, v: Weights, training: bool
    ) -> tuple[Array, Weights]:
        groups = x.reshape(-1, layer["columns"])
        z = np.maximum(groups, 0.0) + v["alpha"] * np.minimum(groups, 0.0)
        return z.reshape(x.shape), {}

    def backward(
        self, layer: Spec, dz: Array, x: Array, v: Weights, kept: Weights
    ) -> tuple[Array, Weights]:
        groups, dz = (a.reshape(-1, layer["columns"]) for a in (x, dz))
        dx = dz * (groups > 0) + dz * v["alpha"] * (groups < 0)
        gradients = {"alpha": (dz * np.minimum(groups, 0.0)).sum(axis=0)}
        return dx.reshape(x.shape), gradients


class _Gather(_Same):
    """z_j = x_order[j]; columns may be left out, moved and repeated."""

    def n_out(self, layer: Spec, n_in: int) -> int:
        return len(layer["order"])

    def forward(
        self, layer: Spec, x: Array, v: Weights, training: bool
    ) -> tuple[Array, Weights]:
        return x[:, np.asarray(layer["order"])], {}

    def backward(
        self, layer: Spec, dz: Array, x: Array, v: Weights, kept: Weights
    ) -> tuple[Array, Weights]:
        # With z = x P^T, P having a single 1 in each row: dx = dz P.
        return dz @ _one_hot(np.asarray(layer["order"]), x.shape[1]), {}


class _Embedding(_Same):
    """Row x_j of a table for each column but the first ones, which stay as they are.

    An index out of range gives NaN.
    """

    def shapes(self, layer: Spec, n_in: int) -> dict[str, tuple[int, ...]]:
        return {"embeddings": (layer["vocabulary"], layer["units"])}

    def n_out(self, layer: Spec, n_in: int) -> int:
        passed = int(layer.get("columns") or 0)
        return passed + (n_in - passed) * int(layer["units"])

    def forward(
        self, layer: Spec, x: Array, v: Weights, training: bool
    ) -> tuple[Array, Weights]:
        passed = layer.get("columns") or 0
        index = x[:, passed:].reshape(-1).astype(np.int64)
        bad = (index < 0) | (index >= layer["vocabulary"])
        z = v["embeddings"][np.where(bad, 0, index)]
        if bad.any():
            z[bad] = np.nan
        z = z.reshape((len(x), -1))
        return np.hstack([x[:, :passed], z]) if passed else z, {}

    def backward(
        self, layer: Spec, dz: Array, x: Array, v: Weights, kept: Weights
    ) -> tuple[Array, Weights]:
        # z = H E with a one-hot row in H for each index: dE = H^T dz.
        passed = layer.get("columns") or 0
        index = x[:, passed:].reshape(-1).astype(np.int64)
        dz = dz[:, passed:].reshape(-1, layer["units"])
        gradients = {"embeddings": _one_hot(index, layer["vocabulary"]).T @ dz}
        return np.zeros(x.shape), gradients


_KINDS: dict[str, _Same] = {
    "none": _Same(),
    "dense": _Dense(),
    "batch_normalization": _BatchNormalization(),
    "layer_normalization": _LayerNormalization(),
    "rms_normalization": _RMSNormalization(),
    "unit_normalization": _UnitNormalization(),
    "prelu": _PReLU(),
    "gather": _Gather(),
    "embedding": _Embedding(),
}

KINDS = tuple(_KINDS)
"""Names of all kinds of layers."""

MOVING = ("moving_mean", "moving_variance")
"""Variables that follow the data in training; nothing is derived by them."""

_ROLES = {"gamma": "kernel", "alpha": "kernel", "embeddings": "kernel", "beta": "bias"}
"""Whose penalties and constraint a variable has, if not its own name's."""


def _kind(layer: Spec) -> _Same:
    kind = layer.get("kind") or ("dense" if layer.get("units") else "none")
    if kind not in _KINDS:
        raise ValueError(f"Expected one of {', '.join(KINDS)}. Received: {kind}")
    return _KINDS[kind]


# ---- Losses: l(t, p) for each row and dl/dp -----------------------------------------
#
# Each function takes targets t and predictions p, both [rows][cols], and returns a
# pair: one value per row [rows], and dl/dp [rows][cols]. "Mean" is over the columns.


class _Options(NamedTuple):
    label_smoothing: float = 0.0
    delta: float = 1.0
    alpha: float = 0.25
    beta: float = 0.5
    gamma: float = 2.0
    apply_class_balancing: bool = False
    q: float = 0.5
    power: float = 1.5
    log_variance: bool = False
    full: bool = False
    list: Sequence[float] = ()
    ignore_class: int | None = None
    whole: bool = False


_Loss = Callable[[Array, Array, _Options], tuple[Array, Array]]


def _mean(value: Array, slope: Array) -> tuple[Array, Array]:
    return np.asarray(value.mean(axis=-1)), slope / value.shape[-1]


def _mean_squared_error(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = mean (p - t)^2."""
    return _mean((p - t) ** 2, 2 * (p - t))


def _mean_absolute_error(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = mean |p - t|; the slope at p = t is 0."""
    return _mean(np.abs(p - t), np.sign(p - t))


def _huber(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = mean h(e), e = p - t: e^2 / 2 where |e| <= delta, straight beyond.

    There h = delta |e| - delta^2 / 2. Huber, Robust Estimation of a Location
    Parameter (1964).
    """
    e, d = p - t, o.delta
    inside = np.abs(e) <= d
    value = np.where(inside, 0.5 * e * e, d * np.abs(e) - 0.5 * d * d)
    return _mean(value, np.where(inside, e, d * np.sign(e)))


def _log_cosh(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = mean log cosh(p - t) = mean (e + softplus(-2e) - log 2)."""
    # cosh is even: with |e| in place of e no digits are lost between the two terms.
    e = p - t
    return _mean(np.abs(e) + np.log1p(np.exp(-2 * np.abs(e))) - np.log(2), np.tanh(e))


def _binary_crossentropy(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = -mean (t log q + (1 - t) log(1 - q)), q = p clipped to [eps, 1 - eps].

    Where the clip cuts, l does not depend on p, and the gradient is 0.
    """
    t = t * (1 - o.label_smoothing) + 0.5 * o.label_smoothing
    q = np.clip(p, EPSILON, 1 - EPSILON)
    value = -(t * np.log(q) + (1 - t) * np.log1p(-q))
    return _mean(value, np.where(p == q, (q - t) / (q * (1 - q)), 0.0))


def _binary_crossentropy_logits(t: Array, z: Array, o: _Options) -> tuple[Array, Array]:
    """The same with p = sigmoid(z), unclipped: l = mean (softplus(z) - t z).

    Its gradient is the famous (p - t) / cols: nothing saturates.
    """
    t = t * (1 - o.label_smoothing) + 0.5 * o.label_smoothing
    value = np.maximum(z, 0) - t * z + np.log1p(np.exp(-np.abs(z)))
    return _mean(value, _sigmoid(z) - t)


def _categorical_crossentropy(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = -sum t log q, q = p / sum p clipped to [eps, 1 - eps].

    The gradient with respect to q is -t / q, or 0 where the clip cuts; the chain rule
    carries it through the normalisation: dp = (dq - sum dq q) / sum p.
    """
    t = _smooth_classes(t, o)
    total = p.sum(axis=-1, keepdims=True)
    share = p / total
    q = np.clip(share, EPSILON, 1 - EPSILON)
    dq = np.where(share == q, -t / q, 0.0)
    dp = (dq - (dq * share).sum(axis=-1, keepdims=True)) / total
    return np.asarray(-(t * np.log(q)).sum(axis=-1)), dp


def _categorical_crossentropy_logits(
    t: Array, z: Array, o: _Options
) -> tuple[Array, Array]:
    """The same with p = softmax(z): l = -sum t log_softmax(z), dz = p sum t - t."""
    t = _smooth_classes(t, o)
    log_p = _log_softmax(z)
    # A target of 0 counts nothing, also where log p is -inf.
    value = -np.where(t == 0, 0.0, t * log_p).sum(axis=-1)
    return np.asarray(value), np.exp(log_p) * t.sum(axis=-1, keepdims=True) - t


def _smooth_classes(t: Array, o: _Options) -> Array:
    return np.asarray(t * (1 - o.label_smoothing) + o.label_smoothing / t.shape[-1])


def _one_hot(labels: npt.NDArray[Any], cols: int) -> Array:
    return np.asarray(np.arange(cols) == labels.reshape(-1, 1), dtype=np.float64)


def _sparse_categorical_crossentropy(
    t: Array, p: Array, o: _Options
) -> tuple[Array, Array]:
    """The same with labels 0 .. cols - 1 in place of one-hot rows.

    Rows whose label is ``ignore_class`` have loss 0.
    """
    pair = _categorical_crossentropy(_one_hot(t, p.shape[-1]), p, _Options())
    return _forget(t, *pair, o)


def _sparse_categorical_crossentropy_logits(
    t: Array, z: Array, o: _Options
) -> tuple[Array, Array]:
    """The same on logits."""
    one_hot = _one_hot(t, z.shape[-1])
    return _forget(t, *_categorical_crossentropy_logits(one_hot, z, _Options()), o)


def _forget(t: Array, value: Array, slope: Array, o: _Options) -> tuple[Array, Array]:
    gone = t.reshape(-1) == (math.nan if o.ignore_class is None else o.ignore_class)
    return np.where(gone, 0.0, value), np.where(gone[:, None], 0.0, slope)


def _hinge(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = mean max(1 - t p, 0); targets are -1 and 1, and a 0 counts as -1."""
    t = np.where(t == 0, -1.0, t)
    margin = 1 - t * p
    return _mean(np.maximum(margin, 0), np.where(margin > 0, -t, 0.0))


def _squared_hinge(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = mean max(1 - t p, 0)^2; targets as for hinge."""
    t = np.where(t == 0, -1.0, t)
    margin = np.maximum(1 - t * p, 0)
    return _mean(margin**2, -2 * t * margin)


def _categorical_hinge(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = max(neg - pos + 1, 0), pos = sum t p, neg = max (1 - t) p."""
    wrong = (1 - t) * p
    value = np.maximum(wrong.max(axis=-1) - (t * p).sum(axis=-1) + 1, 0)
    # The gradient runs through the largest wrong score alone (the first, if equal).
    largest = _one_hot(wrong.argmax(axis=-1).astype(np.float64), p.shape[-1])
    slope = largest * (1 - t) - t
    return np.asarray(value), np.where(value[:, None] > 0, slope, 0.0)


def _kl_divergence(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = sum t log(t / p), both clipped to [eps, 1]."""
    t, q = np.clip(t, EPSILON, 1), np.clip(p, EPSILON, 1)
    value = np.asarray((t * np.log(t / q)).sum(axis=-1))
    return value, np.where(p == q, -t / q, 0.0)


def _poisson(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = mean (p - t log(p + eps))."""
    return _mean(p - t * np.log(p + EPSILON), 1 - t / (p + EPSILON))


def _mean_absolute_percentage_error(
    t: Array, p: Array, o: _Options
) -> tuple[Array, Array]:
    """Loss l = 100 mean |p - t| / max(|t|, eps); the slope at p = t is 0."""
    share = 100 / np.maximum(np.abs(t), EPSILON)
    return _mean(share * np.abs(p - t), share * np.sign(p - t))


def _mean_squared_logarithmic_error(
    t: Array, p: Array, o: _Options
) -> tuple[Array, Array]:
    """Loss l = mean (log(1 + max(p, eps)) - log(1 + max(t, eps)))^2."""
    q = np.maximum(p, EPSILON)
    x = np.log1p(q) - np.log1p(np.maximum(t, EPSILON))
    return _mean(x**2, np.where(p < EPSILON, 0.0, 2 * x / (1 + q)))


def _cosine_similarity(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = -sum t p / (|t| |p|), |x| = max(sqrt(sum x^2), eps)."""
    size = np.sqrt((p**2).sum(axis=-1, keepdims=True))
    q = np.maximum(size, EPSILON)
    u = t / np.maximum(np.sqrt((t**2).sum(axis=-1, keepdims=True)), EPSILON)
    value = -(u * p / q).sum(axis=-1, keepdims=True)
    # Where |p| is cut, it is a constant.
    turn = np.where(size < EPSILON, 0.0, value * p / q)
    return value[:, 0], -(u + turn) / q


def _binary_focal_crossentropy(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = mean w u^gamma b, where b is the binary crossentropy of an element.

    ``u = 1 - (t p + (1 - t) (1 - p))`` says how wrong p is; ``w = t alpha + (1 - t)
    (1 - alpha)`` if classes are balanced, else 1. Lin, Goyal, Girshick, He, Dollar,
    Focal Loss for Dense Object Detection (2017).
    """
    t = t * (1 - o.label_smoothing) + 0.5 * o.label_smoothing
    q = np.clip(p, EPSILON, 1 - EPSILON)
    b = -(t * np.log(q) + (1 - t) * np.log1p(-q))
    db = np.where(p == q, (q - t) / (q * (1 - q)), 0.0)
    w = t * o.alpha + (1 - t) * (1 - o.alpha) if o.apply_class_balancing else 1.0
    u = t + p - 2 * t * p
    du = o.gamma * u ** (o.gamma - 1) * (1 - 2 * t) if o.gamma else 0.0
    return _mean(w * u**o.gamma * b, w * (du * b + u**o.gamma * db))


def _binary_focal_crossentropy_logits(
    t: Array, z: Array, o: _Options
) -> tuple[Array, Array]:
    """The same with p = sigmoid(z)."""
    p = _sigmoid(z)
    value, slope = _binary_focal_crossentropy(t, p, o)
    return value, slope * p * _sigmoid(-z)


def _categorical_focal_crossentropy(
    t: Array, p: Array, o: _Options
) -> tuple[Array, Array]:
    """Loss l = -sum alpha t (1 - q)^gamma log q, q = p / sum p clipped as above.

    ``alpha`` is one number, or one for each class.
    """
    t = _smooth_classes(t, o) * (np.asarray(o.list) if len(o.list) else o.alpha)
    total = p.sum(axis=-1, keepdims=True)
    share = p / total
    q = np.clip(share, EPSILON, 1 - EPSILON)
    focus = t * (1 - q) ** o.gamma
    dq = np.where(share == q, focus * (o.gamma * np.log(q) / (1 - q) - 1 / q), 0.0)
    dp = (dq - (dq * share).sum(axis=-1, keepdims=True)) / total
    return np.asarray(-(focus * np.log(q)).sum(axis=-1)), dp


def _categorical_focal_crossentropy_logits(
    t: Array, z: Array, o: _Options
) -> tuple[Array, Array]:
    """The same with p = softmax(z), whose sum is 1."""
    p = np.exp(_log_softmax(z))
    value, dp = _categorical_focal_crossentropy(t, p, o)
    return value, p * dp


def _categorical_generalized_cross_entropy(
    t: Array, p: Array, o: _Options
) -> tuple[Array, Array]:
    """Loss l = (1 - p_y^q) / q, y the label 0 .. cols - 1.

    Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks
    with Noisy Labels (2018).
    """
    one_hot = _one_hot(t, p.shape[-1])
    own = (one_hot * p).sum(axis=-1)
    slope = np.where(one_hot == 1, -(own ** (o.q - 1))[:, None], 0.0)
    return np.asarray((1 - own**o.q) / o.q), slope


def _dice(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = 1 - 2 sum t p / (sum t + sum p + eps), sums along the row.

    A ``whole`` loss has its sums over all rows: all of them have the same l then, and
    the slope is that of l.
    """
    size = _total(t + p, o) + EPSILON
    share = 2 * _total(t * p, o) / size
    return _of_rows(1 - share, p), (share - 2 * t) / size


def _total(x: Array, o: _Options) -> Array:
    """Sums along rows ``[rows][1]``, or over everything ``[1][1]``."""
    return np.asarray(x.sum(axis=None if o.whole else -1, keepdims=True))


def _of_rows(value: Array, p: Array) -> Array:
    return np.broadcast_to(value[:, 0], len(p))


def _tversky(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = 1 - I / (I + alpha (T - I) + beta (P - I) + eps).

    I, T and P are the sums of t p, t and p along the row, or as in `_dice` over all.
    Salehi, Erdogmus, Gholipour, Tversky loss function for image segmentation (2017).
    """
    both, missed, wrong = (_total(x, o) for x in (t * p, t * (1 - p), p * (1 - t)))
    size = both + o.alpha * missed + o.beta * wrong + EPSILON
    steep = t * (1 - o.alpha - o.beta) + o.beta
    return _of_rows(1 - both / size, p), (both / size * steep - t) / size


def _quantile(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = mean max(q (t - p), (q - 1) (t - p)), q one of the k quantiles in turn.

    Column j of p estimates quantile j mod k of target j / k. Koenker and Bassett,
    Regression Quantiles (1978).
    """
    q = np.tile(np.asarray(o.list, dtype=np.float64), t.shape[-1])
    e = p - np.repeat(t, len(o.list), axis=-1)
    slope = np.where(e > 0, 1 - q, np.where(e < 0, -q, e))
    return _mean(slope * e, slope)


def _tweedie(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = mean d(t, q), the unit deviance of power c, q = max(p, eps).

    ``d = 2 (t^(2-c) / ((1-c) (2-c)) - t q^(1-c) / (1-c) + q^(2-c) / (2-c))``, whose
    limits are Poisson's, ``2 (t log(t / q) - t + q)``, for c = 1, and the gamma
    distribution's, ``2 (log(q / t) + t / q - 1)``, for c = 2. Jorgensen, The Theory of
    Dispersion Models (1997).
    """
    q, c = np.maximum(p, EPSILON), o.power
    if c == 1:
        value = np.where(t == 0, 0.0, t * np.log(t / q)) - t + q
    elif c == 2:
        value = np.log(q / t) + t / q - 1
    else:
        value = t ** (2 - c) / ((1 - c) * (2 - c)) - t * q ** (1 - c) / (1 - c)
        value = value + q ** (2 - c) / (2 - c)
    slope = np.where(p < EPSILON, 0.0, 2 * (q - t) * q**-c)
    return _mean(2 * value, slope)


def _gaussian_nll(t: Array, p: Array, o: _Options) -> tuple[Array, Array]:
    """Loss l = mean (log v + (t - m)^2 / v) / 2, [m, v] the two halves of p.

    With ``log_variance`` the second half is log v, else v is it or 1e-6, if that is
    larger: then with the slope of 1e-6, as v could not grow without one. ``full`` adds
    log(2 pi) / 2. Nix and Weigend, Estimating the Mean and Variance of the Target
    Probability Distribution (1994).
    """
    m, v = np.split(p, 2, axis=-1)
    v = np.exp(v) if o.log_variance else np.maximum(v, 1e-6)
    e = m - t
    value = 0.5 * (np.log(v) + e * e / v) + (0.5 * np.log(2 * np.pi) if o.full else 0)
    dv = 0.5 * (1 / v - (e / v) ** 2) * (v if o.log_variance else 1)
    slope = np.concatenate([e / v, dv], axis=-1) / t.shape[-1]
    return np.asarray(value.mean(axis=-1)), slope


_LOSSES: dict[str, _Loss] = {
    "mean_squared_error": _mean_squared_error,
    "mean_absolute_error": _mean_absolute_error,
    "huber": _huber,
    "log_cosh": _log_cosh,
    "binary_crossentropy": _binary_crossentropy,
    "binary_crossentropy_logits": _binary_crossentropy_logits,
    "categorical_crossentropy": _categorical_crossentropy,
    "categorical_crossentropy_logits": _categorical_crossentropy_logits,
    "sparse_categorical_crossentropy": _sparse_categorical_crossentropy,
    "sparse_categorical_crossentropy_logits": _sparse_categorical_crossentropy_logits,
    "hinge": _hinge,
    "squared_hinge": _squared_hinge,
    "categorical_hinge": _categorical_hinge,
    "kl_divergence": _kl_divergence,
    "poisson": _poisson,
    "mean_absolute_percentage_error": _mean_absolute_percentage_error,
    "mean_squared_logarithmic_error": _mean_squared_logarithmic_error,
    "cosine_similarity": _cosine_similarity,
    "binary_focal_crossentropy": _binary_focal_crossentropy,
    "binary_focal_crossentropy_logits": _binary_focal_crossentropy_logits,
    "categorical_focal_crossentropy": _categorical_focal_crossentropy,
    "categorical_focal_crossentropy_logits": _categorical_focal_crossentropy_logits,
    "categorical_generalized_cross_entropy": _categorical_generalized_cross_entropy,
    "dice": _dice,
    "tversky": _tversky,
    "quantile": _quantile,
    "tweedie": _tweedie,
    "gaussian_nll": _gaussian_nll,
}

LOSSES = tuple(name for name in _LOSSES if not name.endswith("_logits"))
"""Names of all losses; crossentropies have a second form that takes logits."""


def loss_with_gradient(
    spec: Spec, y_true: npt.ArrayLike, y_pred: npt.ArrayLike
) -> tuple[Array, Array]:
    """Both `loss_value` and `loss_gradient`, computed at once."""
    kind = str(spec["kind"])
    if spec.get("from_logits") and f"{kind}_logits" in _LOSSES:
        kind += "_logits"
    if kind not in _LOSSES:
        raise ValueError(f"Expected one of {', '.join(LOSSES)}. Received: {kind}")
    given = {word: spec[word] for word in _Options._fields if word in spec}
    options = _Options(**{k: v for k, v in given.items() if v is not None})
    p = np.asarray(y_pred, dtype=np.float64)
    t = np.asarray(y_true, dtype=np.float64)
    with np.errstate(all="ignore"):
        return _LOSSES[kind](t, p, options)


def loss_scale(spec: Spec, y_true: Array, weights: Array | None) -> float:
    """The batch's loss as a multiple of ``sum_i w_i l_i``: weight / divisor.

    The divisor is the number of rows whatever their weights, for the reduction "sum" 1,
    for "mean_with_sample_weight" the sum of weights; rows of the ignored class do not
    count. A whole loss is one number, which "sum" leaves as it is unless rows have
    weights.

    Example:
        >>> loss_scale({"kind": "huber"}, np.zeros((4, 1)), np.ones(4))
        0.25
    """
    ignored = spec.get("ignore_class")
    counts = np.ones(len(y_true)) if ignored is None else y_true[:, 0] != ignored
    one = len(y_true) if spec.get("whole") and weights is None else 1.0
    total = (_row_weights(weights, len(y_true)) * counts).sum()
    divisors = {"sum": one, "mean_with_sample_weight": total}
    divisor = divisors.get(spec.get("reduction") or "", counts.sum())
    return float(spec.get("weight", 1.0) / divisor) if divisor else 0.0


def loss_value(spec: Spec, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """The loss of each row.

    Args:
        spec: ``{"kind": name, "from_logits": bool, "label_smoothing": float,
            "delta": float}``, and what else belongs to the kind; all but the kind may
            be missing.
        y_true: Targets ``[rows][cols]``, or ``[rows][1]`` labels for losses that take
            them; ``[rows][cols / 2]`` for ``gaussian_nll``, and ``[rows][cols / k]``
            for k quantiles.
        y_pred: Predictions ``[rows][cols]``; logits if ``from_logits``.

    Returns:
        One number per row, float64 ``[rows]``.

    Example:
        >>> loss_value({"kind": "mean_squared_error"}, [[0.0, 1.0]], [[0.0, 3.0]])
        array([2.])
    """
    return loss_with_gradient(spec, y_true, y_pred)[0]


def loss_gradient(spec: Spec, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """The derivative of each row's loss with respect to its predictions.

    Args:
        spec: As for `loss_value`.
        y_true: As for `loss_value`.
        y_pred: As for `loss_value`.

    Returns:
        float64, shaped like `y_pred`.

    Example:
        >>> loss_gradient({"kind": "mean_squared_error"}, [[0.0, 1.0]], [[0.0, 3.0]])
        array([[0., 2.]])
    """
    return loss_with_gradient(spec, y_true, y_pred)[1]


# ---- Penalties and clipping ---------------------------------------------------------


def penalty_value(w: Array, l1: float, l2: float) -> float:
    """What a regularizer adds to the loss: ``l1 sum |w| + l2 sum w^2``.

    Example:
        >>> float(penalty_value(np.array([1.0, -2.0]), 0.0, 0.5))
        2.5
    """
    return l1 * np.abs(w).sum() + l2 * (w * w).sum()  # type: ignore[no-any-return]


def penalty_gradient(w: Array, l1: float, l2: float) -> Array:
    """The derivative of `penalty_value`: ``l1 sign(w) + 2 l2 w``, with sign(0) = 0.

    Example:
        >>> penalty_gradient(np.array([1.0, -2.0, 0.0]), 0.25, 0.5)
        array([ 1.25, -2.25,  0.  ])
    """
    return l1 * np.sign(w) + 2 * l2 * w


def clip_gradients(spec: Spec, gradients: list[Array]) -> list[Array]:
    """Make large gradients smaller, as Keras 3 does.

    ``clipnorm = c``: each variable by itself, ``g c / max(||g||, c)``.
    ``global_clipnorm = c``: the same with the norm of all variables together.
    ``clipvalue = c``: each number is cut to [-c, c].

    Args:
        spec: An optimizer's description; a missing key, None or 0 means "no clipping".
        gradients: One array per variable.

    Returns:
        As many arrays; the very same ones without clipping.

    Example:
        >>> clip_gradients({"clipnorm": 1.0}, [np.array([3.0, 4.0])])
        [array([0.6, 0.8])]
    """
    clipnorm, clipvalue = spec.get("clipnorm"), spec.get("clipvalue")
    global_clipnorm = spec.get("global_clipnorm")
    if clipnorm:
        return [g * (clipnorm / np.maximum(_norm([g]), clipnorm)) for g in gradients]
    if global_clipnorm:
        factor = global_clipnorm / np.maximum(_norm(gradients), global_clipnorm)
        return [g * factor for g in gradients]
    if clipvalue:
        return [np.minimum(np.maximum(g, -clipvalue), clipvalue) for g in gradients]
    return gradients


def _norm(gradients: list[Array]) -> Any:
    return np.sqrt(sum((g * g).sum() for g in gradients))


# ---- Constraints --------------------------------------------------------------------


def constrained(w: Array, constraint: Spec | None) -> Array:
    """What a constraint makes of a variable after each batch.

    ``non_neg``: w, but at least 0. The others give the norm n = sqrt(sum of w^2) along
    an axis another length, ``w d / (EPSILON + n)``: ``unit_norm`` d = 1, ``max_norm``
    d = min(n, max_value), ``min_max_norm`` d = rate m + (1 - rate) n with m = n clipped
    to [min_value, max_value].

    Args:
        w: A variable.
        constraint: ``{"kind": name, "min_value": float, "max_value": float, "rate":
            float, "axis": 0, 1 or None}``, None meaning all elements together; or None.

    Returns:
        An array of the same shape.

    Example:
        >>> constrained(np.array([[3.0], [4.0]]), {"kind": "unit_norm", "axis": 0})
        array([[0.59999999],
               [0.79999998]])
    """
    if constraint is None:
        return w
    kind = constraint["kind"]
    if kind == "non_neg":
        positive: Array = np.maximum(w, 0.0)
        return positive
    norm = np.sqrt((w * w).sum(axis=constraint["axis"], keepdims=True))
    if kind == "max_norm":
        length = np.minimum(norm, constraint["max_value"])
    elif kind == "unit_norm":
        length = 1.0
    elif kind == "min_max_norm":
        rate = constraint["rate"]
        low, high = constraint["min_value"], constraint["max_value"]
        length = rate * np.minimum(np.maximum(norm, low), high) + (1 - rate) * norm
    else:
        raise ValueError(f"Expected the name of a constraint. Received: {kind}")
    scaled: Array = w * (length / (EPSILON + norm))
    return scaled


# ---- Optimizers ---------------------------------------------------------------------
#
# Each rule changes one variable w and its slots (moving averages, shaped like w) in
# place, given the gradient g after penalties and clipping, and the learning rate lr.


class Counters:
    """What an optimizer counts: the step and the running products that depend on it.

    Attributes:
        steps: Batches trained.
        beta_1_power: ``beta_1^t`` at step t, the first being t = 1.
        beta_2_power: ``beta_2^t``.
        schedule_power: ``0.96^t``, for Nadam.
        momentum_product: ``u_1 u_2 ... u_t``, for Nadam.
    """

    def __init__(self) -> None:
        """Begin before the first step."""
        self.steps = 0
        self.beta_1_power = 1.0
        self.beta_2_power = 1.0
        self.schedule_power = 1.0
        self.momentum_product = 1.0

    def advance(self, spec: Spec) -> None:
        """Begin the next update."""
        self.beta_1_power *= spec.get("beta_1") or 0.0
        self.beta_2_power *= spec.get("beta_2") or 0.0
        self.schedule_power *= 0.96
        self.momentum_product *= nadam_momentum(spec, self.schedule_power)


def nadam_momentum(spec: Spec, schedule_power: float) -> float:
    """Nadam's ``u_t = beta_1 (1 - 0.96^t / 2)`` (Dozat, 2016)."""
    return float((spec.get("beta_1") or 0.0) * (1 - 0.5 * schedule_power))


def _sgd(
    w: Array, slots: list[Array], g: Array, lr: float, spec: Spec, c: Counters
) -> None:
    """Gradient descent: w -= lr g; with momentum mu: m = mu m - lr g, w += m.

    Nesterov's form steps from where the momentum leads: w += mu m - lr g.
    """
    mu = spec.get("momentum") or 0.0
    if not mu:
        w -= lr * g
        return
    (m,) = slots
    m[...] = mu * m - lr * g
    w += mu * m - lr * g if spec.get("nesterov") else m


def _rmsprop(
    w: Array, slots: list[Array], g: Array, lr: float, spec: Spec, c: Counters
) -> None:
    """RMSprop (Hinton, 2012): v = rho v + (1 - rho) g^2, w -= lr g / sqrt(v + eps).

    Centered: a = rho a + (1 - rho) g, and v - a^2 stands in place of v. With momentum
    mu the increment is gathered first: m = mu m + increment, w -= m.
    """
    rho, mu = spec["rho"], spec.get("momentum") or 0.0
    v = slots[0]
    v[...] = rho * v + (1 - rho) * g * g
    variance = v
    if spec.get("centered"):
        a = slots[2]
        a[...] = rho * a + (1 - rho) * g
        variance = np.maximum(v - a * a, 0)
    increment = lr * g / np.sqrt(variance + spec["epsilon"])
    if mu:
        m = slots[1]
        m[...] = mu * m + increment
        increment = m
    w -= increment


def _adagrad(
    w: Array, slots: list[Array], g: Array, lr: float, spec: Spec, c: Counters
) -> None:
    """Adagrad (Duchi et al., 2011): a += g^2, w -= lr g / sqrt(a + eps)."""
    (a,) = slots
    a += g * g
    w -= lr * g / np.sqrt(a + spec["epsilon"])


def _adadelta(
    w: Array, slots: list[Array], g: Array, lr: float, spec: Spec, c: Counters
) -> None:
    """Adadelta (Zeiler, 2012): steps as large as recent steps were.

    a = rho a + (1 - rho) g^2, d = g sqrt(s + eps) / sqrt(a + eps),
    s = rho s + (1 - rho) d^2, w -= lr d.
    """
    rho, epsilon = spec["rho"], spec["epsilon"]
    a, s = slots
    a[...] = rho * a + (1 - rho) * g * g
    d = g * np.sqrt(s + epsilon) / np.sqrt(a + epsilon)
    s[...] = rho * s + (1 - rho) * d * d
    w -= lr * d


def _adam(
    w: Array, slots: list[Array], g: Array, lr: float, spec: Spec, c: Counters
) -> None:
    """Adam (Kingma and Ba, 2015), with the epsilon of its section 2's last lines.

    m = beta_1 m + (1 - beta_1) g, v = beta_2 v + (1 - beta_2) g^2,
    w -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + eps).
    AMSGrad (Reddi et al., 2018) divides by the largest v seen so far.
    """
    beta_1, beta_2 = spec["beta_1"], spec["beta_2"]
    m, v = slots[:2]
    m[...] = beta_1 * m + (1 - beta_1) * g
    v[...] = beta_2 * v + (1 - beta_2) * g * g
    if spec.get("amsgrad"):
        largest = slots[2]
        largest[...] = np.maximum(largest, v)
        v = largest
    alpha = lr * math.sqrt(1 - c.beta_2_power) / (1 - c.beta_1_power)
    w -= alpha * m / (np.sqrt(v) + spec["epsilon"])


def _adamax(
    w: Array, slots: list[Array], g: Array, lr: float, spec: Spec, c: Counters
) -> None:
    """Adamax (Kingma and Ba, 2015, section 7.1): the largest gradient in place of v.

    m = beta_1 m + (1 - beta_1) g, u = max(beta_2 u, |g|),
    w -= lr / (1 - beta_1^t) m / (u + eps).
    """
    beta_1 = spec["beta_1"]
    m, u = slots
    m[...] = beta_1 * m + (1 - beta_1) * g
    u[...] = np.maximum(spec["beta_2"] * u, np.abs(g))
    w -= lr / (1 - c.beta_1_power) * m / (u + spec["epsilon"])


def _nadam(
    w: Array, slots: list[Array], g: Array, lr: float, spec: Spec, c: Counters
) -> None:
    """Nadam (Dozat, 2016): Adam with Nesterov's momentum.

    u_t = beta_1 (1 - 0.96^t / 2), U = u_1 ... u_t,
    M = u_(t+1) m / (1 - U u_(t+1)) + (1 - u_t) g / (1 - U),
    w -= lr M / (sqrt(v / (1 - beta_2^t)) + eps).
    """
    beta_1, beta_2 = spec["beta_1"], spec["beta_2"]
    m, v = slots
    m[...] = beta_1 * m + (1 - beta_1) * g
    v[...] = beta_2 * v + (1 - beta_2) * g * g
    u = nadam_momentum(spec, c.schedule_power)
    u_next = nadam_momentum(spec, c.schedule_power * 0.96)
    product = c.momentum_product
    m_hat = u_next * m / (1 - product * u_next) + (1 - u) * g / (1 - product)
    v_hat = v / (1 - c.beta_2_power)
    w -= lr * m_hat / (np.sqrt(v_hat) + spec["epsilon"])


def _lion(
    w: Array, slots: list[Array], g: Array, lr: float, spec: Spec, c: Counters
) -> None:
    """Lion (Chen et al., 2023): only the sign of a mean gradient counts.

    w -= lr sign(beta_1 m + (1 - beta_1) g), m = beta_2 m + (1 - beta_2) g.
    """
    beta_1, beta_2 = spec["beta_1"], spec["beta_2"]
    m = slots[0]
    w -= lr * np.sign(beta_1 * m + (1 - beta_1) * g)
    m[...] = beta_2 * m + (1 - beta_2) * g


def _ftrl(
    w: Array, slots: list[Array], g: Array, lr: float, spec: Spec, c: Counters
) -> None:
    """FTRL-Proximal (McMahan et al., 2013) with Keras's terms beta and shrinkage.

    With p = -learning_rate_power: A = a + g^2,
    z += g + 2 shrinkage w - (A^p - a^p) / lr w, a = A,
    w = (clip(z, -l1, l1) - z) / (A^p / lr + 2 l2 + beta / lr), 0 where |z| <= l1.
    """
    a, z = slots
    l1, l2 = spec["l1_regularization_strength"], spec["l2_regularization_strength"]
    shrinkage = spec["l2_shrinkage_regularization_strength"]
    before = _to_the(a, -spec["learning_rate_power"])
    a += g * g
    after = _to_the(a, -spec["learning_rate_power"])
    z += g + 2 * shrinkage * w - (after - before) / lr * w
    top = np.minimum(np.maximum(z, -l1), l1) - z
    bottom = after / lr + (2 * l2 + spec["beta"] / lr)
    w[...] = top / bottom


def _to_the(x: Array, power: float) -> Array:
    return np.sqrt(x) if power == 0.5 else x**power


# The next three look at a whole variable, not at one number at a time.


def _lamb(
    w: Array, slots: list[Array], g: Array, lr: float, spec: Spec, c: Counters
) -> None:
    """LAMB (You et al., 2020): Adam's direction, as long as the variable itself.

    m = beta_1 m + (1 - beta_1) g, v = beta_2 v + (1 - beta_2) g^2,
    u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + eps),
    w -= lr ||w|| / ||u|| u; where a norm is 0, the ratio is 1.
    """
    beta_1, beta_2 = spec["beta_1"], spec["beta_2"]
    m, v = slots
    m[...] = beta_1 * m + (1 - beta_1) * g
    v[...] = beta_2 * v + (1 - beta_2) * g * g
    root = np.sqrt(v / (1 - c.beta_2_power))
    u = m / (1 - c.beta_1_power) / (root + spec["epsilon"])
    size, length = _norm([w]), _norm([u])
    w -= lr * (size / length if size > 0 and length > 0 else 1.0) * u


def _adafactor(
    w: Array, slots: list[Array], g: Array, lr: float, spec: Spec, c: Counters
) -> None:
    """Adafactor (Shazeer and Stern, 2018): v of a matrix from its row and column means.

    With b = 1 - t^beta_2_decay and q = g^2 + epsilon_1: v = b v + (1 - b) q for a
    vector. For a matrix r and c follow the means of q along rows and columns like that,
    and v = r c^T / mean(r). Then r and c are the means of v along rows and columns, so
    v is all that is kept.
    u = g / sqrt(v), w -= max(epsilon_2, rms(w)) min(lr, 1 / sqrt(t)) u
    / max(1, rms(u) / clip_threshold). Where v vanishes, so does g, and u is 0.
    """
    (v,) = slots
    t = _updates(spec, c)
    b = 1 - t ** spec["beta_2_decay"]
    q = g * g + spec["epsilon_1"]
    if w.ndim < 2:
        v[...] = b * v + (1 - b) * q
    else:
        rows, columns = (
            b * v.mean(axis=axis, keepdims=True)
            + (1 - b) * q.mean(axis=axis, keepdims=True)
            for axis in (-1, -2)
        )
        v[...] = rows / rows.mean(axis=-2, keepdims=True) * columns
    u = np.divide(g, np.sqrt(v), out=np.zeros_like(g), where=v != 0)
    u /= np.maximum(1, _rms(u) / spec["clip_threshold"])
    w -= np.maximum(spec["epsilon_2"], _rms(w)) * min(lr, 1 / math.sqrt(t)) * u


def _rms(x: Array) -> Any:
    return np.sqrt((x * x).mean())


def _updates(spec: Spec, c: Counters) -> int:
    """The number of the update, from 1."""
    return c.steps // (spec.get("gradient_accumulation_steps") or 1)


def _muon(
    w: Array, slots: list[Array], g: Array, lr: float, spec: Spec, c: Counters
) -> None:
    """Muon (Jordan et al., 2024): momentum of a matrix, made nearly orthogonal.

    m = mu m + g, in Nesterov's form followed by mu m + g; of that `orthogonalized`,
    w -= lr rms_rate sqrt(max(rows, columns)) of it (Liu et al., 2025), without
    rms_rate w -= lr of it.
    """
    mu, m = spec["momentum"], slots[0]
    m[...] = mu * m + g
    near = mu * m + g if spec["nesterov"] else m
    coefficients = spec["muon_a"], spec["muon_b"], spec["muon_c"]
    step = lr * orthogonalized(near, coefficients, spec["ns_steps"])
    if spec["rms_rate"]:
        step = step * (math.sqrt(max(w.shape)) * spec["rms_rate"])
    w -= step


def orthogonalized(x: Array, coefficients: Sequence[float], steps: int) -> Array:
    """A matrix with the same singular vectors, and singular values near 1.

    Newton and Schulz's iteration, on x / (||x|| + EPSILON) or on its transpose,
    whichever is wider than high: with A = x x^T, x = a x + (b A + c A A) x. Each
    singular value s becomes a s + b s^3 + c s^5.

    Args:
        x: ``[rows][cols]``.
        coefficients: a, b and c.
        steps: How many times.

    Example:
        >>> x = orthogonalized(np.array([[3.0, 0.0], [0.0, 4.0]]), (1.5, -0.5, 0.0), 9)
        >>> x.round(3)
        array([[1., 0.],
               [0., 1.]])
    """
    a, b, c = coefficients
    is_high = x.shape[0] > x.shape[1]
    x = x.T if is_high else x
    x = x / (_norm([x]) + EPSILON)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if is_high else x


_Rule = Callable[[Array, list[Array], Array, float, Spec, Counters], None]

_RULES: dict[str, _Rule] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "adam": _adam,
    "adamax": _adamax,
    "nadam": _nadam,
    "lion": _lion,
    "ftrl": _ftrl,
}

OPTIMIZERS = tuple(_RULES)
"""Names of all optimizers of the core. AdamW is adam with a weight decay."""

_WHOLE_RULES: dict[str, _Rule] = {
    "lamb": _lamb,
    "adafactor": _adafactor,
    "muon": _muon,
}

WHOLE_OPTIMIZERS = tuple(_WHOLE_RULES)
"""Names of those that look at whole variables, and that the core does not have."""

_ALL_RULES = _RULES | _WHOLE_RULES

OPTIMIZER_DEFAULTS: dict[str, Any] = {
    "momentum": 0.0,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "rho": 0.9,
    "epsilon": EPSILON,
    "initial_accumulator_value": 0.1,
    "learning_rate_power": -0.5,
    "l1_regularization_strength": 0.0,
    "l2_regularization_strength": 0.0,
    "l2_shrinkage_regularization_strength": 0.0,
    "beta": 0.0,
    "ema_momentum": 0.99,
    "beta_2_decay": -0.8,
    "epsilon_1": 1e-30,
    "epsilon_2": 1e-3,
    "clip_threshold": 1.0,
    "muon_a": 3.4445,
    "muon_b": -4.775,
    "muon_c": 2.0315,
    "ns_steps": 5,
    "rms_rate": 0.2,
    "adam_lr_ratio": 1.0,
}
"""Keras's defaults, for keys that a description leaves out; see `_OWN_DEFAULTS`."""

_OWN_DEFAULTS = {
    "adadelta": {"rho": 0.95},
    "muon": {"momentum": 0.95, "nesterov": True},
}


def slot_count(spec: Spec) -> int:
    """How many slots per variable the rule of an optimizer keeps.

    Example:
        >>> slot_count({"kind": "adam", "amsgrad": True})
        3
    """
    kind = spec["kind"]
    if kind == "sgd":
        return 1 if spec.get("momentum") else 0
    if kind == "rmsprop":
        return 3 if spec.get("centered") else 2 if spec.get("momentum") else 1
    if kind in ("adagrad", "lion", "adafactor"):
        return 1
    return 3 if kind == "adam" and spec.get("amsgrad") else 2


class Optimizer:
    """Updates a list of variables from a list of gradients.

    Args:
        spec: ``{"kind": one of OPTIMIZERS or WHOLE_OPTIMIZERS, ...}`` with the words
            that the rule uses: momentum, beta_1, beta_2, rho, epsilon,
            initial_accumulator_value, learning_rate_power,
            l1_regularization_strength, l2_regularization_strength,
            l2_shrinkage_regularization_strength, beta, weight_decay, undecayed,
            clipnorm, clipvalue, global_clipnorm, decay, nesterov, amsgrad, centered,
            loss_scale_factor, gradient_accumulation_steps, use_ema, ema_momentum,
            ema_overwrite_frequency; beta_2_decay, epsilon_1, epsilon_2, clip_threshold;
            muon_a, muon_b, muon_c, ns_steps, rms_rate, adam_lr_ratio,
            adam_weight_decay. Lists with an entry for each variable: undecayed,
            by_adam, which ones Muon leaves to Adam (those that are no matrix), and
            shapes, where a rule must see other ones than `shapes`.
        shapes: The variables' shapes.

    Attributes:
        slots: ``slots[k][i]`` belongs to variable i; in the rule's order, e.g. Adam's
            m, v and, with amsgrad, the largest v; then the running average of the
            weights and the sum of gradients, if they are kept.
        counters: A `Counters`.

    Example:
        >>> w = np.array([1.0, -2.0])
        >>> sgd = Optimizer({"kind": "sgd"}, [w.shape])
        >>> sgd.step([w], [np.array([0.5, -0.5])], learning_rate=0.5)
        >>> w
        array([ 0.75, -1.75])
    """

    def __init__(self, spec: Spec, shapes: Sequence[tuple[int, ...]]) -> None:
        """Check the description and make the slots."""
        if spec["kind"] not in _ALL_RULES:
            names = ", ".join(OPTIMIZERS + WHOLE_OPTIMIZERS)
            raise ValueError(f"Expected one of {names}. Received: {spec['kind']}")
        given = {key: value for key, value in spec.items() if value is not None}
        own = _OWN_DEFAULTS.get(spec["kind"], {})
        self.spec: dict[str, Any] = {**OPTIMIZER_DEFAULTS, **own, **given}
        n_moments = slot_count(self.spec)
        self.accumulates = (self.spec.get("gradient_accumulation_steps") or 1) > 1
        averages = bool(self.spec.get("use_ema"))
        n_slots = n_moments + averages + self.accumulates
        self.slots = [[np.zeros(s) for s in shapes] for _ in range(n_slots)]
        if spec["kind"] in ("adagrad", "ftrl"):
            for accumulator in self.slots[0]:
                accumulator += self.spec["initial_accumulator_value"]
        self.average = n_moments if averages else None
        self.counters = Counters()

    def step(
        self,
        variables: list[Array],
        gradients: list[Array],
        learning_rate: float,
        trainable: Sequence[bool] | None = None,
    ) -> None:
        """Update the variables in place.

        Unscale the gradients; add them up, if only their mean is to be applied; then
        clip, decay the weights, apply the rule; average the weights.

        Args:
            variables: Float64 arrays, changed in place.
            gradients: One per variable, penalties included.
            learning_rate: Divided by ``1 + decay t`` after t steps if decay is set.
            trainable: Which variables to update; None: all. The gradients of the
                others must be 0, so that they count nothing in a norm.
        """
        spec = self.spec
        scale = spec.get("loss_scale_factor")
        if scale:
            gradients = [scale * g / scale for g in gradients]
        trained = [i for i, _ in enumerate(variables) if not trainable or trainable[i]]
        done = self.counters.steps
        lr = learning_rate / (1 + (spec.get("decay") or 0.0) * done)
        each = spec.get("gradient_accumulation_steps") or 1
        self.counters.steps += 1
        if self.accumulates:
            gradients = self._accumulated(gradients, done % each == each - 1)
        if done % each == each - 1:
            self.counters.advance(spec)
            self._update([variables[i] for i in trained], trained, gradients, lr)
        if self.average is not None:
            self._average(variables, trained, done // each)

    def _accumulated(self, gradients: list[Array], is_due: bool) -> list[Array]:
        """The mean of the gradients since the last update, if it is due."""
        result = []
        for total, g in zip(self.slots[-1], gradients, strict=True):
            total += g
            if is_due:
                result.append(total / self.spec["gradient_accumulation_steps"])
                total[...] = 0
        return result

    def _update(
        self,
        variables: list[Array],
        indices: list[int],
        gradients: list[Array],
        lr: float,
    ) -> None:
        spec, undecayed = self.spec, self.spec.get("undecayed")
        gradients = clip_gradients(spec, gradients)
        moments = self.slots[: slot_count(spec)]
        for w, i in zip(variables, indices, strict=True):
            shape = spec["shapes"][i] if "shapes" in spec else w.shape
            w = w.reshape(shape)
            rule, decay, ratio = self._rule_of(i, w)
            if decay and not (undecayed and undecayed[i]):
                w -= lr * decay * w
            slots = [slot[i].reshape(shape) for slot in moments]
            g = gradients[i].reshape(shape)
            rule(w, slots, g, lr * ratio, spec, self.counters)

    def _rule_of(self, index: int, w: Array) -> tuple[_Rule, float | None, float]:
        """Rule, weight decay and share of the learning rate of a variable."""
        spec = self.spec
        kind, decay = spec["kind"], spec.get("weight_decay")
        if kind != "muon":
            return _ALL_RULES[kind], decay, 1.0
        if spec["by_adam"][index] if "by_adam" in spec else w.ndim != 2:
            return _adam, spec.get("adam_weight_decay"), spec["adam_lr_ratio"]
        return _muon, decay, 1.0

    def _average(self, variables: list[Array], indices: list[int], done: int) -> None:
        """A = m a + (1 - m) w, at first a = w; w = a when it is time to overwrite."""
        assert self.average is not None
        momentum = self.spec["ema_momentum"] if done else 0.0
        every = self.spec.get("ema_overwrite_frequency")
        for i in indices:
            average = self.slots[self.average][i]
            average[...] = momentum * average + (1 - momentum) * variables[i]
            if every and (done + 1) % every == 0:
                variables[i][...] = average


# ---- Random words -------------------------------------------------------------------
#
# A counter-based generator has no state: word number n under a key is a function of n
# and the key, so any part of a training can be computed again from a few integers.


def philox(counter: npt.ArrayLike, key: int) -> npt.NDArray[np.uint32]:
    """Philox4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011).

    Args:
        counter: Integers ``[..., 4]`` below 2^32.
        key: An integer below 2^64.

    Returns:
        Four words for each counter, uint32 ``[..., 4]``.

    Example:
        >>> [hex(word) for word in philox([0, 0, 0, 0], 0)]
        ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    low = np.uint64(0xFFFFFFFF)
    c0, c1, c2, c3 = np.moveaxis(np.asarray(counter, dtype=np.uint64), -1, 0)
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0 = (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0)
        c1 = p1 & low
        c2 = (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1)
        c3 = p0 & low
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def dropout_keeps(
    rows: int, cols: int, rate: float, seed: int, step: int
) -> npt.NDArray[np.bool_]:
    """Which elements of a batch a dropout layer keeps at one training step.

    Element (row, col) is kept if its word is at least ``rate 2^32``.

    Args:
        rows: Rows of the batch.
        cols: Units of the layer.
        rate: Share of elements to drop, in [0, 1].
        seed: The layer's seed, below 2^64.
        step: Batches that the network has trained in its life before this one.

    Returns:
        Booleans ``[rows][cols]``.

    Example:
        >>> float(dropout_keeps(100, 100, 0.25, seed=1, step=0).mean().round(2))
        0.75
    """
    words = noise_words(rows, cols, seed, step)
    return np.asarray(words.astype(np.uint64) >= int(rate * 2.0**32))


def noise_words(rows: int, cols: int, seed: int, step: int) -> npt.NDArray[np.uint32]:
    """The random word of each element of a batch at one training step.

    Args:
        rows: As for `dropout_keeps`.
        cols: As for `dropout_keeps`.
        seed: As for `dropout_keeps`.
        step: As for `dropout_keeps`.

    Returns:
        uint32 ``[rows][cols]``.
    """
    quads = (cols + 3) // 4
    counter = np.zeros((rows, quads, 4), dtype=np.uint64)
    counter[:, :, 0] = np.arange(quads)
    counter[:, :, 1] = np.arange(rows)[:, None]
    counter[:, :, 2] = step & 0xFFFFFFFF
    counter[:, :, 3] = step >> 32
    return philox(counter, seed).reshape(rows, 4 * quads)[:, :cols]


_ERFINV_NEAR = (
    *(2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087),
    *(-0.00125372503, -0.00417768164, 0.246640727, 1.50140941),
)
_ERFINV_FAR = (
    *(-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773),
    *(-0.0076224613, 0.00943887047, 1.00167406, 2.83297682),
)


def normals(words: npt.NDArray[np.uint32]) -> Array:
    """Normally distributed numbers from random words: sqrt(2) erfinv(2 p - 1).

    p = (word + 1/2) / 2^32 is uniform. With w = -log(4 p (1 - p)), erfinv(2 p - 1) is
    2 p - 1 times a polynomial of w - 5/2 for w < 5, of sqrt(w) - 3 beyond (Giles,
    Approximating the erfinv function, 2012). Relative errors are below 4e-7, and 4e-4
    for the one number in 2^24 that lies beyond 5.4.

    Args:
        words: uint32.

    Returns:
        float64, of the same shape, with mean 0 and standard deviation 1.

    Example:
        >>> normals(np.array([2**31 - 1, 2**32 - 1], dtype=np.uint32)).round(3)
        array([-0.   ,  6.336])
    """
    p = (words.astype(np.float64) + 0.5) / 2.0**32
    w = -np.log(4 * p * (1 - p))
    near = np.polyval(_ERFINV_NEAR, w - 2.5)
    far = np.polyval(_ERFINV_FAR, np.sqrt(w) - 3)
    return np.asarray(math.sqrt(2) * (2 * p - 1) * np.where(w < 5, near, far))


def shuffled(n: int, seed: int, epoch: int) -> npt.NDArray[np.uint32]:
    """The order in which an epoch visits its rows.

    Fisher and Yates's shuffle from the top: position i changes places with position
    ``floor(word_i (i + 1) / 2^64)``, where word_i has 64 bits.

    Args:
        n: Number of rows.
        seed: The network's seed, below 2^64.
        epoch: Shuffled epochs that the network has begun before this one.

    Returns:
        A permutation of 0 .. n - 1.

    Example:
        >>> sorted(shuffled(4, seed=1, epoch=0).tolist())
        [0, 1, 2, 3]
    """
    counter = np.zeros((n // 2 + 1, 4), dtype=np.uint64)
    counter[:, 0] = np.arange(n // 2 + 1)
    counter[:, 1] = 5
    counter[:, 2] = epoch & 0xFFFFFFFF
    counter[:, 3] = epoch >> 32
    words = philox(counter, seed).reshape(-1, 2)[:n].astype(np.uint64)
    # The product has 96 bits: its low part is carried into the high part by hand.
    low, high = words.T * np.arange(1, n + 1, dtype=np.uint64)
    places = ((low >> np.uint64(32)) + high >> np.uint64(32)).tolist()
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = places[i]
        order[i], order[j] = order[j], order[i]
    return np.array(order, dtype=np.uint32)


# ---- Metrics ------------------------------------------------------------------------


def metric_value(spec: Spec, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """A metric of each row; what is reported is the mean over rows.

    ``binary_accuracy`` is the share of columns where ``p > threshold`` agrees with t;
    ``categorical_accuracy`` asks whether the largest p stands where the largest t does
    (the first, if several are equal); ``sparse_categorical_accuracy`` compares with a
    label; ``loss_value`` is a loss.

    Args:
        spec: ``{"kind": name, "threshold": float, "loss": a loss's description}``.
        y_true: Targets ``[rows][cols]``, or labels ``[rows][1]``.
        y_pred: Predictions ``[rows][cols]``.

    Returns:
        One number per row.

    Example:
        >>> metric_value({"kind": "binary_accuracy"}, [[0.0], [1.0]], [[0.2], [0.4]])
        array([1., 0.])
    """
    t, p = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    kind = spec["kind"]
    if kind == "loss_value":
        return loss_value(spec["loss"], t, p)
    if kind == "binary_accuracy":
        threshold = spec.get("threshold")
        above = p > (0.5 if threshold is None else threshold)
        return np.asarray((above == t).mean(axis=-1), dtype=np.float64)
    if kind == "categorical_accuracy":
        return np.asarray(p.argmax(axis=-1) == t.argmax(axis=-1), dtype=np.float64)
    if kind == "sparse_categorical_accuracy":
        return np.asarray(p.argmax(axis=-1) == t.reshape(len(p)), dtype=np.float64)
    raise ValueError(f"Expected the name of a metric. Received: {kind}")


# ---- The network --------------------------------------------------------------------


class Record(NamedTuple):
    """What one layer's forward pass leaves for its backward pass."""

    x: Array
    """Its input ``[rows][n_in]``."""

    kept: Weights
    """What its kind keeps for the way back."""

    z: Array
    """Its pre-activation ``S(x)``, ``[rows][n_out]``."""

    y: Array
    """Its activation ``f(z)``, before noise."""

    factor: Array | None
    """What noise multiplies y with; None without noise."""


class Network:
    """A stack of layers, trained by gradient descent on batches.

    Args:
        n_in: Columns of the input.
        layers: One description per layer: ``kind`` (one of `KINDS`; if missing, dense
            where there are units) with the words that it uses (``units``,
            ``use_bias``, ``columns``, ``scale``, ``center``, ``momentum``, ``epsilon``,
            ``vocabulary``, ``order``), ``trainable``, ``activation``,
            ``activation_args``, ``activity_l1``, ``activity_l2``, ``noise``,
            ``dropout`` (the noise's rate or standard deviation), ``dropout_seed``,
            and ``kernel_l1``, ``kernel_l2``, ``kernel_constraint``, ``bias_l1``,
            ``bias_l2``, ``bias_constraint``: for kernel, gamma, alpha and embeddings
            the former, for bias and beta the latter. Only ``activation`` must be there.
        seed: Drives the order of rows.

    Attributes:
        variables: The layers' variables, float64, starting at 0. Assign into them:
            ``net.variables[0][...] = w``.
        optimizer: An `Optimizer`, once compiled.

    Example:
        >>> net = Network(2, [{"units": 3, "use_bias": True, "activation": "relu"}])
        >>> [v.shape for v in net.variables]
        [(2, 3), (3,)]
        >>> net.variables[1][...] = [1.0, -1.0, 2.0]
        >>> net.predict(np.ones((1, 2)))
        array([[1., 0., 2.]])
    """

    optimizer: Optimizer
    dtype: Any = np.float64
    first = 0
    """The layer at which the way back ends: nothing before it is trained."""

    def __init__(self, n_in: int, layers: Sequence[Spec], seed: int = 0) -> None:
        """Make the variables, all 0."""
        self.n_in, self.seed = n_in, seed
        self.layers = [dict(layer) for layer in layers]
        self.variables: list[Array] = []
        self.trainable: list[bool] = []
        self.penalties: list[tuple[float, float]] = []
        self.constraints: list[Spec | None] = []
        self.steps_lived = self.epochs_lived = 0
        cols = n_in
        for layer in self.layers:
            layer["places"] = {}
            for name, shape in self.kind(layer).shapes(layer, cols).items():
                self._add_variable(layer, name, shape)
            cols = self.kind(layer).n_out(layer, cols)
        self.n_out = cols

    def _add_variable(
        self, layer: dict[str, Any], name: str, shape: tuple[int, ...]
    ) -> None:
        layer["places"][name] = len(self.variables)
        self.variables.append(np.zeros(shape))
        self.trainable.append(layer.get("trainable", True) and name not in MOVING)
        role = _ROLES.get(name, name)
        l1, l2 = layer.get(f"{role}_l1") or 0.0, layer.get(f"{role}_l2") or 0.0
        self.penalties.append((l1, l2))
        self.constraints.append(layer.get(f"{role}_constraint"))

    def kind(self, layer: Spec) -> _Same:
        """What a layer computes between its input and its pre-activation."""
        return _kind(layer)

    def variables_of(self, layer: Spec) -> Weights:
        """One layer's variables by name."""
        return {name: self.variables[i] for name, i in layer["places"].items()}

    def compile(self, loss: Spec, metrics: Sequence[Spec], optimizer: Spec) -> None:
        """Say what is optimised, and how; the optimizer starts anew.

        Args:
            loss: A description as `loss_value` takes it.
            metrics: Descriptions as `metric_value` takes them; ``"weighted": True``
                makes the mean over rows a weighted one.
            optimizer: A description as `Optimizer` takes it.
        """
        self.loss, self.metrics = dict(loss), [dict(m) for m in metrics]
        self.takes_logits = loss_takes_logits(loss, self.layers[-1])
        self.optimizer = Optimizer(optimizer, [v.shape for v in self.variables])

    def forward(self, x: Array, step: int | None = None) -> tuple[Array, list[Record]]:
        """From input to output, keeping what the way back needs.

        Args:
            x: ``[rows][n_in]``.
            step: Batches trained in the network's life; it decides the noise. None:
                this is no training; there is no noise, and moving statistics are used.

        Returns:
            The output ``[rows][n_out]`` and one `Record` per layer.
        """
        records = []
        for layer in self.layers:
            v, training = self.variables_of(layer), step is not None
            z, kept = self.kind(layer).forward(layer, x, v, training)
            y = self.activate(layer, z)
            factor, shift = self.noise(layer, y.shape, step)
            records.append(Record(x, kept, z, y, factor))
            x = y if factor is None else y * factor
            x = x if shift is None else x + shift
        return x, records

    def backward(self, records: list[Record], d_out: Array) -> list[Array]:
        """From the loss back to every variable, by the chain rule.

        Args:
            records: From `forward`.
            d_out: Derivative of the loss with respect to the output ``[rows][n_out]``,
                or to the last pre-activation where the loss takes logits.

        Returns:
            One gradient per variable, without penalties.
        """
        gradients = [np.zeros(v.shape) for v in self.variables]
        d = d_out
        pairs = list(zip(self.layers, records, strict=True))
        for layer, record in pairs[self.first :][::-1]:
            penalties = _activity(layer)
            if layer is not self.layers[-1] or not self.takes_logits:
                if record.factor is not None:
                    d = d * record.factor
                if any(penalties):
                    d = d + penalty_gradient(record.y, *penalties) / len(record.y)
                d = self.activate_back(layer, d, record.z)
            v = self.variables_of(layer)
            d, found = self.kind(layer).backward(layer, d, record.x, v, record.kept)
            for name, i in layer["places"].items():
                if name in found:
                    gradients[i] = found[name]
        return gradients

    def gradient(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        step: int | None = None,
    ) -> tuple[float, list[Array]]:
        """The batch's loss and its derivative with respect to every variable.

        The loss is ``scale sum_i w_i l_i`` (see `loss_scale`) plus all penalties, those
        on activations divided by the rows.

        Args:
            x: ``[rows][n_in]``.
            y: Targets ``[rows][cols]``.
            weights: ``[rows]``; None: all 1.
            step: As for `forward`.

        Returns:
            The loss and one gradient per variable, penalties included; 0 for a
            frozen variable.
        """
        loss, gradients, _ = self._derive(x, y, weights, step)
        return loss, gradients

    def _derive(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        weights: npt.ArrayLike | None,
        step: int | None,
    ) -> tuple[float, list[Array], list[Record]]:
        x, y = np.asarray(x, dtype=self.dtype), np.asarray(y, dtype=self.dtype)
        w = _row_weights(weights, len(x))
        out, records = self.forward(x, step)
        spec, p = self.loss_of(self.loss, out, records)
        scale = loss_scale(self.loss, y, None if weights is None else w)
        loss = (w * self.measure(spec, y, p)).sum() * scale
        if self.loss.get("whole"):
            w = np.full_like(w, w.sum())
        d_out = self.measure_back(spec, y, p) * (w * scale)[:, None]
        gradients = self.backward(records, d_out)
        for i, v in enumerate(self.variables):
            if not self.trainable[i]:
                gradients[i] = np.zeros(v.shape)
            elif any(self.penalties[i]):
                gradients[i] = gradients[i] + penalty_gradient(v, *self.penalties[i])
        return loss + self.penalty() + self.activity(records), gradients, records

    def activate(self, layer: Spec, z: Array) -> Array:
        """One layer's `activation_forward`."""
        return activation_forward(layer["activation"], activation_args(layer), z)

    def activate_back(self, layer: Spec, dy: Array, z: Array) -> Array:
        """One layer's `activation_backward`."""
        return activation_backward(layer["activation"], activation_args(layer), dy, z)

    def noise(
        self, layer: Spec, shape: tuple[int, ...], step: int | None
    ) -> tuple[Array | None, Array | None]:
        """One layer's `noise`."""
        return noise(layer, shape, step)

    def measure(self, loss: Spec, y: Array, p: Array) -> Array:
        """The loss of each row: `loss_value`."""
        return loss_value(loss, y, p)

    def measure_back(self, loss: Spec, y: Array, p: Array) -> Array:
        """Its derivative: `loss_gradient`."""
        return loss_gradient(loss, y, p)

    def loss_of(
        self, loss: Spec, out: Array, records: list[Record]
    ) -> tuple[Spec, Array]:
        """The form of a loss that suits the last layer, and what it reads.

        Args:
            loss: A description as `loss_value` takes it.
            out: The network's output, from `forward`.
            records: From `forward`.

        Returns:
            A description and the predictions or logits that belong to it.
        """
        if loss_takes_logits(loss, self.layers[-1]):
            return {**loss, "from_logits": True}, records[-1].z
        return loss, out

    def penalty(self) -> float:
        """Sum of all penalties on trainable variables."""
        parts = zip(self.variables, self.trainable, self.penalties, strict=True)
        return sum(penalty_value(v, *p) for v, t, p in parts if t and any(p))

    def activity(self, records: list[Record]) -> float:
        """Sum of all penalties on activations, divided by the rows."""
        parts = [(r.y, _activity(n)) for n, r in zip(self.layers, records, strict=True)]
        return sum(penalty_value(y, *p) / len(y) for y, p in parts if any(p))

    def train_on_batch(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        *,
        learning_rate: float,
    ) -> float:
        """One step: the loss before it is returned, the variables change."""
        loss, gradients, records = self._derive(x, y, weights, self.steps_lived)
        self.update(gradients, records, learning_rate)
        self.steps_lived += 1
        return float(loss)

    def update(
        self, gradients: list[Array], records: list[Record], learning_rate: float
    ) -> None:
        """What a step changes: variables by the optimizer, then held by constraints.

        Moving statistics follow those of the batch.

        Args:
            gradients: One per variable, penalties included.
            records: From the `forward` that they come from.
            learning_rate: Before the optimizer's decay.
        """
        self.optimizer.step(self.variables, gradients, learning_rate, self.trainable)
        for i, v in enumerate(self.variables):
            if self.trainable[i] and self.constraints[i] is not None:
                v[...] = constrained(v, self.constraints[i])
        for layer, record in zip(self.layers, records, strict=True):
            for name in set(MOVING) & set(record.kept):
                moving, share = self.variables_of(layer)[name], layer["momentum"]
                moving[...] = moving * share + record.kept[name] * (1 - share)

    def train(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        *,
        batch_size: int,
        epochs: int,
        shuffle: bool,
        learning_rate: float,
    ) -> list[list[float]]:
        """Train whole epochs, batch by batch.

        Args:
            x: ``[rows][n_in]``.
            y: Targets ``[rows][cols]``.
            weights: ``[rows]``; None: all 1.
            batch_size: Rows per step; an epoch's last batch may be shorter.
            epochs: How many.
            shuffle: Whether each epoch takes the rows in a new order.
            learning_rate: Before the optimizer's decay.

        Returns:
            For each epoch the loss and the metrics: means over its rows, each measured
            before the update that its batch led to.
        """
        x, y = np.asarray(x, dtype=self.dtype), np.asarray(y, dtype=self.dtype)
        w = None if weights is None else _row_weights(weights, len(x))
        rows = []
        for _ in range(epochs):
            order = np.arange(len(x), dtype=np.uint32)
            if shuffle:
                order = shuffled(len(x), self.seed, self.epochs_lived)
                self.epochs_lived += 1
            means = _Means(self)
            for first in range(0, len(x), batch_size):
                batch = order[first : first + batch_size]
                part = None if w is None else w[batch]
                means.add(x[batch], y[batch], part, self.steps_lived)
                self.train_on_batch(
                    x[batch], y[batch], part, learning_rate=learning_rate
                )
            rows.append(means.row())
        return rows

    def evaluate(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        batch_size: int | None = None,
    ) -> list[float]:
        """Loss and metrics over all rows, without dropout and without an update.

        Args:
            x: ``[rows][n_in]``.
            y: Targets ``[rows][cols]``.
            weights: ``[rows]``; None: all 1.
            batch_size: Of the batches whose losses are reduced; None: all rows.
        """
        x, y = np.asarray(x, dtype=self.dtype), np.asarray(y, dtype=self.dtype)
        w = None if weights is None else _row_weights(weights, len(x))
        size = batch_size or len(x)
        means = _Means(self)
        for first in range(0, len(x), size):
            part = slice(first, first + size)
            means.add(x[part], y[part], None if w is None else w[part], None)
        return means.row()

    def predict(self, x: npt.ArrayLike) -> Array:
        """The output ``[rows][n_out]``, without dropout."""
        return self.forward(np.asarray(x, dtype=self.dtype))[0]


class _Means:
    """Means over the rows of an epoch: the loss, then each metric."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.sums = np.zeros(1 + len(net.metrics))
        self.counts = np.zeros(1 + len(net.metrics))

    def add(self, x: Array, y: Array, given: Array | None, step: int | None) -> None:
        net, ones = self.net, np.ones(len(x))
        w = _row_weights(given, len(x))
        out, records = net.forward(x, step)
        loss, p = net.loss_of(net.loss, out, records)
        penalty = net.penalty() + net.activity(records)
        total = (w * loss_value(loss, y, p)).sum() * loss_scale(net.loss, y, given)
        self.sums[0] += (total + penalty) * len(x)
        self.counts[0] += len(x)
        for i, metric in enumerate(net.metrics, start=1):
            p, share = out, w if metric.get("weighted") else ones
            if metric["kind"] == "loss_value":
                loss, p = net.loss_of(metric["loss"], out, records)
                metric = {**metric, "loss": loss}
            factor = (metric.get("loss") or {}).get("weight", 1.0)
            self.sums[i] += factor * (share * metric_value(metric, y, p)).sum()
            self.counts[i] += share.sum()

    def row(self) -> list[float]:
        pairs = zip(self.sums, self.counts, strict=True)
        return [float(s / c) if c else 0.0 for s, c in pairs]


def activation_args(layer: Spec) -> Args:
    """A layer's three activation numbers, or the defaults of its activation."""
    args: Args | None = layer.get("activation_args")
    if args is not None:
        return args
    name = layer["activation"]
    first = {"leaky_relu": 0.2, "elu": 1.0, "celu": 1.0}.get(name, 0.0)
    return (first, math.inf if name == "relu" else 0.0, 0.0)


def _activity(layer: Spec) -> tuple[float, float]:
    return layer.get("activity_l1") or 0.0, layer.get("activity_l2") or 0.0


def noise(
    layer: Spec, shape: tuple[int, ...], step: int | None
) -> tuple[Array | None, Array | None]:
    """The noise on a layer's output in training: u = y factor + shift.

    With the uniform words of `noise_words` and n from `normals`:

    * ``dropout``: the factor is 0, or ``1 / (1 - rate)`` where y is kept.
    * ``gaussian_dropout``: it is ``1 + sqrt(rate / (1 - rate)) n``.
    * ``gaussian_noise``: the shift is ``stddev n``.
    * ``alpha_dropout`` (Klambauer et al., 2017): y is replaced by a' where it is not
      kept, then ``a y + b`` restores mean 0 and variance 1 of selu's outputs:
      ``a = ((1 - rate) (1 + rate a'^2))^-1/2``, ``b = -a a' rate``.

    Args:
        layer: A layer's description; ``dropout`` is the rate or stddev.
        shape: ``(rows, columns)``.
        step: As for `Network.forward`.

    Returns:
        Factor and shift, shaped like the output; None where there is none.

    Example:
        >>> factor, shift = noise({"dropout": 0.5}, (1, 8), step=3)
        >>> sorted(set(factor[0].tolist())), shift
        ([0.0, 2.0], None)
    """
    kind, rate = layer.get("noise") or "dropout", layer.get("dropout") or 0.0
    if step is None or not rate:
        return None, None
    seed = int(layer.get("dropout_seed") or 0)
    if kind == "gaussian_noise":
        return None, rate * normals(noise_words(shape[0], shape[1], seed, step))
    if kind == "gaussian_dropout":
        spread = math.sqrt(rate / (1 - rate))
        return 1 + spread * normals(noise_words(shape[0], shape[1], seed, step)), None
    keeps = dropout_keeps(shape[0], shape[1], rate, seed, step)
    if kind == "dropout":
        return np.where(keeps, 1 / (1 - rate) if rate < 1 else 0.0, 0.0), None
    if kind != "alpha_dropout":
        raise ValueError(f"Expected the name of a noise. Received: {kind}")
    low = -SELU_ALPHA * SELU_SCALE
    a = ((1 - rate) * (1 + rate * low * low)) ** -0.5
    b = -a * low * rate
    return np.where(keeps, a, 0.0), np.where(keeps, b, a * low + b)


def loss_takes_logits(loss: Spec, last: Spec) -> bool:
    """Whether a loss is computed from the last pre-activation.

    That is so for crossentropies behind the activation that they undo: sigmoid for the
    binary one, softmax for the other two. Then nothing needs to be clipped. Noise
    behind that activation, or a penalty on it, is in the way.

    Example:
        >>> layer = {"activation": "sigmoid"}
        >>> loss_takes_logits({"kind": "binary_crossentropy"}, layer)
        True
    """
    undone = {
        "binary_crossentropy": "sigmoid",
        "categorical_crossentropy": "softmax",
        "sparse_categorical_crossentropy": "softmax",
    }
    alone = not last.get("dropout") and not any(_activity(last))
    return alone and undone.get(loss["kind"]) == last["activation"]


def _row_weights(weights: npt.ArrayLike | None, rows: int) -> Array:
    if weights is None:
        return np.ones(rows)
    return np.asarray(weights, dtype=np.float64).reshape(rows)
