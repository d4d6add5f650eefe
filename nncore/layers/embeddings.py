"""Vectors for indices. Keras 1 and 2 have Embedding in a module of this name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks, constraints, initializers, regularizers
from .._legacy import accepts_old_words
from ._layer import Layer, Shape, WeightSpec, checked_shape, held

if TYPE_CHECKING:
    from ._layer import FloatArray

__all__ = ["Embedding", "MixedEmbedding"]


class Embedding(Layer):
    """A trained vector for each index: y[..., :] = table[x[...]].

    It stands first in a model, or behind layers that only change the order and shape of
    a row. Indices are integers, of an integer dtype or a float one, from 0 to
    `input_dim` - 1; others are an error that names row and column (`Sequential.bind`,
    which looks at nothing, gives NaN).

    Args:
        input_dim: Number of vectors, a positive integer; at most 2**24, the largest
            index that a float32 can hold, unless the model is float64.
        output_dim: Length of a vector, a positive integer.
        embeddings_initializer: Starting values of the table; as for `Dense`.
        embeddings_regularizer: Penalty on the table; as for `Dense`.
        embeddings_constraint: What holds the table; as for `Dense`.
        mask_zero: False; others are not available in this version.
        weights: The table's starting values, (input_dim, output_dim), alone or in a
            list, in place of `embeddings_initializer`.
        lora_rank: None; others are not available in this version.
        lora_alpha: None; likewise.
        quantization_config: None; likewise.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: An argument is none of these.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> table = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
        >>> layer = nncore.layers.Embedding(3, 2, weights=table, input_shape=(4,))
        >>> layer.compute_output_shape((None, 4))
        (None, 4, 2)
    """

    _arguments = (
        *("input_dim", "output_dim", "embeddings_initializer"),
        *("embeddings_regularizer", "embeddings_constraint", "mask_zero"),
    )
    _has_weights = True
    mask_zero = False

    @accepts_old_words("Embedding")
    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self.input_dim = _checks.integer("input_dim", input_dim, 1)
        self.output_dim = _checks.integer("output_dim", output_dim, 1)
        if weights is not None:
            embeddings_initializer = self._given(weights)
        self.embeddings_initializer = initializers.get(
            embeddings_initializer, "embeddings_initializer"
        )
        self.embeddings_regularizer = regularizers.get(
            embeddings_regularizer, "embeddings_regularizer"
        )
        self.embeddings_constraint = constraints.get(
            embeddings_constraint, "embeddings_constraint"
        )
        _checks.absent("mask_zero", mask_zero, False)
        _checks.absent("lora_rank", lora_rank)
        _checks.absent("lora_alpha", lora_alpha)
        _checks.absent("quantization_config", quantization_config)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            batch_input_shape=batch_input_shape,
        )

    def _given(self, weights: Any) -> Any:
        if isinstance(weights, (list, tuple)) and len(weights) == 1:
            weights = weights[0]
        table = np.asarray(weights)
        if table.shape != (self.input_dim, self.output_dim):
            raise ValueError(
                f"`weights` must have the shape {(self.input_dim, self.output_dim)}. "
                f"Received: shape {table.shape}"
            )
        return table

    @property
    def embeddings(self) -> FloatArray:
        """A read-only copy of the table, (input_dim, output_dim).

        Raises:
            AttributeError: The model is not built.
        """
        table = self._weight("embeddings")
        assert table is not None
        return table

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (*input_shape, output_dim).

        Args:
            input_shape: A tuple of one or more sizes, rows first.

        Raises:
            ValueError: It is no such tuple.
        """
        return *checked_shape("input_shape", input_shape), self.output_dim

    def _weights(self, shape: tuple[int, ...]) -> list[WeightSpec]:
        table = self.input_dim, self.output_dim
        return [WeightSpec("embeddings", table, self.embeddings_initializer)]

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return {
            "kind": "embedding",
            "vocabulary": self.input_dim,
            "units": self.output_dim,
            **held("kernel", 2, self, "embeddings"),
        }


class MixedEmbedding(Embedding):
    """Trained vectors for the categories of a row, beside its numbers.

    The first columns of a row pass as they are; each of the others is an index into one
    table: y = [x_0 .. x_(n-1), table[x_n], table[x_(n+1)], ...]. Categories of several
    columns are numbered through: the first column's from 0, the second's behind them.
    Keras needs a model with branches for that. It stands first in a model.

    Args:
        input_dim: Number of vectors, a positive integer: categories of all columns; at
            most 2**24, unless the model is float64.
        output_dim: Length of a vector, a positive integer.
        numbers: How many columns, the first, are numbers; 0 or more. Behind them at
            least one index must stand.
        embeddings_initializer: Starting values of the table; as for `Dense`.
        embeddings_regularizer: Penalty on the table; as for `Dense`.
        embeddings_constraint: What holds the table; as for `Dense`.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`.
        input_shape: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: An argument is none of these.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> table = nncore.layers.MixedEmbedding(3, 2, numbers=1, input_shape=(3,))
        >>> model = nncore.Sequential([table])
        >>> table.set_weights([np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])])
        >>> model.predict([[0.5, 2, 0]], verbose=0).tolist()
        [[0.5, 5.0, 6.0, 1.0, 2.0]]
    """

    _arguments = (
        *("input_dim", "output_dim", "numbers", "embeddings_initializer"),
        *("embeddings_regularizer", "embeddings_constraint"),
    )

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        numbers: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        self.numbers = _checks.integer("numbers", numbers, 0)
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            batch_input_shape=batch_input_shape,
        )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (rows, numbers + indices * output_dim).

        Args:
            input_shape: (rows, columns), with more columns than `numbers`.

        Raises:
            ValueError: It is no such tuple.
        """
        shape = checked_shape("input_shape", input_shape)
        if len(shape) != 2 or shape[1] is None or shape[1] <= self.numbers:
            raise ValueError(
                f"Layer {self.name!r} (MixedEmbedding) must be given rows of "
                f"{self.numbers} numbers and one index or more. "
                f"Received: rows of shape {shape[1:]}"
            )
        return shape[0], self.numbers + (shape[1] - self.numbers) * self.output_dim

    def _spec(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return {**super()._spec(shape), "columns": self.numbers}
