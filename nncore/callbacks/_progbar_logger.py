"""The progress line, by Keras's name."""

from __future__ import annotations

from nncore._legacy import accepts_old_words
from nncore.callbacks._callback import Callback


class ProgbarLogger(Callback):
    """Nothing: `fit` shows its progress by itself, as `verbose` says.

    It is here so that scripts that ask for it run.

    Example:
        >>> from nncore.callbacks import ProgbarLogger
        >>> logger = ProgbarLogger()
    """

    _is_quiet = True

    @accepts_old_words("ProgbarLogger")
    def __init__(self) -> None:
        """See the class."""
