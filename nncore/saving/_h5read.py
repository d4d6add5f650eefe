"""HDF5 files as Keras writes them, read in plain Python.

Every Keras from 1 to 3 writes the oldest of HDF5's layouts: superblock 0, groups as
B-trees of symbols, arrays in one piece, attributes in the header of their object. That
is all that is read here. What else HDF5 can do (links to other files, arrays that live
elsewhere, compression, references) is refused where it is met, so a file is data only.

All bytes come through `_Bytes`, which checks every place against the file's end and
gives out no more than a few times the file's size in all: a file can neither point
outside, nor run in circles, nor grow in memory. Arrays are views of the buffer, whose
size follows from the bytes that are there.

The format is described in "HDF5 File Format Specification Version 3.0", by The HDF
Group; section numbers below are its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._files import ModelFileError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 2**64 - 1

_READINGS = 4  # times the file's size that may be looked at
_CALLS = 4_000_000
_MAX_RANK = 8
_MAX_NAME = 1024

# Messages of an object's header, IV.A.2.
_DATASPACE, _DATATYPE, _EXTERNAL, _LAYOUT = 0x01, 0x03, 0x07, 0x08
_FILTERS, _ATTRIBUTE, _CONTINUED, _SYMBOLS = 0x0B, 0x0C, 0x10, 0x11
_NEW_GROUP = {0x02: "links of a new kind", 0x06: "links of a new kind"}
_REFUSED = {
    **_NEW_GROUP,
    _EXTERNAL: "an array in another file",
    _FILTERS: "compression",
    0x15: "attributes of a new kind",
}

# Size, then precision, places and sizes of exponent and mantissa, bias: IEEE's floats.
_FLOATS = {
    2: (0, 16, 10, 5, 0, 10, 15),
    4: (0, 32, 23, 8, 0, 23, 127),
    8: (0, 64, 52, 11, 0, 52, 1023),
}

Array = NDArray[Any]


class _Bytes:
    """The file's bytes: what is asked for is there, and is not too much."""

    def __init__(self, buffer: memoryview) -> None:
        self._buffer = buffer
        self._n_bytes = _READINGS * len(buffer) + 2**16
        self._n_calls = _CALLS
        self.groups: dict[int, dict[str, tuple[int, int]]] = {}
        self.heaps: dict[int, dict[int, tuple[int, int]]] = {}

    def __call__(self, place: int, n: int) -> memoryview:
        if not 0 <= place <= place + n <= len(self._buffer):
            raise ModelFileError(
                f"HDF5: everything must lie within the file's {len(self._buffer)} "
                f"bytes. Received: {n} bytes at {place}"
            )
        self._n_bytes -= n
        self._n_calls -= 1
        if self._n_bytes < 0 or self._n_calls < 0:
            raise ModelFileError(
                "HDF5: no part must be pointed at again and again. Received: readings "
                f"of more than {_READINGS} times the file's size, or {_CALLS} parts"
            )
        return self._buffer[place : place + n]

    def number(self, place: int, n: int = 8) -> int:
        """An unsigned integer."""
        return int.from_bytes(self(place, n), "little")

    def expect(self, place: int, signature: bytes, what: str) -> None:
        """Raise unless the signature stands there."""
        found = bytes(self(place, len(signature)))
        if found != signature:
            raise ModelFileError(
                f"HDF5: {what} must begin with {signature!r}. Received: {found!r}"
            )

    def name(self, place: int, end: int) -> str:
        """Text up to a zero, which comes before the end."""
        most = bytes(self._buffer[place : min(end, place + _MAX_NAME)])
        return _string(self(place, max(most.find(b"\0"), 0)))


