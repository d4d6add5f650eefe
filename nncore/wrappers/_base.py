"""scikit-learn's base classes, or an error that says what to install."""

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
except ImportError as error:
    raise ImportError(
        "nncore.wrappers needs scikit-learn. Install it with `pip install scikit-learn`"
    ) from error

__all__ = ["BaseEstimator", "ClassifierMixin", "RegressorMixin"]
