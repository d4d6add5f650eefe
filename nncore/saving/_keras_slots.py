"""The optimizer's arrays as Keras orders them, to nncore's slots and back.

nncore has slots 0, 1, ..., each with an array for every weight. Keras 3 and TensorFlow
from 2.11 on write scalars (batches trained, learning rate), then blocks: for every
trained weight the arrays of one or two slots; averages of the weights and sums of
gradients come first. Older ones write a block for each slot. Keras 1 takes the weights
in the order of their names.

Adafactor has two more arrays there, which are means of its slot along rows and columns;
for a bias they are numbers without meaning. Muon lacks the second array of the weights
that do not follow Adam.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _plan
from ..models import Sequential
from ..optimizers.schedules import LearningRateSchedule

Array = NDArray[Any]


class _Part(NamedTuple):
    """One array of a file.

    Attributes:
        slot: nncore's slot.
        weight: its number.
        shape: in the file.
        axis: None: it is the slot; else its mean along that axis.
    """

    slot: int
    weight: int
    shape: tuple[int, ...]
    axis: int | None = None

    @property
    def name(self) -> str:
        """A name that no other part has."""
        name = f"slot{self.slot}_{self.weight}"
        return name if self.axis is None else f"{name}_mean{-self.axis}"


_MOST_UPDATES = 10**6
_LEAST = float(np.finfo(np.float64).tiny)


def read(
    model: Sequential,
    arrays: Sequence[Array],
    *,
    old: bool = False,
    names: Sequence[str] | None = None,
) -> str | None:
    """Give a model's optimizer its arrays and counters.

    Args:
        model: a built, compiled model.
        arrays: the optimizer's, in the file's order.
        old: whether each slot has a block of its own.
        names: names of the trained weights, by which the arrays are sorted; None: they
            are in the order of the model.

    Returns:
        None, or what prevents it; then nothing is changed.
    """
    network, spec = model._ready_network(), _spec(model)
    variables = model._make_plan().variables
    indices = _trained(variables)
    if names is not None:
        if len(names) != len(indices):
            return f"{len(names)} names for {len(indices)} weights"
        indices = [i for _, i in sorted(zip(names, indices, strict=True))]
    if old and spec["kind"] == "nadam":
        return "the Nadam of Keras 1 and 2, whose formula is another"
    if any(array.dtype.kind not in "fiu" for array in arrays):
        return "arrays that are no numbers"
    parts = _parts(spec, network.n_slots, variables, indices, old)
    rest = list(arrays)
    scalars: list[float] = []
    most = len(rest) - len(parts) if spec["kind"] == "adafactor" else len(rest)
    while rest and rest[0].shape == () and len(scalars) < most:
        scalars.append(float(rest.pop(0)))
    steps = int(scalars[0]) if scalars and 0 <= scalars[0] < 2**63 else 0
    if not rest and steps == 0:
        return None
    found: list[tuple[_Part, Array]] = []
    for part in parts:
        array = rest.pop(0) if rest else np.empty(0)
        if array.shape != part.shape:
            return (
                f"{array.shape} where {part.shape} is expected, array "
                f"{len(arrays) - len(rest) - 1} of {len(arrays)}"
            )
        if part.axis is None:
            found.append((part, array.reshape(variables[part.weight].core_shape)))
    extra = sum(array.shape != () for array in rest)
    if extra and not old and spec["kind"] != "sgd":
        return f"{extra} arrays more than {spec['kind']} has"
    for part, array in found:
        network.set_slot(part.slot, part.weight, array.astype(network.dtype))
    counters = network.counters
    counters["steps"] = counters["steps_lived"] = steps
    updates = steps // (spec["gradient_accumulation_steps"] or 1)
    counters.update(_products(spec, updates))  # type: ignore[typeddict-item]
    network.set_counters(counters)
    return None


def written(model: Sequential, *, rate: bool) -> list[tuple[str, Any]]:
    """The optimizer's arrays in Keras 3's order, with its names for them.

    Args:
        model: a built, compiled model.
        rate: whether the learning rate is one of them; a schedule never is.
    """
    network, spec = model._ready_network(), _spec(model)
    counters = network.counters
    result: list[tuple[str, Any]] = [("iteration", np.int32(counters["steps"] % 2**31))]
    if rate and not _has_schedule(model):
        result.append(("learning_rate", np.dtype(network.dtype).type(_rate(model))))
    variables = model._make_plan().variables
    for part in _parts(spec, network.n_slots, variables, _trained(variables)):
        array = network.get_slot(part.slot, part.weight)
        array = array.reshape(variables[part.weight].shape)
        if part.axis is not None:
            means = array.mean(axis=part.axis) if part.shape else 0
            array = np.asarray(means, network.dtype)
        result.append((part.name, array))
    if spec["kind"] == "nadam":
        product = np.dtype(network.dtype).type(counters["momentum_product"])
        result.append(("u_product", product))
    return result


def _spec(model: Sequential) -> dict[str, Any]:
    assert model.optimizer is not None
    return _plan.optimizer_spec(model.optimizer, model._make_plan().variables)


def _rate(model: Sequential) -> float:
    assert model.optimizer is not None
    return model.optimizer.learning_rate


def _has_schedule(model: Sequential) -> bool:
    assert model.optimizer is not None
    return isinstance(model.optimizer._learning_rate, LearningRateSchedule)


def _trained(variables: Sequence[_plan.Variable]) -> list[int]:
    """Places of the weights that are trained."""
    return [i for i, variable in enumerate(variables) if variable.is_trained]


def _parts(
    spec: dict[str, Any],
    n_slots: int,
    variables: Sequence[_plan.Variable],
    indices: Sequence[int],
    old: bool = False,
) -> list[_Part]:
    """The arrays of the trained weights in a file's order."""
    blocks = _blocks(spec, n_slots)
    if old:
        blocks = [(slot,) for block in blocks for slot in block]
    return [
        part
        for block in blocks
        for index in indices
        for slot in block
        for part in _parts_of(spec, slot, index, variables[index].shape)
    ]


