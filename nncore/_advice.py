"""What people get wrong in training, said before or after it, each once per model.

Everything here looks at a sample of the rows, so that a `fit` pays a millisecond at
most, and speaks only where there is no doubt: bounds are far from what good data reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nncore._core import Network
    from nncore._plan import Compiled, Plan
    from nncore._training import Data

    Said = Iterator[tuple[str, str]]

# Seconds of training between two looks at a model: a look may take longer than a short
# training does.
PAUSE = 0.02

# Fewer rows say nothing about data; fewer updates of rows, nothing about a training.
_ROWS, _ROWS_TRAINED, _EPOCHS = 64, 10_000, 5
_FEW, _MORE = 256, 4096
_KERNEL = 1 << 20

# |z| beyond which a unit's slope is below 1e-4, or is 0.
_SATURATED = {"sigmoid": 10.0, "tanh": 5.0, "hard_sigmoid": 3.0}
# What an output can be.
_RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu6": (0.0, 6.0),
    "relu": (0.0, np.inf),
    "softplus": (0.0, np.inf),
    "exponential": (0.0, np.inf),
}
_REGRESSION = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh")
_NO_SHARES = ("linear", "relu", "leaky_relu", "elu", "selu", "tanh")


class TrainingWarning(UserWarning):
    """Data or a model from which no training can make what was meant.

    Each is given once per model, and says what to do. To silence them all:
    `warnings.simplefilter("ignore", nncore.TrainingWarning)`.

    Example:
        >>> import warnings
        >>> import numpy as np
        >>> import nncore
        >>> model = nncore.Sequential([nncore.layers.Dense(1, "sigmoid", input_dim=2)])
        >>> model.compile("adam", "binary_crossentropy")
        >>> labels = 2 * (np.arange(64) % 2) - 1
        >>> with warnings.catch_warnings(record=True) as found:
        ...     warnings.simplefilter("always")
        ...     history = model.fit(np.zeros((64, 2)), labels, verbose=0)
        >>> found[0].category.__name__, str(found[0].message)[:54]
        ('TrainingWarning', "Targets of 'binary_crossentropy' must lie in [0, 1]. U")
    """


def before(network: Network, plan: Plan, compiled: Compiled, data: Data) -> Said:
    """What is wrong with a model and its data: pairs of a kind and a sentence."""
    if len(data) < _ROWS or network.counters["steps_lived"]:
        return
    rows = _sample(len(data), _FEW)
    yield from _output(plan, compiled)
    yield from _targets(network, plan, compiled, data.y[rows])
    yield from _inputs(network, plan, data.x[rows])


def is_enough(epochs: int, n_rows: int) -> bool:
    """Whether so many epochs of so many rows tell something about a model."""
    return epochs >= _EPOCHS and epochs * n_rows >= _ROWS_TRAINED


def after(network: Network, plan: Plan, compiled: Compiled, data: Data) -> Said:
    """What is wrong with a model that has been trained on data."""
    yield from _classes(network, compiled, data)
    yield from _dead(network, plan, data)


def _sample(n_rows: int, n: int) -> slice:
    """About n rows spread over all; the step is odd, as patterns in data are not."""
    return slice(None, None, n_rows // n | 1)


# ---- Before --------------------------------------------------------------------------


def _output(plan: Plan, compiled: Compiled) -> Said:
    last, kind = plan.specs[-1], compiled.loss_kind
    assert compiled.loss is not None
    if (
        kind.endswith("_crossentropy")
        and last["activation"] in _NO_SHARES
        and not compiled.loss._spec().get("from_logits")
    ):
        wanted = "sigmoid" if kind.startswith("binary") else "softmax"
        yield (
            "logits",
            f"The loss {kind!r} must be given probabilities. Use activation={wanted!r} "
            "in the last layer, or the loss's class with from_logits=True. Received: "
            f"the activation {last['activation']!r} of layer {plan.last_name!r}",
        )


def _targets(network: Network, plan: Plan, compiled: Compiled, y: NDArray[Any]) -> Said:
    kind, activation = compiled.loss_kind, plan.specs[-1]["activation"]
    low, high = float(y.min()), float(y.max())
    received = f"Received: targets from {low:.6g} to {high:.6g}"
    if kind == "binary_crossentropy" and (low < 0 or high > 1):
        yield (
            "targets",
            "Targets of 'binary_crossentropy' must lie in [0, 1]. Use labels 0 and 1; "
            "for labels -1 and 1 there is loss='hinge', for numbers loss='mse'. "
            f"{received}",
        )
    elif kind == "poisson" and low < 0:
        yield (
            "targets",
            f"Targets of 'poisson' must be counts, at least 0. {received}",
        )
    elif kind == "categorical_crossentropy" and network.n_out > 1:
        sums = y.sum(axis=1, dtype=np.float64)
        off = float(np.mean(np.abs(sums - 1) > 0.01))
        if off > 0.1:
            yield (
                "targets",
                "Targets of 'categorical_crossentropy' must sum to 1 in each row: one "
                "class per row. For several labels per row use activation='sigmoid' "
                "with loss='binary_crossentropy'. Received: other sums in "
                f"{off:.0%} of the rows",
            )
    elif kind in _REGRESSION and activation in _RANGES:
        least, most = _RANGES[activation]
        slack = 0.1 * (min(most, 1.0) - least)
        outside = float(np.mean((y < least - slack) | (y > most + slack)))
        if outside > 0.1:
            yield (
                "range",
                f"Targets must be numbers that the last layer can give: with "
                f"activation={activation!r} from {least:g} to {most:g}. Use a linear "
                f"last layer, or scale the targets. {received}, {outside:.0%} of them "
                "out of reach",
            )


def _inputs(network: Network, plan: Plan, x: NDArray[Any]) -> Said:
    """Units of the first layer that the inputs' size alone drives into saturation."""
    spec = plan.specs[0]
    bound = _SATURATED.get(spec["activation"])
    is_dense = spec["kind"] == "dense" and not spec["columns"]
    if bound is None or not is_dense or spec["units"] * network.n_in > _KERNEL:
        return
    x = x[_sample(len(x), 64)]
    z = x @ network.get_variable(0)
    if spec["use_bias"]:
        z += network.get_variable(1)
    share = float(np.mean(np.abs(z) > bound))
    largest = np.abs(x).max(axis=0)
    if share > 0.9 and largest.max() > bound:
        column = int(largest.argmax())
        yield (
            "inputs",
            "Inputs should be of about the size of 1: scale each column, for example "
            "x = (x - x.mean(axis=0)) / x.std(axis=0). Received: inputs that saturate "
            f"{share:.0%} of the outputs of layer {plan.first_name!r}, where slopes "
            f"are 0; column {column} reaches {largest[column]:.6g}",
        )


