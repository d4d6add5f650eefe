"""`Progbar`: the line of `fit` for loops of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import _progress


class Progbar:
    """Show how far a loop has come, as `fit` does.

    Args:
        target: steps in all; None: unknown.
        width: accepted for Keras's sake, like `interval`; no effect.
        verbose: 0 nothing, 1 a live line on a terminal, 2 one line at the end.
        interval: no effect.
        stateful_metrics: names of values that are shown as they are; others are shown
            as means over the steps.
        unit_name: accepted for Keras's sake; no effect.

    Example:
        >>> bar = Progbar(3, verbose=2)
        >>> for loss in (3.0, 2.0, 1.0):
        ...     bar.add(1, values=[("loss", loss)])
        3/3 - 0s - ...s/step - loss: 2.0000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        """See the class."""
        self.target = target
        self.stateful_metrics = set(stateful_metrics or ())
        self._progress = _progress.Progress(_progress.resolve_verbose(verbose))
        self._progress.start(target)
        self._done = 0
        self._sums: dict[str, tuple[float, int]] = {}
        self._over = False

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, float]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Show that `current` steps are behind.

        Args:
            current: number of steps done.
            values: pairs of name and value, each the mean over the steps since the last
                call.
            finalize: whether the loop has ended; None: when `current` reaches `target`.
        """
        steps = max(current - self._done, 1)
        for name, value in values or ():
            total, count = self._sums.get(name, (0.0, 0))
            if name in self.stateful_metrics:
                total, count = 0.0, 0
            self._sums[name] = total + steps * float(value), count + steps
        self._done = current
        logs: dict[str, Any] = {k: s / n for k, (s, n) in self._sums.items()}
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        if finalize and not self._over:
            self._over = True
            self._progress.finish(logs, steps=current)
            self._progress.close()
        elif not self._over:
            self._progress.update(current, logs)

    def add(self, n: int, values: Iterable[tuple[str, float]] | None = None) -> None:
        """Show that `n` more steps are behind.

        Args:
            n: number of steps.
            values: as for `update`.
        """
        self.update(self._done + n, values)
