"""Functions of arrays under Keras's names."""

from __future__ import annotations

import numpy as np
import pytest

from nncore import activations, backend, ops, utils

X = np.array([[1.0, -2.0], [3.0, 4.0]], np.float32)


@pytest.mark.parametrize("name", ops._NUMPYS.split())
def test_numpys_functions_are_numpys(name):
    assert getattr(ops, name) is getattr(np, name) is getattr(backend, name)
    assert name in dir(ops)


@pytest.mark.parametrize("name", ops._ACTIVATIONS.split())
def test_activations_are_ours(name):
    assert getattr(ops, name) is getattr(activations, name) is getattr(backend, name)


def test_metrics_of_keras_2_compute():
    K = backend
    rmse = K.sqrt(K.mean(K.square(X - 1), axis=-1, keepdims=True))
    np.testing.assert_allclose(rmse.ravel(), [4.5**0.5, 6.5**0.5], rtol=1e-6)
    assert K.sum(K.cast(K.greater(X, 0), "float32")) == 3
    assert K.cast(X, K.floatx()).dtype == np.float32
    np.testing.assert_array_equal(K.flatten(X), X.ravel())
    np.testing.assert_array_equal(K.batch_flatten(X[:, :, np.newaxis]), X)
    assert K.int_shape(X) == (2, 2) and K.eval(X).shape == K.shape(X)
    np.testing.assert_array_equal(K.pow(X, 2), X * X)
    np.testing.assert_array_equal(K.switch(X > 0, X, 0), np.maximum(X, 0))
    assert K.variable([1, 2]).dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(ops.l2_normalize(X, 1), axis=1), 1)
    np.testing.assert_array_equal(ops.one_hot([2, 0], 3, axis=0).T, np.eye(3)[[2, 0]])


@pytest.mark.parametrize("module", [ops, backend])
def test_what_is_not_there_is_an_attribute_error(module):
    for name in ("conv2d", "_private"):
        with pytest.raises(AttributeError, match=name):
            getattr(module, name)


def test_classes_of_keras_1():
    assert utils.np_utils.probas_to_classes(X).tolist() == [0, 1]
    assert utils.np_utils.probas_to_classes(X[:, :1]).tolist() == [[1], [1]]