class Group:
    """A group: members by name, and attributes."""

    def __init__(self, read: _Bytes, header: int, name: str = "/") -> None:
        """Read the header; members are read when they are asked for."""
        self.name = name
        self._read = read
        self._messages = _messages(read, header, name)
        tables = [at for kind, at, _ in self._messages if kind == _SYMBOLS]
        if len(tables) != 1:
            raise ModelFileError(
                f"HDF5: {name!r:.100} must be a group. Received: another object"
            )
        self._table = tables[0]

    @property
    def members(self) -> dict[str, tuple[int, int]]:
        """Name -> address of the header, and whether it is a link."""
        found = self._read.groups.get(self._table)
        if found is None:
            tree, heap = (
                self._read.number(self._table),
                self._read.number(self._table + 8),
            )
            found = self._read.groups[self._table] = _entries(self._read, tree, heap)
        return found

    def _place(self, name: str) -> int:
        if name not in self.members:
            raise ModelFileError(
                f"HDF5: {self.name!r:.100} must have a member {name!r:.100}. "
                f"Received: {', '.join(self.members)!r:.200}"
            )
        place, kind = self.members[name]
        if kind == 2:
            raise ModelFileError(
                f"HDF5: {name!r:.100} must be in the file. Received: a link"
            )
        return place

    def group(self, path: str) -> Group:
        """The group at a path below this one."""
        found = self
        for name in _names(path):
            found = Group(self._read, found._place(name), f"{found.name}{name}/")
        return found

    def array(self, path: str) -> Array:
        """The array at a path below this one."""
        *way, last = _names(path)
        group = self.group("/".join(way)) if way else self
        return _array(self._read, group._place(last), group.name + last)

    def attribute(self, name: str) -> list[str] | None:
        """The strings of an attribute; None if there is none of that name."""
        for kind, place, size in self._messages:
            if kind == _ATTRIBUTE:
                found, strings = _attribute(self._read, place, size, name)
                if found:
                    return strings
        return None

    def text(self, name: str) -> str | None:
        """The one string of an attribute; None if there is none of that name."""
        strings = self.attribute(name)
        if strings is not None and len(strings) != 1:
            raise ModelFileError(
                f"HDF5: attribute {name!r:.100} must be one string. "
                f"Received: {len(strings)}"
            )
        return None if strings is None else strings[0]

    def names(self, name: str) -> list[str]:
        """The strings of an attribute that may be cut up: name, or name0, name1, ..."""
        whole = self.attribute(name)
        if whole is not None:
            return whole
        parts: list[str] = []
        number = 0
        while (part := self.attribute(f"{name}{number}")) is not None:
            parts += part
            number += 1
        return parts

    def __contains__(self, name: str) -> bool:
        """Whether there is a member of that name."""
        return name in self.members


def open_file(buffer: memoryview) -> Group:
    """The group that holds all.

    Raises:
        ModelFileError: this is no HDF5 file of the kind that Keras writes.
    """
    read = _Bytes(buffer)
    read.expect(0, SIGNATURE, "the file")
    found = tuple(read(8, 8))
    # Versions of superblock, free space, root; 8 bytes for each offset and length.
    if found[:3] != (0, 0, 0) or found[4:7] != (0, 8, 8) or read.number(24) != 0:
        raise ModelFileError(
            "HDF5: the file must have superblock 0, as Keras writes it. "
            f"Received: superblock {found[0]}"
        )
    if read.number(40) != len(buffer):
        raise ModelFileError(
            f"HDF5: the file must have {read.number(40)} bytes, as its superblock "
            f"says. Received: {len(buffer)} bytes"
        )
    return Group(read, read.number(64))


def _names(path: str) -> list[str]:
    names = path.split("/")
    if not all(names):
        raise ModelFileError(
            f"HDF5: a path must be names with / between. Received: {path!r:.100}"
        )
    return names


def _messages(read: _Bytes, header: int, name: str) -> list[tuple[int, int, int]]:
    """Kind, place and size of each message of an object's header, IV.A.1.a."""
    version, n_left = read.number(header, 1), read.number(header + 2, 2)
    if version != 1:
        raise ModelFileError(
            f"HDF5: object {name!r:.100} must have a header of version 1, as Keras "
            f"writes it. Received: version {version}"
        )
    found = []
    blocks = [(header + 16, read.number(header + 8, 4))]
    while blocks and n_left > 0:
        place, size = blocks.pop(0)
        end = place + size
        while place + 8 <= end and n_left > 0:
            kind, length = read.number(place, 2), read.number(place + 2, 2)
            flags = read.number(place + 4, 1)
            place += 8
            if place + length > end:
                raise ModelFileError(
                    f"HDF5: a message of {name!r:.100} must end within {end}. "
                    f"Received: {length} bytes at {place}"
                )
            if flags & 2 or kind in _REFUSED:
                problem = "a shared message" if flags & 2 else _REFUSED[kind]
                raise ModelFileError(
                    f"HDF5: object {name!r:.100} must be plain. Received: {problem}"
                )
            if kind == _CONTINUED:
                blocks.append((read.number(place), read.number(place + 8)))
            found.append((kind, place, length))
            place += length
            n_left -= 1
    return found


