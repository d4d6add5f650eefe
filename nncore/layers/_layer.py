"""The base of all layers: name, dtype, input shape, the way to the built weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol
from weakref import ReferenceType

import numpy as np

from .. import _checks, _lookup

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
    if regularizer is not None:
        spec[f"{role}_l1"], spec[f"{role}_l2"] = regularizer.l1, regularizer.l2
    if constraint is not None:
        spec[f"{role}_constraint"] = constraint._spec(rank, f"{name}_constraint")
    return spec


def activation_spec(activation: Any) -> dict[str, Any]:
    """Return what the core is told of an activation."""
    return {"activation": activation.name, "activation_args": tuple(activation.args)}


def activity_spec(regularizer: Any) -> dict[str, Any]:
    """Return what the core is told of a penalty on a layer's output."""
    if regularizer is None:
        return {}
    return {"activity_l1": regularizer.l1, "activity_l2": regularizer.l2}


class Owner(Protocol):
    """What a layer asks of the model that it is in."""

    @property
    def built(self) -> bool:
        """Whether the shape of the input is known."""

    def _get_layer_weights(self, layer: Layer) -> list[NDArray[Any]]: ...

    def _set_layer_weights(self, layer: Layer, weights: Sequence[Any]) -> None: ...

    def _layer_shapes(
        self, layer: Layer
    ) -> tuple[tuple[int, ...], tuple[int, ...]] | None: ...


class Layer(_lookup.Described):
    """Base of all layers; only those of `nncore.layers` are available.

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
    """

    _arguments: ClassVar[tuple[str, ...]] = ()
    _has_weights: ClassVar[bool] = False
    _model: ReferenceType[Any] | None = None

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
        return checked_shape("input_shape", input_shape)

    def __call__(self, inputs: Any = None, training: Any = None) -> Any:
        """Raise `TypeError`: layers work inside a model."""
        raise TypeError(
            f"Layer {self.name!r} cannot be called: layers work inside a model, as in "
            "Sequential([Dense(8), Dense(1)]); the functional API is not available in "
            "this version."
        )

    # ---- What the core is told ----

    def _weights(self, shape: tuple[int, ...]) -> list[WeightSpec]:
        """Return the weights for rows of a shape, in the core's order and Keras's."""
        return []

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Return what the layer does to rows of a shape, in the core's words.

        {} stands for nothing; a `dropout_seed` of None for one that the model gives.

        Raises:
            ValueError: The layer cannot take such rows.
        """
        return {}

    # ---- What the model knows ----

    def _owner(self) -> Owner | None:
        """The model if the layer is in one that is built."""
        model: Owner | None = None if self._model is None else self._model()
        return model if model is not None and model.built else None

    @property
    def built(self) -> bool:
        """Whether the layer is in a model whose input shape is known."""
        return self._owner() is not None

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

        Examples:
            >>> import nncore
            >>> layer = nncore.layers.Dense(3, kernel_initializer="ones")
            >>> model = nncore.Sequential([nncore.Input((2,)), layer])
            >>> [w.shape for w in layer.get_weights()]
            [(2, 3), (3,)]
        """
        model = self._owner()
        return [] if model is None else model._get_layer_weights(self)

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
                f"Layer {self.name!r} has no weights yet: its model must be built "
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
        if not weights:
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
