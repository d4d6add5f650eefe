"""What callbacks share that watch one number: its name and which way is better."""

from __future__ import annotations

import warnings
from typing import Any

from nncore import _checks
from nncore._legacy import callers_level
from nncore.callbacks._callback import Callback
from nncore.callbacks._logs import Logs, other_spelling


class Monitor(Callback):
    """A quantity and its direction."""

    def __init__(self, monitor: str, min_delta: float, mode: str) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(
                f"`mode` must be 'auto', 'min' or 'max'. Received: mode={mode!r}"
            )
        if not isinstance(monitor, str):
            raise TypeError(
                "`monitor` must be the name of a log entry, such as 'val_loss'. "
                f"Received: monitor={monitor!r}"
            )
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(_checks.real("min_delta", min_delta))
        self._maximise: bool | None = {"min": False, "max": True}.get(mode)

    def _resolve_mode(self) -> None:
        """Settle `mode="auto"` by the name and the metrics of the compiled model."""
        if self.mode != "auto":
            return
        name = self.monitor.removeprefix("val_")
        direction = "min" if name.endswith("loss") else None
        if direction is None and self.model is not None:
            direction = self.model._metric_direction(name)
            other = other_spelling(name)
            if direction is None and other is not None:
                direction = self.model._metric_direction(other)
        if direction is None and any(
            word in name for word in ("acc", "auc", "precision", "recall", "f1")
        ):
            direction = "max"
        if direction is None:
            reported = self.model.metrics_names if self.model is not None else ["loss"]
            words = ", ".join([*reported, *(f"val_{word}" for word in reported)])
            raise ValueError(
                f"{type(self).__name__} watches what a training reports: {words}. For "
                "another number pass mode='min' or mode='max': whether less of it is "
                f"better cannot be told. Received: monitor='{self.monitor}'"
            )
        self._maximise = direction == "max"

    def _better(self, current: float, reference: float | None) -> bool:
        """Whether `current` beats `reference` (None: always) by more than min_delta."""
        if reference is None:
            return True
        if self._maximise:
            return current - self.min_delta > reference
        return current + self.min_delta < reference

    def _monitored(self, logs: dict[str, Any] | None) -> float | None:
        """The value to judge, or None with a warning that names what there is."""
        found = Logs(logs or {}).get(self.monitor)
        if found is None:
            warnings.warn(
                f"{type(self).__name__} looks at '{self.monitor}', which this training "
                f"does not report. Reported: {', '.join(logs or {}) or 'nothing'}",
                UserWarning,
                stacklevel=callers_level(),
            )
            return None
        return float(found)