def _entries(read: _Bytes, tree: int, heap: int) -> dict[str, tuple[int, int]]:
    """The members of a group, III.A.1, III.B, III.C, III.D."""
    read.expect(heap, b"HEAP", "a heap of names")
    n_names, names = read.number(heap + 8), read.number(heap + 24)
    found: dict[str, tuple[int, int]] = {}
    nodes, seen = [tree], {tree}
    while nodes:
        node = nodes.pop()
        read.expect(node, b"TREE", "a tree of names")
        level, used = read.number(node + 5, 1), read.number(node + 6, 2)
        if read.number(node + 4, 1) != 0:
            raise ModelFileError(
                "HDF5: a group must be a tree of names. Received: other"
            )
        below = [read.number(node + 32 + 16 * i) for i in range(used)]
        if len(set(below) | seen) < len(below) + len(seen):
            raise ModelFileError(
                "HDF5: a group must be a tree. Received: a node that is met twice"
            )
        seen.update(below)
        if level:
            nodes += below
            continue
        for leaf in below:
            read.expect(leaf, b"SNOD", "a list of members")
            for i in range(read.number(leaf + 6, 2)):
                entry = leaf + 8 + 40 * i
                name = read.name(names + read.number(entry), names + n_names)
                if name in found or not name:
                    raise ModelFileError(
                        "HDF5: members must have names, all different. "
                        f"Received: {name!r:.100}"
                    )
                found[name] = read.number(entry + 8), read.number(entry + 16, 4)
    return found


def _shape(read: _Bytes, place: int) -> tuple[int, ...]:
    """IV.A.2.b."""
    version, rank, flags = read(place, 3)
    is_null = version == 2 and read.number(place + 3, 1) == 2
    if version not in (1, 2) or rank > _MAX_RANK or flags > 1 or is_null:
        raise ModelFileError(
            f"HDF5: a shape must have at most {_MAX_RANK} sizes. "
            f"Received: version {version}, {rank} sizes, flags {flags}"
        )
    first = place + (8 if version == 1 else 4)
    return tuple(read.number(first + 8 * i) for i in range(rank))


def _dtype(read: _Bytes, place: int) -> tuple[str, np.dtype[Any]]:
    """What a type is ("number", "string" or "heap") and NumPy's name, IV.A.2.d."""
    kind, bits, size = (
        read.number(place, 1),
        read(place + 1, 3),
        read.number(place + 4, 4),
    )
    order = ">" if bits[0] & 1 else "<"
    if kind & 15 == 0 and size in (1, 2, 4, 8):
        if (read.number(place + 8, 2), read.number(place + 10, 2)) == (0, 8 * size):
            return "number", np.dtype(f"{order}{'i' if bits[0] & 8 else 'u'}{size}")
    elif kind & 15 == 1 and size in _FLOATS and not bits[0] & 0x40:
        at = place + 8
        found = (
            *(read.number(at, 2), read.number(at + 2, 2), *read(at + 4, 4)),
            read.number(at + 8, 4),
        )
        if found == _FLOATS[size]:
            return "number", np.dtype(f"{order}f{size}")
    elif kind & 15 == 3 and 0 < size < 2**16:
        return "string", np.dtype(f"S{size}")
    elif kind & 15 == 9 and bits[0] & 15 == 1 and size == 16:
        return "heap", np.dtype("V16")
    raise ModelFileError(
        "HDF5: values must be numbers or strings. "
        f"Received: class {kind & 15}, {size} bytes"
    )


