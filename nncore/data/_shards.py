"""Arrays that lie in several ".npy" files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nncore import _checks
from nncore._arrays import Place
from nncore._streams import Item, Places
from nncore.data._dataset import Dataset
from nncore.data._files import files

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK_BYTES = 1 << 20


class Shards(Dataset):
    """Rows of arrays in ".npy" files, one file after the other.

    The files of x, y and sample_weight belong together by their order, which is that of
    their names. They are read by blocks of successive rows and never mapped into
    memory. Without `y`, the data set is for `predict`.

    Args:
        x: inputs: a pattern such as "folder/x-*.npy", a folder, a path or a list of
            paths; each file holds an array (n, columns) in C order.
        y: targets, likewise, (n,) or (n, columns).
        sample_weight: weights of rows, likewise, (n,).
        batch_size: rows per batch.
        shuffle: whether `fit` and iteration shuffle.
        seed: of the orders; every `fit` then begins with the same ones, so that one
            that trains on repeats them. None: from the model's seed and age.
        block_rows: rows that are read at once; None: as many as are 1 MiB of x.
        pool_rows: rows that are shuffled together; None: as many as are 32 MiB of
            float32, at most 1048576.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: a file is no array of numbers, or files do not fit together.

    Example:
        >>> import os, tempfile
        >>> import numpy as np
        >>> from nncore.data import Shards
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for k in range(3):
        ...         x = np.arange(20.0).reshape(10, 2) + 20 * k
        ...         np.save(os.path.join(folder, f"x-{k}.npy"), x)
        ...         np.save(os.path.join(folder, f"y-{k}.npy"), x.sum(axis=1))
        ...     data = Shards(f"{folder}/x-*.npy", f"{folder}/y-*.npy", batch_size=8)
        ...     len(data), [len(x) for x, y in data]
        (4, [8, 8, 8, 6])
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        block_rows: int | None = None,
        pool_rows: int | None = None,
    ) -> None:
        """See the class."""
        super().__init__(batch_size, shuffle, seed, pool_rows)
        if x is None:
            raise TypeError("`x` must name the files of inputs. Received: x=None")
        given = {"x": x, "y": y, "sample_weight": sample_weight}
        self._files: list[list[_Npy] | None] = []
        for name, value in given.items():
            self._files.append(None if value is None else _headers(name, value))
            _check_together(name, self._files[0], self._files[-1])
        shards = self._files[0]
        assert shards is not None
        self._paths = [shard.path for shard in shards]
        self._row_width = sum(
            math.prod(part[0].shape[1:]) for part in self._files if part is not None
        )
        if block_rows is None:
            row_bytes = math.prod(shards[0].shape[1:]) * shards[0].dtype.itemsize
            block_rows = max(1, _BLOCK_BYTES // max(1, row_bytes))
        self.block_rows = rows = _checks.integer("block_rows", block_rows, 1)
        counts = [-(-shard.shape[0] // rows) for shard in shards]
        self._shard = np.repeat(np.arange(len(shards)), counts)
        firsts = [np.arange(0, shard.shape[0], rows) for shard in shards]
        self._first = np.concatenate(firsts)
        lengths = np.array([shard.shape[0] for shard in shards])
        self._rows = np.minimum(lengths[self._shard] - self._first, rows)
        if not len(self._rows):
            raise ValueError(
                "`x` must have at least one row. "
                f"Received: {len(shards)} without, the first {shards[0].path!r}"
            )

    def _sizes(self) -> NDArray[Any]:
        return self._rows

    def _width(self) -> int:
        return self._row_width

    def _pieces(self, block: int) -> Iterator[tuple[Item, Places]]:
        shard, first = int(self._shard[block]), int(self._first[block])
        n = int(self._rows[block])
        parts = [None if part is None else part[shard] for part in self._files]
        x, y, weights = (None if p is None else p.read(first, n) for p in parts)
        places = (None if p is None else Place(first, repr(p.path)) for p in parts)
        yield Item(x, y, weights), Places(*places)


class _Npy(NamedTuple):
    """A file's array."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int  # of the first number in the file

    def read(self, first: int, n: int) -> NDArray[Any]:
        """Return n rows."""
        columns = math.prod(self.shape[1:])
        offset = self.offset + first * columns * self.dtype.itemsize
        found = np.fromfile(self.path, self.dtype, n * columns, offset=offset)
        if len(found) != n * columns:
            raise ValueError(
                f"{self.path!r} must have {self.shape[0]} rows, as it had when the "
                f"data set was made. Received: an end within rows {first} to "
                f"{first + n - 1}"
            )
        return found.reshape(n, *self.shape[1:])


def _headers(argument: str, given: Any) -> list[_Npy]:
    found = [_header(argument, path) for path in files(argument, given, ".npy")]
    first = found[0]
    for npy in found[1:]:
        if npy.shape[1:] != first.shape[1:]:
            raise ValueError(
                f"The files of `{argument}` must have rows of one shape. Received: "
                f"{first.shape[1:]} in {first.path!r}, {npy.shape[1:]} in {npy.path!r}"
            )
    return found


def _header(argument: str, path: str) -> _Npy:
    wanted = f"`{argument}` must name .npy files that hold arrays of numbers in C order"
    try:
        # Mapped only to learn what is in it, which numpy has no public name for.
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{wanted}. Received: {path!r}: {error}") from None
    if not isinstance(mapped, np.memmap):
        if isinstance(mapped, np.ndarray) and mapped.size == 0 and mapped.ndim:
            return _Npy(path, mapped.shape, mapped.dtype, 0)
        raise ValueError(f"{wanted}. Received: {path!r}, an archive of arrays")
    if mapped.dtype.kind not in "biuf" or mapped.ndim == 0:
        what = f"an array of dtype {mapped.dtype} and shape {mapped.shape}"
        raise ValueError(f"{wanted}. Received: {path!r}, {what}")
    if not mapped.flags.c_contiguous:
        raise ValueError(
            f"{wanted}. Received: {path!r}, an array in Fortran order, whose rows lie "
            "scattered; np.save(path, np.ascontiguousarray(array)) writes C order"
        )
    return _Npy(path, mapped.shape, mapped.dtype, mapped.offset)


def _check_together(
    argument: str, inputs: list[_Npy] | None, others: list[_Npy] | None
) -> None:
    if inputs is None or others is None:
        return
    if len(inputs) != len(others):
        raise ValueError(
            f"`x` and `{argument}` must name as many files. "
            f"Received: {len(inputs)} for x, {len(others)} for {argument}"
        )
    for x, other in zip(inputs, others, strict=True):
        if x.shape[0] != other.shape[0]:
            raise ValueError(
                f"Files that belong together must have as many rows. Received: "
                f"{x.shape[0]} in {x.path!r}, {other.shape[0]} in {other.path!r}"
            )
