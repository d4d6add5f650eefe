"""`Classifier`: labels and probabilities from a table as it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.tabular import _columns, _frames
from nncore.tabular._base import Tabular
from nncore.tabular._rows import Rows

Array = NDArray[Any]


class Classifier(Tabular):
    """Learns to tell classes apart from a table as it is.

    Numbers of any scale, booleans, texts, pandas's categories, dates, missing values
    and columns that say nothing are recognised and dealt with; `summary` says how. The
    network is chosen by the number of rows, and trained with AdamW and a falling rate
    until rows held out are answered best; then, for less than 20,000 rows, once more
    as long on all of them.

    Args:
        hidden: units of each hidden layer; None: two layers of 128 units, or of 256
            from 1,000 rows on.
        activation: of the hidden layers.
        dropout: share of units dropped; None: 0.3 below 2,000 rows, else 0.2.
        learning_rate: at the start; it falls to 0 along half a cosine.
        weight_decay: of AdamW.
        batch_size: rows per update; None: 32 to 256, by the number of rows.
        epochs: most epochs; None: as many as make 6,000 updates, from 20 to 400.
        intervals: of numbers, for the piecewise-linear part; 0: none.
        categories: names of columns whose numbers are names of something: of shops, of
            areas by their postal codes.
        validation_fraction: share of the rows held out; 0: none, all epochs are run.
        refit: train once more on all rows; None: below 20,000 rows.
        seed: integer from which everything random follows; None: see
            `nncore.utils.set_random_seed`.
        threads: most threads to use.
        verbose: as for `Sequential.fit`.

    Attributes:
        classes_: the labels in order.
        columns_: what became of each column.
        model_: the `Sequential` behind it.
        history_: the `History` of the training with held-out rows.
        held_out_scores_: dict of scores on them.
        held_out_rows_: their number.
        target_: name of the target.

    Example:
        >>> from nncore import tabular
        >>> rows = {
        ...     "size": [1.0, 2.0, None, 4.0, 5.0, 6.0] * 10,
        ...     "colour": ["red", "blue", "red", "blue", "red", None] * 10,
        ...     "big": ["no", "no", "no", "yes", "yes", "yes"] * 10,
        ... }
        >>> model = tabular.Classifier(seed=1, epochs=40).fit(rows, "big")
        >>> answers = model.predict({"size": [1.5, 5.5], "colour": ["green", "red"]})
        >>> answers["big"].tolist(), list(answers)
        (['no', 'yes'], ['big', 'p(no)', 'p(yes)'])
    """

    kind = "classifier"

    def _learn_target(self, values: Array, name: str | None) -> None:
        if values.dtype.kind == "M":
            raise ValueError("`y` must be classes. Received: dates")
        labels = _as_array(sorted(set(values.tolist())))
        if len(labels) < 2:
            raise ValueError(
                f"`y` must have at least two classes. Received: {labels.tolist()}"
            )
        if labels.dtype.kind != "U":
            if len(labels) > max(20, math.sqrt(len(values))):
                raise ValueError(
                    "`y` must be classes; a Regressor learns numbers. "
                    f"Received: {len(labels)} different numbers in {len(values)} rows"
                )
            if self._is_boolean:
                labels = labels.astype(bool)
            elif (labels == labels.round()).all():
                labels = _frames.integers([int(label) for label in labels.tolist()])
        if len(values) >= 20 and len(labels) > len(values) / 2:
            which = "" if name is None else f"column {name!r} with "
            raise ValueError(
                "`y` must be classes that come more than once. Received: "
                f"{which}{len(labels)} different values in {len(values)} rows"
            )
        self.classes_ = labels

    def _encode_target(self, values: Array) -> Array:
        if self.classes_.dtype.kind == "U":
            values = _columns._as_text(values)
        places = {label: k for k, label in enumerate(self.classes_.tolist())}
        codes = [places.get(value, -1) for value in values.tolist()]
        if -1 in codes:
            row = codes.index(-1)
            raise ValueError(
                f"`y` must be one of {self.classes_.tolist()!r:.200}. "
                f"Received: {values.tolist()[row]!r} in row {row}"
            )
        return np.array(codes, np.float32)[:, None]

    def _head(self) -> tuple[int, str, str]:
        if len(self.classes_) == 2:
            return 1, "sigmoid", "binary_crossentropy"
        return len(self.classes_), "softmax", "sparse_categorical_crossentropy"

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class.

        Args:
            X: rows, as for `predict`.

        Returns:
            Array (n, classes), columns as in `classes_`.
        """
        return self._chances(self._outputs(X)[0])

    def _chances(self, out: Array) -> Array:
        return np.hstack([1 - out, out]) if out.shape[1] == 1 else out

    def _answers(self, out: Array) -> dict[str, Array]:
        chances = self._chances(out)
        labels = self.classes_[chances.argmax(axis=1)]
        found = {
            self.target_: labels.astype(object) if labels.dtype.kind == "U" else labels
        }
        for k, label in enumerate(self.classes_.tolist()):
            found[f"p({label})"] = chances[:, k]
        return found

    def _scores(self, out: Array, values: Array) -> dict[str, float]:
        return self._measured(out, self._encode_target(values)[:, 0].astype(int))

    def _held_out_scores(self, held: Rows) -> dict[str, float]:
        out = self.model_.predict(held.x, verbose=0).astype(float)
        return self._measured(out, held.y[:, 0].astype(int))

    def _measured(self, out: Array, classes: Array) -> dict[str, float]:
        chances = self._chances(out)
        right = chances.argmax(axis=1) == classes
        sure = chances[np.arange(len(classes)), classes].clip(1e-15, 1)
        found = {
            "accuracy": float(right.mean()),
            "log_loss": float(-np.log(sure).mean()),
        }
        if chances.shape[1] == 2 and 0 < classes.sum() < len(classes):
            found["auc"] = _auc(classes, chances[:, 1])
        return found

    def _target_config(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist()}

    def _set_target(self, config: Any) -> None:
        classes = config.get("classes") if isinstance(config, dict) else None
        if (
            not isinstance(classes, list)
            or len(classes) < 2
            or len({type(c) for c in classes}) != 1
            or type(classes[0]) not in (str, bool, int, float)
        ):
            raise ValueError(
                "`classes` must be a list of strings or numbers. "
                f"Received: {classes!r:.200}"
            )
        self.classes_ = _as_array(classes)
        if len(np.unique(self.classes_)) < len(classes) or classes != sorted(classes):
            raise ValueError("`classes` must be in order. Received: others")

    def _target_note(self) -> str:
        labels = ", ".join(map(str, self.classes_.tolist()[:6]))
        more = ", ..." if len(self.classes_) > 6 else ""
        return f"{len(self.classes_)} classes: {labels}{more}"


def _as_array(labels: list[Any]) -> Array:
    return _frames.integers(labels) if type(labels[0]) is int else np.array(labels)


def _auc(classes: Array, score: Array) -> float:
    """Area under the ROC curve, ties counted by half."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse.ravel()]
    n = int(classes.sum())
    return float(
        (ranks[classes == 1].sum() - n * (n + 1) / 2) / (n * (len(classes) - n))
    )
