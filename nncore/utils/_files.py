"""`get_file`: a file from the network, kept for the next time."""

from __future__ import annotations

import os
from typing import Any


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Return the path of a file, downloaded unless it is there already.

    Args:
        fname: what the file is called in the cache; None: the end of `origin`. If it is
            an absolute path, the file lies there.
        origin: URL of the file.
        untar: unpack a tar archive; then the path is that of the folder.
        md5_hash: the file's MD5 in hexadecimal digits, or None.
        file_hash: its SHA-256 or MD5, or None: whatever comes is taken.
        cache_subdir: folder within `cache_dir`.
        hash_algorithm: "sha256", "md5", or "auto": by the number of digits.
        extract: unpack a tar or zip archive; then the path is that of the folder.
        archive_format: accepted for Keras's sake; the file's ending says the format.
        cache_dir: folder of downloads; None: `~/.keras`, as in Keras.
        force_download: download even if the file is there.

    Raises:
        ModuleNotFoundError: pooch, which downloads, is missing.
        ValueError: there is no `origin`, or the file's hash is another.

    Example:
        >>> get_file(origin="https://example.com/table.csv")  # doctest: +SKIP
        '/home/me/.keras/datasets/table.csv'
    """
    if origin is None:
        raise ValueError("`origin` must be the URL of a file. Received: origin=None")
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "get_file needs pooch to download: pip install pooch", name="pooch"
        ) from error
    from pathlib import Path

    place = Path("~/.keras").expanduser() if cache_dir is None else Path(cache_dir)
    path = place / cache_subdir / (fname or origin.rstrip("/").rpartition("/")[2])
    known = file_hash or md5_hash
    if known is not None:
        if hash_algorithm == "auto":
            hash_algorithm = "sha256" if len(known) == 64 else "md5"
        known = f"{hash_algorithm}:{known}"
    processor: Any = None
    if untar or extract:
        is_zip = path.suffix == ".zip" and not untar
        processor = pooch.Unzip() if is_zip else pooch.Untar()
    if force_download:
        path.unlink(missing_ok=True)
    found = pooch.retrieve(
        origin, known, fname=path.name, path=path.parent, processor=processor
    )
    if processor is not None:
        return str(path.with_name(path.name + processor.suffix))
    return str(found)
