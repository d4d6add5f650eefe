"""From descriptions to the core: the only place that makes a `_core.Network`.

A layer of the core is u = noise(f(S(x))), with a penalty on f's values, of which every
part may be absent. `make_plan` merges a model's layers into such: a Dense takes the
Activation and the Dropout that follow it, while a Flatten or a linear Activation leaves
nothing. `Compiled` does the same for what `compile` was given.

Seeds: everything random in a model follows from the model's seed, by place. Variable j
of layer i starts from stream 2 i + j (those beyond the second from one far away), the
Dropout that is layer i draws with a seed derived from (seed, i), so appending a layer
leaves the others as they were.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from nncore import _checks, _core, _own, _random, losses, metrics, optimizers
from nncore import layers as _layers
from nncore._watched import Watched
from nncore.layers import Layer
from nncore.layers.preprocessing import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shape = tuple[int, ...]
Spec = dict[str, Any]

_ON_NAN = ("stop", "continue", "raise")
_STREAM_WEIGHTS, _STREAM_DROPOUT, _STREAM_ORDER = 1, 2, 3

_IDENTITY: Spec = {
    "kind": "none",
    "units": 0,
    "use_bias": False,
    "columns": 0,
    "scale": False,
    "center": False,
    "momentum": 0.0,
    "epsilon": 0.0,
    "vocabulary": 0,
    "order": (),
    "trainable": True,
    "activation": "linear",
    "activation_args": (0.0, 0.0, 0.0),
    "activity_l1": 0.0,
    "activity_l2": 0.0,
    "noise": "dropout",
    "dropout": 0.0,
    "dropout_seed": 0,
    "kernel_l1": 0.0,
    "kernel_l2": 0.0,
    "kernel_constraint": None,
    "bias_l1": 0.0,
    "bias_l2": 0.0,
    "bias_constraint": None,
}


# ---- layers --------------------------------------------------------------------------


class Variable(NamedTuple):
    """One array of weights.

    Attributes:
        layer: whose it is.
        place: the number of the stream that its starting values are drawn from.
        number: which of the layer's arrays it is.
        shape: its shape.
        initializer: where its starting values come from.
        trainable: whether training changes it where it changes its layer.
        name: what the layer calls it.
        is_trained: whether training changed it when the plan was made.
    """

    layer: Layer
    place: int
    number: int
    shape: Shape
    initializer: Any
    trainable: bool
    name: str
    is_trained: bool

    @property
    def path(self) -> str:
        """A name, such as "dense/kernel"."""
        return f"{self.layer.name}/{self.name}"

    @property
    def size(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)

    @property
    def core_shape(self) -> Shape:
        """The core's shape of it: a matrix or a vector."""
        return self.shape if self.name != "alpha" else (self.size,)


class Plan(NamedTuple):
    """What the core is asked to make.

    Attributes:
        dtype: "float32" or "float64".
        input_shape: of one row.
        output_shapes: of one row, for each of the model's layers.
        specs: the core's layers.
        names: of the layer that each of the core's layers begins with.
        variables: in the core's order.
        head: the first layers, if they prepare data: they run before the core does.
        rows_shape: of one row behind them.
        in_numpy: whether a part is not the core's, so that NumPy has to do it all.
        first_name: name of the first layer, for messages.
        last_name: name of the last layer.
    """

    dtype: str
    input_shape: Shape
    output_shapes: list[Shape]
    specs: list[Spec]
    names: list[str]
    variables: list[Variable]
    head: Sequence[Preprocessing]
    rows_shape: Shape
    in_numpy: bool
    first_name: str
    last_name: str

    @property
    def output_shape(self) -> Shape:
        """Of one row."""
        return self.output_shapes[-1]

    def makes_same(self, other: Plan) -> bool:
        """Whether the networks of both plans are the same but for their weights."""
        return (self.specs, self.in_numpy) == (other.specs, other.in_numpy)

    @property
    def vocabulary(self) -> int:
        """How many indices the input may be; 0: it is no indices."""
        return max(int(spec["vocabulary"]) for spec in self.specs)

    @property
    def first_index(self) -> int:
        """The first column of the input that is an index, if any is."""
        return max(int(s["columns"]) for s in self.specs if s["vocabulary"])


