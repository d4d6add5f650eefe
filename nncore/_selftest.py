"""`nncore selftest`: does the compiled core compute what the reference says?

Two networks are trained in C, batch by batch. Before each batch the reference takes
over C's weights, moments and row order and takes the same step with a bound beside each
number (`nncore._bounds`); then everything that C holds is compared. A wrong formula,
a wrong index or a lost digit shows as a difference above its bound, whatever the
training does in the long run.

Free-running trainings, where nothing is taken over, are shown beside each other too.
Rounding differences may grow there, so only the smooth one in float64 is judged.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _bounds, _core, reference

Array = npt.NDArray[Any]

FREE_TOLERANCE = 1e-9
"""How far 5000 free steps of a smooth network in float64 may drift apart."""

QUANTITIES = ("z", "output", "loss", "gradient", "weights", "moments")


class _Task(NamedTuple):
    name: str
    x: Array
    y: Array
    units: tuple[int, ...]
    activations: tuple[str, ...]
    use_bias: bool
    loss: dict[str, Any]
    optimizer: dict[str, Any]
    learning_rate: float
    batch_size: int
    steps: int
    """Steps that are compared one by one."""

    def layers(self) -> list[dict[str, Any]]:
        return [
            {
                "units": units,
                "use_bias": self.use_bias,
                "trainable": True,
                "activation": name,
                "activation_args": reference.activation_args({"activation": name}),
            }
            for units, name in zip(self.units, self.activations, strict=True)
        ]

    def weights(self, dtype: str) -> list[Array]:
        """Starting values: uniform with Glorot's limit, biases 0; or uniform(0, 1)."""
        rng, values = np.random.default_rng(1), []
        n_in = self.x.shape[1]
        for units in self.units:
            limit = np.sqrt(6 / (n_in + units))
            low, high = (-limit, limit) if self.use_bias else (0.0, 1.0)
            values.append(rng.uniform(low, high, (n_in, units)).astype(dtype))
            if self.use_bias:
                values.append(np.zeros(units, dtype))
            n_in = units
        return values

    def in_core(self, dtype: str, isa: str) -> _core.Network:
        """The network in C, compiled, with its starting weights."""
        net = _core.Network(dtype, self.x.shape[1], self.layers(), _SEED, isa)
        for i, value in enumerate(self.weights(dtype)):
            net.set_variable(i, value)
        net.compile(self.loss, [], self.optimizer)
        return net

    def in_numpy(self, dtype: str) -> reference.Network:
        """The same network in the reference."""
        net = reference.Network(self.x.shape[1], self.layers(), _SEED)
        for variable, value in zip(net.variables, self.weights(dtype), strict=True):
            variable[...] = value
        net.compile(self.loss, [], self.optimizer)
        return net


_SEED = 7
_ADAM = {"kind": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}


def _xor() -> _Task:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float64)
    y = np.array([[0], [1], [1], [0]], dtype=np.float64)
    loss = {"kind": "mean_squared_error"}
    functions = ("relu", "sigmoid")
    return _Task("XOR", x, y, (16, 1), functions, True, loss, _ADAM, 0.001, 4, 60)


def _by_hand() -> _Task:
    x = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=np.float64)
    y = np.array([[0], [1], [1], [0]], dtype=np.float64)
    loss = {"kind": "mean_squared_error"}
    functions, sgd = ("sigmoid", "sigmoid"), {"kind": "sgd"}
    return _Task("by hand", x, y, (5, 1), functions, False, loss, sgd, 2.0, 4, 60)


def _pima() -> tuple[_Task, str]:
    """The Pima task, and a remark if its data are not to be had."""
    remark = ""
    try:
        from .datasets import load_pima

        x, y = (np.asarray(a, dtype=np.float64) for a in load_pima())
    except (ImportError, OSError) as error:
        remark = (
            f"The Pima data are not to be had here; a random table stands in ({error})"
        )
        rng = np.random.default_rng(2)
        x = np.abs(rng.normal(size=(768, 8))) * (4, 120, 70, 20, 80, 32, 0.5, 33)
        x = x.astype(np.float32).astype(np.float64)
        y = (rng.random(768) < 0.35).astype(np.float64)
    loss = {"kind": "binary_crossentropy"}
    units, functions = (10, 8, 8, 1), ("relu", "relu", "relu", "sigmoid")
    y = y.reshape(-1, 1)
    task = _Task("Pima", x, y, units, functions, True, loss, _ADAM, 0.001, 10, 100)
    return task, remark


# ---- Step by step -------------------------------------------------------------------


