"""The base of all layers: name, dtype, input shape, the way to the built weights."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol
from weakref import ReferenceType

import numpy as np

from .. import (
    _checks,
    _lookup,
    _own,
    _random,
    backend,
    constraints,
    initializers,
    regularizers,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.floating[Any]]

Shape = tuple[int | None, ...]


def checked_shape(argument: str, value: Any) -> Shape:
    """Return a shape of one or more sizes, each a positive integer or None.

    Raises:
        ValueError: `value` is no such shape.
    """
    sizes = value if isinstance(value, (tuple, list)) else (value,)
    message = (
        f"`{argument}` must be a tuple of positive integers or None. "
        f"{_checks.received(argument, value)}"
    )
    if not sizes:
        raise ValueError(message)
    try:
        return tuple(
            None if size is None else _checks.integer(argument, size, 1)
            for size in sizes
        )
    except ValueError:
        raise ValueError(message) from None


class WeightSpec(NamedTuple):
    """One array of a layer's weights: attribute, shape, starting values.

    `trainable` is False for what follows the data in training, as moving statistics do.
    """

    name: str
    shape: tuple[int, ...]
    initializer: Any
    trainable: bool = True


def held(role: str, rank: int, layer: Layer, name: str) -> dict[str, Any]:
    """Return what the core is told of one of a layer's weights: penalty, constraint.

    Args:
        role: "kernel" or "bias".
        rank: Of the weights.
        layer: A layer.
        name: Of the weights, as its arguments `<name>_regularizer` and
            `<name>_constraint` have it.
    """
    spec: dict[str, Any] = {}
    regularizer = getattr(layer, f"{name}_regularizer")
    constraint = getattr(layer, f"{name}_constraint")
    if regularizer is not None and regularizer._is_own:
        spec[f"{role}_regularizer"] = regularizer
    elif regularizer is not None:
        spec[f"{role}_l1"], spec[f"{role}_l2"] = regularizer.l1, regularizer.l2
    if constraint is not None and constraint._is_own:
        spec[f"{role}_own_constraint"] = constraint
    elif constraint is not None:
        spec[f"{role}_constraint"] = constraint._spec(rank, f"{name}_constraint")
    return spec


def activation_spec(activation: Any) -> dict[str, Any]:
    """Return what the core is told of an activation."""
    if activation.function is not None:
        return {"activation": activation}
    return {"activation": activation.name, "activation_args": tuple(activation.args)}


def activity_spec(regularizer: Any) -> dict[str, Any]:
    """Return what the core is told of a penalty on a layer's output."""
    if regularizer is None:
        return {}
    if regularizer._is_own:
        return {"activity_regularizer": regularizer}
    return {"activity_l1": regularizer.l1, "activity_l2": regularizer.l2}


@functools.cache
def _parameters(function: Any) -> tuple[str, ...]:
    """Names of a function's parameters."""
    from inspect import signature

    return tuple(signature(function).parameters)


class Owner(Protocol):
    """What a layer asks of the model that it is in."""

    @property
    def built(self) -> bool:
        """Whether the shape of the input is known."""

    @property
    def dtype(self) -> str:
        """The dtype of weights and outputs."""

    def _get_layer_weights(self, layer: Layer) -> list[NDArray[Any]]: ...

    def _set_layer_weights(self, layer: Layer, weights: Sequence[Any]) -> None: ...

    def _layer_shapes(
        self, layer: Layer
    ) -> tuple[tuple[int, ...], tuple[int, ...]] | None: ...


