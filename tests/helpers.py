"""What the numerical tests share: tolerances, derivatives by differences, networks.

No test types a tolerance of its own. `tolerance` derives one from a dtype and the
number of roundings; `slope` measures a derivative by central differences and says how
far off that measurement may be; `nncore._bounds` carries bounds through whole steps.
"""

from __future__ import annotations

import itertools
import math
import threading

import numpy as np

from nncore import _bounds, _core, callbacks, reference

ISAS = [name for name, (built, here) in _core.isas().items() if built and here]
DTYPES = ("float32", "float64")

# Sizes around vector lanes, register tiles, panels and chains, and some primes.
SIZES = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129)

ARGS = {
    "relu": [
        (0.0, math.inf, 0.0),
        (0.2, math.inf, 0.0),
        (0.1, 1.0, 0.2),
        (0.0, 6.0, 0.0),
        (0.3, 2.0, -0.5),
    ],
    "leaky_relu": [(0.2, 0.0, 0.0), (0.0, 0.0, 0.0)],
    "elu": [(1.0, 0.0, 0.0), (0.6, 0.0, 0.0)],
    "celu": [(1.0, 0.0, 0.0), (1.7, 0.0, 0.0)],
}
ACTIVATIONS = [
    (name, args)
    for name in reference.ACTIVATIONS
    for args in ARGS.get(name, [(0.0, 0.0, 0.0)])
]

CROSSENTROPIES = [name for name in reference.LOSSES if name.endswith("_crossentropy")]
LOSS_ARGS = {
    "huber": {"delta": 1.0},
    "binary_focal_crossentropy": {"alpha": 0.25, "gamma": 2.0},
    "categorical_focal_crossentropy": {"alpha": 0.25, "gamma": 2.0},
    "categorical_generalized_cross_entropy": {"q": 0.5},
    "tversky": {"alpha": 0.3, "beta": 0.6},
    "quantile": {"list": [0.3]},
    "tweedie": {"power": 1.5},
    "gaussian_nll": {"log_variance": True},
}
LOSSES = [
    *({"kind": name, **LOSS_ARGS.get(name, {})} for name in reference.LOSSES),
    *(
        {"kind": name, "from_logits": True, **LOSS_ARGS.get(name, {})}
        for name in CROSSENTROPIES
    ),
    {"kind": "huber", "delta": 0.3},
    *(
        {
            "kind": name,
            "from_logits": logits,
            "label_smoothing": 0.2,
            **LOSS_ARGS.get(name, {}),
        }
        for name in CROSSENTROPIES
        if not name.startswith("sparse")
        for logits in (False, True)
    ),
    {
        "kind": "binary_focal_crossentropy",
        "alpha": 0.7,
        "gamma": 1.3,
        "apply_class_balancing": True,
    },
    {"kind": "binary_focal_crossentropy", "gamma": 0.0},
    {"kind": "categorical_focal_crossentropy", "alpha": 0.7, "gamma": 1.0},
    {"kind": "sparse_categorical_crossentropy", "ignore_class": 0},
    {
        "kind": "sparse_categorical_crossentropy",
        "ignore_class": 0,
        "from_logits": True,
    },
    {"kind": "categorical_generalized_cross_entropy", "q": 1.0},
    {"kind": "quantile", "list": [0.1, 0.5, 0.8]},
    *({"kind": "tweedie", "power": power} for power in (1.0, 2.0, 3.0)),
    {"kind": "gaussian_nll", "log_variance": False, "full": True},
]

