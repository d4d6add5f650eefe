"""CategoryEncoding: labels 0, 1, ... as rows of 0 and 1, or as counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _checks, backend
from .._layer import Shape
from ._base import Preprocessing, as_values, checked_mode, encoded, encoded_shape

if TYPE_CHECKING:
    from numpy.typing import NDArray


class CategoryEncoding(Preprocessing):
    """Turn labels from 0 to num_tokens - 1 into rows of that many numbers.

    Args:
        num_tokens: How many labels there are.
        output_mode: "multi_hot": one row for all labels of a sample, the last axis,
            with a 1 for each; "one_hot": a row for each label; "count": how often each
            label occurs in a sample.
        sparse: False; others are not available in this version.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: An argument is none of these, or a label is out of range.

    Examples:
        >>> import nncore
        >>> nncore.layers.CategoryEncoding(4)([[0, 1], [3, 3]])
        array([[1., 1., 0., 0.],
               [0., 0., 0., 1.]], dtype=float32)
        >>> nncore.layers.CategoryEncoding(3, output_mode="one_hot")([[2], [0]])
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
    """

    _arguments = ("num_tokens", "output_mode", "sparse")
    _takes_text = True  # whole numbers: not all of them are float32
    sparse = False

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self.num_tokens = _checks.integer("num_tokens", num_tokens, 1)
        self.output_mode = checked_mode(output_mode, ("one_hot", "multi_hot", "count"))
        _checks.absent("sparse", sparse, False)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def __call__(
        self, inputs: Any = None, training: Any = None, count_weights: Any = None
    ) -> NDArray[Any]:
        """Return the outputs for inputs.

        Args:
            inputs: Labels: an array, nested lists or a frame.
            training: Accepted as in Keras; no effect.
            count_weights: For "count": what each label counts, shaped like `inputs`.
        """
        if count_weights is None:
            return super().__call__(inputs)
        if self.output_mode != "count":
            raise ValueError(
                "`count_weights` is for `output_mode` 'count'. "
                f"Received: output_mode={self.output_mode!r}"
            )
        values = as_values(inputs, self.name, True)
        return self._encoded(values, np.asarray(count_weights))

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs.

        Args:
            inputs: Labels, rows first.
        """
        return self._encoded(inputs, None)

    def _encoded(self, values: NDArray[Any], weights: Any) -> NDArray[Any]:
        bad = values.dtype.kind not in "biuf"
        index = values if bad else values.astype(np.int64)
        if not bad:
            wrong = (index != values) | (index < 0) | (index >= self.num_tokens)
            if wrong.any():
                values, bad = values[wrong], True
        if bad:
            raise ValueError(
                f"Layer {self.name!r} must be given labels from 0 to "
                f"{self.num_tokens - 1}. Received: {values.ravel()[0]}"
            )
        dtype = self.dtype or backend.floatx()
        return encoded(index, self.output_mode, self.num_tokens, dtype, weights)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the output's shape.

        Args:
            input_shape: A tuple, rows first.
        """
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)
