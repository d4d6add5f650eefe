"""The archive around a `.keras` file: members that are stored, not compressed.

Keras compresses nothing, so a member's bytes are a view of the file's, and no archive
can be larger than it is. Nothing is ever unpacked to a disk.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from ._files import ModelFileError

_MAX_MEMBERS = 1000
_END, _ENTRY, _LOCAL = b"PK\5\6", b"PK\1\2", b"PK\3\4"
# The same moment always, so that equal models are equal files.
_MOMENT = (1980, 1, 1, 0, 0, 0)


def write(file: BinaryIO, members: Mapping[str, bytes]) -> None:
    """Write members into a file that is open and empty."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), data)


def read(buffer: memoryview, wanted: Sequence[str]) -> dict[str, memoryview]:
    """Return the members wanted by name, as views of the buffer; some may be missing.

    Raises:
        ModelFileError: this is no archive such as Keras writes.
    """
    end = len(buffer) - 22
    if (
        end < 0
        or bytes(buffer[end : end + 4]) != _END
        or _number(buffer, end + 20, 2) != 0
    ):
        found = f"{bytes(buffer[:4])!r}, {len(buffer)} bytes"
        if found.startswith(r"b'\x89HDF'"):
            found = "HDF5, as TensorFlow 2.12 and before wrote it: rename it to .h5"
        raise ModelFileError(
            "The file must be a zip archive without a comment, as Keras writes it. "
            f"Received: {found}"
        )
    n_members = _number(buffer, end + 10, 2)
    size, place = _number(buffer, end + 12, 4), _number(buffer, end + 16, 4)
    if n_members > _MAX_MEMBERS or place + size != end:
        raise ModelFileError(
            f"The archive must have at most {_MAX_MEMBERS} members, and the list of "
            f"them at its end. Received: {n_members}, {size} bytes at {place}"
        )
    members: dict[str, memoryview] = {}
    names: set[str] = set()
    for _ in range(n_members):
        lengths = [_number(buffer, place + at, 2) for at in (28, 30, 32)]
        after = place + 46 + sum(lengths)
        if bytes(buffer[place : place + 4]) != _ENTRY or after > end:
            raise ModelFileError(
                f"The archive must have an entry for each of its {n_members} members. "
                f"Received: {len(names)}"
            )
        name = bytes(buffer[place + 46 : place + 46 + lengths[0]]).decode("latin-1")
        if name in names:
            raise ModelFileError(
                f"Members must have names, all different. Received: {name!r:.100} twice"
            )
        names.add(name)
        if name in wanted:
            members[name] = _member(buffer, place, name, end)
        place = after
    return members


def _member(buffer: memoryview, entry: int, name: str, end: int) -> memoryview:
    encrypted, method = (
        _number(buffer, entry + 8, 2) & 1,
        _number(buffer, entry + 10, 2),
    )
    packed, size = _number(buffer, entry + 20, 4), _number(buffer, entry + 24, 4)
    if encrypted or method != zipfile.ZIP_STORED or packed != size:
        raise ModelFileError(
            f"Member {name!r:.100} must be stored, as Keras does it, not compressed. "
            f"Received: method {method}, {packed} bytes for {size}"
        )
    local = _number(buffer, entry + 42, 4)
    first = local + 30 + _number(buffer, local + 26, 2) + _number(buffer, local + 28, 2)
    if bytes(buffer[local : local + 4]) != _LOCAL or first + size > end:
        raise ModelFileError(
            f"Member {name!r:.100} must lie in the file. Received: {size} bytes at "
            f"{local}"
        )
    data = buffer[first : first + size]
    found = zlib.crc32(data)
    if found != _number(buffer, entry + 16, 4):
        raise ModelFileError(
            f"Member {name!r:.100} must have the checksum that the archive names. "
            f"Received: {found}; the file is damaged"
        )
    return data


def _number(buffer: memoryview, place: int, n: int) -> int:
    """An unsigned integer; bytes behind the end count as 0."""
    return int.from_bytes(buffer[place : place + n], "little")
