"""HDF5 files in the layout that every HDF5 since 1.0 reads, written in plain Python.

`write` takes a tree of dictionaries: groups with attributes, arrays at the leaves. The
parts of the file follow each other from the leaves to the root, so that each knows
where those below it are; the superblock, which points at the root, is filled in last.

The format is described in "HDF5 File Format Specification Version 3.0", by The HDF
Group; section numbers below are its own.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ._h5read import _FLOATS, SIGNATURE, UNDEFINED

# Half the members of a leaf, half the children of a node: what HDF5 has by default.
_LEAF_K, _NODE_K = 4, 16
_SUPERBLOCK = 96
_LEAST_COLLECTION = 4096
_MOST_MESSAGE = 64_000

Array = NDArray[Any]


@dataclass
class Group:
    """A group to be written: members by name, and attributes of strings."""

    members: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, str | Sequence[str]] = field(default_factory=dict)

    def at(self, path: str) -> Group:
        """The group at a path, made if it is not there."""
        found = self
        for name in path.split("/") if path else ():
            found = found.members.setdefault(name, Group())
        return found

    def put(self, path: str, values: Any) -> None:
        """Add an array, or a function that gives it, at a path."""
        way, _, name = path.rpartition("/")
        self.at(way).members[name] = values


def write(file: BinaryIO, root: Group) -> None:
    """Write a tree into a file that is open, empty, and able to seek."""
    writer = _Writer(file)
    file.write(bytes(_SUPERBLOCK))
    header, tree, heap = writer.group(root)
    end = file.tell()
    file.seek(0)
    # II.A: sizes of offsets and lengths, then the root's entry.
    file.write(
        struct.pack(
            *("<8s8B2HI4Q", SIGNATURE, 0, 0, 0, 0, 0, 8, 8, 0, _LEAF_K, _NODE_K, 0),
            *(0, UNDEFINED, end, UNDEFINED),
        )
        + _entry(0, header, (tree, heap))
    )
    file.seek(end)


class _Writer:
    """Appends parts to a file, each at a multiple of 8, and says where they are."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def part(self, *data: Any) -> int:
        place = self._file.tell()
        for piece in data:
            self._file.write(piece)
        self._file.write(bytes(-self._file.tell() % 8))
        return place

    def group(self, group: Group) -> tuple[int, int, int]:
        """Write what is below and then the group; its header, tree and heap."""
        places: dict[bytes, tuple[int, tuple[int, int] | None]] = {}
        for name, member in group.members.items():
            if isinstance(member, Group):
                header, *table = self.group(member)
                places[name.encode()] = header, (table[0], table[1])
            else:
                places[name.encode()] = self.array(member), None
        # III.D: names, the empty one first; III.A, III.B: their order is that of bytes.
        names, entries = bytearray(8), []
        for key in sorted(places):
            entries.append((len(names), _entry(len(names), *places[key])))
            names += _padded(key + b"\0")
        at = self.part(names)
        heap = self.part(b"HEAP", bytes(4), struct.pack("<3Q", len(names), 1, at))
        tree = self.tree(entries)
        messages = [_message(0x11, struct.pack("<2Q", tree, heap))]
        for name, value in group.attributes.items():
            messages += self.attribute(name, value)
        return self.part(_header(messages)), tree, heap

    def tree(self, entries: list[tuple[int, bytes]]) -> int:
        """Leaves of entries, and nodes above them; each with the last name below."""
        below = [(0, 0)]
        for chunk in _chunks(entries, 2 * _LEAF_K):
            data = b"".join(entry for _, entry in chunk)
            data = struct.pack("<4sBBH", b"SNOD", 1, 0, len(chunk)) + data
            below.append((chunk[-1][0], self.part(data.ljust(8 + 80 * _LEAF_K, b"\0"))))
        level = 0
        while True:
            above = [(0, 0)]
            for chunk in _chunks(below[1:], 2 * _NODE_K) or [[]]:
                first = above[-1][0]
                data = struct.pack(
                    *("<4sBBH2Q", b"TREE", 0, level, len(chunk), UNDEFINED, UNDEFINED)
                )
                data += struct.pack("<Q", first)
                for last, place in chunk:
                    data += struct.pack("<2Q", place, last)
                last = chunk[-1][0] if chunk else 0
                above.append((last, self.part(data.ljust(32 + 32 * _NODE_K, b"\0"))))
            if len(above) == 2:
                return above[1][1]
            below, level = above, level + 1

    def array(self, values: Any) -> int:
        array = np.asarray(values() if callable(values) else values)
        stored = array.dtype.newbyteorder("<")
        data = np.ascontiguousarray(array, stored).reshape(-1)
        place = self.part(data.data.cast("B")) if data.size else UNDEFINED
        return self.part(
            _header(
                [
                    _message(0x01, _dataspace(array.shape)),
                    _message(0x03, _number_type(stored)),
                    _message(0x05, struct.pack("<4B", 2, 2, 2, 0)),
                    _message(0x08, struct.pack("<2B2Q", 3, 1, place, data.nbytes)),
                ]
            )
        )

    def attribute(self, name: str, value: str | Sequence[str]) -> list[bytes]:
        """One string goes to a collection, where it may be long; a list is cut up."""
        if isinstance(value, str):
            text = value.encode()
            reference = struct.pack("<IQI", len(text), self.collection(text), 1)
            return [_attribute(name, _VARYING, _dataspace(()), reference)]
        items = [item.encode() for item in value]
        size = max([1, *map(len, items)])
        chunks = _chunks(items, max(_MOST_MESSAGE // size, 1))
        names = [f"{name}{i}" for i in range(len(chunks))]
        if len(chunks) < 2:
            chunks, names = chunks or [[]], [name]
        kind = struct.pack("<B3BI", 0x13, 1, 0, 0, size)
        return [
            _attribute(
                part,
                kind,
                _dataspace((len(chunk),)),
                b"".join(item.ljust(size, b"\0") for item in chunk),
            )
            for part, chunk in zip(names, chunks, strict=True)
        ]

    def collection(self, text: bytes) -> int:
        """III.E: one object, and the space behind it as object 0."""
        data = struct.pack("<2H4xQ", 1, 1, len(text)) + _padded(text)
        size = max(16 + len(data) + 16, _LEAST_COLLECTION)
        free = size - 16 - len(data)
        data += struct.pack("<2H4xQ", 0, 0, free)
        head = struct.pack("<4sB3xQ", b"GCOL", 1, size)
        return self.part((head + data).ljust(size, b"\0"))


def _chunks(items: list[Any], size: int) -> list[list[Any]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def _entry(name: int, header: int, table: tuple[int, int] | None) -> bytes:
    """III.C; a group's entry repeats where its tree and heap are."""
    if table is None:
        return struct.pack("<2QI20x", name, header, 0)
    return struct.pack("<2QI4x2Q", name, header, 1, *table)


def _message(kind: int, data: bytes) -> bytes:
    data = _padded(data)
    if len(data) >= 2**16:
        raise ValueError(
            "A list of names must have parts of less than 64 KB to be written as HDF5. "
            f"Received: {len(data)} bytes"
        )
    return struct.pack("<2HB3x", kind, len(data), 0) + data


def _header(messages: Sequence[bytes]) -> bytes:
    """IV.A.1.a."""
    data = b"".join(messages)
    return struct.pack("<BxHII4x", 1, len(messages), 1, len(data)) + data


def _dataspace(shape: Sequence[int]) -> bytes:
    """IV.A.2.b."""
    return struct.pack(f"<3B5x{len(shape)}Q", 1, len(shape), 0, *shape)


def _number_type(dtype: np.dtype[Any]) -> bytes:
    """IV.A.2.d: integers and IEEE's floats."""
    size = dtype.itemsize
    if dtype.kind == "f":
        sign = 8 * size - 1
        return struct.pack("<B3BI2H4BI", 0x11, 0x20, sign, 0, size, *_FLOATS[size])
    signed = 8 if dtype.kind == "i" else 0
    return struct.pack("<B3BI2H", 0x10, signed, 0, 0, size, 0, 8 * size)


# A string of any length: UTF-8, ended by zero, made of bytes.
_VARYING = struct.pack("<B3BI", 0x19, 0x01, 0x01, 0, 16) + struct.pack(
    "<B3BI2H", 0x10, 0, 0, 0, 1, 0, 8
)


def _attribute(name: str, kind: bytes, space: bytes, data: bytes) -> bytes:
    """IV.A.2.m, version 1."""
    text = name.encode() + b"\0"
    sizes = struct.pack("<Bx3H", 1, len(text), len(kind), len(space))
    return _message(0x0C, sizes + _padded(text) + _padded(kind) + _padded(space) + data)
