"""Which files a data set is made of."""

from __future__ import annotations

import glob
import os
from typing import Any


def files(argument: str, given: Any, ending: str) -> list[str]:
    """Return paths, by name.

    Args:
        argument: what messages call it.
        given: a path of a file or of a folder, a pattern of paths, or a list of these,
            whose order is kept.
        ending: of the files that are taken from a folder, such as ".npy".

    Raises:
        TypeError: it is something else.
        FileNotFoundError: there is no such file.
    """
    if isinstance(given, (list, tuple)):
        found = [path for part in given for path in files(argument, part, ending)]
        if found:
            return found
    if not isinstance(given, (str, os.PathLike)):
        raise TypeError(
            f"`{argument}` must be a path, a pattern such as 'folder/*{ending}', or a "
            f"list of them. Received: {argument}={given!r:.80}"
        )
    path = os.fspath(given)
    if os.path.isdir(path):
        found = sorted(glob.glob(os.path.join(glob.escape(path), f"*{ending}")))
        what = f"a folder without {ending} files"
    elif os.path.exists(path):
        return [path]
    else:
        found = sorted(glob.glob(path, recursive=True))
        what = "a path or pattern that no file has"
    if not found:
        raise FileNotFoundError(
            f"`{argument}` must name at least one file. Received: {path!r}, {what}"
        )
    return found