class _Probes:
    """Networks that end at each layer's pre-activation, to see C's z."""

    def __init__(self, task: _Task, dtype: str, isa: str) -> None:
        layers, n_in = task.layers(), task.x.shape[1]
        self.nets = []
        for i, layer in enumerate(layers):
            probe = [*layers[:i], {**layer, "activation": "linear"}]
            self.nets.append(_core.Network(dtype, n_in, probe, 0, isa))

    def z(self, variables: list[Array], x: Array) -> dict[int, Array]:
        found = {}
        for i, net in enumerate(self.nets):
            for k in range(net.n_variables):
                net.set_variable(k, variables[k])
            found[i] = np.asarray(net.predict(x), dtype=np.float64)
        return found


class _Worst:
    """The largest difference of each quantity, as a fraction of its bound."""

    def __init__(self) -> None:
        self.fractions = dict.fromkeys(QUANTITIES, 0.0)

    def compare(self, quantity: str, core: npt.ArrayLike, bounded: Any) -> None:
        difference = np.abs(np.asarray(core, dtype=np.float64) - bounded.value)
        with np.errstate(divide="ignore", invalid="ignore"):
            fraction = np.where(difference == 0, 0.0, difference / bounded.error)
        # A NaN anywhere is a difference, too.
        largest = float(np.max(np.where(np.isnan(fraction), np.inf, fraction)))
        self.fractions[quantity] = max(self.fractions[quantity], largest)


def _check_steps(task: _Task, dtype: str, isa: str) -> tuple[_Worst, int]:
    """Train in C and compare each step; also how many units were near a kink."""
    worst, probes = _Worst(), _Probes(task, dtype, isa)
    core, x, y = task.in_core(dtype, isa), task.x.astype(dtype), task.y.astype(dtype)
    bounded = _bounds.Network(
        _bounds.Rounding(dtype), task.x.shape[1], task.layers(), _SEED
    )
    bounded.compile(task.loss, [], task.optimizer)
    done, epoch = task.steps, 0
    while done > 0:
        order = reference.shuffled(len(x), _SEED, epoch)
        epoch += 1
        for first in range(0, len(x), task.batch_size):
            rows = order[first : first + task.batch_size]
            _check_step(task, core, bounded, probes, worst, (x, y, rows))
            done -= 1
            if done == 0:
                break
    return worst, bounded.near_kinks


def _check_step(
    task: _Task,
    core: _core.Network,
    bounded: _bounds.Network,
    probes: _Probes,
    worst: _Worst,
    data: tuple[Array, Array, Array],
) -> None:
    x, y, rows = data
    xb, yb = x[rows], y[rows]
    variables, slots = _state(core)
    bounded.start_from(variables, slots)
    bounded.core_z = probes.z(variables, xb)
    loss: Any
    loss, gradients = bounded.gradient(xb.astype(np.float64), yb.astype(np.float64))
    core_loss, core_gradients = core.gradient(xb, yb, None)
    for i, z in bounded.core_z.items():
        worst.compare("z", z, bounded.seen[i])
    last = len(task.units) - 1
    worst.compare("output", core.predict(xb), bounded.outputs[last])
    worst.compare("loss", core_loss, loss)
    for ours, theirs in zip(core_gradients, gradients, strict=True):
        worst.compare("gradient", ours, theirs)

    bounded.optimizer.step(bounded.variables, gradients, task.learning_rate)
    core.train(
        *(x, y, None),
        batch_size=task.batch_size,
        max_batches=1,
        max_epochs=1,
        shuffle=True,
        learning_rate=task.learning_rate,
    )
    variables, slots = _state(core)
    for ours, theirs in zip(variables, bounded.variables, strict=True):
        worst.compare("weights", ours, theirs)
    for slot, their_slot in zip(slots, bounded.optimizer.slots, strict=True):
        for ours, theirs in zip(slot, their_slot, strict=True):
            worst.compare("moments", ours, theirs)


def _state(core: _core.Network) -> tuple[list[Array], list[list[Array]]]:
    n = core.n_variables
    variables = [core.get_variable(i) for i in range(n)]
    slots = [[core.get_slot(s, i) for i in range(n)] for s in range(core.n_slots)]
    return variables, slots


# ---- Free running -------------------------------------------------------------------


def _free_losses(task: _Task, epochs: list[int], isa: str) -> dict[str, list[float]]:
    """The loss of some epochs in the reference and in C."""
    kinds = {"reference": "float64", "C float64": "float64", "C float32": "float32"}
    losses: dict[str, list[float]] = {}
    rows: Any
    for kind, dtype in kinds.items():
        x, y = task.x.astype(dtype), task.y.astype(dtype)
        if kind == "reference":
            rows = task.in_numpy(dtype).train(
                *(x, y),
                batch_size=task.batch_size,
                epochs=epochs[-1],
                shuffle=True,
                learning_rate=task.learning_rate,
            )
        else:
            rows = _core_epochs(task.in_core(dtype, isa), task, x, y, epochs[-1])
        losses[kind] = [float(rows[epoch - 1][0]) for epoch in epochs]
    return losses


