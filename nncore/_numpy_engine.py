"""A network in NumPy: for parts written in Python, and what C does not have.

The latter are `Lamb`, `Adafactor` and `Muon`, `Dense` on rows of several axes, and
`Dice` and `Tversky` over a whole batch.

`Network` does what `_core.Network` does, method by method, so that nothing above
`_plan.make_network` knows which of the two a model has. The arithmetic is that of
`reference` in the model's dtype, with the core's kernels for activations; a user's
layers, losses, metrics, activations, regularizers and constraints take part in it as
the objects that they are. Random numbers and the order of rows are the core's.
Results are close to the core's, but their last bits are those of NumPy.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore import _core, reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Spec = Mapping[str, Any]


class _Own(reference._Same):
    """A layer that a user has written."""

    def shapes(self, layer: Spec, n_in: int) -> dict[str, tuple[int, ...]]:
        return {str(i): w.values.shape for i, w in enumerate(layer["own"]._own_weights)}

    def n_out(self, layer: Spec, n_in: int) -> int:
        return math.prod(layer["output_shape"])

    def forward(
        self, layer: Spec, x: Array, v: reference.Weights, training: bool
    ) -> tuple[Array, reference.Weights]:
        own, shape = layer["own"], (len(x), *layer["output_shape"])
        inputs = x.reshape(len(x), *layer["input_shape"])
        outputs = _shaped(own._run(inputs, training), shape, own, "call")
        outputs = outputs.astype(x.dtype, copy=False)
        return outputs.reshape(len(x), -1), {"in": inputs, "out": outputs}

    def backward(
        self,
        layer: Spec,
        dz: Array,
        x: Array,
        v: reference.Weights,
        kept: reference.Weights,
    ) -> tuple[Array, reference.Weights]:
        own, inputs = layer["own"], kept["in"]
        outputs = kept["out"]
        given = own.gradient(inputs, outputs, dz.reshape(outputs.shape))
        d_inputs, d_weights = given if isinstance(given, tuple) else (given, [])
        trained = [i for i, w in enumerate(own._own_weights) if w.trainable]
        if not layer["trainable"]:
            trained, d_weights = [], []
        if len(d_weights) != len(trained):
            raise ValueError(
                f"`gradient` of layer {own.name!r} must return d_inputs and a list of "
                f"{len(trained)} arrays, one for each trainable weight. "
                f"Received: {len(d_weights)} arrays"
            )
        gradients = {
            str(i): _shaped(dw, v[str(i)].shape, own, "gradient")
            for i, dw in zip(trained, d_weights, strict=True)
        }
        d_inputs = _shaped(d_inputs, inputs.shape, own, "gradient")
        return d_inputs.reshape(x.shape).astype(x.dtype, copy=False), gradients


class _FirstDense(reference._Dense):
    """A dense layer with nothing trained before it: nobody asks for its dx."""

    def backward(
        self,
        layer: Spec,
        dz: Array,
        x: Array,
        v: reference.Weights,
        kept: reference.Weights,
    ) -> tuple[Array, reference.Weights]:
        groups = dz.reshape(-1, v["kernel"].shape[1])
        return dz, self.gradients(groups, x.reshape(-1, len(v["kernel"])))


class _Embedding(reference._Embedding):
    """Rows of a table, whose gradients are added up where they belong."""

    def backward(
        self,
        layer: Spec,
        dz: Array,
        x: Array,
        v: reference.Weights,
        kept: reference.Weights,
    ) -> tuple[Array, reference.Weights]:
        table = np.zeros_like(v["embeddings"])
        passed = layer["columns"]
        index = x[:, passed:].ravel().astype(np.int64)
        np.add.at(table, index, dz[:, passed:].reshape(-1, layer["units"]))
        return np.zeros_like(x), {"embeddings": table}


class _Gather(reference._Gather):
    """Columns in another order, whose gradients are added up where they belong."""

    def backward(
        self,
        layer: Spec,
        dz: Array,
        x: Array,
        v: reference.Weights,
        kept: reference.Weights,
    ) -> tuple[Array, reference.Weights]:
        dx = np.zeros_like(x)
        np.add.at(dx.T, np.asarray(layer["order"]), dz.T)
        return dx, {}


_OWN, _FIRST_DENSE = _Own(), _FirstDense()
_QUICK: dict[type, reference._Same] = {
    reference._Embedding: _Embedding(),
    reference._Gather: _Gather(),
}
_MEAN = (None, "sum_over_batch_size")


class _Arithmetic(reference.Network):
    """`reference.Network` in a model's dtype, with a user's parts.

    A layer's description may have "own", a layer written in Python, with the
    "input_shape" and the "output_shape" of a row; an activation may be an object; a
    penalty may be a "kernel_regularizer", "bias_regularizer" or "activity_regularizer",
    and what follows an update a "kernel_own_constraint" or "bias_own_constraint".

    Attributes:
        out: the output of the last forward pass.
    """

    def __init__(self, dtype: str, n_in: int, layers: Sequence[Spec], seed: int):
        self.dtype = np.dtype(dtype)
        self._dtype_name = dtype
        self.regularizers: list[Any] = []
        self.own_constraints: list[Any] = []
        super().__init__(n_in, layers, seed)
        self.out: Array = np.empty((0, self.n_out), dtype)
        trained = [
            place
            for place, layer in enumerate(self.layers)
            if any(self.trainable[i] for i in layer["places"].values())
        ]
        self.first = min(trained, default=len(self.layers))
        for place, layer in enumerate(self.layers):
            layer["found"] = kind = self.kind(layer)
            if place == self.first and type(kind) is reference._Dense:
                layer["found"] = _FIRST_DENSE

    def kind(self, layer: Spec) -> reference._Same:
        """As the reference has it, or a user's layer."""
        if "found" in layer:
            found: reference._Same = layer["found"]
            return found
        if "own" in layer:
            return _OWN
        kind = super().kind(layer)
        return _QUICK.get(type(kind), kind)

    def _add_variable(
        self, layer: dict[str, Any], name: str, shape: tuple[int, ...]
    ) -> None:
        super()._add_variable(layer, name, shape)
        if "own" in layer:
            weight = layer["own"]._own_weights[int(name)]
            self.variables[-1] = weight.values
            self.trainable[-1] = self.trainable[-1] and weight.trainable
            self.regularizers.append(weight.regularizer)
            self.own_constraints.append(weight.constraint)
            return
        self.variables[-1] = self.variables[-1].astype(self.dtype)
        role = reference._ROLES.get(name, name)
        self.regularizers.append(layer.get(f"{role}_regularizer"))
        self.own_constraints.append(layer.get(f"{role}_own_constraint"))

    def compile(self, loss: Spec, metrics: Sequence[Spec], optimizer: Spec) -> None:
        """As the reference does, with slots of the model's dtype."""
        super().compile(loss, metrics, optimizer)
        self.optimizer.slots = [
            [s.astype(self.dtype) for s in slot] for slot in self.optimizer.slots
        ]

    # ---- forward, backward ----

    def forward(
        self, x: Array, step: int | None = None
    ) -> tuple[Array, list[reference.Record]]:
        """As the reference does; the output is kept for the metrics."""
        self.out, records = super().forward(x, step)
        return self.out, records

    def backward(self, records: list[reference.Record], d_out: Array) -> list[Array]:
        """As the reference does, in the model's dtype."""
        gradients = super().backward(records, d_out.astype(self.dtype, copy=False))
        return [g.astype(self.dtype, copy=False) for g in gradients]

    def noise(
        self, layer: Spec, shape: tuple[int, ...], step: int | None
    ) -> tuple[Array | None, Array | None]:
        """As the reference has it, in the model's dtype."""
        factor, shift = super().noise(layer, shape, step)
        return (
            None if factor is None else factor.astype(self.dtype),
            None if shift is None else shift.astype(self.dtype),
        )

    def activate(self, layer: Spec, z: Array) -> Array:
        """The core's kernel, or a user's function."""
        f = layer["activation"]
        if f == "linear":
            return z
        if isinstance(f, str):
            return _core.activation_forward(
                f, reference.activation_args(layer), z, self._dtype_name
            )
        return _shaped(f.function(z), z.shape, f, "").astype(z.dtype, copy=False)

    def activate_back(self, layer: Spec, dy: Array, z: Array) -> Array:
        """The core's kernel, or the gradient of a user's function."""
        f = layer["activation"]
        regularizer = layer.get("activity_regularizer")
        if regularizer is not None:
            y = self.activate(layer, z)
            slope = _shaped(regularizer.gradient(y), y.shape, regularizer, "gradient")
            dy = dy + (slope / len(y)).astype(dy.dtype, copy=False)
        if f == "linear":
            return dy
        if isinstance(f, str):
            return _core.activation_backward(
                f, reference.activation_args(layer), dy, z, self._dtype_name
            )
        slope = _shaped(f.function.gradient(z), z.shape, f, "gradient")
        dz: Array = dy * slope.astype(z.dtype, copy=False)
        return dz

    # ---- loss, penalties, constraints ----

    def measure(self, loss: Spec, y: Array, p: Array) -> Array:
        """The loss of each row; its derivative is kept for `measure_back`."""
        own = loss.get("own")
        if own is None:
            values, self._slope = reference.loss_with_gradient(loss, y, p)
            return values
        values = np.asarray(own.call(_fixed(y), _fixed(p)))
        if values.shape != (len(p),):
            raise ValueError(
                f"Loss {own.name!r} must give one number per row, shape {(len(p),)}, "
                f"as .mean(axis=-1) does. Received: shape {values.shape}"
            )
        return values

    def measure_back(self, loss: Spec, y: Array, p: Array) -> Array:
        """The derivative that `measure` found, or a user's."""
        own = loss.get("own")
        if own is None:
            return self._slope
        return _shaped(own.gradient(_fixed(y), _fixed(p)), p.shape, own, "gradient")

    def penalty(self) -> float:
        """Sum of all penalties on trainable variables."""
        parts = zip(self.variables, self.trainable, self.regularizers, strict=True)
        own = sum(float(r(v)) for v, trained, r in parts if trained and r is not None)
        return super().penalty() + own

    def activity(self, records: list[reference.Record]) -> float:
        """Sum of all penalties on activations, divided by the rows."""
        total = super().activity(records)
        for layer, record in zip(self.layers, records, strict=True):
            if "activity_regularizer" in layer:
                value = layer["activity_regularizer"](record.y)
                total += float(value) / len(record.y)
        return total

    def _derive(
        self, x: Any, y: Any, weights: Any, step: int | None
    ) -> tuple[float, list[Array], list[reference.Record]]:
        loss, gradients, records = super()._derive(x, y, weights, step)
        for i, regularizer in enumerate(self.regularizers):
            if self.trainable[i] and regularizer is not None:
                v = self.variables[i]
                slope = regularizer.gradient(v)
                slope = _shaped(slope, v.shape, regularizer, "gradient")
                gradients[i] = gradients[i] + slope.astype(self.dtype, copy=False)
        return loss, gradients, records

    def measured(
        self, x: Array, y: Array, weights: Array | None
    ) -> tuple[float, list[reference.Record]]:
        """The loss of a batch without noise, and what the forward pass left."""
        out, records = self.forward(x)
        loss, p = self.loss_of(self.loss, out, records)
        values = self.measure(loss, y, p)
        w = np.ones(len(x)) if weights is None else weights
        total = (values * w).sum(dtype=np.float64)
        penalties = self.penalty() + self.activity(records)
        scale = reference.loss_scale(self.loss, y, weights)
        return float(total) * scale + penalties, records

    def update(
        self,
        gradients: list[Array],
        records: list[reference.Record],
        learning_rate: float,
    ) -> None:
        """As the reference does, then a user's constraints."""
        super().update(gradients, records, learning_rate)
        for v, trained, constraint in zip(
            self.variables, self.trainable, self.own_constraints, strict=True
        ):
            if trained and constraint is not None:
                v[...] = _shaped(constraint(v), v.shape, constraint, "__call__")


