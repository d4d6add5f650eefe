"""`load`: the classifier or regressor that a file holds."""

from __future__ import annotations

from typing import Any

from nncore.models import Sequential
from nncore.saving import ModelFileError, _files, _json, _nnc
from nncore.tabular._base import WORDS
from nncore.tabular._classifier import Classifier
from nncore.tabular._regressor import Regressor

_KINDS: tuple[type[Classifier | Regressor], ...] = (Classifier, Regressor)


class NoTableError(ModelFileError):
    """A file holds a network alone, without columns."""


def load(filepath: Any) -> Classifier | Regressor:
    """Return the `Classifier` or `Regressor` that a file holds.

    Args:
        filepath: path of a ".nnc" file that their `save` wrote.

    Raises:
        ValueError: the file is no such model; `ModelFileError` if it is damaged.
        FileNotFoundError: there is no file.

    Example:
        >>> import os, tempfile
        >>> from nncore import tabular
        >>> rows = {"size": [1.0, 2.0, 3.0, 4.0], "big": ["no", "no", "yes", "yes"]}
        >>> model = tabular.Classifier(seed=1, epochs=5).fit(rows, "big")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "big.nnc"))
        ...     again = tabular.load(os.path.join(folder, "big.nnc"))
        >>> again.target_
        'big'
    """
    path, _ = _files.checked_path(filepath, (".nnc",), "load a table's model")
    with _files.naming(path):
        buffer = _files.contents(path)
        words = _json.loads(_nnc.words(buffer).get("tabular", "null"), "`tabular`")
        if words is None:
            raise NoTableError(
                "The file must be one that nncore.tabular saved. Received: a model "
                "without columns, for nncore.load_model"
            )
        model = _nnc.read(buffer, Sequential)
        with _files.explained("`tabular`", words):
            if not isinstance(words, dict) or set(words) != WORDS:
                raise ValueError(f"It must be a dict of {', '.join(sorted(WORDS))}.")
            kind = next((k for k in _KINDS if k.kind == words["kind"]), None)
            if kind is None:
                kinds = " or ".join(repr(k.kind) for k in _KINDS)
                raise ValueError(f"`kind` must be {kinds}.")
            return kind._from_words(words, model)
