"""A frame as it is, in; answers with labels and probabilities, out.

`Classifier` (`_classifier`) and `Regressor` (`_regressor`) learn what to do with each
column (`_columns`), train a network on the numbers that come of it and keep both in one
".nnc" file (`_base`), which `load` reads. What a frame is, is known in `_frames`; which
of its rows teach, in `_rows`.
"""

from __future__ import annotations

from nncore.tabular._classifier import Classifier
from nncore.tabular._load import load
from nncore.tabular._regressor import Regressor

__all__ = ["Classifier", "Regressor", "load"]
