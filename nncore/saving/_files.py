"""Files: whole or not at all when written, and never trusted when read."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO

from .. import _checks

Path = str | os.PathLike[str]


class ModelFileError(ValueError):
    """A model's file, or text, is not what it must be; the message says where.

    Examples:
        >>> import nncore
        >>> try:
        ...     nncore.models.model_from_json('{"config": NaN}')
        ... except nncore.saving.ModelFileError as error:
        ...     print(error)
        JSON must be valid. Received: NaN, which is not JSON
    """


@contextlib.contextmanager
def explained(place: str, given: Any) -> Iterator[None]:
    """Turn what a constructor says of what it was given into an error of the file."""
    try:
        yield
    except ModelFileError:
        raise
    except (
        *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
    ) as error:
        message = f"{place}: {error}"
        if "Received" not in message:
            message = f"{message.rstrip('.')}. Received: {given!r:.200}"
        raise ModelFileError(message) from error


@contextlib.contextmanager
def naming(place: str) -> Iterator[None]:
    """Put the file, or the place in it, in front of the messages of errors."""
    try:
        with explained("It must be consistent", place):
            yield
    except ModelFileError as error:
        raise type(error)(f"{place}: {error}") from error.__cause__


def checked_path(path: Any, endings: tuple[str, ...], verb: str) -> tuple[str, str]:
    """The path as a string, and which of the endings it has.

    Raises:
        TypeError: it is no path.
        ValueError: it has another ending; what is in a file is never asked.
    """
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(
            f"`filepath` must be a str or a path. {_checks.received('filepath', path)}"
        )
    for ending in endings:
        if text.lower().endswith(ending):
            return text, ending
    raise ValueError(
        f"`filepath` must end in {' or '.join(endings)} to {verb}. "
        f"{_checks.received('filepath', text)}"
    )


@contextlib.contextmanager
def replacing(path: str, overwrite: bool) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` at once when the block ends.

    It lies in the same folder, ends in .tmp, and is on the disk before it is renamed;
    if the block fails it is removed, and `path` is as it was.

    Raises:
        FileExistsError: `path` exists and must not be overwritten.
        FileNotFoundError: its folder does not exist.
        ValueError: `path` is no ordinary file.
    """
    target = os.path.realpath(path)
    mode = None
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(target).st_mode
    if mode is not None and not stat.S_ISREG(mode):
        raise ValueError(
            f"`filepath` must be an ordinary file, or none yet. Received: {path!r}"
        )
    if mode is not None and not overwrite:
        raise FileExistsError(
            f"`filepath` must not exist yet, as overwrite=False. Received: {path!r}"
        )
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"`filepath` must lie in a folder that exists. Received: {path!r}"
        )
    temporary = os.path.join(folder, f".{name}.{os.urandom(6).hex()}.tmp")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.open(temporary, flags, 0o666)
    try:
        with open(handle, "w+b") as file:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    # The new name, too, outlives a loss of power; not every system can be asked.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def contents(path: str) -> memoryview:
    """The bytes of a file, mapped rather than read.

    Raises:
        ModelFileError: it is empty or no ordinary file.
        OSError: it cannot be opened.
    """
    with open(path, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size == 0:
            raise ModelFileError(
                "A model's file must be an ordinary file that is not empty. "
                f"Received: {found.st_size} bytes"
            )
        import mmap

        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
