"""Lambda: a NumPy function as a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ... import _checks, _own
from .._layer import Layer, Shape, checked_shape
from ._base import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Lambda(Preprocessing):
    """A function of arrays as a layer, to prepare data or for prediction.

    In front of a model's other layers it is called once for all rows. Behind weights
    that are trained it must work number by number, and the function must have an
    attribute `gradient` that gives the derivative at each; for anything else write a
    `Layer` with `gradient`.

    Args:
        function: Called with an array of rows, in the model's dtype if they are
            numbers; returns an array with as many rows.
        output_shape: The shape of one row of output, or a function that gives it from
            the shape of one row of input; None: the function is tried on two rows of 0.
        mask: None; others are not available.
        arguments: Dict of keyword arguments for the function.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: An argument is none of these. From a file, the function must be
            among the `custom_objects` or registered: no file brings code along.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> nncore.layers.Lambda(np.log1p)([[0.0]])
        array([[0.]], dtype=float32)
        >>> layer = nncore.layers.Lambda(lambda x: x[:, :2])
        >>> layer.compute_output_shape((None, 5))
        (None, 2)
    """

    _arguments = ("function", "output_shape_given", "arguments")
    _takes_text = True

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: None = None,
        arguments: dict[str, Any] | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        if not callable(function):
            raise ValueError(
                "`function` must be a function; one that a file names must be in "
                "`custom_objects` or registered. "
                f"{_checks.received('function', function)}"
            )
        self.function = function
        self.output_shape_given = output_shape
        if output_shape is not None and not callable(output_shape):
            self.output_shape_given = checked_shape("output_shape", output_shape)
        _checks.absent("mask", mask)
        if arguments is not None and not isinstance(arguments, dict):
            raise ValueError(
                "`arguments` must be a dict. "
                f"{_checks.received('arguments', arguments)}"
            )
        self.arguments = dict(arguments or {})
        if callable(getattr(function, "gradient", None)):
            self.gradient = self._number_by_number
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the function's value.

        Args:
            inputs: An array, rows first.
        """
        return np.asarray(self.function(inputs, **self.arguments))

    def _number_by_number(self, inputs: Any, outputs: Any, d_outputs: Any) -> Any:
        return d_outputs * self.function.gradient(inputs, **self.arguments)  # type: ignore[attr-defined]

    def _leads(self, values: NDArray[Any], dtype: str) -> NDArray[Any]:
        if values.dtype.kind in "biuf":
            values = values.astype(dtype, copy=False)
        return self.call(values)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the output's shape.

        Args:
            input_shape: A tuple, rows first.
        """
        rows, *sizes = checked_shape("input_shape", input_shape)
        given = self.output_shape_given
        if given is None:
            return Layer.compute_output_shape(self, (rows, *sizes))
        if callable(given):
            found = tuple(given((rows, *sizes)))
            return checked_shape("output_shape", found)
        return rows, *given

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values; the function's name.

        Raises:
            ValueError: The function has no name of its own.
        """
        config = Layer.get_config(self)
        given = config.pop("output_shape_given")
        if callable(given):
            given = _own.function_name(given)
        return config | {
            "function": _own.function_name(self.function),
            "output_shape": given,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a new layer from what `get_config` gave."""
        config = dict(config)
        for word in ("function", "output_shape"):
            config[word] = _own.found_function(config.get(word))
        return cls(**config)
