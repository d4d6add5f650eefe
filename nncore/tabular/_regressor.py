"""`Regressor`: a number from a table as it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _checks
from nncore.tabular import _columns
from nncore.tabular._base import Tabular
from nncore.tabular._rows import Rows

Array = NDArray[Any]


class Regressor(Tabular):
    """Learns a number from a table as it is.

    Columns, network and training are as for `Classifier`. The target is scaled; if it
    is positive and strongly skewed its logarithm is, and predictions are then raised to
    have the targets' mean on the rows of the training.

    Args:
        hidden: as for `Classifier`, like all that are not named here.
        activation: as there.
        dropout: as there.
        learning_rate: as there.
        weight_decay: as there.
        batch_size: as there.
        epochs: as there.
        intervals: as there.
        categories: as there.
        validation_fraction: as there.
        refit: as there.
        seed: as there.
        threads: as there.
        verbose: as there.

    Attributes:
        columns_: what became of each column, and the others of `Classifier` but
            `classes_`.

    Example:
        >>> from nncore import tabular
        >>> rows = {"side": [float(k) for k in range(60)]}
        >>> area = [side * side for side in rows["side"]]
        >>> model = tabular.Regressor(seed=1).fit(rows, area)
        >>> answers = model.predict({"side": [30.5]})
        >>> bool(abs(answers["prediction"][0] - 930) < 50)
        True
    """

    kind = "regressor"

    def _learn_target(self, values: Array, name: str | None) -> None:
        values = self._numbers(values)
        self._log = bool(
            values.min() > 0 and _skewness(values) > 3 > abs(_skewness(np.log(values)))
        )
        values = np.log(values) if self._log else values
        self._mean = float(values.mean())
        self._scale = float(values.std()) or 1.0
        # Far beyond what was seen the exponential is no prediction.
        self._lowest, self._highest = float(values.min()), float(values.max())
        self._smear = 1.0

    def _numbers(self, values: Array) -> Array:
        if values.dtype.kind == "f":
            return values
        found = _columns._read_text(values) if values.dtype == object else values
        if found.dtype.kind != "f":
            example = next((str(v) for v in values.tolist() if v is not None), "")
            raise ValueError(
                "`y` must be numbers; a Classifier learns classes. "
                f"Received: {example!r:.60}"
            )
        return found

    def _encode_target(self, values: Array) -> Array:
        values = self._numbers(values)
        if self._log:
            if values.min() <= 0:
                raise ValueError(
                    "`y` must be positive, as in training. "
                    f"Received: {values.min()} in row {int(np.argmin(values))}"
                )
            values = np.log(values)
        return ((values - self._mean) / self._scale)[:, None].astype(np.float32)

    def _groups(self, y: Array) -> Array:
        ranks = np.argsort(np.argsort(y, kind="stable"), kind="stable")
        found: Array = ranks * 10 // max(1, len(y))
        return found

    def _head(self) -> tuple[int, str, str]:
        return 1, "linear", "mse"

    def _match_means(self, rows: Rows) -> None:
        self._smear = 1.0
        if self._log:
            # The exponential of a mean logarithm is too low for a mean.
            out = self.model_.predict(rows.x, verbose=0).astype(float)
            mean = np.average(self._decoded(rows.y), weights=rows.weights)
            found = np.average(self._values(out), weights=rows.weights)
            self._smear = float(mean / found)

    def _decoded(self, y: Array) -> Array:
        """Targets from what the network is given."""
        values: Array = y[:, 0].astype(float) * self._scale + self._mean
        return np.exp(values) if self._log else values

    def _values(self, out: Array) -> Array:
        """Predictions from what the network answers."""
        values: Array = out[:, 0] * self._scale + self._mean
        if not self._log:
            return values
        margin = 0.1 * (self._highest - self._lowest)
        values = values.clip(self._lowest - margin, self._highest + margin)
        return np.exp(values) * self._smear

    def _answers(self, out: Array) -> dict[str, Array]:
        return {self.target_: self._values(out)}

    def _scores(self, out: Array, values: Array) -> dict[str, float]:
        return _regression_scores(self._numbers(values), self._values(out))

    def _held_out_scores(self, held: Rows) -> dict[str, float]:
        out = self.model_.predict(held.x, verbose=0).astype(float)
        return _regression_scores(self._decoded(held.y), self._values(out))

    def _target_config(self) -> dict[str, Any]:
        return {
            "log": self._log,
            "mean": self._mean,
            "scale": self._scale,
            "smear": self._smear,
            "lowest": self._lowest,
            "highest": self._highest,
        }

    def _set_target(self, config: Any) -> None:
        words = {"log", "mean", "scale", "smear", "lowest", "highest"}
        if not isinstance(config, dict) or set(config) != words:
            raise ValueError(
                f"`target_config` must have {', '.join(sorted(words))}. "
                f"Received: {config!r:.200}"
            )
        self._log = _checks.boolean("log", config["log"])
        self._mean = _checks.real("mean", config["mean"])
        self._scale = _checks.real("scale", config["scale"], above=0)
        self._smear = _checks.real("smear", config["smear"], above=0)
        self._lowest = _checks.real("lowest", config["lowest"])
        self._highest = _checks.real("highest", config["highest"])

    def _target_note(self) -> str:
        if self._log:
            low, high = math.exp(self._lowest), math.exp(self._highest)
            return f"number from {low:.6g} to {high:.6g}, skewed: its logarithm, scaled"
        return f"number from {self._lowest:.6g} to {self._highest:.6g}, scaled"


def _skewness(values: Array) -> float:
    z = values - values.mean()
    spread = float(np.sqrt((z**2).mean()))
    return float((z**3).mean() / spread**3) if spread else 0.0


def _regression_scores(values: Array, found: Array) -> dict[str, float]:
    error = found - values
    spread = float(((values - values.mean()) ** 2).sum())
    return {
        "r2": 1 - float((error**2).sum()) / spread if spread else math.nan,
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
    }
