"""The line that shows how far a training, an evaluation or a prediction has come.

On a terminal (or in a notebook) verbose=1 is Keras's live line, rewritten in place:

    Epoch 1/2
    20/20 ━━━━━━━━━━━━━━━━━━━━ 0s 17ms/step - loss: 0.6597 - accuracy: 0.5625

Elsewhere, and for verbose=2, every epoch is one line:

    Epoch 1/2 - 20/20 - 0s - 17ms/step - loss: 0.6597 - accuracy: 0.5625

Text is gathered and written at most ten times a second, so that an epoch of a
microsecond costs the formatting of its line and nothing else. Writing is the only thing
done here; what is written and when an epoch ends is decided in _training.py.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WRITE_INTERVAL = 0.1  # seconds
_BAR_WIDTH = 20
_BOLD, _GREEN, _GREY, _PLAIN = "\033[1m", "\033[32m", "\033[37m", "\033[0m"


def resolve_verbose(verbose: object, auto: int = 1) -> int:
    """The number 0, 1 or 2 behind `verbose`; "auto" is `auto`."""
    if isinstance(verbose, str):
        if verbose == "auto":
            return auto
    elif verbose in (0, 1, 2):  # also True and False
        return int(verbose)
    raise ValueError(
        f"`verbose` must be 0, 1, 2 or 'auto'. Received: verbose={verbose!r}"
    )


def format_value(value: Any) -> str:
    """Four decimals, or an exponent for small magnitudes, as Keras prints them.

    Example:
        >>> format_value(0.65974), format_value(0.0004), format_value(-2.0)
        ('0.6597', '4.0000e-04', '-2.0000')
    """
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"
    return str(value)


def format_step(seconds: float) -> str:
    """Time of one step with the unit s, ms or us.

    Example:
        >>> [format_step(s) for s in (2.0, 0.0171, 0.000363, 1.24e-6)]
        ['2s/step', '17ms/step', '363us/step', '1.2us/step']
    """
    if seconds >= 1:
        return f"{seconds:.0f}s/step"
    if seconds >= 1e-3:
        return f"{1e3 * seconds:.0f}ms/step"
    microseconds = 1e6 * seconds
    return f"{microseconds:.{0 if microseconds >= 9.95 else 1}f}us/step"


def format_clock(seconds: float) -> str:
    """A duration as Keras prints it.

    Example:
        >>> format_clock(7.2), format_clock(67), format_clock(3667)
        ('7s', '1:07', '1:01:07')
    """
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    if whole >= 60:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole}s"


def _is_live(stream: TextIO) -> bool:
    """Whether a line on `stream` can be rewritten in place."""
    if type(stream).__module__.startswith("ipykernel."):
        return True
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


class Progress:
    """Writes the progress of one `fit`, `evaluate` or `predict`.

    Args:
        verbose: 0 nothing, 1 a live line if the stream allows, 2 a line per epoch.
        epochs: number of epochs shown after the slash, infinity for no slash; None: not
            a training, no epochs.
        quiet_for: seconds during which nothing is shown; work that ends within them
            leaves no trace.
        stream: where to write; None: sys.stdout of this moment.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        verbose: int,
        epochs: float | None = None,
        *,
        quiet_for: float = 0.0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        stream = sys.stdout if stream is None else stream
        # Without a console (pythonw) sys.stdout is None.
        self.on = verbose > 0 and stream is not None
        if not self.on:
            return
        self._stream = stream
        self._clock = clock
        self._epochs = epochs
        self._slash = "" if epochs in (None, math.inf) else f"/{epochs}"
        self._live = verbose == 1 and _is_live(stream)
        self._notebook = type(stream).__module__.startswith("ipykernel.")
        escapes = self._live and os.environ.get("TERM") != "dumb"
        self._erases = escapes and not self._notebook
        self._colours = escapes and "NO_COLOR" not in os.environ
        try:
            "━".encode(getattr(stream, "encoding", None) or "utf-8")
            self._dash = "━"
        except (LookupError, UnicodeEncodeError):
            self._dash = "="
        self._ready: list[str] = []  # whole lines not yet written
        self._line = ""  # the live line as it should look now
        self._shown = 0  # columns of the live line on display
        self._steps: int | None = 1
        self._epoch = 0
        self._began = clock()
        self._last_write = self._began
        self._quiet_until = self._began + quiet_for

    def start(self, steps: int | None, epoch: int = 0) -> None:
        """An epoch of `steps` batches (None: unknown) begins, counted from 0."""
        if not self.on:
            return
        self._steps = steps
        self._epoch = epoch
        self._began = self._clock()
        if self._live and self._epochs is not None and self._epochs > 1:
            self._ready.append(f"Epoch {epoch + 1}{self._slash}\n")

    def is_due(self) -> bool:
        """Whether `update` would be seen now."""
        if not self.on or not self._live:
            return False
        now = self._clock()
        return now - self._last_write >= _WRITE_INTERVAL and now >= self._quiet_until

    def update(self, done: int, logs: Mapping[str, Any]) -> None:
        """`done` batches of the epoch are behind; `logs` are its means so far."""
        if not self.is_due():
            return
        now = self._clock()
        per_step = (now - self._began) / max(done, 1)
        left = now - self._began
        if self._steps is not None:
            left = per_step * (self._steps - done)
        # A line that wraps could not be rewritten: it stays within the window.
        width = None
        if not self._notebook:
            import shutil

            width = shutil.get_terminal_size().columns - 1
        self._line = self._bar(done, format_clock(left), per_step, logs.items(), width)
        self._write()

    def finish(
        self,
        logs: Mapping[str, Any],
        seconds: float | None = None,
        steps: int | None = None,
    ) -> None:
        """The epoch that `start` began has ended.

        Args:
            logs: its numbers.
            seconds: how long it took; None: until now.
            steps: how many batches it had; None: as many as `start` was told.
        """
        if not self.on:
            return
        if steps is not None:
            self._steps = steps
        now = self._clock()
        if now < self._quiet_until:
            return
        if seconds is None:
            seconds = now - self._began
        self._add(self._epoch, seconds, logs.items())
        if now - self._last_write >= _WRITE_INTERVAL:
            self._write()

    def finish_many(
        self,
        keys: Sequence[str],
        rows: NDArray[np.float64],
        first: float,
        each: float,
    ) -> None:
        """Epochs have ended, the first being the one that `start` began.

        Args:
            keys: log keys.
            rows: [epochs][keys].
            first: seconds of the first epoch.
            each: seconds of each further one.
        """
        if not self.on:
            return
        heads = self._live and self._epochs is not None and self._epochs > 1
        seconds = first
        for index, row in enumerate(rows.tolist(), self._epoch):
            if index > self._epoch and heads:
                self._ready.append(f"Epoch {index + 1}{self._slash}\n")
            self._add(index, seconds, zip(keys, row, strict=True))
            seconds = each
        if self._clock() - self._last_write >= _WRITE_INTERVAL:
            self._write()

    def pour(self) -> None:
        """Write what is ready, since somebody else may print now."""
        if self.on and (self._ready or self._shown):
            self._line = ""
            self._write(flush=False)

    def close(self) -> None:
        """Write what is left; an unfinished live line stays as it is."""
        if not self.on:
            return
        if self._ready:
            self._line = ""
        elif self._shown:
            self._ready.append("\n")
            self._shown = 0
        if self._ready:
            self._write()

    def _add(
        self, epoch: int, seconds: float, pairs: Iterable[tuple[str, Any]]
    ) -> None:
        """Put the line of an ended epoch among the ready ones."""
        self._line = ""
        steps = self._steps or 0
        if self._live:
            text = self._bar(
                steps, format_clock(seconds), seconds / max(steps, 1), pairs, None
            )
        else:
            head = "" if self._epochs is None else f"Epoch {epoch + 1}{self._slash} - "
            text = (
                f"{head}{steps}/{steps} - {format_clock(seconds)} - "
                f"{format_step(seconds / max(steps, 1))}{_values(pairs)}"
            )
        self._ready.append(text + "\n")

    def _bar(
        self,
        done: int,
        clock: str,
        per_step: float,
        pairs: Iterable[tuple[str, Any]],
        width: int | None,
    ) -> str:
        """The line with the bar, of at most `width` columns if that is not None."""
        target = "Unknown" if self._steps is None else str(self._steps)
        count = f"{done:>{len(target)}}/{target}"
        full = 0 if self._steps is None else _BAR_WIDTH * done // max(self._steps, 1)
        rest = f" {format_step(per_step)}{_values(pairs)}"
        if width is not None:
            taken = len(count) + 1 + _BAR_WIDTH + 1 + len(clock)
            rest = rest[: max(width - taken, 0)]
        on, off = self._dash * full, self._dash * (_BAR_WIDTH - full)
        if not self._colours:
            off = " " * len(off)
            return f"{count} {on}{off} {clock}{rest}"
        return (
            f"{_BOLD}{count}{_PLAIN} {_GREEN}{on}{_PLAIN}{_GREY}{off}{_PLAIN} "
            f"{_BOLD}{clock}{_PLAIN}{rest}"
        )

    def _write(self, flush: bool = True) -> None:
        """Hand ready lines and the live line to the stream in one call."""
        parts = []
        if self._shown:
            parts.append(
                "\r\033[K" if self._erases else "\r" + " " * self._shown + "\r"
            )
        parts += self._ready
        parts.append(self._line)
        self._ready = []
        self._shown = len(self._line)
        self._stream.write("".join(parts))
        if flush:
            self._stream.flush()
        self._last_write = self._clock()


def _values(pairs: Iterable[tuple[str, Any]]) -> str:
    """` - key: value` for each pair."""
    return "".join([f" - {key}: {format_value(value)}" for key, value in pairs])
