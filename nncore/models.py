"""`Sequential`: a stack of layers with Keras's verbs.

The class holds what a person gave it (layers, compile's arguments) and one compiled
network, made when the shape of the input is known. It converts arguments, keeps the
two in step, and leaves the rest to others: descriptions become a network in `_plan`,
data becomes rows in `_arrays`, the loop is in `_training`.
"""

from __future__ import annotations

import contextlib
import functools
import math
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from nncore import (
    _advice,
    _arrays,
    _checks,
    _lookup,
    _plan,
    _progress,
    _random,
    _streams,
    _summary,
    backend,
    saving,
)
from nncore import _training as training
from nncore._legacy import accepts_old_words, callers_level, shows_accuracy
from nncore._old_verbs import OldVerbs
from nncore.callbacks import Callback, CallbackList, History
from nncore.callbacks._logs import Params
from nncore.layers import InputLayer, Layer
from nncore.layers.preprocessing import Preprocessing
from nncore.saving import clone_model, load_model, model_from_json, save_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nncore._core import Bound, Network
    from nncore.optimizers import Optimizer

__all__ = [
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]

_BATCH_SIZE = 32
_NO_LIMIT = 2**31 - 1
_STREAM_BATCHES = 4
_NOWHERE = _streams.Places()

Callbacks = Callback | Iterable[Callback] | None


class TensorSpec(NamedTuple):
    """Shape (with None for the rows), dtype and name of a model's input or output."""

    shape: tuple[int | None, ...]
    dtype: str
    name: str


