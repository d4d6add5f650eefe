"""Columns of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore import _arrow
from nncore._arrays import Place
from nncore._streams import Item, Places
from nncore.data._dataset import Dataset
from nncore.data._files import files

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS_AT_ONCE = 1 << 16


class Parquet(Dataset):
    r"""Rows of Parquet files, one file after the other; needs pyarrow.

    Blocks are the files' row groups, which are decoded in parts. A value that is
    missing is NaN. A model remembers the names of the features, and later data with
    names must have the same.

    Args:
        path: a file, a folder, a pattern such as "folder/*.parquet", or a list.
        target: name of the column to predict, or a list of names; None: there is none,
            the data set is for `predict`.
        features: names of the inputs; None: all columns of the first file but `target`
            and `sample_weight`, in their order.
        sample_weight: name of a column with weights of rows, or None.
        batch_size: rows per batch.
        shuffle: whether `fit` and iteration shuffle.
        seed: of the orders; every `fit` then begins with the same ones, so that one
            that trains on repeats them. None: from the model's seed and age.
        pool_rows: rows that are shuffled together; None: as many as are 32 MiB of
            float32, at most 1048576. Small beside a file's row groups, it mixes rows
            of few of them.

    Raises:
        ModuleNotFoundError: pyarrow is missing.
        FileNotFoundError: there is no file.
        ValueError: a file is not Parquet, has no such column, or there is no row.

    Example:
        >>> import os, tempfile
        >>> import pyarrow as pa
        >>> import pyarrow.parquet as pq
        >>> from nncore.data import Parquet
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "all.parquet")
        ...     table = {"a": [1.0, 2.0, 3.0], "b": [0, 1, 0], "y": [0.5, 2.5, 1.5]}
        ...     pq.write_table(pa.table(table), path)
        ...     for x, y in Parquet(path, "y", shuffle=False):
        ...         print(x, y, sep="\n")
        [[1. 0.]
         [2. 1.]
         [3. 0.]]
        [[0.5]
         [2.5]
         [1.5]]
    """

    def __init__(
        self,
        path: Any,
        target: Any = None,
        features: Any = None,
        sample_weight: str | None = None,
        *,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        pool_rows: int | None = None,
    ) -> None:
        """See the class."""
        super().__init__(batch_size, shuffle, seed, pool_rows)
        self._paths = files("path", path, ".parquet")
        self._targets = _names("target", target)
        self._weights = _names("sample_weight", sample_weight)
        if len(self._weights) > 1:
            raise ValueError(
                "`sample_weight` must name one column. "
                f"Received: sample_weight={sample_weight!r:.80}"
            )
        others = self._targets + self._weights
        self._features: list[str] = _names("features", features)
        names = self._features + others
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(
                "`features`, `target` and `sample_weight` must be different columns. "
                f"Received: {', '.join(map(repr, repeated[:8]))} twice"
            )
        self._metadata: list[Any] = []
        places, sizes = [], []
        for number, name in enumerate(self._paths):
            with _open(name) as file:
                there = file.schema_arrow.names
                if not number and features is None:
                    self._features = [c for c in there if c not in others]
                missing = [c for c in self._features + others if c not in there]
                if missing:
                    raise ValueError(
                        f"{name!r} must have the columns that the data set takes. "
                        f"Received: no {', '.join(map(repr, missing[:8]))}"
                    )
                self._metadata.append(file.metadata)
                first = 0
                for group in range(file.num_row_groups):
                    sizes.append(file.metadata.row_group(group).num_rows)
                    places.append((number, group, first))
                    first += sizes[-1]
        if not self._features:
            raise ValueError(
                "`features` must name at least one column. Received: none besides "
                f"{', '.join(map(repr, others)) or 'none'}"
            )
        if not sum(sizes):
            raise ValueError(
                "`path` must name files with at least one row. "
                f"Received: {len(self._paths)} without, the first {self._paths[0]!r}"
            )
        self._places = places
        self._group_rows = np.array(sizes)

    def _sizes(self) -> NDArray[Any]:
        return self._group_rows

    def _width(self) -> int:
        return len(self._features) + len(self._targets) + len(self._weights)

    def _columns(self) -> tuple[str, ...]:
        return tuple(self._features)

    def _pieces(self, block: int) -> Iterator[tuple[Item, Places]]:
        number, group, first = self._places[block]
        path = self._paths[number]
        wanted = [*self._features, *self._targets, *self._weights]
        with _open(path, self._metadata[number]) as file:
            # Of this thread alone: none is left behind, and the core keeps its CPUs.
            batches = file.iter_batches(
                min(_ROWS_AT_ONCE, self._pool_rows()),
                row_groups=[group],
                columns=wanted,
                use_threads=False,
            )
            for batch in batches:
                x, y, weights = (
                    _arrow.read(batch.select(names)) if names else None
                    for names in (self._features, self._targets, self._weights)
                )
                place = Place(first, repr(path))
                yield Item(x, y, weights), Places(place, place, place)
                first += len(batch)


def _names(argument: str, value: Any) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if names is None:
        return []
    if not (
        isinstance(names, (list, tuple))
        and names
        and all(isinstance(name, str) for name in names)
        and len(set(names)) == len(names)
    ):
        raise ValueError(
            f"`{argument}` must name columns, each once. "
            f"Received: {argument}={value!r:.80}"
        )
    return list(names)


def _open(path: str, metadata: Any = None) -> Any:
    """A file; its `metadata` is read if it is not known yet."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} reads Parquet: pip install pyarrow"
        ) from None
    try:
        return pq.ParquetFile(path, metadata=metadata)
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"`path` must name Parquet files. Received: {path!r}: {error}"
        ) from None
