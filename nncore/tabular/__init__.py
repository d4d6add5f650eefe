"""A frame as it is, in; answers with labels and probabilities, out.

`Classifier` and `Regressor` learn what to do with each column (`_columns`), train a
network on the numbers that come of it (`_estimators`), and keep both in one ".nnc"
file, which `load` reads. What a frame is, is known in `_frames`.
"""

from __future__ import annotations

from nncore.tabular._estimators import Classifier, Regressor, load

__all__ = ["Classifier", "Regressor", "load"]