class Weight:
    """One array of weights that a layer written in Python has asked for.

    Attributes:
        name: What the layer calls it.
        values: The array itself, which training changes in place.
        initializer: Where its starting values come from.
        trainable: Whether training changes it.
        regularizer: A `Regularizer` or None.
        constraint: A `Constraint` or None.
    """

    __slots__ = (
        "constraint",
        "initializer",
        "name",
        "regularizer",
        "trainable",
        "values",
    )

    def __init__(
        self,
        name: str,
        values: NDArray[Any],
        initializer: initializers.Initializer,
        trainable: bool,
        regularizer: regularizers.Regularizer | None,
        constraint: constraints.Constraint | None,
    ) -> None:
        """See the class."""
        self.name = name
        self.values = values
        self.initializer = initializer
        self.trainable = trainable
        self.regularizer = regularizer
        self.constraint = constraint


class Layer(_lookup.Described):
    """Base of all layers.

    A layer of one's own derives from it and defines, on arrays of rows (n, ...) in the
    model's dtype:

    * `build(input_shape)`, if it has weights: it calls `add_weight` for each;
    * `call(inputs)` or `call(inputs, training)`, which returns the outputs;
    * `gradient(inputs, outputs, d_outputs)`, to train it or a layer before it: from the
      derivative of the loss with respect to the outputs it returns (d_inputs,
      [d_weight, ...]), one for each trainable weight, or d_inputs alone if there are
      none;
    * `compute_output_shape(input_shape)`, unless `call` can be tried on rows of zeros.

    A model with such a layer runs in NumPy.

    A layer describes a step of a network. Its weights exist once the model that it
    belongs to is built, and are kept there; `kernel`, `get_weights` and so on copy.

    Args:
        name: The layer's name; numbered ("dense", "dense_1", ...) if None.
        trainable: Whether training changes the weights.
        dtype: "float32", "float64" or None for the default dtype of the process; a
            model takes the first dtype that its layers name.
        input_shape: Shape of one row of input, for a model's first layer.
        input_dim: The same, as one integer.
        batch_input_shape: The same, with the number of rows (or None) in front.

    Raises:
        ValueError: An argument is none of these, or the shape is given twice.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> class Scale(nncore.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.scale = self.add_weight(input_shape[1:], "ones")
        ...     def call(self, inputs):
        ...         return inputs * self.scale
        ...     def gradient(self, inputs, outputs, d_outputs):
        ...         return d_outputs * self.scale, [(d_outputs * inputs).sum(axis=0)]
        >>> Scale()([[1.0, 2.0]])
        array([[1., 2.]], dtype=float32)
        >>> model = nncore.Sequential([Scale(), nncore.layers.Dense(1)], seed=1)
        >>> model.compile("sgd", "mse")
        >>> history = model.fit([[1.0, 2.0]], [3.0], epochs=300, verbose=0)
        >>> model.predict([[1.0, 2.0]]).round(2)
        array([[3.]], dtype=float32)
    """

    _arguments: ClassVar[tuple[str, ...]] = ()
    _has_weights: ClassVar[bool] = False
    _model: ReferenceType[Any] | None = None
    # What it had in a model that it has left, for the next one.
    _left_with: Sequence[NDArray[Any]] = ()
    _own_weights: Sequence[Weight] = ()
    _built_for: tuple[tuple[int, ...], str] | None = None
    _building: tuple[list[Weight], str] | None = None

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        if name is not None:
            _checks.text("name", name)
        self.trainable = trainable
        self.dtype = None if dtype is None else _checks.float_dtype("dtype", dtype)
        given = [input_shape, input_dim, batch_input_shape]
        if sum(value is not None for value in given) > 1:
            raise ValueError(
                "Only one of `input_shape`, `input_dim` and `batch_input_shape` can be "
                f"given. Received: input_shape={input_shape}, input_dim={input_dim}, "
                f"batch_input_shape={batch_input_shape}"
            )
        self._batch_input_shape: Shape | None = None
        if input_dim is not None:
            size = _checks.integer("input_dim", input_dim, 1)
            self._batch_input_shape = (None, size)
        elif input_shape is not None:
            self._batch_input_shape = (None, *checked_shape("input_shape", input_shape))
        elif batch_input_shape is not None:
            shape = checked_shape("batch_input_shape", batch_input_shape)
            if len(shape) < 2:
                raise ValueError(
                    "`batch_input_shape` must have the number of rows and at least one "
                    f"more size. {_checks.received('batch_input_shape', shape)}"
                )
            self._batch_input_shape = shape
        self.name = name or _lookup.unique_name(_lookup.snake_case(type(self).__name__))

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; a change waits for `compile`."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = _checks.boolean("trainable", value)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values, ready for JSON."""
        config = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}
        if self._batch_input_shape is not None:
            config["batch_input_shape"] = list(self._batch_input_shape)
        return config | super().get_config()

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the output's shape for an input's shape, rows first.

        Args:
            input_shape: A tuple such as (None, 8); None stands for any number of rows.

        Raises:
            ValueError: The layer cannot take such input.
        """
        rows, *sizes = checked_shape("input_shape", input_shape)
        if not self._is_own:
            return rows, *sizes
        known = tuple(size for size in sizes if size is not None)
        if len(known) < len(sizes):
            raise ValueError(
                f"Layer {self.name!r} needs known sizes behind the number of rows. "
                f"Received: input of shape {(rows, *sizes)}"
            )
        return rows, *self._tried(known)

    # ---- Layers written in Python ----

    @property
    def _is_own(self) -> bool:
        """Whether the layer is computed by its method `call`."""
        return hasattr(self, "call")

    @property
    def _is_trained(self) -> bool:
        """Whether training changes a weight of it."""
        if self._is_own:
            return self.trainable and any(w.trainable for w in self._own_weights)
        return self.trainable and self._has_weights

    def _require_gradients(self) -> None:
        """Raise unless the derivatives are there to train the layer or one before it.

        Raises:
            ValueError: A method is missing; it is named.
        """
        if self._is_own:
            methods = ["gradient(inputs, outputs, d_outputs)"]
            _own.require(self, f"Layer {self.name!r}", methods, Layer)
        for argument in self._arguments:
            part = self._argument(argument)
            what = f"`{argument}` of layer {self.name!r}"
            if isinstance(part, _own.Function) and argument == "activation":
                _own.require(part, what, ["gradient(x)"], object)
            if isinstance(part, regularizers.Regularizer) and part._is_own:
                _own.require(part, what, ["gradient(x)"], regularizers.L2)
        for weight in self._own_weights:
            if weight.regularizer is not None:
                what = f"The regularizer of a weight of layer {self.name!r}"
                _own.require(weight.regularizer, what, ["gradient(x)"], type)

    def build(self, input_shape: Any) -> None:
        """Make the weights with `add_weight`; a layer of one's own redefines it.

        Args:
            input_shape: (None, sizes of one row ...).
        """

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = "glorot_uniform",
        dtype: str | None = None,
        trainable: bool = True,
        *,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> NDArray[Any]:
        """Return a new array of weights, within `build`.

        It is the array that the model works with: training changes it in place, `call`
        and `gradient` read it, and it is saved with the model.

        Args:
            shape: An integer or a tuple of integers.
            initializer: As for `Dense`.
            dtype: The model's, whatever is given.
            trainable: Whether training may change it.
            regularizer: As for `Dense`.
            constraint: As for `Dense`.
            name: What `exclude_from_weight_decay` of an optimizer calls it; "weight_0",
                ... if None.

        Raises:
            RuntimeError: `build` is not running.
            ValueError: An argument is none of these.
        """
        if self._building is None:
            raise RuntimeError(
                f"`add_weight` must be called in `build` of layer {self.name!r}, when "
                "the model's dtype is known. Received: a call from elsewhere"
            )
        made, own_dtype = self._building
        sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
        sizes = tuple(_checks.integer("shape", size, 0) for size in sizes)
        found = initializers.get(initializer or "glorot_uniform")
        values = found._sample(sizes, _random.Stream(0, len(made))).astype(own_dtype)
        weight = Weight(
            name or f"weight_{len(made)}",
            values,
            found,
            _checks.boolean("trainable", trainable),
            regularizers.get(regularizer),
            constraints.get(constraint),
        )
        made.append(weight)
        return values

    def _prepare(self, shape: tuple[int, ...], dtype: str) -> None:
        """Build for rows of a shape, unless that was done."""
        if self._built_for == (shape, dtype):
            return
        made: list[Weight] = []
        self._building = made, dtype
        try:
            self.build((None, *shape))
        finally:
            self._building = None
        self._own_weights, self._built_for = made, (shape, dtype)

    def _run(self, inputs: Any, training: bool) -> Any:
        """Return what `call` gives."""
        call = self.call  # type: ignore[attr-defined]
        if isinstance(inputs, np.ndarray):
            # They may be the data that a user gave: a slip must not change those.
            inputs = inputs.view()
            inputs.flags.writeable = False
        if "training" in _parameters(getattr(type(self), "call")):  # noqa: B009
            return call(inputs, training=training)
        return call(inputs)

    def _tried(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a row that comes from one of a given shape."""
        dtype = self.dtype or backend.floatx()
        if self._built_for is not None and self._built_for[0] == shape:
            dtype = self._built_for[1]
        self._prepare(shape, dtype)
        try:
            with np.errstate(all="ignore"):
                outputs = np.shape(self._run(np.zeros((2, *shape), dtype), False))
        except Exception as error:
            raise ValueError(
                f"`call` of layer {self.name!r} must take rows of zeros of shape "
                f"{(2, *shape)}, to see the shape of its outputs, unless the layer "
                f"defines `compute_output_shape`. Received: {error}"
            ) from error
        if outputs[:1] != (2,):
            raise ValueError(
                f"`call` of layer {self.name!r} must return one row for each row of "
                f"inputs. Received: shape {outputs} for inputs of shape {(2, *shape)}"
            )
        return outputs[1:] or (1,)

    def __call__(self, inputs: Any = None, training: Any = None) -> Any:
        """Return the outputs of a layer written in Python.

        Args:
            inputs: Rows, (n, ...). A layer that is in no built model takes its starting
                weights for them.
            training: Passed on to `call`, if it takes that.

        Raises:
            TypeError: The layer is one of those that work inside a model only.
        """
        if self._is_own and inputs is not None:
            dtype = self.dtype or backend.floatx()
            if self._built_for is not None:
                dtype = self._built_for[1]
            rows = np.asarray(inputs, dtype)
            self._prepare(rows.shape[1:], dtype)
            return self._run(rows, bool(training))
        raise TypeError(
            f"Layer {self.name!r} cannot be called: layers work inside a model, as in "
            "Sequential([Dense(8), Dense(1)]); the functional API is not available in "
            "this version."
        )

    # ---- What the core is told ----

    def _weights(self, shape: tuple[int, ...]) -> list[WeightSpec]:
        """Return the weights for rows of a shape, in the core's order and Keras's."""
        if not self._is_own:
            return []
        if self._built_for is None or self._built_for[0] != shape:
            self._prepare(shape, self.dtype or backend.floatx())
        return [
            WeightSpec(w.name, w.values.shape, w.initializer, w.trainable)
            for w in self._own_weights
        ]

    def _specs(self, shape: tuple[int, ...]) -> list[dict[str, Any]]:
        """Return what the layer does, step by step."""
        return [self._spec(shape)]

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Return what the layer does to rows of a shape, in the core's words.

        {} stands for nothing; a `dropout_seed` of None for one that the model gives.

        Raises:
            ValueError: The layer cannot take such rows.
        """
        if not self._is_own:
            return {}
        _, *sizes = self.compute_output_shape((None, *shape))
        return {
            "kind": "own",
            "own": self,
            "input_shape": shape,
            "output_shape": tuple(sizes),
        }

    # ---- What the model knows ----

    def _owner(self) -> Owner | None:
        """The model if the layer is in one that is built."""
        model: Owner | None = None if self._model is None else self._model()
        return model if model is not None and model.built else None

    @property
    def built(self) -> bool:
        """Whether the layer is in a model whose input shape is known."""
        return self._owner() is not None

    @built.setter
    def built(self, value: bool) -> None:
        """Take what layers written for Keras say at the end of `build`; no effect."""

    def _shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        model = self._owner()
        shapes = None if model is None else model._layer_shapes(self)
        if shapes is None:
            raise AttributeError(
                f"Layer {self.name!r} has no shapes yet: they follow from the shape of "
                "its model's input."
            )
        return shapes

    @property
    def input_shape(self) -> Shape:
        """The shape of the layer's input in its model, rows (None) first."""
        return (None, *self._shapes()[0])

    @property
    def output_shape(self) -> Shape:
        """The shape of the layer's output in its model, rows (None) first."""
        return (None, *self._shapes()[1])

    def get_weights(self) -> list[FloatArray]:
        """Return copies of the weights; [] before the model is built.

        A layer that was taken off, or whose model is gone, still has them.

        Examples:
            >>> import nncore
            >>> layer = nncore.layers.Dense(3, kernel_initializer="ones")
            >>> model = nncore.Sequential([nncore.Input((2,)), layer])
            >>> [w.shape for w in layer.get_weights()]
            [(2, 3), (3,)]
        """
        model = self._owner()
        if model is None:
            return [values.copy() for values in self._left_with]
        return model._get_layer_weights(self)

    def _saved_weights(self) -> list[FloatArray]:
        """Those of the weights that files hold."""
        return self.get_weights()

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Set the weights.

        Args:
            weights: Arrays in the order and of the shapes that `get_weights` gives.

        Raises:
            ValueError: The model is not built, or the number, a shape or the dtype of
                the arrays does not fit; nothing is changed then.
        """
        model = self._owner()
        if model is None:
            raise ValueError(
                f"Layer {self.name!r} takes no weights yet: its model must be built "
                "first, which needs the shape of the input."
            )
        model._set_layer_weights(self, weights)

    @property
    def weights(self) -> list[FloatArray]:
        """Copies of the weights, read-only; `set_weights` changes them."""
        copies = self.get_weights()
        for copy in copies:
            copy.flags.writeable = False
        return copies

    @property
    def trainable_weights(self) -> list[FloatArray]:
        """The weights that training changes; [] if the layer is not trainable."""
        return self._weights_that_are(True)

    @property
    def non_trainable_weights(self) -> list[FloatArray]:
        """The other weights: all, or those that follow the data."""
        return self._weights_that_are(False)

    def _weights_that_are(self, trainable: bool) -> list[FloatArray]:
        weights = self.weights
        if not weights or not self.built:
            return []
        known = self._weights(self._shapes()[0])
        trained = [self.trainable and weight.trainable for weight in known]
        return [w for w, t in zip(weights, trained, strict=True) if t is trainable]

    def _weight(self, name: str) -> FloatArray | None:
        """One of the weights; None if the layer's arguments leave it out.

        Raises:
            AttributeError: The model is not built.
        """
        if not self.built:
            raise AttributeError(
                f"Layer {self.name!r} has no `{name}` yet: its model must be built "
                "first, which needs the shape of the input."
            )
        known = self._weights(self._shapes()[0])
        pairs = zip(known, self.weights, strict=True)
        return next((w for weight, w in pairs if weight.name == name), None)

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def count_params(self) -> int:
        """Return how many numbers the layer's weights hold.

        Raises:
            ValueError: The layer has weights, and its model is not built.
        """
        if self._has_weights and not self.built:
            raise ValueError(
                f"Layer {self.name!r} has no weights to count yet: its model must be "
                "built first, which needs the shape of the input."
            )
        return sum(weight.size for weight in self.get_weights())