def _core_epochs(
    net: _core.Network, task: _Task, x: Array, y: Array, epochs: int
) -> Array:
    rows, _, _, _ = net.train(
        *(x, y, None),
        batch_size=task.batch_size,
        max_batches=epochs * len(x),
        max_epochs=epochs,
        shuffle=True,
        learning_rate=task.learning_rate,
    )
    return rows


def _free_difference(task: _Task, epochs: int, isas: list[str]) -> dict[str, float]:
    """Largest difference of weights and outputs after free training in float64."""
    ours = task.in_numpy("float64")
    ours.train(
        *(task.x, task.y),
        batch_size=task.batch_size,
        epochs=epochs,
        shuffle=False,
        learning_rate=task.learning_rate,
    )
    differences = {}
    for isa in isas:
        net = task.in_core("float64", isa)
        net.train(
            *(task.x, task.y, None),
            batch_size=task.batch_size,
            max_batches=epochs,
            max_epochs=epochs,
            shuffle=False,
            learning_rate=task.learning_rate,
        )
        pairs = [(net.get_variable(i), v) for i, v in enumerate(ours.variables)]
        pairs.append((net.predict(task.x), ours.predict(task.x)))
        differences[isa] = max(float(np.abs(a - b).max()) for a, b in pairs)
    return differences


# ---- The report ---------------------------------------------------------------------


def selftest() -> bool:
    """Check the compiled core against the NumPy reference on this machine.

    Trains the XOR and the Pima networks in C, for every instruction set that this CPU
    has, in float32 and float64. Before each batch `nncore.reference` starts from C's
    weights, moments and row order, takes one step, and each quantity is compared within
    a bound that is computed alongside: the sum of |a||b| of each product, carried
    through activations and optimizer. Printed is the largest difference of each
    quantity as a fraction of its bound. Then trainings that run freely are shown beside
    each other; the smooth one in float64 must agree to 1e-9. Takes a few seconds.

    Returns:
        Whether every difference is within its bound.

    Example:
        >>> import nncore
        >>> nncore.selftest()  # doctest: +SKIP
        True
    """
    isas = [name for name, (built, here) in _core.isas().items() if built and here]
    pima, remark = _pima()
    if remark:
        print(remark)
    passed = _report_steps([_xor(), _by_hand(), pima], isas)
    isa = _core.default_isa()
    _report_free(_xor(), [1, 10, 100, 300, 1000], isa)
    _report_free(pima, [1, 2, 5, 10, 20], isa)
    passed &= _report_smooth(_by_hand(), 5000, isas)
    print("passed" if passed else "FAILED: the core differs from the reference")
    return passed


def _report_steps(tasks: list[_Task], isas: list[str]) -> bool:
    print("Step by step: largest difference as a fraction of its bound (below 1)")
    names = "".join(f"{name:>10}" for name in QUANTITIES)
    print(f"{'task':<9}{'isa':<9}{'dtype':<9}{'steps':>5}{names}{'at kinks':>10}")
    passed = True
    for task in tasks:
        for isa in isas:
            for dtype in ("float32", "float64"):
                worst, near = _check_steps(task, dtype, isa)
                row = "".join(f"{value:>10.2g}" for value in worst.fractions.values())
                ok = all(value < 1 for value in worst.fractions.values())
                passed &= ok
                print(
                    f"{task.name:<9}{isa:<9}{dtype:<9}{task.steps:>5}{row}{near:>10}"
                    f"{'' if ok else '  TOO LARGE'}"
                )
    return passed


def _report_free(task: _Task, epochs: list[int], isa: str) -> None:
    print(f"\nRunning freely: loss of {task.name} by epoch (not judged)")
    print(f"{'epoch':<11}" + "".join(f"{epoch:>12}" for epoch in epochs))
    for kind, losses in _free_losses(task, epochs, isa).items():
        print(f"{kind:<11}" + "".join(f"{loss:>12.8f}" for loss in losses))


def _report_smooth(task: _Task, epochs: int, isas: list[str]) -> bool:
    print(f"\nRunning freely: XOR {task.name}, 3-5-1, {epochs} steps in float64")
    passed = True
    for isa, difference in _free_difference(task, epochs, isas).items():
        ok = difference <= FREE_TOLERANCE
        passed &= ok
        verdict = "at most" if ok else "ABOVE"
        print(
            f"{isa:<9}largest difference {difference:.1e}, {verdict} {FREE_TOLERANCE}"
        )
    print()
    return passed
