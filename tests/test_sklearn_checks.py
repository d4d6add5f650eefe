"""scikit-learn's own checks of its interface, all of them, none expected to fail."""

from __future__ import annotations

from typing import Any

import pytest

checks = pytest.importorskip("sklearn.utils.estimator_checks")
pytest.importorskip("nncore.sklearn")

from nncore.sklearn import MLPClassifier, MLPRegressor  # noqa: E402

SMALL: dict[str, Any] = {"max_iter": 100}


@pytest.mark.filterwarnings("ignore")  # about convergence, and of the checks themselves
@checks.parametrize_with_checks(
    [
        MLPClassifier(**SMALL),
        MLPClassifier(solver="lbfgs", **SMALL),
        MLPClassifier(scale_X=True, **SMALL),
        MLPRegressor(**SMALL),
        MLPRegressor(solver="lbfgs", **SMALL),
        MLPRegressor(scale_X=True, scale_y=True, **SMALL),
    ]
)
def test_the_checks_of_scikit_learn_pass(estimator, check):
    check(estimator)
