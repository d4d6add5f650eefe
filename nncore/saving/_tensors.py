"""Arrays and words in one file: the layout of safetensors, docs/file-format.md.

    8 bytes          length n of the header, little-endian
    n bytes          header: JSON, padded with spaces so that the data begin at 64 k
    the rest         the arrays' bytes, little-endian, one behind the other

`write` streams. `read` gives views of the buffer it is given: it allocates nothing but
the header, and looks at no number before the whole header has been checked.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from . import _json
from ._files import ModelFileError

_ALIGNMENT = 64
_LENGTH = 8
_MAX_RANK = 8
_NO_DIGEST = "0" * 64
_DTYPES: dict[str, np.dtype[Any]] = {"F64": np.dtype("<f8"), "F32": np.dtype("<f4")}
_NAMES = {"float64": "F64", "float32": "F32"}

Array = NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An array to be written: `values` is asked when its turn comes."""

    name: str
    dtype: str
    shape: Shape
    values: Callable[[], Array]


def write(file: BinaryIO, words: dict[str, str], tensors: Iterable[Tensor]) -> None:
    """Write the words, the arrays and a hash of all.

    Args:
        file: open for writing, at its start, able to seek.
        words: any; "sha256" is added, of the file with zeros in its place.
        tensors: float64 ones must come first, so that all are aligned.
    """
    tensors = list(tensors)
    entries: dict[str, Any] = {}
    end = 0
    for tensor in tensors:
        dtype = _NAMES[tensor.dtype]
        begin, end = end, end + math.prod(tensor.shape) * _DTYPES[dtype].itemsize
        entries[tensor.name] = {
            "dtype": dtype,
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    # The hash stands in the header, before what it is made of.
    header = _header(words, _NO_DIGEST, entries)
    digest = hashlib.sha256(header)
    file.write(header)
    for tensor in tensors:
        stored = _DTYPES[_NAMES[tensor.dtype]]
        data = np.ascontiguousarray(tensor.values(), stored).data.cast("B")
        digest.update(data)
        file.write(data)
    file.seek(0)
    file.write(_header(words, digest.hexdigest(), entries))


def _header(words: dict[str, str], digest: str, entries: dict[str, Any]) -> bytes:
    text = _json.dumps({"__metadata__": {**words, "sha256": digest}, **entries})
    header = text.encode()
    header += b" " * (-(_LENGTH + len(header)) % _ALIGNMENT)
    if len(header) > _json.MAX_BYTES:
        raise ValueError(
            f"A model's configuration must fit in {_json.MAX_BYTES} bytes of JSON. "
            f"Received: {len(header)}"
        )
    return len(header).to_bytes(_LENGTH, "little") + header


def read(buffer: memoryview) -> tuple[dict[str, str], dict[str, Array]]:
    """Return the words, and the arrays as views of `buffer`.

    Raises:
        ModelFileError: the buffer is not what `write` makes.
    """
    size = len(buffer)
    length = int.from_bytes(buffer[:_LENGTH], "little")
    most = min(size - _LENGTH, _json.MAX_BYTES)
    if not 2 <= length <= most:
        raise ModelFileError(
            f"The header must have from 2 to {most} bytes in a file of {size}: it is "
            f"cut short, or no model. Received: {length}"
        )
    start = _LENGTH + length
    header = _json.loads(buffer[_LENGTH:start], "The header")
    words = header.pop("__metadata__", None) if isinstance(header, dict) else None
    if not isinstance(words, dict) or not all(
        isinstance(text, str) for text in words.values()
    ):
        raise ModelFileError(
            "The header must be a dictionary with one of strings under `__metadata__`. "
            f"Received: {_short(words if isinstance(header, dict) else header)}"
        )
    places = {name: _place(name, entry) for name, entry in header.items()}
    end = 0
    for name, (_, _, first, last) in sorted(
        places.items(), key=lambda item: item[1][2:]
    ):
        if first != end:
            raise ModelFileError(
                f"Tensor {name!r:.100} must begin where the one before it ends, at "
                f"{end}. Received: {first}"
            )
        end = last
    if start + end != size:
        raise ModelFileError(
            f"The tensors must fill the file to its end: {start + end} bytes with the "
            f"header. Received: {size} bytes"
        )
    given = words.get("sha256", "")
    found = _digest(buffer, start, given) if len(given) == len(_NO_DIGEST) else None
    if found != given:
        raise ModelFileError(
            f"`sha256` must be that of the file. Received: {given!r:.100} in the "
            f"header, {found!r} of the file; the file is damaged"
        )
    arrays = {}
    for name, (dtype, shape, first, _) in places.items():
        array = np.frombuffer(buffer, dtype, math.prod(shape), start + first)
        # Others may not have padded the header.
        arrays[name] = np.require(array.reshape(shape), requirements="A")
    return words, arrays


def _digest(buffer: memoryview, start: int, given: str) -> str:
    """The hash of the file with zeros in the place of its hash."""
    header = bytes(buffer[:start]).replace(given.encode(), _NO_DIGEST.encode(), 1)
    digest = hashlib.sha256(header)
    digest.update(buffer[start:])
    return digest.hexdigest()


def _place(name: str, entry: Any) -> tuple[np.dtype[Any], Shape, int, int]:
    """Dtype, shape, begin and end of a tensor, in agreement with each other."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ModelFileError(
            f"Tensor {name!r:.100} must have `dtype`, `shape` and `data_offsets`. "
            f"Received: {_short(entry)}"
        )
    dtype = _DTYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if dtype is None:
        raise ModelFileError(
            f"Tensor {name!r:.100} must have dtype {' or '.join(_DTYPES)}. "
            f"Received: {_short(entry['dtype'])}"
        )
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _sizes(shape, 1) or len(shape) > _MAX_RANK:
        raise ModelFileError(
            f"Tensor {name!r:.100} must have a shape of at most {_MAX_RANK} sizes. "
            f"Received: {_short(shape)}"
        )
    n_bytes = math.prod(shape) * dtype.itemsize
    is_pair = _sizes(offsets, 0) and len(offsets) == 2
    if not is_pair or offsets[1] - offsets[0] != n_bytes:
        raise ModelFileError(
            f"Tensor {name!r:.100} must lie at two offsets that are {n_bytes} bytes "
            f"apart, as its shape {tuple(shape)} says. Received: {_short(offsets)}"
        )
    return dtype, tuple(shape), offsets[0], offsets[1]


def _sizes(value: Any, least: int) -> bool:
    return isinstance(value, list) and all(
        type(size) is int and size >= least for size in value
    )


def _short(value: Any) -> str:
    return f"{value!r:.200}"
