"""Rescaling: y = x scale + offset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _checks
from ._base import Preprocessing
from .normalization import _numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Rescaling(Preprocessing):
    """Scale data, then shift it: y = x scale + offset.

    Args:
        scale: A number, or one for each place along the last axis.
        offset: Likewise.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: `scale` or `offset` is no number.

    Examples:
        >>> import nncore
        >>> nncore.layers.Rescaling(1 / 127.5, offset=-1)([[0.0, 127.5, 255.0]])
        array([[-1.,  0.,  1.]], dtype=float32)
    """

    _arguments = ("scale", "offset")

    def __init__(
        self,
        scale: Any,
        offset: Any = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self.scale, self.offset = _numbers("scale", scale), _numbers("offset", offset)
        _checks_given("scale", self.scale)
        _checks_given("offset", self.offset)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs.

        Args:
            inputs: Real numbers, rows first.
        """
        dtype = inputs.dtype
        scale, offset = np.asarray(self.scale, dtype), np.asarray(self.offset, dtype)
        return np.asarray(inputs * scale + offset)

    def gradient(self, inputs: Any, outputs: Any, d_outputs: Any) -> NDArray[Any]:
        """Return the derivative with respect to the inputs."""
        return np.asarray(d_outputs * np.asarray(self.scale, inputs.dtype))


def _checks_given(name: str, value: Any) -> None:
    if value is None:
        raise ValueError(f"`{name}` must be a number. {_checks.received(name, value)}")