def _array(read: _Bytes, header: int, name: str) -> Array:
    places = {kind: at for kind, at, _ in _messages(read, header, name)}
    if not {_DATASPACE, _DATATYPE, _LAYOUT} <= set(places):
        raise ModelFileError(
            f"HDF5: {name!r:.100} must be an array. Received: another object"
        )
    shape = _shape(read, places[_DATASPACE])
    kind, dtype = _dtype(read, places[_DATATYPE])
    n_bytes = math.prod(shape) * dtype.itemsize
    at = places[_LAYOUT]
    version, layout = read(at, 2)
    if kind != "number" or version != 3 or layout > 1:
        raise ModelFileError(
            f"HDF5: {name!r:.100} must be numbers in one piece. "
            f"Received: a {kind}, layout {version}.{layout}"
        )
    if layout:
        place, size = read.number(at + 2), read.number(at + 10)
    else:
        place, size = at + 4, read.number(at + 2, 2)
    if size != n_bytes or (place == UNDEFINED and n_bytes):
        raise ModelFileError(
            f"HDF5: {name!r:.100} must have {n_bytes} bytes, as its shape {shape} and "
            f"type say. Received: {size} bytes"
        )
    if n_bytes == 0:
        # NumPy takes no shape such as (0, 2**63), and no weight is empty.
        return np.empty(0, dtype)
    array = np.frombuffer(read(place, n_bytes), dtype)
    return np.require(array.reshape(shape), requirements="A")


def _attribute(
    read: _Bytes, place: int, size: int, wanted: str
) -> tuple[bool, list[str]]:
    """Whether an attribute has the name wanted, and its strings, IV.A.2.m."""
    version, flags = read(place, 2)
    n_name, n_type, n_space = (read.number(place + 2 * i, 2) for i in (1, 2, 3))
    if version not in (1, 2, 3) or (version > 1 and flags):
        raise ModelFileError(
            "HDF5: an attribute must have version 1 to 3 and a type of its own. "
            f"Received: version {version}, flags {flags}"
        )
    at = place + (9 if version == 3 else 8)
    if version == 1:
        n_type, n_space = -(-n_type // 8) * 8, -(-n_space // 8) * 8
    name = _string(read(at, n_name))
    at += -(-n_name // 8) * 8 if version == 1 else n_name
    if name != wanted:
        return False, []
    n_values = math.prod(_shape(read, at + n_type))
    if n_values == 0:
        return True, []
    kind, dtype = _dtype(read, at)
    at += n_type + n_space
    if kind == "number" or at + n_values * dtype.itemsize > place + size:
        raise ModelFileError(
            f"HDF5: attribute {wanted!r} must be strings within its {size} bytes. "
            f"Received: {n_values} values, each a {kind} of {dtype.itemsize} bytes"
        )
    items = [at + i * dtype.itemsize for i in range(n_values)]
    if kind == "heap":
        return True, [_from_heap(read, item) for item in items]
    return True, [_string(read(item, dtype.itemsize)) for item in items]


def _from_heap(read: _Bytes, place: int) -> str:
    """A string in a collection, III.E."""
    length, heap = read.number(place, 4), read.number(place + 4)
    wanted = read.number(place + 12, 4)
    if heap not in read.heaps:
        read.heaps[heap] = _collection(read, heap)
    at, size = read.heaps[heap].get(wanted, (0, -1))
    if length > size:
        raise ModelFileError(
            "HDF5: a string must be in its collection. "
            f"Received: number {wanted} of {length} bytes"
        )
    return _string(read(at, length))


def _collection(read: _Bytes, heap: int) -> dict[int, tuple[int, int]]:
    """Number -> place and size of each object of a collection, III.E."""
    read.expect(heap, b"GCOL", "a collection of strings")
    at, end = heap + 16, heap + read.number(heap + 8)
    found: dict[int, tuple[int, int]] = {}
    while at + 16 <= end:
        number, size = read.number(at, 2), read.number(at + 8)
        if number == 0:
            break
        found[number] = (at + 16, size)
        at += 16 + -(-size // 8) * 8
    return found


def _string(data: memoryview) -> str:
    """Text up to a zero, if there is one."""
    try:
        return bytes(data).partition(b"\0")[0].decode()
    except UnicodeDecodeError as error:
        raise ModelFileError(f"HDF5: text must be UTF-8. Received: {error}") from None