class Sequential(OldVerbs):
    """A network whose layers stand in one row.

    The input's shape comes from an `Input` in front, from `input_shape=` or
    `input_dim=` of the first layer, from `build`, or from the first data that the model
    is trained on, evaluated on or called with. From then on the model has weights; they
    stay when it is compiled again.

    Args:
        layers: a list of layers, or None; `add` appends more.
        trainable: False freezes all layers given.
        name: str; default "sequential", "sequential_1", ...
        seed: integer from which starting weights, row order and dropout follow; None:
            see `nncore.utils.set_random_seed`.
        dtype: "float32" or "float64"; None: the first dtype that a layer names, else
            what `nncore.backend.floatx()` is now.

    Attributes:
        layers: list of the layers, without `Input`.
        history: the `History` of the last `fit`, or None.
        optimizer: the optimizer that `compile` resolved; its `learning_rate` may be set
            at any time.
        loss: what `compile` was given.
        stop_training: a callback sets it to True to end `fit`.
        built: whether the input's shape is known.
        compiled: whether `compile` was called.
        seed: the seed in use.

    Raises:
        ValueError: something in `layers` is no layer, or two have the same name.

    Example:
        >>> import numpy as np
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential(
        ...     [Dense(16, activation="relu", input_shape=(2,)),
        ...      Dense(1, activation="sigmoid")],
        ...     seed=1,
        ... )
        >>> model.compile(optimizer="adam", loss="mse", metrics=["binary_accuracy"])
        >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> y = np.array([0, 1, 1, 0])
        >>> history = model.fit(x, y, epochs=1000, verbose=0)
        >>> model.predict(x, verbose=0).round().ravel()
        array([0., 1., 1., 0.], dtype=float32)
        >>> model.metrics_names
        ['loss', 'binary_accuracy']
    """

    def __init__(
        self,
        layers: Iterable[Layer] | None = None,
        trainable: bool = True,
        name: str | None = None,
        *,
        seed: int | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        if seed is not None:
            seed = _checks.integer("seed", seed, 0, 2**64 - 1)
        self.name = (
            _lookup.unique_name("sequential")
            if name is None
            else _checks.text("name", name)
        )
        self.history: History | None = None
        self.stop_training = False
        self._given_seed = seed
        self.seed = _random.model_seed() if seed is None else seed
        self._given_dtype = (
            None if dtype is None else _checks.float_dtype("dtype", dtype)
        )
        self._floatx = backend.floatx()
        self._layers: list[Layer] = []
        self._input: InputLayer | None = None
        self._shape: tuple[int, ...] | None = None
        self._columns: tuple[Any, ...] | None = None
        self._plan: _plan.Plan | None = None
        self._network: Network | None = None
        self._outputs: Callable[[Any], NDArray[Any] | None] = _not_converted
        self._kept = _plan.Kept()
        self._compiled: _plan.Compiled | None = None
        self._hold = _plan.make_hold()
        self._swapped = False  # weights and their running averages
        self._building = threading.RLock()
        self._advised: set[str] = set()
        self._unlooked = math.inf  # seconds of training since advice was looked for
        self._in_fit = self._in_evaluation = False
        self._rows_tested = 0  # by test_on_batch, with running means
        if layers is not None:
            if isinstance(layers, Layer):
                layers = [layers]
            for layer in layers:
                self.add(layer)
        if not _checks.boolean("trainable", trainable):
            self.trainable = False

    # ---- layers ------------------------------------------------------------------

    def add(self, layer: Layer, rebuild: bool = True) -> None:
        """Append a layer; the weights of the others stay.

        Args:
            layer: a layer that is in no other model; `Input` only as the first.
            rebuild: accepted for Keras's sake; the network is made when it is needed.

        Raises:
            ValueError: `layer` is no layer, is in a model already, has the name of
                another, is an `Input` that is not first, or does not fit the output
                before it.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential()
            >>> model.add(Dense(8, input_dim=4))
            >>> model.add(Dense(3, activation="softmax"))
            >>> model.output_shape
            (None, 3)
        """
        if not isinstance(layer, Layer):
            hint = " (a class: call it)" if isinstance(layer, type) else ""
            if isinstance(layer, Sequential):
                hint = "; a model cannot be a layer here: add its layers to a new one"
            raise ValueError(
                "`layer` must be a layer from nncore.layers. "
                f"Received: layer={layer!r}{hint}"
            )
        if not hasattr(layer, "name"):
            raise ValueError(
                f"`layer` must be made whole: call super().__init__() in the "
                f"constructor of {type(layer).__name__}. Received: a layer without name"
            )
        with self._changing("add"):
            if isinstance(layer, InputLayer):
                self._add_input(layer)
                return
            if any(layer.name == other.name for other in self._layers):
                raise ValueError(
                    "`layer` must have a name of its own in the model. Received: a "
                    f"second layer named {layer.name!r}; pass name= to one of them"
                )
            owner = None if layer._model is None else layer._model()
            if owner is not None and owner is not self:
                raise ValueError(
                    "`layer` must belong to one model only, where its weights live. "
                    f"Received: layer {layer.name!r}, which is in model {owner.name!r}"
                )
            shape = self._shape
            if shape is None and not self._layers:
                shape = _plan.row_shape(layer)
            if shape is not None:
                _plan.output_shapes([*self._layers, layer], shape)
            self._drop_network()
            self._shape = shape
            self._layers.append(layer)
            layer._model = weakref.ref(self)

    def _add_input(self, layer: InputLayer) -> None:
        if self._input is not None or self._layers:
            raise ValueError(
                "An Input must be the first layer, and only one. "
                f"Received: {layer.name!r} after "
                f"{self._layers[-1].name if self._layers else 'another Input'!r}"
            )
        self._input = layer
        self._shape = _plan.row_shape(layer)

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off and return it; the weights of the others stay.

        Args:
            rebuild: accepted for Keras's sake.

        Raises:
            IndexError: there is no layer.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential([Dense(8, input_dim=4), Dense(3, name="head")])
            >>> model.pop().name, len(model.layers)
            ('head', 1)
        """
        with self._changing("pop"):
            if not self._layers:
                raise IndexError("`pop` needs a layer to take off. Received: none left")
            self._drop_network()
            layer = self._layers.pop()
            layer._model = None
            self._kept.give(layer)
            if not self._layers and self._input is None:
                self._forget_shape()
            return layer

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without `Input`."""
        return list(self._layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return one layer.

        Args:
            name: its name, or None.
            index: its place in `layers`, or None.

        Raises:
            ValueError: there is no such layer, or not exactly one argument is given.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> Sequential([Dense(8, name="hidden")]).get_layer("hidden").units
            8
        """
        if (name is None) == (index is None):
            raise ValueError(
                "Either `name` or `index` must be given. "
                f"Received: name={name!r}, index={index!r}"
            )
        if index is not None:
            if not -len(self._layers) <= index < len(self._layers):
                raise ValueError(
                    f"`index` must be below the number of layers, {len(self._layers)}. "
                    f"Received: index={index}"
                )
            return self._layers[index]
        for layer in self._layers:
            if layer.name == name:
                return layer
        raise _lookup.unknown_name("name", str(name), [x.name for x in self._layers])

    @property
    def trainable(self) -> bool:
        """Whether any layer is trained; setting it sets all. Compile afterwards."""
        return any(layer.trainable for layer in self._layers) or not self._layers

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = _checks.boolean("trainable", value)
        for layer in self._layers:
            layer.trainable = value

    # ---- shape and network -------------------------------------------------------

    def build(self, input_shape: Sequence[int | None] | int | None = None) -> None:
        """Make the weights for a shape of input.

        Args:
            input_shape: `(None, columns)` as in Keras, or `(columns,)`; None if the
                shape is known already.

        Raises:
            ValueError: the shape is unknown, impossible, or another than the known one.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential([Dense(3)])
            >>> model.build((None, 4))
            >>> model.count_params()
            15
        """
        with self._changing("build"):
            self._require_layers()
            if input_shape is not None:
                shape = _plan.input_shape(input_shape)
                if self._shape not in (None, shape):
                    raise ValueError(
                        f"`input_shape` must be the known one, {(None, *self._shape)}. "
                        f"Received: input_shape={input_shape}"
                    )
                _plan.output_shapes(self._layers, shape)
                self._shape = shape
            self._ready_network()

    def _ready_network(self) -> Network:
        """The network, made now if need be.

        Raises:
            ValueError: the input's shape is not known.
        """
        if self._network is None:
            self._require_layers()
            if self._shape is None:
                raise ValueError(
                    f"The input shape of model {self.name!r} must be known: give the "
                    "first layer input_shape=(columns,), put Input((columns,)) in "
                    "front, or call fit or build((None, columns)). "
                    "Received: none so far"
                )
            # Two threads may ask for the first prediction at once.
            with self._building:
                if self._network is None:
                    self._make_network(self._make_plan(), self._compiled)
        assert self._network is not None
        return self._network

    def _require_layers(self) -> None:
        if not self._layers:
            raise ValueError(
                "A model must have layers to be built. Received: a Sequential with "
                "none; use add(layer)"
            )

    def _make_network(self, plan: _plan.Plan, compiled: _plan.Compiled | None) -> None:
        if compiled is not None and compiled.loss is not None:
            compiled.check_gradients(self._layers)
        network = _plan.make_network(plan, self.seed, self._kept)
        if compiled is not None and compiled.loss is not None:
            network.compile(*compiled.specs(plan))
            compiled.optimizer._model = weakref.ref(self)
        self._plan, self._network = plan, network
        is_plain = len(plan.input_shape) == len(plan.output_shape) == 1
        if is_plain and not plan.vocabulary and not plan.head:
            self._outputs = network.outputs

    def _make_plan(self, compiled: _plan.Compiled | None = None) -> _plan.Plan:
        assert self._shape is not None
        compiled = compiled or self._compiled
        return _plan.make_plan(
            self._layers, self._shape, self.dtype, self.seed, compiled
        )

    def _drop_network(self) -> None:
        """Forget the network; its weights wait in `_kept` for the next one."""
        if self._network is not None and self._plan is not None:
            self._kept.take(self._network, self._plan)
            self._network.retired = True
        self._network = self._plan = None
        self._outputs = _not_converted

    def __del__(self) -> None:
        """Leave their weights to the layers that others hold."""
        try:
            variables = [] if self._plan is None else self._plan.variables
            for layer in self._layers:
                own = sum(variable.layer is layer for variable in variables)
                if not own:
                    self._kept.give(layer)
                # The list, the plan, `layer` (a cell) and the call's argument.
                elif sys.getrefcount(layer) > 3 + own:
                    layer._left_with = self._get_layer_weights(layer)
        except Exception:  # of one that was never made whole, or at the process's end
            return

    def _forget_shape(self) -> None:
        self._drop_network()
        self._kept = _plan.Kept()
        self._shape = None
        self._columns = None

    @contextlib.contextmanager
    def _shape_from(
        self, x: Any, stream: _streams.Stream | None = None
    ) -> Iterator[None]:
        """Take the input's shape from `x`, or the first batch of `stream`, if unknown.

        It is unlearnt if the block fails.
        """
        self._require_layers()
        if self._shape is not None:
            yield
            return
        # Two threads may give the first data at once.
        with self._building:
            learns = self._shape is None
            if learns:
                if stream is not None:
                    x = _arrays.unwrapped(stream.peek().x)
                takes_text = _plan.takes_text(self._layers)
                self._shape = _arrays.input_shape(x, takes_text=takes_text)
            try:
                yield
            except BaseException:
                if learns:
                    self._forget_shape()
                raise

    def _changing(self, verb: str) -> contextlib.AbstractContextManager[None]:
        """Hold the model against other threads, and against callbacks of its `fit`."""
        if self._in_fit and self._hold.is_mine():
            raise RuntimeError(
                f"`{verb}` must not be called by a callback while the model is being "
                "trained: the model is busy. Received: a call during `fit`"
            )
        return self._testing(verb)

    def _testing(self, verb: str) -> contextlib.AbstractContextManager[None]:
        """The same against an evaluation under way: the network sums up one alone."""
        if self._in_evaluation and self._hold.is_mine():
            raise RuntimeError(
                f"`{verb}` must not be called by a callback while the model is being "
                "evaluated: the model is busy. Received: a call during `evaluate`"
            )
        return self._holding(verb)

    @contextlib.contextmanager
    def _evaluation(self) -> Iterator[None]:
        self._in_evaluation = True
        try:
            yield
        finally:
            self._in_evaluation = False

    def _holding(self, verb: str) -> contextlib.AbstractContextManager[None]:
        return self._hold.taken(verb, self.name)

    @property
    def built(self) -> bool:
        """Whether the input's shape is known, so that there are weights."""
        return self._shape is not None and bool(self._layers)

    @property
    def dtype(self) -> str:
        """The dtype of weights and outputs, "float32" or "float64"."""
        first = [] if self._input is None else [self._input]
        named = [self._given_dtype, *(x.dtype for x in [*first, *self._layers])]
        return next((name for name in named if name is not None), self._floatx)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """(None, columns).

        Raises:
            AttributeError: the shape is not known yet.
        """
        if self._shape is None:
            raise AttributeError(
                f"Model {self.name!r} must be built to have an `input_shape`."
            )
        return (None, *self._shape)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """(None, units of the last layer).

        Raises:
            AttributeError: the shape is not known yet.
        """
        if self._shape is None:
            raise AttributeError(
                f"Model {self.name!r} must be built to have an `output_shape`."
            )
        shapes = _plan.output_shapes(self._layers, self._shape)
        return (None, *(shapes[-1] if shapes else self._shape))

    @property
    def inputs(self) -> list[TensorSpec]:
        """One description: shape, dtype and name of the input."""
        name = "input" if self._input is None else self._input.name
        return [TensorSpec(self.input_shape, self.dtype, name)]

    @property
    def outputs(self) -> list[TensorSpec]:
        """One description: shape, dtype and name of the output."""
        name = self._layers[-1].name if self._layers else "input"
        return [TensorSpec(self.output_shape, self.dtype, name)]

    # ---- weights -----------------------------------------------------------------

    def get_weights(self) -> list[NDArray[Any]]:
        """Return copies of all weights: those of each layer in turn, as Keras has them.

        Returns:
            Arrays of the model's dtype, kernels (inputs, units), biases (units,);
            an empty list while the input's shape is unknown.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> [w.shape for w in Sequential([Dense(3, input_dim=4)]).get_weights()]
            [(4, 3), (3,)]
        """
        if not self.built:
            return []
        if any(layer.get_weights() for layer in self._preparing()):
            return [w for layer in self._layers for w in layer.get_weights()]
        network = self._ready_network()
        assert self._plan is not None
        return _plan.weights(network, self._plan)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights; the optimizer's state stays.

        Args:
            weights: arrays as `get_weights` returns them.

        Raises:
            ValueError: their number or a shape does not fit; nothing is set then.
            RuntimeError: another thread is training the model.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential([Dense(1, input_dim=2)])
            >>> model.set_weights([[[2.0], [3.0]], [1.0]])
            >>> model([[1.0, 1.0]])
            array([[6.]], dtype=float32)
        """
        with self._holding("set_weights"):
            network = self._ready_network()
            assert self._plan is not None
            rest, learnt = list(weights), []
            for layer in self._preparing():
                # Layers in front come first; behind others, in their place.
                place = sum(
                    len(before.get_weights())
                    for before in self._layers[: self._layers.index(layer)]
                    if not isinstance(before, Preprocessing)
                )
                n = len(layer.get_weights())
                if n:
                    layer._check_weights(rest[place : place + n])
                    learnt.append((layer, rest[place : place + n]))
                    del rest[place : place + n]
            _plan.set_weights(network, self._plan, rest)
            for layer, values in learnt:
                layer.set_weights(values)

    def _preparing(self) -> list[Preprocessing]:
        """The layers that prepare data: what they have learnt they keep themselves."""
        return [layer for layer in self._layers if isinstance(layer, Preprocessing)]

    @property
    def weights(self) -> list[NDArray[Any]]:
        """Read-only copies of all weights; `set_weights` changes them."""
        return [w for layer in self._layers for w in layer.weights]

    @property
    def trainable_weights(self) -> list[NDArray[Any]]:
        """Read-only copies of the weights that training changes."""
        return [w for layer in self._layers for w in layer.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[NDArray[Any]]:
        """Read-only copies of those of frozen layers, and of moving statistics."""
        return [w for layer in self._layers for w in layer.non_trainable_weights]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def _get_layer_weights(self, layer: Layer) -> list[NDArray[Any]]:
        """The weights of one of the layers; empty while there are none."""
        if not self.built:
            return []
        network = self._ready_network()
        assert self._plan is not None
        return _plan.weights(network, self._plan, layer)

    def _set_layer_weights(self, layer: Layer, weights: Sequence[Any]) -> None:
        """Set the weights of one of the layers."""
        with self._holding("set_weights"):
            network = self._ready_network()
            assert self._plan is not None
            _plan.set_weights(network, self._plan, weights, layer)

    def _layer_shapes(
        self, layer: Layer
    ) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Input and output shape of one of the layers without rows; None: unknown."""
        if self._shape is None:
            return None
        shapes = [self._shape, *_plan.output_shapes(self._layers, self._shape)]
        place = self._layers.index(layer)
        return shapes[place], shapes[place + 1]

    def count_params(self) -> int:
        """Return the number of weights.

        Raises:
            ValueError: the input's shape is not known yet.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> Sequential([Dense(16, input_dim=2), Dense(1)]).count_params()
            65
        """
        if not self.built:
            raise ValueError(
                f"Model {self.name!r} must be built before its weights can be counted: "
                "call build((None, columns)) or fit. Received: no input shape"
            )
        learnt = sum(layer.count_params() for layer in self._preparing())
        return learnt + sum(v.size for v in self._make_plan().variables)

    # ---- compile -----------------------------------------------------------------

    @accepts_old_words("Sequential.compile")
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
        *,
        check_finite: bool = True,
        on_nan: str = "stop",
    ) -> None:
        """Say what is optimised, how, and what else is measured.

        Weights stay. The optimizer starts anew.

        Args:
            optimizer: name, class, instance or configuration of an optimizer.
            loss: name, function, class or instance of a loss. None: the model can only
                predict.
            loss_weights: a number the loss is multiplied with, alone or in a list.
            metrics: list of names, functions, classes or instances. "accuracy" or "acc"
                is binary accuracy for an output of one column, else sparse categorical
                accuracy for labels and categorical accuracy for one-hot targets.
            weighted_metrics: the same, as means weighted by `sample_weight`.
            run_eagerly: accepted for Keras's sake, like the next three; no effect.
            steps_per_execution: no effect.
            jit_compile: no effect.
            auto_scale_loss: no effect.
            check_finite: `fit` and `evaluate` raise for NaN or infinity in the data.
            on_nan: what a batch loss that is not finite does to `fit`: "stop" ends it
                with a RuntimeWarning, "raise" ends it with a FloatingPointError (both
                before the update of that batch), "continue" goes on.

        Raises:
            ValueError: an unknown name (the message lists the known ones, nearest
                first) or a metric that does not fit the loss.
            RuntimeError: the model is being trained.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential([Dense(1, activation="sigmoid", input_dim=8)])
            >>> model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            >>> model.metrics_names
            ['loss', 'accuracy']
        """
        if metrics is None and _plan.looks_like_metrics(loss_weights):
            # Third place in Keras 1 and 2.
            metrics, loss_weights = loss_weights, None
        compiled = _plan.Compiled(
            optimizer,
            loss,
            loss_weights,
            metrics,
            weighted_metrics,
            check_finite=check_finite,
            on_nan=on_nan,
        )
        with self._changing("compile"):
            compiled.check_gradients(self._layers)
            if self.built:
                self._compile_network(compiled)
            self._compiled = compiled
            self._rows_tested = 0

    def _compile_network(self, compiled: _plan.Compiled) -> None:
        self._swapped = False
        plan = self._make_plan(compiled)
        specs = None if compiled.loss is None else compiled.specs(plan)
        if self._plan is not None and not self._plan.makes_same(plan):
            # A layer was frozen or thawed since, or C does not know the loss.
            self._drop_network()
        if self._network is None:
            self._make_network(plan, compiled)
        elif specs is not None:
            self._network.compile(*specs)
            compiled.optimizer._model = weakref.ref(self)

    def _measure_accuracy(self) -> None:
        """Let accuracy be among the metrics; weights and optimizer go on as they are.

        Raises:
            ValueError: the model is not compiled.
        """
        compiled = self._require_compiled()
        if {"acc", "accuracy"}.isdisjoint(compiled.keys):
            with self._changing("compile"):
                changed = compiled.with_metric("acc")
                if self._network is not None and self._plan is not None:
                    _plan.recompile(self._network, changed.specs(self._plan))
                self._compiled = changed

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer in use; None before `compile`."""
        return None if self._compiled is None else self._compiled.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Any) -> None:
        compiled = self._require_compiled(loss=False)
        with self._changing("optimizer"):
            changed = compiled.with_optimizer(optimizer)
            if self.built:
                self._compile_network(changed)
            self._compiled = changed

    @property
    def loss(self) -> Any:
        """What `compile` was given as the loss; None before."""
        return None if self._compiled is None else self._compiled.given_loss

    @property
    def metrics(self) -> list[Any]:
        """What `compile` resolved the metrics to, in the order of `metrics_names`."""
        return [] if self._compiled is None else self._compiled.metrics

    @property
    def metrics_names(self) -> list[str]:
        """The keys of the log: "loss", then the metrics; empty before `compile`."""
        return [] if self._compiled is None else list(self._compiled.keys)

    def reset_metrics(self) -> None:
        """Forget a half-done epoch; every `fit` and `evaluate` does that by itself."""
        with self._changing("reset_metrics"):
            self._rows_tested = 0
            if self._network is not None and self._compiled is not None:
                self._compiled.measured(self._network).reset_epoch()

    def _learning_rates(self, n: int) -> float | NDArray[np.float64]:
        """The optimizer's learning rate, or those of the n coming batches."""
        return self._require_compiled(loss=False).optimizer._rates(n)

    def _take_averages(self) -> None:
        """Weights become their running averages, if the optimizer keeps such."""
        if self._swapped:
            self._swap_averages()
        averages = self._averages()
        if self._network is not None and averages and self._batches_done():
            values = self._network.get_variables()
            for index, average in averages:
                values[index] = average
            self._network.set_variables(0, values)

    def _swap_averages(self) -> None:
        """Weights and their running averages change places."""
        network = self._network
        assert network is not None
        values = network.get_variables()
        for index, average in self._averages():
            network.set_slot(self._average_slot(), index, values[index])
            values[index] = average
        network.set_variables(0, values)
        self._swapped = not self._swapped

    def _average_slot(self) -> int:
        network, optimizer = self._network, self.optimizer
        assert network is not None and optimizer is not None
        return network.n_slots - 1 - bool(optimizer.gradient_accumulation_steps)

    def _seeded(self, seed: int) -> Network:
        """The network, made anew if the model had another seed."""
        if seed != self.seed:
            self.seed = seed
            self._drop_network()
        return self._ready_network()

    def _settable_rate(self) -> float | None:
        """The learning rate, unless it is a schedule."""
        rate = self._require_compiled(loss=False).optimizer._argument("learning_rate")
        return float(rate) if isinstance(rate, float) else None

    def _averages(self) -> list[tuple[int, NDArray[Any]]]:
        """The running averages of the weights that are trained, with their places."""
        network, optimizer = self._network, self.optimizer
        if network is None or optimizer is None or not optimizer.use_ema:
            return []
        assert self._plan is not None
        slot = self._average_slot()
        # A layer thawed since `compile` has no averages yet, a frozen one still has.
        trained = [i for i, v in enumerate(self._plan.variables) if v.is_trained]
        return [(i, network.get_slot(slot, i)) for i in trained]

    def _batches_done(self) -> int:
        """Batches trained since `compile`."""
        return 0 if self._network is None else self._network.counters["steps"]

    def _optimizer_variables(self) -> list[NDArray[Any]]:
        return [] if self._network is None else saving.optimizer_variables(self)

    def _set_optimizer_variables(self, arrays: Sequence[Any]) -> None:
        with self._changing("set_weights"):
            saving.set_optimizer_variables(self, arrays)

    def _metric_direction(self, name: str) -> str | None:
        """Whether "min" or "max" of a metric is better; None: no such metric."""
        return None if self._compiled is None else self._compiled.direction(name)

    def _require_compiled(self, loss: bool = True) -> _plan.Compiled:
        if self._compiled is None:
            raise ValueError(
                "You must call `compile()` before using the model. "
                f"Received: model {self.name!r}, not compiled"
            )
        if loss and self._compiled.loss is None:
            raise ValueError(
                "`compile` must be given a loss before the model can be trained or "
                "evaluated. Received: loss=None"
            )
        return self._compiled

    # ---- fit ---------------------------------------------------------------------

    @shows_accuracy
    @accepts_old_words("Sequential.fit")
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        threads: int | None = None,
        diagnose: bool = False,
        seconds: float | None = None,
    ) -> History:
        """Train.

        An epoch goes once through all rows, in a new random order unless `shuffle` is
        False; the last batch may be shorter. What an epoch reports are means over its
        rows, measured before each batch's update, with dropout.

        Args:
            x: inputs (n, columns): array, nested lists or frame. A frame's column names
                are remembered; later frames must have the same. Or batches: a
                generator, a `nncore.utils.PyDataset`, or anything else that can be
                iterated and gives (x, y) or (x, y, sample_weight), each of which makes
                one update, bit for bit the same as in arrays. Or a data set of
                `nncore.data`, which may be larger than memory.
            y: targets (n, output columns), or (n,) for one column or labels.
            batch_size: rows per update, default 32; batches and data sets have their
                own.
            epochs: where counting ends: epochs `initial_epoch` to `epochs - 1` are run.
            verbose: 0 silent; 1 a live line on a terminal, elsewhere a line per epoch;
                2 a line per epoch; "auto" is 1.
            callbacks: a callback or a list of them.
            validation_split: share of rows, the last ones before shuffling, that are
                not trained on but evaluated after each epoch; in (0, 1), 0 for none.
            validation_data: `(x, y)` or `(x, y, sample_weight)`, or what gives such
                batches, to evaluate after each epoch instead.
            shuffle: True, False, or "batch" (batches change places, rows within stay).
            class_weight: dict from class to the weight of its rows; a missing class
                weighs 1. Needs labels or one-hot targets.
            sample_weight: a weight per row (n,) or (n, 1): the batch loss is
                sum(w l) / rows. Metrics are not weighted, `weighted_metrics` are.
            initial_epoch: where counting begins.
            steps_per_epoch: batches per epoch; the next epoch goes on behind them, and
                when all rows or batches were used they are gone through again. None: an
                epoch is all there are. For arrays it sets `batch_size` if that is None.
            validation_steps: evaluate only so many batches of `validation_data`.
            validation_batch_size: rows per batch of validation, for callbacks.
            validation_freq: evaluate after every k-th epoch, or after the epochs
                listed, counted from 1.
            threads: most threads to use; None: what `nncore.set_num_threads` says.
            seconds: train for so long, and without a limit on epochs if `epochs` is 1.
                The epoch that is under way then ends where it stands.
            diagnose: look at the weights after every batch, and say in which layer,
                row, column and step the first number appeared that is NaN, infinite or
                has exploded. Slow, but the same bits.

        Returns:
            The `History`, whose `history` maps each of loss, metrics, val_loss,
            val_metrics, in this order, to a list of floats.

        Raises:
            ValueError: the model is not compiled, or an argument does not fit; weights
                are unchanged then.
            FloatingPointError: the loss is not finite and on_nan="raise" was compiled.
            RuntimeError: the model is being trained already.
            KeyboardInterrupt: Ctrl-C. Where there is validation, the weights are then
                those of the epoch with the lowest val_loss.

        Warns:
            RuntimeWarning: the loss was not finite: epoch and batch are named; weights
                are those before that batch.
            TrainingWarning: something looks wrong with data or model, once per model:
                inputs whose size saturates the first layer, targets that do not fit
                the loss or the last layer; afterwards ReLUs that never answer, a
                classifier that gives one class. Found by `diagnose`: weights that
                explode.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
            >>> model.compile("sgd", "mse")
            >>> h = model.fit([[1.0], [2.0]], [2.0, 4.0], epochs=5, verbose=0)
            >>> h.epoch, h.history["loss"][0] > h.history["loss"][-1]
            ([0, 1, 2, 3, 4], True)
        """
        compiled = self._require_compiled()
        level = _progress.resolve_verbose(verbose)
        first_epoch = _checks.integer("initial_epoch", initial_epoch, 0)
        last_epoch = _checks.integer("epochs", epochs)
        shown_epochs: float = last_epoch
        if seconds is not None:
            seconds = _checks.real("seconds", seconds, above=0)
            if last_epoch == 1:
                last_epoch, shown_epochs = _NO_LIMIT, math.inf
        frequency = training.frequency(validation_freq)
        team = _threads(threads)
        diagnose = _checks.boolean("diagnose", diagnose)
        if not (isinstance(shuffle, (bool, np.bool_)) or shuffle == "batch"):
            raise ValueError(
                "`shuffle` must be True, False or 'batch'. "
                f"Received: shuffle={shuffle!r}"
            )
        x, y, sample_weight = map(_arrays.unwrapped, (x, y, sample_weight))
        everyone = CallbackList(callbacks)
        stream = None
        if _streams.is_stream(x):
            stream = self._stream(
                *(x, "x", "steps_per_epoch", steps_per_epoch),
                others={
                    "y": y,
                    "sample_weight": sample_weight,
                    "validation_split": validation_split or None,
                },
                shuffles=bool(shuffle),
            )
        with self._changing("fit"):
            with self._shape_from(x, stream):
                data: training.Data | _streams.Batches[training.Data]
                held: training.Data | _streams.Batches[training.Data] | None = None
                names = None
                if stream is not None:
                    names = stream.columns
                    data = self._batches(stream, compiled, "", class_weight)
                    size = _stream_size(stream, batch_size)
                    steps = data.steps
                else:
                    data, names = self._rows(x, y, sample_weight, compiled)
                    if validation_data is None and validation_split:
                        data, held = _split(
                            data, _arrays.split_at(len(data), validation_split)
                        )
                    if class_weight is not None:
                        data = self._class_weighted(
                            data, class_weight, sample_weight, compiled
                        )
                    size = _batch_size(batch_size, steps_per_epoch, len(data))
                    steps = math.ceil(len(data) / size)
                    if batch_size is not None and steps_per_epoch not in (None, steps):
                        data = self._cut(data, size, steps_per_epoch, shuffle)
                        steps = data.steps
                held_size = size if batch_size is None else _batch_size(batch_size)
                if validation_batch_size is not None:
                    held_size = _checks.integer(
                        "validation_batch_size", validation_batch_size, 1
                    )
                if validation_data is not None:
                    held = self._validation_data(
                        validation_data, compiled, names, validation_steps
                    )
                validation = None
                if held is not None:
                    if isinstance(held, training.Data):
                        held = _first_batches(
                            held, "validation_steps", validation_steps, held_size
                        )
                    validation = training.Validation(held, held_size, frequency)
                network = compiled.measured(self._ready_network())
            plan = self._plan
            assert plan is not None
            rows = data if isinstance(data, training.Data) else None
            if rows is not None:
                self._advise(_advice.before(network, plan, compiled, rows))
            watch = None
            if diagnose:
                if rows is None:
                    raise ValueError(
                        "`diagnose` needs all rows at hand: arrays, not batches that "
                        f"come from an iterable. Received: x of {type(x).__name__}"
                    )
                from nncore._diagnosis import Watch

                watch = Watch(network, plan, compiled, rows)
            if names is not None:
                self._columns = names
            self.history = history = _history_in(everyone)
            n_rows = None if rows is None else len(rows)
            self._announce(everyone, level, last_epoch, steps, n_rows, size, held)
            self._rows_tested = 0
            self.stop_training = False
            self._in_fit = True
            began = time.perf_counter()
            try:
                training.Training(
                    self,
                    network,
                    data,
                    keys=compiled.keys,
                    callbacks=everyone,
                    history=history,
                    progress=_progress.Progress(level, shown_epochs),
                    batch_size=size,
                    epochs=last_epoch,
                    initial_epoch=first_epoch,
                    shuffle=shuffle,
                    validation=validation,
                    on_nan=compiled.on_nan,
                    threads=team,
                    watch=watch,
                    seconds=seconds,
                ).run()
            finally:
                self._in_fit = False
            self._unlooked += time.perf_counter() - began
            if (
                rows is not None
                and self._unlooked >= _advice.PAUSE
                and _advice.is_enough(len(history.epoch), len(rows))
            ):
                self._advise(_advice.after(network, plan, compiled, rows))
                self._unlooked = 0.0
        return history

    def _advise(self, said: Iterable[tuple[str, str]]) -> None:
        """Warn the caller of `fit` of what was not said before."""
        for kind, text in said:
            if kind not in self._advised:
                self._advised.add(kind)
                warnings.warn(text, _advice.TrainingWarning, stacklevel=callers_level())

    # ---- evaluate, predict -------------------------------------------------------

    @shows_accuracy
    @accepts_old_words("Sequential.evaluate")
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
        *,
        threads: int | None = None,
    ) -> Any:
        """Measure loss and metrics over all rows, without dropout.

        Args:
            x: inputs (n, columns), as for `fit`.
            y: targets, as for `fit`.
            batch_size: rows per batch that callbacks and the progress line see; the
                result does not depend on it. Data sets have their own.
            verbose: 0 silent; 1 a live line; 2 one line at the end; "auto": as 1, but
                only for what takes longer than a second.
            sample_weight: as for `fit`.
            steps: evaluate only so many batches from the first.
            callbacks: a callback or a list of them.
            return_dict: return a dict from name to value.
            threads: most threads to use.

        Returns:
            `[loss, *metrics]` in the order of `metrics_names`, as floats; the loss
            alone if there are no metrics; a dict if `return_dict`.

        Raises:
            ValueError: the model is not compiled, or an argument does not fit.
            RuntimeError: another thread is training the model.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential(
            ...     [Dense(1, kernel_initializer="ones", input_shape=(2,))]
            ... )
            >>> model.compile("sgd", "mse", metrics=["mae"])
            >>> model.evaluate([[1.0, 2.0], [0.0, 0.0]], [1.0, 0.0])
            [2.0, 1.0]
        """
        compiled = self._require_compiled()
        size = _batch_size(batch_size)
        team = _threads(threads)
        x, y, sample_weight = map(_arrays.unwrapped, (x, y, sample_weight))
        everyone = CallbackList(callbacks)
        stream = None
        if _streams.is_stream(x):
            others = {"y": y, "sample_weight": sample_weight}
            stream = self._stream(x, "x", "steps", steps, others=others)
            size = _stream_size(stream, batch_size)
        with self._testing("evaluate"):
            with self._shape_from(x, stream):
                data: training.Data | _streams.Batches[training.Data]
                if stream is not None:
                    data = self._batches(stream, compiled)
                    n_steps = data.steps
                else:
                    data, _ = self._rows(x, y, sample_weight, compiled)
                    data = _first_batches(data, "steps", steps, size)
                    n_steps = math.ceil(len(data) / size)
                network = compiled.measured(self._ready_network())
            progress = _quiet_progress(verbose)
            self._announce(everyone, verbose, 1, n_steps)
            self._rows_tested = 0
            values = training.evaluate(
                network,
                data,
                busy=self._evaluation(),
                batch_size=size,
                callbacks=everyone,
                threads=team,
                progress=progress,
                keys=compiled.keys,
            )
        return _report(compiled.keys, values, return_dict)

    @accepts_old_words("Sequential.predict")
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Callbacks = None,
        *,
        threads: int | None = None,
    ) -> NDArray[Any]:
        """Return the outputs for rows of inputs, without dropout.

        A row's output does not depend on the other rows. NaN or infinity in `x` is no
        error here: that row's outputs are what arithmetic makes of it. Several threads
        may predict at once.

        Args:
            x: inputs (n, columns), as for `fit`.
            batch_size: rows per batch that callbacks and the progress line see; the
                result does not depend on it. Data sets have their own.
            verbose: 0 silent; 1 a live line; 2 one line at the end; "auto": as 1, but
                only for what takes longer than a second.
            steps: predict only so many batches from the first.
            callbacks: a callback or a list of them.
            threads: most threads to use.

        Returns:
            Array (n, output columns) of the model's dtype.

        Raises:
            ValueError: `x` does not fit the model, or the shape of its input is not
                known yet.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential(
            ...     [Dense(1, kernel_initializer="ones", input_shape=(2,))]
            ... )
            >>> model.predict([[1.0, 2.0], [0.5, 0.25]])
            array([[3.  ],
                   [0.75]], dtype=float32)
        """
        size = _batch_size(batch_size)
        team = _threads(threads)
        network = self._ready_network()
        x = _arrays.unwrapped(x)
        if _streams.is_stream(x):
            stream = self._stream(x, "x", "steps", steps)
            _stream_size(stream, batch_size)
            everyone = CallbackList(callbacks)
            self._announce(everyone, verbose, 1, stream.steps)

            def convert(
                item: _streams.Item, where: int | _streams.Places
            ) -> training.Data:
                prefix, places = _named(where)
                with _arrays.rows_of(places.x):
                    rows = self._inputs(_arrays.unwrapped(item.x), prefix + "x")
                return training.Data(rows, rows[:, :0], None)

            out = training.predict_stream(
                network,
                _streams.Batches(stream, convert),
                callbacks=everyone,
                threads=team,
                progress=_quiet_progress(verbose),
            )
            return self._shaped(out)
        rows = self._inputs(x)
        if steps is not None:
            rows = rows[: size * _checks.integer("steps", steps, 1)]
        quiet = verbose == "auto" or not _progress.resolve_verbose(verbose)
        if callbacks is None and quiet and network.microseconds(len(rows), False) < 5e4:
            return self._shaped(network.predict(rows, threads=team))
        everyone = CallbackList(callbacks)
        self._announce(everyone, verbose, 1, math.ceil(len(rows) / size))
        out = training.predict(
            network,
            rows,
            batch_size=size,
            callbacks=everyone,
            threads=team,
            progress=_quiet_progress(verbose),
        )
        return self._shaped(out)

    def __call__(self, x: Any, training: bool | None = None) -> NDArray[Any]:
        """Return the outputs for one row (columns,) or many (n, columns).

        The quickest way to a few outputs: `predict` without its options. An array of
        the model's dtype is read where it lies; `bind` saves what is left to check.

        Args:
            x: inputs. A vector of as many numbers as the model has columns is one row;
                where that is one number, a vector is rows of one number each.
            training: accepted for Keras's sake; must not be True.

        Returns:
            Array (n, output columns), or (output columns,) for one row.

        Raises:
            ValueError: `x` does not fit the model, or `training` is True.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential(
            ...     [Dense(1, kernel_initializer="ones", input_shape=(2,))]
            ... )
            >>> model([1.0, 2.0]), model([[1.0, 2.0]])
            (array([3.], dtype=float32), array([[3.]], dtype=float32))
        """
        if training:
            raise ValueError(
                "`training` must be False: a call gives predictions. "
                f"Received: training={training!r}"
            )
        outputs = self._outputs(x)
        return self._converted_outputs(x) if outputs is None else outputs

    def _converted_outputs(self, x: Any) -> NDArray[Any]:
        x = _arrays.unwrapped(x)
        if self._is_one_row(x):
            rows = self._converted_outputs(np.asarray(x)[np.newaxis])
            row: NDArray[Any] = rows[0]
            return row
        with self._shape_from(x):
            network = self._ready_network()
            rows = self._inputs(x)
        return self._shaped(network.predict(rows))

    def _is_one_row(self, x: Any) -> bool:
        if self._shape in (None, (1,)):
            return False
        try:
            return bool(np.shape(x) == self._shape)
        except ValueError:
            # Rows of different lengths: the conversion has the words for it.
            return False

    def bind(self, x: NDArray[Any], out: NDArray[Any] | None = None) -> Bound:
        """Return a function without arguments: from the rows in `x`, fill `out`.

        For programs that ask a small network very often: everything is checked here,
        once. Each call reads what `x` holds then, writes the outputs to `out` and
        returns `out`. It sees new weights, of `fit` as of `set_weights`, and waits
        while another thread trains.

        Args:
            x: array of the model's dtype, (n, columns) or one row (columns,), numbers
                of a row side by side. It is read where it lies.
            out: array of the model's dtype for the outputs, (n, output columns) or
                (output columns,), C-contiguous and apart from `x`; None: a new one.

        Returns:
            The function; its attributes `x` and `out` are the arrays, which cannot be
            resized while it exists. Where several threads call it at once, they all
            write to the same `out`: give each thread its own.

        Raises:
            TypeError: `x` or `out` is no array.
            ValueError: its dtype, shape or memory does not fit.
            RuntimeError: from the function, when the model has got another network
                since: by `add` or `pop`, or by `compile` after a layer was frozen or
                thawed. Bind again then.

        Example:
            >>> import numpy as np
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential(
            ...     [Dense(1, kernel_initializer="ones", input_shape=(2,))]
            ... )
            >>> x = np.zeros(2, np.float32)
            >>> run = model.bind(x)
            >>> x[:] = 1, 2
            >>> run()
            array([3.], dtype=float32)
        """
        with self._shape_from(x):
            network = self._ready_network()
        plan = self._plan
        assert plan is not None
        if plan.head:
            raise ValueError(
                "`bind` needs a model that begins with arithmetic: what is prepared "
                "anew cannot be read where it lies. "
                f"Received: layer {plan.head[0].name!r} in front"
            )
        shape = plan.input_shape
        data = x
        if shape == (1,) and np.ndim(x) == 1:
            data = x[:, np.newaxis]
        rows = _arrays.in_place(data, shape, plan.dtype, name="x")
        front = data.shape[: data.ndim - len(shape)]
        if out is None:
            out = np.empty((*front, *plan.output_shape), plan.dtype)
        out_rows = _arrays.in_place(
            out, plan.output_shape, plan.dtype, name="out", front=front
        )
        return network.bind(rows, out_rows, x, out, self.name)

    def predict_proba(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
    ) -> NDArray[Any]:
        """`predict` under its name in Keras 1 and 2.

        Args:
            x: as for `predict`.
            batch_size: as for `predict`.
            verbose: as for `predict`.

        Returns:
            Array (n, output columns).
        """
        return self.predict(x, batch_size=batch_size, verbose=verbose)

    def predict_classes(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
    ) -> NDArray[Any]:
        """Return the class of each row, as Keras 1 and 2 did.

        Args:
            x: as for `predict`.
            batch_size: as for `predict`.
            verbose: as for `predict`.

        Returns:
            For one output column int32 (n, 1), 1 where the output is above 0.5; else
            int64 (n,), the column of the largest output.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential(
            ...     [Dense(1, kernel_initializer="ones", input_shape=(2,))]
            ... )
            >>> model.predict_classes([[1.0, 2.0], [0.0, 0.25]])
            array([[1],
                   [0]], dtype=int32)
        """
        p = self.predict(x, batch_size=batch_size, verbose=verbose)
        if p.shape[-1] > 1:
            classes: NDArray[np.int64] = p.argmax(axis=-1)
            return classes
        return (p > 0.5).astype(np.int32)

    # ---- one batch ---------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
        *,
        reset_metrics: bool = True,
    ) -> Any:
        """Make one update from all rows given.

        Args:
            x: inputs (n, columns), as for `fit`.
            y: targets, as for `fit`.
            sample_weight: as for `fit`.
            class_weight: as for `fit`.
            return_dict: return a dict from name to value.
            reset_metrics: report this batch alone; False: the means over all batches
                since the last that was reported alone, or since `reset_metrics`.

        Returns:
            Loss and metrics of the batch before its update, as `evaluate` returns them.

        Raises:
            ValueError: the model is not compiled, or an argument does not fit.
            FloatingPointError: the loss is not finite and on_nan="raise" was compiled.

        Warns:
            RuntimeWarning: the loss is not finite, so no update was made.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential(
            ...     [Dense(1, kernel_initializer="ones", input_shape=(2,))]
            ... )
            >>> model.compile("sgd", "mse")
            >>> model.train_on_batch([[1.0, 2.0]], [1.0])
            4.0
        """
        compiled = self._require_compiled()
        with self._changing("train_on_batch"):
            with self._shape_from(x):
                data, _ = self._rows(x, y, sample_weight, compiled)
                if class_weight is not None:
                    data = self._class_weighted(
                        data, class_weight, sample_weight, compiled
                    )
                network = compiled.measured(self._ready_network())
            if reset_metrics:
                network.reset_epoch()
            rows, _, _, nan_batch = network.train(
                data.x,
                data.y,
                data.weights,
                batch_size=len(data),
                max_batches=1,
                max_epochs=1,
                shuffle=False,
                learning_rate=self._learning_rates(1),
                stop_on_nan=compiled.on_nan != "continue",
                stream=True,
            )
        if nan_batch >= 0 and compiled.on_nan != "continue":
            network.reset_epoch()
            message = (
                "The loss must be a finite number. Received: a batch whose loss is NaN "
                "or infinite; no update was made"
            )
            if compiled.on_nan == "raise":
                raise FloatingPointError(message)
            warnings.warn(message, RuntimeWarning, stacklevel=callers_level())
        values = rows[0].tolist() if len(rows) else [math.nan] * len(compiled.keys)
        return _report(compiled.keys, values, return_dict)

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
        *,
        reset_metrics: bool = True,
    ) -> Any:
        """`evaluate` for one batch, silently.

        Args:
            x: inputs (n, columns), as for `fit`.
            y: targets, as for `fit`.
            sample_weight: as for `fit`.
            return_dict: return a dict from name to value.
            reset_metrics: report this batch alone; False: the means over all batches
                since the last that was reported alone, since `evaluate` or since
                `reset_metrics`.

        Returns:
            As `evaluate`.
        """
        compiled = self._require_compiled()
        with self._testing("test_on_batch"):
            with self._shape_from(x):
                data, _ = self._rows(x, y, sample_weight, compiled)
                network = compiled.measured(self._ready_network())
            done = 0 if reset_metrics else self._rows_tested
            values = network.evaluate(
                *(data.x, data.y, data.weights, done, len(data)),
                stream=True,
                batch_size=len(data),
            )
            self._rows_tested = done + len(data)
        assert values is not None
        return _report(compiled.keys, values, return_dict)

    def predict_on_batch(self, x: Any) -> NDArray[Any]:
        """`predict` for one batch, silently.

        Args:
            x: inputs (n, columns), as for `fit`.

        Returns:
            Array (n, output columns).
        """
        return self.predict(x, verbose=0)

    # ---- data --------------------------------------------------------------------

    def _inputs(
        self, x: Any, name: str = "x", names: Any = None, finite: bool = False
    ) -> NDArray[Any]:
        """Rows for the network from what a person gave.

        Args:
            x: data.
            name: what messages call it.
            names: column names that a frame must have; None: those of `fit`.
            finite: whether NaN and infinity are refused.
        """
        plan = self._plan
        assert plan is not None
        words: dict[str, Any] = {
            "name": name,
            "layer": plan.first_name,
            "columns": self._columns if names is None else names,
        }
        if plan.head and plan.head[0]._takes_text:
            rows = _arrays.as_values(x, plan.input_shape, **words)
        else:
            rows = _arrays.as_inputs(x, plan.input_shape, plan.dtype, **words)
        if plan.head:
            if finite:
                _arrays.check_finite(rows, name, source=x)
            values = _plan.prepared(plan, rows.reshape(len(rows), *plan.input_shape))
            rows = _arrays.as_inputs(values, plan.rows_shape, plan.dtype, name=name)
        if plan.vocabulary:
            first = plan.first_index
            _arrays.check_indices(rows, plan.vocabulary, name, plan.first_name, first)
        if finite and not plan.head:
            _arrays.check_finite(rows, name, source=x)
        return rows

    def _rows(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        compiled: _plan.Compiled,
        *,
        prefix: str = "",
        names: Any = None,
        places: _streams.Places = _NOWHERE,
    ) -> tuple[training.Data, Any]:
        """Converted, checked rows, and the column names if `x` is a frame."""
        network = self._ready_network()
        plan = self._plan
        assert plan is not None
        with _arrays.rows_of(places.x):
            rows = self._inputs(x, prefix + "x", names, compiled.check_finite)
        if len(rows) == 0:
            raise ValueError(
                f"`{prefix}x` must have at least one row. "
                f"Received: shape {(0, *plan.input_shape)}"
            )
        if y is None:
            raise ValueError(
                f"`{prefix}y` must be given: the loss compares outputs with targets. "
                f"Received: {prefix}y=None"
            )
        with _arrays.rows_of(places.y):
            targets = _arrays.as_targets(
                y,
                len(rows),
                network.target_columns,  # None: whatever columns a user's loss takes
                plan.dtype,
                sparse=compiled.is_sparse,
                n_classes=network.n_out if compiled.is_sparse else None,
                ignored=compiled.ignored_label,
                layer=plan.last_name,
                loss=compiled.loss_kind,
                name=prefix + "y",
            )
            if compiled.check_finite:
                _arrays.check_finite(targets, prefix + "y", source=y)
        weights = None
        if sample_weight is not None:
            with _arrays.rows_of(places.weights):
                weights = _arrays.as_weights(
                    sample_weight, len(rows), plan.dtype, name=prefix + "sample_weight"
                )
        return training.Data(rows, targets, weights), _arrays.column_names(x)

    def _stream(
        self,
        x: Any,
        argument: str,
        limit: str,
        steps: int | None,
        *,
        others: dict[str, Any] | None = None,
        rows: int | None = None,
        shuffles: bool = False,
    ) -> _streams.Stream:
        """The stream that data is; `others` are arguments that arrays may have."""
        for name, value in (others or {}).items():
            if value is not None:
                raise ValueError(
                    f"`{name}` must be None where `{argument}` gives batches, which "
                    f"hold all there is: (x, y) or (x, y, sample_weight). "
                    f"Received: {name}={_outline(value)}"
                )
        if isinstance(x, _streams.Stream):
            return x
        if not _streams.is_stream(x):
            raise TypeError(
                f"`{argument}` must be a generator, a PyDataset or something else that "
                f"gives batches. Received: {argument}={_outline(x)}"
            )
        if steps is not None:
            steps = _checks.integer(limit, steps, 1)
        if rows is not None:
            rows = _checks.integer("samples", rows, 1)
        # A data set of `nncore.data` knows how it is read.
        make = getattr(x, "_block_stream", functools.partial(_streams.Stream, x))
        stream: _streams.Stream = make(
            argument,
            steps=steps,
            rows=rows,
            shuffles=shuffles,
            seed=self._stream_seed(),
        )
        return stream

    def _stream_seed(self) -> int:
        network = self._network
        lived = 0 if network is None else network.counters["steps_lived"]
        return _random.derive(self.seed, _STREAM_BATCHES, lived)

    def _batches(
        self,
        stream: _streams.Stream,
        compiled: _plan.Compiled,
        prefix: str = "",
        class_weight: dict[int, float] | None = None,
        names: Any = None,
    ) -> _streams.Batches[training.Data]:
        def convert(item: _streams.Item, where: int | _streams.Places) -> training.Data:
            x, y, weights = map(_arrays.unwrapped, item)
            here, places = _named(where)
            words: Any = {"prefix": prefix + here, "names": names, "places": places}
            data, _ = self._rows(x, y, weights, compiled, **words)
            if class_weight is None:
                return data
            with _arrays.rows_of(places.y):
                return self._class_weighted(data, class_weight, weights, compiled)

        return _streams.Batches(stream, convert)

    def _cut(
        self, data: training.Data, size: int, steps: Any, shuffle: bool | str
    ) -> _streams.Batches[training.Data]:
        """Rows in epochs of another length than theirs."""
        rows = _streams.Rows(
            (data.x, data.y, data.weights),
            size,
            steps=_checks.integer("steps_per_epoch", steps, 1),
            shuffle=shuffle,
            seed=self._stream_seed(),
        )
        return _streams.Batches(rows, lambda item, number: training.Data(*item))

    def _validation_data(
        self, data: Any, compiled: _plan.Compiled, names: Any, steps: int | None
    ) -> training.Data | _streams.Batches[training.Data]:
        if isinstance(data, (tuple, list)):
            data = tuple(map(_arrays.unwrapped, data))
        if not _streams.is_stream(data):
            return self._validation_rows(data, compiled, names)
        stream = self._stream(data, "validation_data", "validation_steps", steps)
        if stream.once and stream.steps is None and stream.rows is None:
            # It will be gone through after each epoch.
            stream = _streams.Stream(_streams.Kept(stream.epoch()), "validation_data")
        return self._batches(stream, compiled, "validation ", names=names)

    def _validation_rows(
        self, data: Any, compiled: _plan.Compiled, names: Any
    ) -> training.Data:
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            raise ValueError(
                "`validation_data` must be (x, y) or (x, y, sample_weight). "
                f"Received: {_outline(data)}"
            )
        x, y, *rest = data
        weights = rest[0] if rest else None
        return self._rows(x, y, weights, compiled, prefix="validation ", names=names)[0]

    def _class_weighted(
        self,
        data: training.Data,
        class_weight: dict[int, float],
        sample_weight: Any,
        compiled: _plan.Compiled,
    ) -> training.Data:
        network = self._ready_network()
        weights = _arrays.class_weights(
            class_weight,
            data.y,
            sample_weight=sample_weight,
            n_classes=network.n_out if compiled.is_sparse else None,
        )
        return training.Data(data.x, data.y, weights)

    def _shaped(self, out: NDArray[Any]) -> NDArray[Any]:
        assert self._plan is not None
        shape = self._plan.output_shape
        return out if len(shape) == 1 else out.reshape(len(out), *shape)

    def _announce(
        self,
        everyone: CallbackList,
        verbose: Any,
        epochs: int,
        steps: int | None,
        n_rows: int | None = None,
        batch_size: int | None = None,
        held: Any = None,
    ) -> None:
        words = {"verbose": verbose, "epochs": epochs, "steps": steps}
        keys = self.metrics_names
        validates = held is not None
        old = {
            "nb_epoch": epochs,
            "samples": n_rows,
            "nb_sample": n_rows,
            "batch_size": batch_size,
            "do_validation": validates,
            "metrics": keys + [f"val_{key}" for key in keys if validates],
        }
        everyone.set_params(Params(words, old))
        everyone.set_model(self)

    # ---- words -------------------------------------------------------------------

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], object] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print a table of the layers, their output shapes and numbers of weights.

        Args:
            line_length: columns of the table; None: what the terminal has, at most 88,
                or 100 with `show_trainable`.
            positions: shares of the line at which the columns end, the last being 1.
            print_fn: called once with the whole text instead of `print`.
            expand_nested: accepted for Keras's sake; no effect.
            show_trainable: add a column with Y or N.
            layer_range: names of the first and the last layer to show, or None.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential(
            ...     [Dense(16, input_dim=2, name="hidden"), Dense(1, name="out")],
            ...     name="xor",
            ... )
            >>> model.summary(line_length=60)
            Model: "xor"
            ┏━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓
            ┃ Layer (type)             ┃ Output Shape      ┃   Param # ┃
            ┡━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━┩
            │ hidden (Dense)           │ (None, 16)        │        48 │
            ├──────────────────────────┼───────────────────┼───────────┤
            │ out (Dense)              │ (None, 1)         │        17 │
            └──────────────────────────┴───────────────────┴───────────┘
             Total params: 65 (260.00 B)
             Trainable params: 65 (260.00 B)
             Non-trainable params: 0 (0.00 B)
        """
        shown = self._layers
        if layer_range is not None:
            first, last = (self._layers.index(self.get_layer(n)) for n in layer_range)
            shown = self._layers[first : last + 1]
        trained = frozen = kept = 0
        if self.built:
            for variable in self._make_plan().variables:
                if variable.is_trained:
                    trained += variable.size
                else:
                    frozen += variable.size
            frozen += sum(layer.count_params() for layer in self._preparing())
            if self._network is not None and self._network.counters["steps"]:
                # The step count and the learning rate are Keras's other two.
                kept = self._network.n_slots * trained + 2
        rows = self._summary_rows(shown)

        def text(ascii_only: bool) -> str:
            return _summary.summary(
                self.name,
                rows,
                trainable=trained,
                non_trainable=frozen,
                optimizer=kept,
                itemsize=np.dtype(self.dtype).itemsize,
                line_length=line_length,
                positions=positions,
                show_trainable=show_trainable,
                ascii_only=ascii_only,
            )

        _summary.emit(text, print_fn)

    def _summary_rows(self, shown: Iterable[Layer]) -> list[_summary.Row]:
        sizes: dict[int, int] = {}
        shapes: dict[int, tuple[int, ...]] = {}
        if self.built:
            plan = self._make_plan()
            shapes = dict(zip(map(id, self._layers), plan.output_shapes, strict=True))
            for variable in plan.variables:
                key = id(variable.layer)
                sizes[key] = sizes.get(key, 0) + variable.size
            for layer in self._preparing():
                sizes[id(layer)] = layer.count_params()
        return [
            _summary.Row(
                layer.name,
                type(layer).__name__,
                shapes.get(id(layer)),
                sizes.get(id(layer), 0) if self.built else None,
                layer.trainable,
            )
            for layer in shown
        ]

    def _repr_html_(self) -> str:
        """What a notebook shows of the model: its layers."""
        return _summary.html(self.name, self._summary_rows(self._layers))

    # ---- saving ------------------------------------------------------------------

    @accepts_old_words("Sequential.save")
    def save(
        self, filepath: Any, overwrite: bool = True, *, include_optimizer: bool = True
    ) -> None:
        """Write the model to a file; see `nncore.saving.save_model`.

        Args:
            filepath: as for `save_model`.
            overwrite: as for `save_model`.
            include_optimizer: as for `save_model`.
        """
        saving.save_model(
            self, filepath, overwrite, include_optimizer=include_optimizer
        )

    @accepts_old_words("Sequential.save_weights")
    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights alone to a file; see `nncore.saving.save_weights`.

        Args:
            filepath: as for `nncore.saving.save_weights`.
            overwrite: as for `nncore.saving.save_weights`.
        """
        saving.save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: Any, by_name: bool = False, skip_mismatch: bool = False
    ) -> None:
        """Set all weights to those in a file; see `nncore.saving.load_weights`.

        Args:
            filepath: as for `nncore.saving.load_weights`.
            by_name: as for `nncore.saving.load_weights`.
            skip_mismatch: as for `nncore.saving.load_weights`.
        """
        saving.load_weights(self, filepath, by_name, skip_mismatch)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs to make the model again, without weights.

        Returns:
            Plain values, ready for JSON.
        """
        config: dict[str, Any] = {
            "name": self.name,
            "dtype": self._given_dtype,
            "seed": self._given_seed,
            "layers": [_plan.layer_config(layer) for layer in self._all_layers()],
        }
        if self._shape is not None:
            config["build_input_shape"] = [None, *self._shape]
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Self:
        """Return a new model, with new weights, from what `get_config` gave.

        Args:
            config: dict.
            custom_objects: dict from the names of one's own classes to the classes.

        Raises:
            ValueError: unknown layers (all are named), or an argument does not fit.

        Example:
            >>> from nncore.layers import Dense
            >>> from nncore.models import Sequential
            >>> model = Sequential([Dense(3, input_dim=4)])
            >>> Sequential.from_config(model.get_config()).count_params()
            15
        """
        return saving.model_from_config(cls, config, custom_objects)

    def get_compile_config(self) -> dict[str, Any]:
        """Return `compile`'s arguments, for `compile_from_config`.

        Returns:
            Plain values, ready for JSON; an empty dict before `compile`.
        """
        return {} if self._compiled is None else self._compiled.get_config()

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with what `get_compile_config` gave.

        Args:
            config: dict.
        """
        self.compile(**config)

    def to_json(self) -> str:
        """Return the configuration as JSON, for `model_from_json`.

        Returns:
            A string with class name and configuration; no weights.
        """
        return saving.model_to_json(self)

    @classmethod
    def from_torch(
        cls, module: Any, input_shape: Sequence[int] | None = None, name: Any = None
    ) -> Self:
        """Return a model that does what a `torch.nn.Sequential` does, with its weights.

        Args:
            module: a `torch.nn.Sequential`, nested or not, of Linear, BatchNorm1d,
                LayerNorm, RMSNorm, PReLU, Embedding, Dropout, AlphaDropout, Flatten
                and activations; or one such module.
            input_shape: shape of one row; None: as many columns as the first module
                takes that has a number.
            name: the model's name; None: as for `Sequential`.

        Raises:
            ValueError: there is a module that nncore does not have.

        Example:
            >>> import torch  # doctest: +SKIP
            >>> module = torch.nn.Sequential(
            ...     torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
            ... )  # doctest: +SKIP
            >>> Sequential.from_torch(module).count_params()  # doctest: +SKIP
            67
        """
        from nncore.saving import _torch

        return _torch.from_torch(cls, module, input_shape, name)

    def to_torch(self) -> Any:
        """Return a `torch.nn.Sequential` that does what the model does.

        Weights are copied; those of frozen layers do not require gradients. A `Dense`
        becomes a Linear and, if it has an activation, the module of that. PyTorch's
        BatchNorm1d moves its variance towards rows / (rows - 1) times the batch's.

        Raises:
            ImportError: PyTorch is not installed.
            ValueError: there is something that PyTorch has no module for.
        """
        from nncore.saving import _torch

        return _torch.to_torch(self)

    @classmethod
    def from_sklearn(cls, estimator: Any, name: Any = None) -> Self:
        """Return a model from a fitted `MLPClassifier` or `MLPRegressor`.

        Its outputs are the estimator's `predict_proba` (for two classes the second
        column alone, for several labels all), or for a regressor `predict`.

        Args:
            estimator: of scikit-learn, fitted.
            name: the model's name; None: as for `Sequential`.

        Raises:
            ValueError: `estimator` is something else.

        Example:
            >>> from sklearn.neural_network import MLPRegressor  # doctest: +SKIP
            >>> mlp = MLPRegressor((5,)).fit([[0.0], [1.0]], [0, 1])  # doctest: +SKIP
            >>> Sequential.from_sklearn(mlp).count_params()  # doctest: +SKIP
            16
        """
        from nncore.saving import _sklearn

        return _sklearn.from_sklearn(cls, estimator, name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy through the format of `save`, which keeps every bit."""
        return saving.reduced(self)

    def _all_layers(self) -> list[Layer]:
        first: list[Layer] = [] if self._input is None else [self._input]
        return first + self._layers

    def _expect(self, input_shape: Any) -> None:
        """Take the input's shape from a configuration, without making weights."""
        shape = _plan.input_shape(input_shape)
        if self._shape not in (None, shape):
            raise ValueError(
                f"`build_input_shape` must be that of the first layer, "
                f"{(None, *self._shape)}. Received: {input_shape}"
            )
        _plan.output_shapes(self._layers, shape)
        self._shape = shape

    # ---- words -------------------------------------------------------------------

    def __repr__(self) -> str:
        """Name and number of layers."""
        return f"<Sequential name={self.name}, layers={len(self._layers)}>"


def _not_converted(x: Any) -> None:
    """What a model without a network for rows of numbers can do by itself: nothing."""


def _batch_size(
    batch_size: int | None, steps: int | None = None, n_rows: int = 1
) -> int:
    """Rows per batch from `batch_size` and `steps_per_epoch`."""
    if steps is None:
        if batch_size is None:
            return _BATCH_SIZE
        return _checks.integer("batch_size", batch_size, 1)
    steps = _checks.integer("steps_per_epoch", steps, 1)
    if batch_size is None:
        return math.ceil(n_rows / steps)
    return _checks.integer("batch_size", batch_size, 1)


def _history_in(callbacks: CallbackList) -> History:
    """The History among the callbacks; if there is none, a new one at the end."""
    for callback in callbacks:
        if isinstance(callback, History):
            return callback
    history = History()
    callbacks.append(history)
    return history


def _threads(threads: int | None) -> int:
    return 0 if threads is None else _checks.integer("threads", threads, 1)


def _split(data: training.Data, border: int) -> tuple[training.Data, training.Data]:
    """Rows before and after `border`, as views."""
    parts = _arrays.split([data.x, data.y, data.weights], border)
    first, last = (training.Data(x, y, w) for x, y, w in parts)  # type: ignore[arg-type]
    return first, last


def _named(where: int | _streams.Places) -> tuple[str, _streams.Places]:
    """What names of data begin with, and the places that messages name."""
    if isinstance(where, int):
        return f"batch {where} ", _NOWHERE
    return "", where


def _stream_size(stream: _streams.Stream, batch_size: Any) -> int:
    """Rows per batch of what a stream gives, as far as it can be told beforehand."""
    if stream.size is None or batch_size is None:
        return stream.size or _BATCH_SIZE
    if _batch_size(batch_size) != stream.size:
        raise ValueError(
            f"`batch_size` must be that of the data set, {stream.size}, or None. "
            f"Received: batch_size={batch_size}"
        )
    return stream.size


def _first_batches(
    data: training.Data, argument: str, steps: int | None, size: int
) -> training.Data:
    if steps is None:
        return data
    return _split(data, size * _checks.integer(argument, steps, 1))[0]


def _quiet_progress(verbose: Any) -> _progress.Progress:
    """Progress of `evaluate` and `predict`: "auto" is silent for a second."""
    level = _progress.resolve_verbose(verbose)
    return _progress.Progress(level, quiet_for=1.0 if verbose == "auto" else 0.0)


def _report(keys: list[str], values: list[float], return_dict: bool) -> Any:
    if return_dict:
        return dict(zip(keys, values, strict=True))
    return values if len(values) > 1 else values[0]


def _outline(value: Any) -> str:
    """A value short enough for a message."""
    text = f"{type(value).__name__}"
    if isinstance(value, (tuple, list)):
        return f"a {text} of {len(value)}"
    return f"{text} {value!r:.60}"