class _Sums:
    """Loss and metrics of rows so far: sums, and what they are divided by."""

    def __init__(self, n_metrics: int) -> None:
        self.total = np.zeros(1 + n_metrics)
        self.count = np.zeros(1 + n_metrics)

    def means(self) -> list[float]:
        """Loss and metrics; 0 of no rows."""
        found: list[float] = (self.total / np.where(self.count, self.count, 1)).tolist()
        return found


class _Epoch:
    """The epoch under way: its rows and their order, the next batch, sums so far."""

    def __init__(self, n: int, is_shuffled: bool, n_metrics: int) -> None:
        self.n, self.is_shuffled = n, is_shuffled
        self.order: Array | None = None
        self.batch = self.rows = 0
        self.sums = _Sums(n_metrics)


class Network:
    """What `_core.Network` is, in NumPy.

    Args:
        dtype: "float32" or "float64".
        n_in: columns of a row.
        layers: descriptions as the core takes them; see `_Arithmetic` for more.
        seed: drives the order of rows.
    """

    target_columns: int | None

    def __init__(self, dtype: str, n_in: int, layers: Sequence[Spec], seed: int):
        """Make the variables."""
        self._net = _Arithmetic(dtype, n_in, layers, seed)
        self._lock = threading.RLock()
        self._optimizer: reference.Optimizer | None = None
        self._tested = _Sums(0)
        self._epoch: _Epoch | None = None
        self.rows_trained = 0  # in the last call of train
        self.dtype = dtype
        self.n_in, self.n_out = n_in, self._net.n_out
        self.retired = False

    # ---- training ----

    def compile(self, loss: Spec, metrics: Sequence[Spec], optimizer: Spec) -> None:
        """Say what is optimised, how, and what is measured.

        Args:
            loss: a description as the core takes it, or with "own", a `Loss`; and
                "target_columns", None for any number.
            metrics: descriptions as the core takes them.
            optimizer: a description as the core takes it.
        """
        with self._lock:
            self._net.compile(loss, metrics, optimizer)
            self._optimizer = self._net.optimizer
            self._epoch = None
            self.target_columns = loss["target_columns"]

    def train(
        self,
        x: Array,
        y: Array,
        weights: Array | None,
        *,
        batch_size: int,
        max_batches: int,
        max_epochs: int,
        shuffle: bool,
        learning_rate: float | Array,
        seconds: float = 0,
        order: Array | None = None,
        stop_on_nan: bool = True,
        stream: bool = False,
        start: int = 0,
        threads: int = 0,
        outputs: Array | None = None,
        numbers: Array | None = None,
    ) -> tuple[Array, int, int, int]:
        """Go on with the epoch under way, and with the next."""
        report: list[list[float]] = []
        batches, nan_batch, filled = 0, -1, 0
        self.rows_trained, n = 0, len(x)
        rates = None
        end = time.monotonic() + (seconds or math.inf)
        if isinstance(learning_rate, np.ndarray):
            rates, max_batches = learning_rate, min(max_batches, len(learning_rate))
        # The epoch's row that is row 0 of the data.
        zero = -start
        if stream and self._epoch is not None:
            zero += self._epoch.rows
        with self._lock, np.errstate(all="ignore"):
            while batches < max_batches and len(report) < max_epochs:
                if batches and time.monotonic() >= end:
                    break
                epoch = self._epoch
                if epoch is None or (epoch.n != n and not stream):
                    self._epoch = epoch = self._begun(n, shuffle and order is None)
                epoch.order = self._order(epoch, order)
                first = epoch.rows - zero
                rows = slice(first, min(first + batch_size, n))
                at: Any = rows if epoch.order is None else epoch.order[rows]
                count = rows.stop - rows.start
                if outputs is not None and filled + count > len(outputs):
                    break
                rate = learning_rate if rates is None else rates[batches]
                bw = None if weights is None else weights[at]
                loss = self._step(
                    x[at], y[at], bw, float(rate), epoch.sums, stop_on_nan
                )
                if not math.isfinite(loss):
                    nan_batch = epoch.batch if nan_batch < 0 else nan_batch
                    if stop_on_nan:
                        break
                if outputs is not None and numbers is not None:
                    outputs[filled : filled + count] = self._net.out
                    numbers[filled : filled + count] = np.arange(n)[at]
                    filled += count
                batches += 1
                epoch.batch += 1
                epoch.rows += count
                self.rows_trained += count
                if epoch.rows - zero == n:
                    report.append(self.running())
                    self._epoch = epoch if stream else None
        width = 1 + len(self._net.metrics)
        found = np.array(report, np.float64).reshape(-1, width)
        return found, batches, len(report), nan_batch

    def _begun(self, n: int, is_shuffled: bool) -> _Epoch:
        """A new epoch."""
        self._net.epochs_lived += is_shuffled
        return _Epoch(n, is_shuffled, len(self._net.metrics))

    def _order(self, epoch: _Epoch, given: Array | None) -> Array | None:
        """The rows of an epoch in order; None: as they lie."""
        if not epoch.is_shuffled:
            return given
        if epoch.order is not None:
            return epoch.order
        return reference.shuffled(epoch.n, self._net.seed, self._net.epochs_lived - 1)

    def _step(
        self,
        x: Array,
        y: Array,
        weights: Array | None,
        rate: float,
        sums: _Sums,
        stop: bool,
    ) -> float:
        """One batch: its loss before the update, which that loss may prevent."""
        net = self._net
        loss, gradients, records = net._derive(x, y, weights, net.steps_lived)
        if stop and not math.isfinite(loss):
            return float(loss)
        self._count(sums, float(loss), y, weights, records)
        net.update(gradients, records, rate)
        net.steps_lived += 1
        return float(loss)

    def _count(
        self,
        sums: _Sums,
        loss: float,
        y: Array,
        weights: Array | None,
        records: list[reference.Record],
    ) -> None:
        """Add a batch to loss and metrics."""
        net, n = self._net, len(y)
        sums.total[0] += loss * n
        sums.count[0] += n
        for place, metric in enumerate(net.metrics, start=1):
            p = net.out
            if metric["kind"] == "loss_value":
                form, p = net.loss_of(metric["loss"], p, records)
                metric = {**metric, "loss": form}
            values = reference.metric_value(metric, y, p)
            if metric.get("weighted") and weights is not None:
                sums.total[place] += float((values * weights).sum(dtype=np.float64))
                sums.count[place] += float(weights.sum(dtype=np.float64))
            else:
                sums.total[place] += float(values.sum(dtype=np.float64))
                sums.count[place] += n

    def reset_epoch(self) -> None:
        """Drop a half-done epoch."""
        self._epoch = None

    def get_epoch(self) -> Array:
        """The epoch under way as numbers, for `set_epoch`; all 0 between epochs."""
        epoch = self._epoch or _Epoch(0, False, len(self._net.metrics))
        place = [epoch.n, epoch.is_shuffled, epoch.batch, epoch.rows]
        return np.concatenate([place, epoch.sums.total, epoch.sums.count])

    def set_epoch(self, values: Any) -> None:
        """Go on in the epoch that `get_epoch` described; counters are set before."""
        numbers = np.asarray(values, np.float64)
        if numbers.shape != self.get_epoch().shape:
            raise ValueError(
                f"values must have shape {self.get_epoch().shape}. "
                f"Received: {numbers.shape}"
            )
        n, is_shuffled, batch, rows = (int(number) for number in numbers[:4])
        epoch = _Epoch(n, bool(is_shuffled), len(self._net.metrics))
        epoch.batch, epoch.rows = batch, rows
        total, count = np.split(numbers[4:], 2)
        epoch.sums.total, epoch.sums.count = total.copy(), count.copy()
        self._epoch = epoch if n else None

    def running(self) -> list[float]:
        """Loss and metrics so far in the epoch under way."""
        if self._epoch is None:
            return [0.0] * (1 + len(self._net.metrics))
        return self._epoch.sums.means()

    def evaluate(
        self,
        x: Array,
        y: Array,
        weights: Array | None,
        first: int,
        n: int,
        stream: bool = False,
        threads: int = 0,
        batch_size: int = 32,
        outputs: Array | None = None,
    ) -> list[float] | None:
        """Measure rows [first, first + n); loss and metrics after the last row."""
        net = self._net
        with self._lock, np.errstate(all="ignore"):
            if first == 0:
                self._tested = _Sums(len(net.metrics))
            at = slice(0, n) if stream else slice(first, first + n)
            x, y, n_rows = x[at], y[at], len(x)
            weights = None if weights is None else weights[at]
            # The mean does not depend on batches; other reductions do.
            is_mean = net.loss.get("reduction") in _MEAN
            is_mean = is_mean and net.loss.get("ignore_class") is None
            is_mean = is_mean and not net.loss.get("whole")
            step = n if is_mean else batch_size
            for begin in range(0, n, step):
                part = slice(begin, min(begin + step, n))
                w = None if weights is None else weights[part]
                loss, records = net.measured(x[part], y[part], w)
                self._count(self._tested, loss, y[part], w, records)
                if outputs is not None:
                    outputs[part] = net.out
            if stream or first + n == n_rows:
                return self._tested.means()
            return None

    def gradient(
        self, x: Array, y: Array, weights: Array | None, threads: int = 0
    ) -> tuple[float, list[Array]]:
        """The batch's loss and its derivative with respect to every variable."""
        with self._lock, np.errstate(all="ignore"):
            loss, gradients = self._net.gradient(x, y, weights)
        return float(loss), [g.astype(self.dtype, copy=False) for g in gradients]

    # ---- prediction ----

    def predict(self, x: Array, out: Array | None = None, threads: int = 0) -> Array:
        """The outputs (n, n_out)."""
        with self._lock, np.errstate(all="ignore"):
            found, _ = self._net.forward(x)
        if out is None:
            # A layer may have returned its own input, or a view of something else.
            return found.copy() if found.base is not None or found is x else found
        out[...] = found
        return out

    def outputs(self, x: object) -> Array | None:
        """Outputs for rows or one row as they lie; None: x must be converted."""
        if type(x) is not np.ndarray or x.dtype != self.dtype:
            return None
        if x.ndim == 2 and x.shape[1] == self.n_in:
            return self.predict(x)
        if x.ndim == 1 and 1 < self.n_in == len(x):
            row: Array = self.predict(x[np.newaxis])[0]
            return row
        return None

    def bind(self, x: Array, out: Array, given: Array, result: Array, name: str) -> Any:
        """A prediction without arguments."""
        if np.may_share_memory(x, out):
            raise ValueError("out must not share memory with x.")
        return Bound(self, x, out, given, result, name)

    # ---- state ----

    @property
    def n_variables(self) -> int:
        """How many arrays of weights there are."""
        return len(self._net.variables)

    @property
    def n_slots(self) -> int:
        """How many arrays the optimizer keeps for each variable."""
        return 0 if self._optimizer is None else len(self._optimizer.slots)

    def variable_shape(self, index: int) -> tuple[int, ...]:
        """The shape of a variable."""
        return self._net.variables[index].shape

    def get_variables(self, first: int = 0, n: int | None = None) -> list[Array]:
        """Copies of variables, all of one moment."""
        last = None if n is None else first + n
        with self._lock:
            return [values.copy() for values in self._net.variables[first:last]]

    def set_variables(self, first: int, arrays: Sequence[Any]) -> None:
        """Set variables, all at one moment."""
        with self._lock:
            for index, array in enumerate(arrays, first):
                self._set(self._net.variables[index], array, index)

    def get_variable(self, index: int) -> Array:
        """A copy of a variable."""
        return self.get_variables(index, 1)[0]

    def set_variable(self, index: int, array: Any) -> None:
        """Set a variable."""
        self.set_variables(index, [array])

    def get_slot(self, slot: int, index: int) -> Array:
        """A copy of one of the optimizer's arrays."""
        assert self._optimizer is not None
        with self._lock:
            return self._optimizer.slots[slot][index].copy()

    def set_slot(self, slot: int, index: int, array: Any) -> None:
        """Set one of the optimizer's arrays."""
        assert self._optimizer is not None
        self._set(self._optimizer.slots[slot][index], array, index)

    def _set(self, place: Array, array: Any, index: int) -> None:
        array = np.asarray(array)
        if array.shape != place.shape:
            raise ValueError(
                f"Variable {index} must have shape {place.shape}. "
                f"Received: {array.shape}"
            )
        with self._lock:
            place[...] = array

    @property
    def counters(self) -> dict[str, Any]:
        """What was counted so far, by the core's names."""
        net, optimizer = self._net, self._optimizer
        counted = reference.Counters() if optimizer is None else optimizer.counters
        return {
            "seed": net.seed,
            "steps_lived": net.steps_lived,
            "epochs_lived": net.epochs_lived,
            **vars(counted),
        }

    def set_counters(self, counters: Mapping[str, Any]) -> None:
        """Set what `counters` gave."""
        net, words = self._net, dict(counters)
        net.seed = words.pop("seed")
        net.steps_lived = words.pop("steps_lived")
        net.epochs_lived = words.pop("epochs_lived")
        if self._optimizer is not None:
            vars(self._optimizer.counters).update(words)

    @property
    def last_run(self) -> dict[str, Any]:
        """What ran: this engine, in the calling thread."""
        return {"team": 1, "isa": "numpy", "engine": "numpy"}

    def microseconds(self, n_rows: int, training: bool) -> float:
        """A guess at the time for so many rows."""
        products = sum(v.size for v in self._net.variables) * n_rows
        calls = 20.0 * len(self._net.layers)
        return (3 if training else 1) * (calls + products / 5e3)


