"""Where a number stopped to be one: `fit(..., diagnose=True)`.

The training goes batch by batch, which changes no bit, and after each the weights are
looked at. A batch that fails is run again, in float64, by `nncore.reference`: layer by
layer to its loss, or back to the gradient that made a weight infinite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nncore import reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nncore._core import Network
    from nncore._plan import Compiled, Plan
    from nncore._training import Data

# How many times the largest weight, or 1, a weight may grow to before that is told.
_GROWTH = 1000.0


class Watch:
    """Looks at a training from batch to batch.

    Attributes:
        finding: a sentence; empty while there is nothing to tell.
    """

    def __init__(
        self, network: Network, plan: Plan, compiled: Compiled, data: Data
    ) -> None:
        self.network, self.plan = network, plan
        self.compiled, self.data = compiled, data
        self.finding = ""
        self.before = self._weights()
        self.bound = _GROWTH * max([1.0, *map(_largest, self.before)])

    def batch_done(
        self, epoch: int, batch: int, size: int, order: Any, shuffled: bool, bad: bool
    ) -> None:
        """Look at the batch, `bad` if its loss was not finite and it was not used."""
        if self.finding:
            return
        weights = self._weights()
        step = self.network.counters["steps_lived"] - (not bad)
        place = f"in epoch {epoch + 1}, batch {batch + 1} (step {step + 1})"
        if bad:
            self._explain_loss(place, self._rows(batch, size, order, shuffled), step)
        elif any(not _largest(w) <= self.bound for w in weights):
            self._explain_update(
                place, self._rows(batch, size, order, shuffled), step, weights
            )
        self.before = weights

    def _weights(self) -> list[NDArray[Any]]:
        return [self.network.get_variable(i) for i in range(self.network.n_variables)]

    def _rows(
        self, batch: int, size: int, order: Any, shuffled: bool
    ) -> NDArray[np.uint32]:
        """Numbers of the batch's rows."""
        n = len(self.data)
        if order is None:
            order = np.arange(n, dtype=np.uint32)
            if shuffled:
                counters = self.network.counters
                order = reference.shuffled(
                    n, counters["seed"], counters["epochs_lived"] - 1
                )
        rows: NDArray[np.uint32] = order[batch * size : (batch + 1) * size]
        return rows

    def _reference(self) -> reference.Network:
        """The network before the batch."""
        net = reference.Network(self.network.n_in, self.plan.specs)
        for variable, value in zip(net.variables, self.before, strict=True):
            variable[...] = value
        net.compile(*self.compiled.specs(self.plan))
        return net

    def _batch(self, rows: NDArray[np.uint32]) -> tuple[Any, Any, Any]:
        data = self.data
        weights = None if data.weights is None else data.weights[rows]
        x = data.x[rows]
        return x.astype(np.float64), data.y[rows].astype(np.float64), weights

    def _explain_loss(self, place: str, rows: NDArray[np.uint32], step: int) -> None:
        for index, weights in enumerate(self.before):
            if (found := self._first(weights)) is not None:
                self.finding = (
                    f"Diagnosis: before the loss, {place}, {self._variable(index)} "
                    f"already held {weights[found]} at {_at(found)}"
                )
                return
        net = self._reference()
        x, y, weights = self._batch(rows)
        with np.errstate(all="ignore"):
            out, records = net.forward(x, step)
            if (found := self._first(x)) is not None:
                self.finding = self._told(place, "the inputs hold", x, found, rows)
                return
            parts = zip(self.plan.names, records, self.plan.specs, strict=True)
            for name, record, spec in parts:
                y_out = net.activate(spec, record.z)
                for what, values in (
                    ("before its activation", record.z),
                    (f"after {spec['activation']!r}", y_out),
                ):
                    if (found := self._first(values)) is not None:
                        verb = f"layer {name!r} is the first to give, {what},"
                        self.finding = self._told(
                            *(place, verb, values, found, rows),
                            also=f"; its inputs reach {_largest(record.x):.3g}, its "
                            f"weights {self._largest_of(name):.3g}",
                        )
                        return
            loss, p = net.loss_of(net.loss, out, records)
            losses = net.measure(loss, y, p)
            if weights is not None:
                losses = losses * np.ravel(weights)
        if (found := self._first(losses)) is not None:
            self.finding = self._told(place, "the loss gives", losses, found, rows)
        else:
            self.finding = (
                f"Diagnosis: {place}, every row's outputs and loss are finite, but not "
                f"their sum: the largest loss is {_largest(losses):.3g}, the penalties "
                f"are {net.penalty():.3g}"
            )

    def _explain_update(
        self,
        place: str,
        rows: NDArray[np.uint32],
        step: int,
        weights: list[NDArray[Any]],
    ) -> None:
        net = self._reference()
        with np.errstate(all="ignore"):
            x, y, w = self._batch(rows)
            _, gradients = net.gradient(x, y, None if w is None else np.ravel(w), step)
        sizes = [_largest(w) for w in weights]
        index = next(
            i for i in reversed(range(len(sizes))) if not sizes[i] <= self.bound
        )
        at = np.unravel_index(
            int(np.argmax(np.nan_to_num(np.abs(weights[index]), nan=np.inf))),
            weights[index].shape,
        )
        found = tuple(map(int, at))
        self.finding = (
            f"Diagnosis: the weights explode {place}: the update made "
            f"{self._variable(index)} {weights[index][found]:.3g} at {_at(found)}, "
            f"where it had been {self.before[index][found]:.3g}; the gradient was "
            f"{gradients[index][found]:.3g}; the largest input of the batch was "
            f"{_largest(x):.3g}"
        )

    def _first(self, values: NDArray[Any]) -> tuple[int, ...] | None:
        """The first place of what is no number in the model's dtype."""
        with np.errstate(all="ignore"):
            bad = ~np.isfinite(values.astype(self.plan.dtype))
        if not bad.any():
            return None
        return tuple(map(int, np.unravel_index(int(bad.argmax()), bad.shape)))

    def _told(
        self,
        place: str,
        verb: str,
        values: NDArray[Any],
        found: tuple[int, ...],
        rows: NDArray[np.uint32],
        also: str = "",
    ) -> str:
        with np.errstate(all="ignore"):
            value = values[found].astype(self.plan.dtype)
        column = f" in column {found[1]}" if len(found) > 1 else ""
        return (
            f"Diagnosis: {place}, {verb} {value}{column} for row {rows[found[0]]} of "
            f"the data{also}"
        )

    def _variable(self, index: int) -> str:
        variable = self.plan.variables[index]
        return f"the {variable.name} of layer {variable.layer.name!r}"

    def _largest_of(self, name: str) -> float:
        own = [
            w
            for w, v in zip(self.before, self.plan.variables, strict=True)
            if v.layer.name == name
        ]
        return max(map(_largest, own), default=0.0)


def _largest(values: NDArray[Any]) -> float:
    """The largest absolute value; NaN if there is one."""
    return float(np.abs(values).max(initial=0.0))


def _at(found: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, found)) + "]"