def input_shape(shape: Any) -> Shape:
    """The shape of one row from `(None, columns)`, `(columns,)` or `columns`."""
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if len(sizes) > 1 or None in sizes[:1]:
        sizes = sizes[1:]
    if not sizes:
        raise ValueError(
            "`input_shape` must be (None, columns) or (columns,). "
            f"Received: input_shape={shape}"
        )
    return tuple(_checks.integer("input_shape", size, 1) for size in sizes)


def row_shape(layer: Layer) -> Shape | None:
    """The shape of one row that a layer was told to expect; None: not told."""
    sizes = (layer._batch_input_shape or (None, None))[1:]
    known = tuple(size for size in sizes if size is not None)
    return known if len(known) == len(sizes) else None


def output_shapes(layers: Iterable[Layer], shape: Shape) -> list[Shape]:
    """The shape of one row behind each layer.

    Raises:
        ValueError: a layer cannot take what comes.
    """
    shapes = []
    for layer in layers:
        activation = getattr(layer, "activation", None)
        if len(shape) > 1 and activation is not None and _takes_rows(activation):
            raise ValueError(
                f"Layer {layer.name!r} must be given rows of numbers, shape (None, "
                f"columns). Received: {(None, *shape)}; put Flatten() in front"
            )
        _, *sizes = layer.compute_output_shape((None, *shape))
        shape = tuple(size for size in sizes if size is not None)
        shapes.append(shape)
    return shapes


def _takes_rows(activation: Any) -> bool:
    return activation.function is None and "softmax" in activation.name


def make_plan(
    layers: Sequence[Layer],
    shape: Shape,
    dtype: str,
    seed: int,
    compiled: Compiled | None = None,
) -> Plan:
    """Merge the layers of a model whose rows have the shape given."""
    shapes = output_shapes(layers, shape)
    specs: list[Spec] = []
    names: list[str] = []
    variables: list[Variable] = []
    head = _head(layers)
    rows_shape = before = [shape, *shapes][len(head)]
    for index, layer in enumerate(layers[len(head) :], len(head)):
        if layer._is_own:
            layer._prepare(before, dtype)
        for spec in map(dict, layer._specs(before)):
            if spec.get("dropout_seed", 0) is None:
                spec["dropout_seed"] = _random.derive(seed, _STREAM_DROPOUT, index)
            if spec.get("kind") == "embedding":
                _check_indices(specs, layer, spec, dtype)
            if _merge(specs, spec, layer):
                names.append(layer.name)
        variables += [
            Variable(
                *(layer, _stream(index, number), number, weight.shape),
                *(weight.initializer, weight.trainable, weight.name),
                weight.trainable and layer.trainable,
            )
            for number, weight in enumerate(layer._weights(before))
        ]
        before = shapes[index]
    in_numpy = any(map(_is_own, specs)) or (compiled is not None and compiled.in_numpy)
    return Plan(
        dtype=dtype,
        input_shape=shape,
        output_shapes=shapes,
        # A network of layers without effect is the identity.
        specs=specs or [dict(_IDENTITY)],
        names=names or [layers[0].name],
        variables=variables,
        head=head,
        rows_shape=rows_shape,
        in_numpy=in_numpy,
        first_name=layers[0].name,
        last_name=layers[-1].name,
    )


