"""Rows that an iterable gives in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nncore._arrays import Place
from nncore._streams import Item, Places
from nncore.data._dataset import Dataset


class Chunks(Dataset):
    r"""Rows in chunks of any length, from anything that can be gone through.

    Chunks are read on a thread, in the order in which they come, and each pass goes
    through all of them; rows are shuffled within pools. `fit` cuts them into batches of
    `batch_size` rows wherever chunks end, unlike those of a plain generator, each of
    which is a batch.

    Args:
        source: gives chunks (x, y) or (x, y, sample_weight), or x alone for `predict`:
            arrays, frames or whatever `fit` takes. It can be gone through again, or is
            a function without arguments that returns an iterator, the same each time.
        batch_size: rows per batch.
        shuffle: whether `fit` and iteration shuffle.
        seed: of the orders; every `fit` then begins with the same ones, so that one
            that trains on repeats them. None: from the model's seed and age.
        pool_rows: rows that are shuffled together; None: 65536.

    Raises:
        TypeError: `source` is an iterator, which can be gone through once.

    Example:
        >>> import io
        >>> import pandas as pd
        >>> from nncore.data import Chunks
        >>> csv = "a,b,y\n1,2,3\n4,5,9\n0,1,1\n"
        >>> def chunks():
        ...     for frame in pd.read_csv(io.StringIO(csv), chunksize=2):
        ...         yield frame[["a", "b"]], frame["y"]
        >>> [x.shape for x, y in Chunks(chunks, batch_size=3)]
        [(3, 2)]
    """

    def __init__(
        self,
        source: Iterable[Any] | Callable[[], Iterable[Any]],
        *,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        pool_rows: int | None = None,
    ) -> None:
        """See the class."""
        super().__init__(batch_size, shuffle, seed, pool_rows)
        if not callable(source) and (
            not hasattr(source, "__iter__") or iter(source) is source
        ):
            raise TypeError(
                "`source` must be something that can be gone through again, or a "
                "function that returns an iterator. Received: an object of type "
                f"{type(source).__name__}"
            )
        self._source = source

    def _sizes(self) -> None:
        return None

    def _pieces(self, block: int) -> Iterator[tuple[Item, Places]]:
        source = self._source() if callable(self._source) else self._source
        for number, chunk in enumerate(source):
            parts = chunk if isinstance(chunk, (tuple, list)) else (chunk,)
            if not 1 <= len(parts) <= 3:
                raise ValueError(
                    "`source` must give chunks (x, y) or (x, y, sample_weight). "
                    f"Received: a {type(chunk).__name__} of {len(parts)}"
                )
            place = Place(0, f"chunk {number}")
            yield Item(*parts), Places(place, place, place)