OPTIMIZERS = [
    {"kind": "sgd"},
    {"kind": "sgd", "momentum": 0.9},
    {"kind": "sgd", "momentum": 0.9, "nesterov": True},
    {"kind": "rmsprop", "rho": 0.9},
    {"kind": "rmsprop", "rho": 0.9, "momentum": 0.8},
    {"kind": "rmsprop", "rho": 0.9, "centered": True},
    {"kind": "rmsprop", "rho": 0.9, "momentum": 0.8, "centered": True},
    {"kind": "adagrad", "initial_accumulator_value": 0.1},
    {"kind": "adadelta", "rho": 0.95},
    {"kind": "adam", "beta_1": 0.9, "beta_2": 0.999},
    {"kind": "adam", "beta_1": 0.9, "beta_2": 0.999, "amsgrad": True},
    {"kind": "adam", "beta_1": 0.8, "beta_2": 0.99, "weight_decay": 0.004},
    {"kind": "adamax", "beta_1": 0.9, "beta_2": 0.999},
    {"kind": "nadam", "beta_1": 0.9, "beta_2": 0.999},
    {"kind": "lion", "beta_1": 0.9, "beta_2": 0.99},
    {"kind": "ftrl", "initial_accumulator_value": 0.1, "learning_rate_power": -0.5},
    {
        "kind": "ftrl",
        "initial_accumulator_value": 0.3,
        "learning_rate_power": -0.7,
        "l1_regularization_strength": 0.05,
        "l2_regularization_strength": 0.02,
        "l2_shrinkage_regularization_strength": 0.01,
        "beta": 0.1,
    },
    {"kind": "sgd", "use_ema": True, "ema_momentum": 0.8},
    {
        "kind": "adam",
        "beta_1": 0.9,
        "beta_2": 0.999,
        "use_ema": True,
        "ema_momentum": 0.9,
        "ema_overwrite_frequency": 2,
    },
    {"kind": "nadam", "beta_1": 0.9, "beta_2": 0.99, "gradient_accumulation_steps": 3},
    {"kind": "sgd", "momentum": 0.9, "loss_scale_factor": 3.0},
    {
        "kind": "adagrad",
        "initial_accumulator_value": 0.1,
        "use_ema": True,
        "ema_momentum": 0.7,
        "ema_overwrite_frequency": 3,
        "gradient_accumulation_steps": 2,
        "loss_scale_factor": 1024.0,
    },
]
OPTIMIZERS = [{"epsilon": 1e-7, **spec} for spec in OPTIMIZERS]


def name_of(value):
    """A readable test id for a description."""
    if isinstance(value, dict):
        hidden = ("kind", "epsilon", "delta")
        words = [f"{k}={v}" for k, v in value.items() if k not in hidden]
        return " ".join([value["kind"], *words])
    if isinstance(value, tuple) and isinstance(value[0], str):
        return " ".join(map(str, value))
    return None


def tolerance(dtype, roundings):
    """Relative error of a number that was rounded so many times in a dtype.

    Relative to the sum of the absolute values of what was added up, so that digits
    lost to cancellation are allowed for exactly where terms cancel.
    """
    unit = np.finfo(dtype).eps / 2
    return roundings * unit / (1 - roundings * unit)


def slope(f, x):
    """(f'(x), its possible error) by central differences in float64; x may be an array.

    The step h = eps^(1/3) balances truncation, which goes with h^2, against rounding,
    eps f / h. Both are measured: steps from h to 2h quadruple the truncation and meet
    other roundings, so that their spread is about what any of them may be off.
    """
    h = np.finfo(np.float64).eps ** (1 / 3)
    slopes, size = [], 0.0
    for step in h * np.linspace(1, 2, 7):
        low, high = f(x - step), f(x + step)
        slopes.append((high - low) / (2 * step))
        size = np.maximum(size, np.maximum(np.abs(low), np.abs(high)))
    spread = np.max(slopes, axis=0) - np.min(slopes, axis=0)
    return slopes[0], 2 * spread + tolerance("float64", 16) * size / h


def slope_of(f, array, index):
    """`slope` of f() with respect to one element of an array that f reads."""
    before = array[index]

    def at(value):
        array[index] = value
        result = f()
        array[index] = before
        return result

    return slope(at, before)


def away_from(points, values, distance=1e-3):
    """Move values that lie closer to one of the points than the distance."""
    for point in points:
        close = np.abs(values - point) < distance
        values = np.where(close, point + 2 * distance, values)
    return values


LABELLED = ("sparse_categorical_crossentropy", "categorical_generalized_cross_entropy")
LOGARITHMIC = ("mean_squared_logarithmic_error", "mean_absolute_percentage_error")


def targets_for(spec, rows, cols, rng):
    """Targets that make sense for a loss."""
    kind = spec["kind"]
    if kind in LABELLED:
        return rng.integers(0, cols, (rows, 1)).astype(np.float64)
    if kind.startswith("categorical"):
        return np.eye(cols)[rng.integers(0, cols, rows)]
    if kind in ("hinge", "squared_hinge", "dice", "tversky") or "binary" in kind:
        return rng.integers(0, 2, (rows, cols)).astype(np.float64)
    if kind in ("kl_divergence", "poisson", "tweedie", *LOGARITHMIC):
        return rng.uniform(0.05, 0.95, (rows, cols))
    return rng.normal(size=(rows, cols))


