"""Discretization: which bin a number falls into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _checks, backend
from .._layer import Shape
from ._base import Preprocessing, batches, checked_mode, encoded, encoded_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Discretization(Preprocessing):
    """Turn numbers into the index of the bin that they fall into.

    Bin i goes from boundary i - 1, included, to boundary i, excluded. Boundaries are
    given, or `adapt` takes quantiles of data, near to within `epsilon`.

    Args:
        bin_boundaries: Rising numbers; n of them make n + 1 bins.
        num_bins: How many bins `adapt` makes; one of the two must be given.
        epsilon: Share of the data by which a quantile may be off.
        output_mode: "int": the index; "one_hot": a row with a 1 for each number;
            "multi_hot": one row for all numbers of a sample, the last axis; "count":
            how many of them fell into each bin.
        sparse: False; others are not available in this version.
        dtype: As in `Layer`.
        name: As in `Layer`.
        trainable: As in `Layer`.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: An argument is none of these, or `adapt` was not called when the
            layer is asked for outputs.

    Examples:
        >>> import nncore
        >>> layer = nncore.layers.Discretization(bin_boundaries=[0.0, 1.0, 2.0])
        >>> layer([[-1.5, 1.0], [3.4, 0.5]])
        array([[0, 2],
               [3, 1]], dtype=int32)
        >>> layer = nncore.layers.Discretization(num_bins=2, epsilon=0.01)
        >>> layer.adapt([[1.0], [2.0], [3.0], [4.0]])
        >>> layer([[1.0], [3.5]])
        array([[0],
               [1]], dtype=int32)
    """

    _arguments = ("bin_boundaries", "num_bins", "epsilon", "output_mode", "sparse")
    sparse = False

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: str | None = None,
        name: str | None = None,
        *,
        trainable: bool = True,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                "Either `bin_boundaries` or `num_bins` must be given. "
                f"Received: bin_boundaries={bin_boundaries}, num_bins={num_bins}"
            )
        self.num_bins = None
        if num_bins is not None:
            self.num_bins = _checks.integer("num_bins", num_bins, 1)
        self.epsilon = _checks.real("epsilon", epsilon, above=0)
        self.output_mode = checked_mode(output_mode)
        _checks.absent("sparse", sparse, False)
        self.bin_boundaries: list[float] | None = None
        if bin_boundaries is not None:
            self.bin_boundaries = _rising(bin_boundaries)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Take the quantiles of data for boundaries.

        Args:
            data: An array, nested lists or a frame; or an iterable of such batches.
            steps: How many batches of an iterable to take; None: all.

        Raises:
            ValueError: The layer was given its boundaries, or there are no data.
        """
        if self.num_bins is None:
            raise ValueError(
                f"`adapt` must not be called on layer {self.name!r}, which was given "
                "its boundaries. Received: a call"
            )
        summary = np.zeros((2, 0), np.float32)
        for values, _ in batches(data, steps, self.name, False):
            part = _summary(values.astype(np.float32), self.epsilon)
            both = np.concatenate([part, summary], axis=1)
            summary = _compressed(both[:, np.argsort(both[0])], self.epsilon)
        if not summary.size or not np.isfinite(summary).all():
            raise ValueError(
                "`data` must hold at least one number, and finite ones alone. "
                f"Received: {'none' if not summary.size else 'nan or inf'}"
            )
        found = _compressed(summary, 1.0 / self.num_bins)[0, :-1]
        self.bin_boundaries = found.tolist()

    def _bins(self) -> list[float]:
        if self.bin_boundaries is None:
            raise ValueError(
                f"Layer {self.name!r} must know its boundaries: call adapt(data), or "
                "give bin_boundaries=. Received: neither"
            )
        return self.bin_boundaries

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs.

        Args:
            inputs: Real numbers, rows first.
        """
        bins = self._bins()
        index = np.digitize(inputs, np.asarray(bins, inputs.dtype)).astype(np.int32)
        dtype = self.dtype or backend.floatx()
        return encoded(index, self.output_mode, len(bins) + 1, dtype)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the output's shape.

        Args:
            input_shape: A tuple, rows first.
        """
        bins = self.num_bins
        if self.bin_boundaries is not None:
            bins = len(self.bin_boundaries) + 1
        assert bins is not None
        return encoded_shape(input_shape, self.output_mode, bins)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, and what was learnt, as plain values."""
        config = super().get_config()
        return config if self.num_bins is None else config | {"bin_boundaries": None}

    def _learnt(self) -> dict[str, Any] | None:
        if self.num_bins is None or self.bin_boundaries is None:
            return None
        return {"bin_boundaries": self.bin_boundaries}

    def _learn(self, learnt: dict[str, Any]) -> None:
        self.bin_boundaries = _rising(learnt.get("bin_boundaries"))


def _rising(values: Any) -> list[float]:
    array = np.asarray(values)
    good = array.ndim == 1 and array.dtype.kind in "biuf"
    if not good or not np.isfinite(array).all() or (np.diff(array) < 0).any():
        raise ValueError(
            "`bin_boundaries` must be rising finite numbers. "
            f"{_checks.received('bin_boundaries', values)}"
        )
    found: list[float] = array.astype(np.float64).tolist()
    return found


def _summary(values: NDArray[Any], epsilon: float) -> NDArray[Any]:
    """About 1 / epsilon of the sorted values, and how many each stands for."""
    ordered = np.sort(values.ravel())
    step = max(ordered.size * epsilon, 1.0)
    chosen = ordered[int(step - 1) :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def _compressed(summary: NDArray[Any], epsilon: float) -> NDArray[Any]:
    """The values at every `epsilon` of the weight, by straight lines in between."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    sums = summary[1].cumsum()
    at = sums / sums[-1]
    values = np.interp(shares, at, summary[0])
    weights = np.diff(np.interp(shares, at, sums), prepend=0.0)
    return np.stack([values, weights]).astype(np.float32)