# ---- After ---------------------------------------------------------------------------


def _classes(network: Network, compiled: Compiled, data: Data) -> Said:
    """A classifier that says the same for every row, where no class is the rule."""
    kind = compiled.loss_kind
    if not kind.endswith("_crossentropy"):
        return
    rows = _sample(len(data), _MORE)
    y, n_out = data.y[rows], network.n_out
    if n_out > 1 and kind.startswith("binary"):
        return
    p = network.predict(data.x[rows])
    assert compiled.loss is not None
    middle = 0.0 if compiled.loss._spec().get("from_logits") else 0.5
    said = p.argmax(axis=1) if n_out > 1 else p[:, 0] > middle
    true = y[:, 0] if y.shape[1] == 1 else y.argmax(axis=1)
    if n_out == 1:
        true = true > 0.5
    _, counts = np.unique(true, return_counts=True)
    most = counts.max() / len(y)
    if most < 0.6 and (said == said[0]).all():
        yield (
            "class",
            f"A classifier should tell classes apart. Received: class {int(said[0])} "
            f"for all of {len(y)} rows, though no class has more than {most:.0%} of "
            "them. Scale the inputs, try a smaller or a larger learning rate, fewer "
            "penalties, or more units",
        )


def _dead(network: Network, plan: Plan, data: Data) -> Said:
    """Layers whose ReLUs are 0 for every row: they learn nothing any more."""
    relus = [
        index
        for index, spec in enumerate(plan.specs)
        if spec["activation"] == "relu" and spec["units"] >= 4 and spec["trainable"]
    ]
    relus = [i for i in relus if not plan.specs[i]["activation_args"][0]]
    if not relus:
        return
    dead = _silent(network, plan, data, relus, _FEW)
    suspects = [i for i in relus if dead[i].mean() >= 0.75]
    if suspects:
        dead = _silent(network, plan, data, suspects, _MORE)
    for index in suspects:
        if dead[index].mean() >= 0.75:
            yield (
                f"relu {index}",
                "ReLUs should answer to some rows. Received: "
                f"{int(dead[index].sum())} of the {len(dead[index])} units of layer "
                f"{plan.names[index]!r} are 0 for every row looked at, and get no "
                "gradient. Use a smaller learning rate, scaled inputs, or "
                "activation='leaky_relu'",
            )


def _silent(
    network: Network, plan: Plan, data: Data, layers: Sequence[int], n: int
) -> dict[int, NDArray[np.bool_]]:
    """For some layers, which units are 0 for all of n rows."""
    from nncore import reference

    net = reference.Network(network.n_in, plan.specs[: max(layers) + 1])
    for index, variable in enumerate(net.variables):
        variable[...] = network.get_variable(index)
    x = data.x[_sample(len(data), n)]
    with np.errstate(all="ignore"):
        _, records = net.forward(x.astype(np.float64))
    return {
        i: (records[i].z <= plan.specs[i]["activation_args"][2]).all(axis=0)
        for i in layers
    }
