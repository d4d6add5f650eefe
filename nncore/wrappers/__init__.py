"""Models in scikit-learn's clothes, under the paths that Keras has or had.

`nncore.sklearn` has estimators that need no function to build a model; these are for
scripts that were written for Keras. `scikit_learn` is the module of Keras 1 and 2.
"""

from __future__ import annotations

from typing import Any

__all__ = ["SKLearnClassifier", "SKLearnRegressor"]


def __getattr__(name: str) -> Any:
    # Loaded when first used: scikit-learn takes a second.
    if name in __all__:
        from . import _keras_3

        return getattr(_keras_3, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
