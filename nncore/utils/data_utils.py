"""Data sets made of batches: `PyDataset`, once `Sequence`.

Keras 2 has `Sequence` in a module of this name.
"""

from __future__ import annotations

from typing import Any

__all__ = ["PyDataset", "Sequence"]


class PyDataset:
    """Batches by number, made when they are asked for.

    Derive from it and define `__len__` and `__getitem__`. `fit` goes through all
    batches in each epoch, in a new random order unless `shuffle=False`, each batch as
    it is.

    Args:
        workers: accepted for Keras's sake, like the other two; no effect.
        use_multiprocessing: no effect.
        max_queue_size: no effect.

    Example:
        >>> import numpy as np
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> class Halves(PyDataset):
        ...     def __len__(self):
        ...         return 5
        ...     def __getitem__(self, index):
        ...         x = np.full((4, 1), index)
        ...         return x, x / 2
        >>> model = Sequential([Dense(1, input_dim=1)], seed=1)
        >>> model.compile("sgd", "mse")
        >>> h = model.fit(Halves(), epochs=3, verbose=0)
        >>> h.history["loss"][-1] < h.history["loss"][0]
        True
    """

    def __init__(
        self,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        """See the class."""
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Return batch `index`: (x, y) or (x, y, sample_weight)."""
        raise NotImplementedError(
            f"`{type(self).__name__}` must define `__getitem__(index)`."
        )

    @property
    def num_batches(self) -> int | None:
        """The number of batches; None: `__getitem__` is asked until IndexError."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(f"`{type(self).__name__}` must define `__len__()`.")

    def on_epoch_begin(self) -> None:
        """Called before each pass through the batches."""

    def on_epoch_end(self) -> None:
        """Called after each pass through the batches."""


Sequence = PyDataset