def _stream(index: int, number: int) -> int:
    """The stream of a layer's weight: 2 i + j, beyond the second far from all those."""
    return 2 * index + number % 2 + (number // 2 << 32)


def _is_own(spec: Spec) -> bool:
    """Whether a layer has a part that C does not know."""
    if spec["kind"] == "dense" and spec["columns"]:
        return True
    words = {"own", "activity_regularizer"}
    for role in ("kernel", "bias"):
        words |= {f"{role}_regularizer", f"{role}_own_constraint"}
    return not isinstance(spec["activation"], str) or not words.isdisjoint(spec)


def _head(layers: Sequence[Layer]) -> list[Preprocessing]:
    """The layers in front that prepare data."""
    head: list[Preprocessing] = []
    for layer in layers:
        if not isinstance(layer, Preprocessing):
            break
        head.append(layer)
    return head


def takes_text(layers: Sequence[Layer]) -> bool:
    """Whether the first layer takes what need not be real numbers."""
    head = _head(layers[:1])
    return bool(head) and head[0]._takes_text


def prepared(plan: Plan, x: NDArray[Any]) -> NDArray[Any]:
    """What the layers in front make of a model's inputs."""
    for layer in plan.head:
        x = layer._leads(x, plan.dtype)
    return x


def _check_indices(specs: list[Spec], layer: Any, given: Spec, dtype: str) -> None:
    """Look whether an Embedding gets the numbers of the input, and can hold them."""
    if "columns" in given and specs:
        raise ValueError(
            f"Layer {layer.name!r} (MixedEmbedding) must be given the input as it is: "
            "no layer may stand in front of it that changes it. Received: one that does"
        )
    if any(spec["kind"] != "gather" or _steps(spec) != [0] for spec in specs):
        raise ValueError(
            f"Layer {layer.name!r} (Embedding) must be given the input's own numbers: "
            "in front of it only layers may stand that change their order. "
            "Received: a layer that computes others"
        )
    if dtype == "float32" and layer.input_dim > 2**24:
        raise ValueError(
            f"`input_dim` of layer {layer.name!r} must be at most {2**24}, the largest "
            "index that float32 holds; give the model dtype='float64'. "
            f"Received: input_dim={layer.input_dim}"
        )


def _merge(specs: list[Spec], spec: Spec, layer: Layer) -> bool:
    """Put what a layer does into the last of the core's layers, or behind it: True."""
    steps = _steps({**_IDENTITY, **spec})
    if not steps:
        return False
    is_new = not specs or steps[0] <= _steps(specs[-1])[-1]
    if is_new:
        specs.append(dict(_IDENTITY))
    if steps[0] == 0:
        spec["trainable"] = layer.trainable
    specs[-1].update(spec)
    return is_new


def _steps(spec: Spec) -> list[int]:
    """Which steps of u = noise(f(S(x))) a layer of the core takes, in order."""
    taken = (
        spec["kind"] != "none",
        spec["activation"] != "linear",
        spec["activity_l1"] or spec["activity_l2"] or "activity_regularizer" in spec,
        spec["dropout"],
    )
    return [step for step, is_taken in enumerate(taken) if is_taken]


# ---- networks and their weights ------------------------------------------------------


class Kept:
    """What outlives a network when its model is changed: weights by layer, and age."""

    def __init__(self) -> None:
        # The layer is held so that its id stays its own.
        self._weights: dict[tuple[int, int], tuple[Layer, NDArray[Any]]] = {}
        self._age: dict[str, int] = {}

    def take(self, network: _core.Network, plan: Plan) -> None:
        """Copy all weights, and how much the network has been trained."""
        for variable, values in zip(
            plan.variables, weights(network, plan), strict=True
        ):
            self.put(variable, values)
        counters = network.counters
        self._age = {
            "steps_lived": counters["steps_lived"],
            "epochs_lived": counters["epochs_lived"],
        }

    def put(self, variable: Variable, values: NDArray[Any]) -> None:
        """Keep values for a variable of the next network."""
        key = id(variable.layer), variable.number
        self._weights[key] = (variable.layer, values)

    def value(self, variable: Variable) -> NDArray[Any] | None:
        """What is kept for a variable; None if nothing that fits."""
        key = id(variable.layer), variable.number
        _, values = self._weights.get(key, (None, None))
        left = variable.layer._left_with
        if values is None and variable.number < len(left):
            values = left[variable.number]
        return values if values is not None and values.shape == variable.shape else None

    def give(self, layer: Layer) -> None:
        """Leave what is kept for a layer to the layer, which leaves the model."""
        own = sorted(key for key, (owner, _) in self._weights.items() if owner is layer)
        if own:
            layer._left_with = [self._weights.pop(key)[1] for key in own]

    def give_age(self, network: _core.Network) -> None:
        """Hand the age to the next network; forget everything."""
        if self._age:
            counters = network.counters
            counters["steps_lived"] = self._age["steps_lived"]
            counters["epochs_lived"] = self._age["epochs_lived"]
            network.set_counters(counters)
        self._weights, self._age = {}, {}


def make_hold() -> _core.Hold:
    """What a call that changes a model holds."""
    return _core.Hold()


def _engine(plan: Plan) -> type[_core.Network]:
    if not plan.in_numpy:
        return _core.Network
    # Not needed by most: it would slow the import down.
    from nncore import _numpy_engine

    return cast("type[_core.Network]", _numpy_engine.Network)


def make_network(plan: Plan, seed: int, kept: Kept) -> _core.Network:
    """A network with starting weights, or those kept from the one before it."""
    network = _engine(plan)(
        plan.dtype,
        math.prod(plan.rows_shape),
        plan.specs,
        _random.derive(seed, _STREAM_ORDER),
    )
    stream = _random.derive(seed, _STREAM_WEIGHTS)
    start = []
    for layer in {id(v.layer): v.layer for v in plan.variables}.values():
        own = [v.shape for v in plan.variables if v.layer is layer]
        if own != [values.shape for values in layer._left_with]:
            layer._left_with = ()  # of another width
    for variable in plan.variables:
        values = kept.value(variable)
        if values is None:
            generator = _random.Stream(stream, variable.place)
            try:
                values = variable.initializer._sample(variable.shape, generator)
            except ValueError as error:
                raise ValueError(f"Layer {variable.layer.name!r}: {error}") from error
        start.append(values.astype(plan.dtype, copy=False).reshape(variable.core_shape))
    network.set_variables(0, start)
    for variable in plan.variables:
        variable.layer._left_with = ()
    kept.give_age(network)
    return network


def recompile(network: _core.Network, specs: tuple[Spec, list[Spec], Spec]) -> None:
    """Compile for other metrics; the optimizer goes on where it was."""
    counters = network.counters
    places = [
        (slot, index)
        for slot in range(network.n_slots)
        for index in range(network.n_variables)
    ]
    values = [network.get_slot(*place) for place in places]
    network.compile(*specs)
    for place, value in zip(places, values, strict=True):
        network.set_slot(*place, value)
    network.set_counters(counters)


def weights(
    network: _core.Network, plan: Plan, layer: Layer | None = None
) -> list[NDArray[Any]]:
    """Copies of a layer's variables, or of all."""
    first, chosen = _variables_of(plan, layer)
    found = network.get_variables(first, len(chosen))
    return [
        values.reshape(variable.shape)
        for values, variable in zip(found, chosen, strict=True)
    ]


def _variables_of(plan: Plan, layer: Layer | None) -> tuple[int, list[Variable]]:
    """A layer's variables, which stand side by side, and the first one's place."""
    places = [
        index
        for index, variable in enumerate(plan.variables)
        if layer is None or variable.layer is layer
    ]
    first = places[0] if places else 0
    return first, plan.variables[first : first + len(places)]


def set_weights(
    network: _core.Network,
    plan: Plan,
    values: Sequence[Any],
    layer: Layer | None = None,
) -> None:
    """Set a layer's variables, or all; nothing is set if any does not fit."""
    first, chosen = _variables_of(plan, layer)
    arrays = [np.asarray(value) for value in values]
    shapes = [variable.shape for variable in chosen]
    if [array.shape for array in arrays] != shapes:
        raise ValueError(
            f"`weights` must be {len(shapes)} arrays of the shapes {_joined(shapes)}. "
            f"Received: {len(arrays)} of the shapes "
            f"{_joined([array.shape for array in arrays])}"
        )
    for array, variable in zip(arrays, chosen, strict=True):
        if array.dtype.kind not in "biuf":
            raise ValueError(
                f"`weights` must hold numbers. Received: dtype {array.dtype} for layer "
                f"{variable.layer.name!r}"
            )
    network.set_variables(
        first,
        [
            np.ascontiguousarray(array, plan.dtype).reshape(variable.core_shape)
            for array, variable in zip(arrays, chosen, strict=True)
        ],
    )


def _joined(shapes: Sequence[Shape]) -> str:
    return ", ".join(map(str, shapes)) or "none"


# ---- configurations ------------------------------------------------------------------


def layer_config(layer: Layer) -> Any:
    """Class name and configuration of a layer."""
    return layer._serialized()


def layer_from_config(entry: Mapping[str, Any]) -> Layer:
    """The layer that `layer_config` wrote down."""
    return _layers.deserialize(dict(entry))


# ---- compile -------------------------------------------------------------------------


def optimizer_spec(
    optimizer: optimizers.Optimizer, variables: Sequence[Variable]
) -> Spec:
    """An optimizer as the core takes it, for a network's weights."""
    return optimizer._spec() | optimizer._of_each(
        [v.path for v in variables], [v.shape for v in variables]
    )


def looks_like_metrics(value: Any) -> bool:
    """Whether a list can only be metrics, not loss weights."""
    return (
        isinstance(value, (list, tuple))
        and len(value) > 0
        and not all(isinstance(v, (int, float, np.number)) for v in value)
    )


class Compiled:
    """What `compile` was given, as far as it can be resolved without shapes.

    Attributes:
        optimizer: the optimizer.
        loss: the loss, or None.
        metrics: all metrics, unweighted ones first.
        keys: names for logs: "loss", then one per metric, all different.
        check_finite: whether data is searched for NaN and infinity.
        on_nan: "stop", "continue" or "raise".
    """

    def __init__(
        self,
        optimizer: Any,
        loss: Any,
        loss_weights: Any,
        metrics_given: Any,
        weighted_metrics: Any,
        *,
        check_finite: bool,
        on_nan: str,
    ) -> None:
        self.optimizer = optimizers.get(optimizer)
        self.given_loss = loss
        self.loss = losses.get(_single(loss))
        self.loss_weight = _loss_weight(loss_weights)
        plain = _metric_list(metrics_given, "metrics")
        weighted = _metric_list(weighted_metrics, "weighted_metrics")
        self.metrics = [metrics.get(m) for m in plain]
        self.metrics += [metrics.get(m, "weighted_metrics") for m in weighted]
        self.n_plain = len(plain)
        self.keys = _keys([m.name for m in self.metrics], self.n_plain)
        self.check_finite = _checks.boolean("check_finite", check_finite)
        if on_nan not in _ON_NAN:
            raise ValueError(
                f"`on_nan` must be one of {', '.join(map(repr, _ON_NAN))}. "
                f"Received: on_nan={on_nan!r}"
            )
        self.on_nan = on_nan
        self._watched: Watched | None = None
        if self.loss is not None and self.loss.reduction == "none":
            raise ValueError(
                "`reduction` of the loss must make one number of a batch to be trained "
                "with. Received: reduction='none'"
            )

    @property
    def in_numpy(self) -> bool:
        """Whether the loss or the optimizer is NumPy's to run."""
        loss = self.loss
        of_loss = loss is not None and (loss._is_own or loss._is_whole)
        return of_loss or self.optimizer._in_numpy

    @property
    def loss_kind(self) -> str:
        """The core's name of the loss."""
        assert self.loss is not None
        return self.loss._kind

    @property
    def is_sparse(self) -> bool:
        """Whether targets are labels."""
        return self.loss is not None and self.loss._takes_labels

    @property
    def ignored_label(self) -> int | None:
        """The label whose rows do not count."""
        return getattr(self.loss, "ignore_class", None)

    def specs(self, plan: Plan) -> tuple[Spec, list[Spec], Spec]:
        """Loss, metrics and optimizer as the core takes them, for a network's shapes.

        Raises:
            ValueError: a metric wants other targets than the loss; the loss or a metric
                cannot take an output of several axes.
        """
        assert self.loss is not None
        n_out = math.prod(plan.output_shape)
        _check_axes(f"loss {self.loss.name!r}", self.loss, plan)
        columns = self.loss._target_columns(n_out)
        specs = []
        for index, metric in enumerate(self.metrics):
            resolved = metric._resolve(columns, plan.output_shape[-1], self.is_sparse)
            _check_axes(f"metric {metric.name!r}", resolved, plan)
            if not self.loss._is_own:
                resolved._check_shapes(columns, n_out, self.is_sparse)
            if self._streams(metric):
                continue
            spec = dict(resolved._spec())
            spec["weighted"] = index >= self.n_plain
            specs.append(spec)
        rule = optimizer_spec(self.optimizer, plan.variables)
        loss = self.loss._spec() | {"weight": self.loss_weight}
        return loss | {"target_columns": columns or None}, specs, rule

    def check_gradients(self, layers: Sequence[Layer]) -> None:
        """Look whether all parts written in Python can be trained through.

        Raises:
            ValueError: the method that is missing is named.
        """
        if self.loss is None:
            return
        if self.loss._is_own:
            methods = ["call(y_true, y_pred)", "gradient(y_true, y_pred)"]
            _own.require(self.loss, f"Loss {self.loss.name!r}", methods, losses.Loss)
        for metric in self.metrics:
            if metric._is_own:
                methods = ["update_state", "result", "reset_state"]
                what = f"Metric {metric.name!r}"
                _own.require(metric, what, methods, metrics.Metric)
        # What stands in front of the first weight that is trained needs no gradient.
        trained = False
        for layer in layers:
            trained = trained or layer._is_trained
            if trained:
                layer._require_gradients()

    def _streams(self, metric: metrics.Metric) -> bool:
        """Whether a metric is updated in Python."""
        # A user's loss takes whatever targets it likes: metrics look at them then.
        return metric._streams or (self.loss is not None and self.loss._is_own)

    def measured(self, network: _core.Network) -> _core.Network:
        """The network, or one like it that the streaming metrics watch."""
        streaming = {
            place: metric
            for place, metric in enumerate(self.metrics, start=1)
            if self._streams(metric)
        }
        if not streaming:
            return network
        if self._watched is None or self._watched.network is not network:
            self._watched = Watched(network, streaming, self.n_plain)
        return cast("_core.Network", self._watched)

    def direction(self, key: str) -> str | None:
        """Whether "min" or "max" of a metric is better; None: no such metric."""
        if key not in self.keys[1:]:
            return "min" if key == "loss" else None
        return self.metrics[self.keys.index(key) - 1]._better

    def get_config(self) -> dict[str, Any]:
        """`compile`'s arguments as plain values, ready for JSON."""
        written = [metrics.serialize(metric) for metric in self.metrics]
        loss: Any = self.given_loss
        if self.loss is not None and not isinstance(loss, str):
            loss = losses.serialize(self.loss)
        return {
            "optimizer": optimizers.serialize(self.optimizer),
            "loss": loss,
            "loss_weights": self.loss_weight,
            "metrics": written[: self.n_plain],
            "weighted_metrics": written[self.n_plain :],
            "check_finite": self.check_finite,
            "on_nan": self.on_nan,
        }

    def with_metric(self, metric: Any) -> Compiled:
        """The same with one more metric, the last of the unweighted ones."""
        changed = object.__new__(Compiled)
        changed.__dict__.update(self.__dict__)
        changed.metrics = list(self.metrics)
        changed.metrics.insert(self.n_plain, metrics.get(metric))
        changed.n_plain += 1
        changed.keys = _keys([m.name for m in changed.metrics], changed.n_plain)
        changed._watched = None
        return changed

    def with_optimizer(self, optimizer: Any) -> Compiled:
        """The same with another optimizer."""
        changed = object.__new__(Compiled)
        changed.__dict__.update(self.__dict__)
        changed.optimizer = optimizers.get(optimizer)
        return changed


def _check_axes(what: str, part: losses.Loss | metrics.Metric, plan: Plan) -> None:
    """Look whether what is computed of flat rows is what Keras means."""
    shape = plan.output_shape
    if part._is_own or part._is_elementwise or math.prod(shape) == shape[-1]:
        return
    why = "looks at the columns of a row together"
    if isinstance(part, losses.Loss) and part.reduction == "sum":
        why = "with reduction='sum' adds up rows"
    raise ValueError(
        f"The output of a model whose {what} {why} must be rows of numbers: put "
        "Flatten() last, or take one that is a mean over elements, such as 'mse', "
        f"'mae', 'binary_crossentropy' or 'binary_accuracy'. Received: {what} and an "
        f"output of shape {(None, *shape)}"
    )


def _single(value: Any) -> Any:
    """The one entry of a list or dict of outputs; anything else as it is."""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0]
    if isinstance(value, Mapping) and len(value) == 1 and "class_name" not in value:
        return next(iter(value.values()))
    return value


def _loss_weight(given: Any) -> float:
    value = _single(given)
    return 1.0 if value is None else _checks.real("loss_weights", value)


def _metric_list(given: Any, argument: str) -> list[Any]:
    """`metrics` as a flat list; Keras takes one list per output as well."""
    if given is None:
        return []
    if isinstance(given, Mapping) and "class_name" not in given:
        given = _single(given)
    if not isinstance(given, (list, tuple)):
        return [given]
    if len(given) == 1 and isinstance(given[0], (list, tuple)):
        given = given[0]
    for entry in given:
        if isinstance(entry, (list, tuple)) or entry is None:
            raise ValueError(
                f"`{argument}` must be a list of names, functions or instances. "
                f"Received: {argument}={given!r}"
            )
    return list(given)


def _keys(names: Sequence[str], n_plain: int) -> list[str]:
    """Log keys, all different: weighted_ before a name in use, else _1, _2 behind."""
    keys = ["loss"]
    for index, name in enumerate(names):
        if name in keys and index >= n_plain:
            name = f"weighted_{name}"
        key, number = name, 0
        while key in keys:
            number += 1
            key = f"{name}_{number}"
        keys.append(key)
    return keys