def predictions_for(spec, rows, cols, rng):
    """Predictions inside a loss's domain, away from where it clips.

    `cols` is that of the targets, or the number of classes.
    """
    kind = spec["kind"]
    shape = rows, width_of(spec, cols)
    anywhere = ("huber", "log_cosh", "cosine_similarity", "quantile")
    if kind == "gaussian_nll" and not spec["log_variance"]:
        return np.hstack([rng.normal(size=(rows, cols)), rng.uniform(0.1, 3, shape)])[
            :, : shape[1]
        ]
    if kind in LOGARITHMIC:
        return rng.uniform(0.05, 2, shape)
    if spec.get("from_logits") or "hinge" in kind or kind.startswith("mean"):
        return rng.normal(size=shape) * 2
    if kind in anywhere or kind == "gaussian_nll":
        return rng.normal(size=shape) * 2
    return rng.uniform(0.05, 0.95, shape)


def width_of(spec, cols):
    """Columns of predictions for targets of `cols` columns."""
    if spec["kind"] == "gaussian_nll":
        return 2 * cols
    return cols * len(spec["list"]) if spec["kind"] == "quantile" else cols


def layer(units, activation="linear", **more):
    """A layer's description, complete."""
    args = reference.activation_args({"activation": activation})
    return {
        "units": units,
        "use_bias": bool(units),
        "trainable": True,
        "activation": activation,
        "activation_args": args,
        **more,
    }


def core_network(dtype, n_in, layers, seed=0, isa=None, variables=()):
    """A network in C with the given starting values."""
    net = _core.Network(dtype, n_in, layers, seed, isa)
    for i, value in enumerate(variables):
        net.set_variable(i, np.ascontiguousarray(value, dtype=dtype))
    return net


def variables_of(net):
    return [net.get_variable(i) for i in range(net.n_variables)]


def slots_of(net):
    n = net.n_variables
    return [[net.get_slot(s, i) for i in range(n)] for s in range(net.n_slots)]


def bounded_network(dtype, n_in, layers, seed=0):
    return _bounds.Network(_bounds.Rounding(dtype), n_in, layers, seed)


def train(net, x, y, weights=None, *, epochs=1, batches=None, **options):
    """Train whole epochs, or a number of batches."""
    settings = {"batch_size": len(x), "shuffle": False, "learning_rate": 0.01}
    settings.update(options)
    most = 2**40
    return net.train(
        *(x, y, weights),
        max_batches=most if batches is None else batches,
        max_epochs=epochs if batches is None else most,
        **settings,
    )


def largest_fraction(core, bounded):
    """The largest difference as a fraction of its bound; NaN counts as infinite."""
    difference = np.abs(np.asarray(core, dtype=np.float64) - bounded.value)
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = np.where(difference == 0, 0.0, difference / bounded.error)
    return np.max(np.where(np.isnan(fraction), np.inf, fraction), initial=0.0)


def same_bits(a, b):
    """Equality of arrays where all NaNs are one value and -0 is not +0."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    both_nan = np.isnan(a) & np.isnan(b)
    return bool(np.all((a == b) & (np.signbit(a) == np.signbit(b)) | both_nan))


class Break(callbacks.Callback):
    """Raises KeyboardInterrupt after some batches."""

    def __init__(self, after):
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def run_together(*works):
    """Run functions in threads that start at once; raise what one of them raised."""
    barrier, errors = threading.Barrier(len(works)), []

    def run(work):
        try:
            barrier.wait(10)
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def pairwise(factors, rng):
    """Cases in which every pair of values of two factors occurs together.

    Greedy: each new case takes, factor by factor, the value that covers most pairs not
    met so far.
    """
    names = list(factors)
    missing = {
        (a, i, b, j)
        for a, b in itertools.combinations(names, 2)
        for i in range(len(factors[a]))
        for j in range(len(factors[b]))
    }

    def covered(case):
        return {
            (a, case[a], b, case[b])
            for a, b in itertools.combinations(names, 2)
            if a in case and b in case
        }

    cases = []
    while missing:
        a, i, b, j = min(missing)
        case = {a: i, b: j}
        for name in names:
            if name not in case:
                order = rng.permutation(len(factors[name])).tolist()
                case[name] = max(
                    order, key=lambda v: len(covered({**case, name: v}) & missing)
                )
        missing -= covered(case)
        cases.append({name: factors[name][case[name]] for name in names})
    return cases