class Bound:
    """A prediction without arguments; see `Sequential.bind`."""

    def __init__(
        self,
        network: Network,
        x: Array,
        out: Array,
        given: Array,
        result: Array,
        name: str,
    ) -> None:
        """Keep what is read and written."""
        self._network, self._x, self._out, self._name = network, x, out, name
        self.x, self.out = given, result

    def __call__(self) -> Array:
        """Predict."""
        if self._network.retired:
            raise RuntimeError(
                f"`bind` must be called again: the model {self._name!r} has been built "
                "anew. Received: a call of what was bound before"
            )
        self._network.predict(self._x, self._out)
        return self.out


def _fixed(array: Array) -> Array:
    """A view that cannot be written to: the data behind it may be a user's."""
    view = array.view()
    view.flags.writeable = False
    return view


def _shaped(value: Any, shape: tuple[int, ...], part: Any, method: str) -> Array:
    """What a user's part has returned, if it has the shape that it must have."""
    array = np.asarray(value)
    if array.shape == shape and array.dtype.kind in "biuf":
        return array
    name = getattr(part, "name", None) or type(part).__name__
    what = f"`{method}` of {name!r}" if method else f"{name!r}"
    raise ValueError(
        f"{what} must return an array of numbers of shape {shape}. "
        f"Received: dtype {array.dtype} of shape {array.shape}"
    )