def _parts_of(
    spec: dict[str, Any], slot: int, index: int, shape: tuple[int, ...]
) -> list[_Part]:
    """What a file has of one slot of one weight."""
    whole = _Part(slot, index, shape)
    if spec["kind"] == "adafactor" and slot == 0:
        rows, columns = (
            ((), ()) if len(shape) < 2 else (shape[:-1], shape[:-2] + shape[-1:])
        )
        return [_Part(0, index, rows, -1), _Part(0, index, columns, -2), whole]
    is_absent = spec["kind"] == "muon" and slot == 1 and not spec["by_adam"][index]
    return [] if is_absent else [whole]


def _blocks(spec: dict[str, Any], n_slots: int) -> list[tuple[int, ...]]:
    """Which slots stand side by side for each weight, block after block."""
    extra = bool(spec["use_ema"]) + bool(spec["gradient_accumulation_steps"])
    n_slots -= extra
    return [(n_slots + i,) for i in range(extra)] + _own_blocks(spec, n_slots)


def _own_blocks(spec: dict[str, Any], n_slots: int) -> list[tuple[int, ...]]:
    """Those of the rule."""
    if spec["kind"] == "rmsprop":
        used = {0: True, 1: spec["momentum"], 2: spec["centered"]}
        return [(slot,) for slot, is_used in used.items() if is_used]
    if spec["kind"] == "adam":
        return [(0, 1), (2,)][: n_slots - 1]
    return [tuple(range(n_slots))] if n_slots else []


def _products(spec: dict[str, Any], updates: int) -> dict[str, float]:
    """What the core multiplies up, update by update, with the same roundings.

    Beyond a million updates powers will do: what they round does not count by then.
    """
    names = ["beta_1_power", "beta_2_power"]
    factors = [spec["beta_1"], spec["beta_2"]]
    if spec["kind"] == "nadam":
        names += ["schedule_power", "momentum_product"]
        factors += [0.96, 1.0]
    if updates > _MOST_UPDATES:
        powers = {n: f**updates for n, f in zip(names, factors, strict=True)}
        return powers if len(powers) == 2 else {**powers, "momentum_product": 0.0}
    products = [1.0] * len(names)
    for _ in range(updates):
        if spec["kind"] == "nadam":
            factors[3] = spec["beta_1"] * (1 - 0.5 * products[2] * 0.96)
        # A subnormal number is 0 to the core.
        products = [
            p * f if p * f >= _LEAST else 0.0
            for p, f in zip(products, factors, strict=True)
        ]
    return dict(zip(names, products, strict=True))
