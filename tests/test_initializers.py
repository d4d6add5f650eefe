"""Starting weights: moments, limits, seeds, shapes, and the stream's exact bits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncore import _random, initializers, layers, models, regularizers

RANDOM = [
    *(initializers.RandomUniform, initializers.RandomNormal),
    *(initializers.TruncatedNormal, initializers.VarianceScaling),
    *(initializers.GlorotUniform, initializers.GlorotNormal),
    *(initializers.HeUniform, initializers.HeNormal),
    *(initializers.LecunUniform, initializers.LecunNormal, initializers.Orthogonal),
]
SHAPE = (300, 100)


def test_the_stream_keeps_its_bits():
    stream = [x.hex() for x in _random.Stream(20, 3).uniform(3)]
    assert stream == [
        "0x1.d884812aeb5adp-1",
        "0x1.6ba75ed441f38p-1",
        "0x1.0ae12d4ad6b2cp-3",
    ]
    normal = [x.hex() for x in _random.Stream(20, 3).normal(4)]
    assert normal == [
        "0x1.b6031adbeef43p-2",
        "0x1.b3907509e4c67p-3",
        "-0x1.da5dbeb473dedp-1",
        "-0x1.52bd9aecc3566p-2",
    ]
    assert _random.derive(20, 3, 1) == 1458856144701211815


@pytest.mark.parametrize("draw", ["uniform", "normal", "truncated_normal"])
@given(n=st.integers(0, 300), m=st.integers(0, 3000))
@settings(max_examples=30)
def test_a_longer_draw_begins_with_the_shorter_one(draw, n, m):
    short, long = (getattr(_random.Stream(5), draw)(k) for k in sorted((n, m)))
    assert [len(short), len(long)] == sorted((n, m))
    np.testing.assert_array_equal(long[: len(short)], short)


def test_streams_of_other_index_or_seed_are_others():
    draws = {
        _random.Stream(seed, index).uniform(1)[0]
        for seed in (0, 1, 2**64 - 1)
        for index in (0, 1, 2**64 - 1)
    }
    assert len(draws) == 9


def test_the_logarithm_is_right_to_the_last_bits():
    x = np.concatenate([_random.Stream(1).uniform(10_000)[1:], [1e-300, 1 - 2**-53]])
    error = np.abs(_random._log(x) - np.log(x)) / np.spacing(np.abs(np.log(x)))
    assert error.max() <= 4


def test_normal_numbers_have_the_moments_of_their_distribution():
    z = _random.Stream(3).normal(100_000)
    # Each bound is five standard deviations of the mean that it bounds.
    deviations = {1: 1, 2: math.sqrt(2), 3: math.sqrt(15), 4: math.sqrt(96)}
    for power, moment in {1: 0, 2: 1, 3: 0, 4: 3}.items():
        bound = 5 * deviations[power] / math.sqrt(z.size)
        assert abs((z**power).mean() - moment) < bound
    assert abs((z[::2] * z[1::2]).mean()) < 5 / math.sqrt(z.size / 2)


@pytest.mark.parametrize(
    ("name", "variance", "limit"),
    [
        ("glorot_uniform", 2 / 400, math.sqrt(6 / 400)),
        ("glorot_normal", 2 / 400, 2 * math.sqrt(2 / 400) / 0.87962566103423978),
        ("he_uniform", 2 / 300, math.sqrt(6 / 300)),
        ("he_normal", 2 / 300, 2 * math.sqrt(2 / 300) / 0.87962566103423978),
        ("lecun_uniform", 1 / 300, math.sqrt(3 / 300)),
        ("lecun_normal", 1 / 300, 2 * math.sqrt(1 / 300) / 0.87962566103423978),
        ("random_uniform", 0.1**2 / 12, 0.05),
        ("random_normal", 0.05**2, math.inf),
        ("truncated_normal", (0.05 * 0.87962566103423978) ** 2, 0.1),
    ],
)
def test_values_have_the_variance_and_limit_of_their_formula(name, variance, limit):
    w = initializers.get(name)._sample(SHAPE, _random.Stream(11))
    assert abs(w.mean()) < 5 * math.sqrt(variance / w.size)
    # The variance of w^2 is at most 2 variance^2: normal has the most of the three.
    assert abs(w.var() - variance) < 5 * variance * math.sqrt(2 / w.size)
    assert np.abs(w).max() <= limit
    assert limit == math.inf or np.abs(w).max() > 0.98 * limit


def test_variance_scaling_knows_its_modes():
    for mode, fan in {"fan_in": 300, "fan_out": 100, "fan_avg": 200}.items():
        for distribution in initializers._DISTRIBUTIONS:
            init = initializers.VarianceScaling(1.0, mode, distribution, seed=1)
            w = init._sample(SHAPE, _random.Stream(0))
            assert abs(w.var() * fan - 1) < 5 * math.sqrt(2 / w.size)


def test_normal_is_another_word_for_truncated_normal():
    init = initializers.VarianceScaling(distribution="normal")
    assert init.distribution == "truncated_normal"


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (1, 7), (7, 1)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape):
    q = initializers.Orthogonal(gain=2.0)._sample(shape, _random.Stream(1)) / 2
    gram = q.T @ q if shape[0] >= shape[1] else q @ q.T
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-14)


def test_identity_and_constants_are_what_they_say():
    np.testing.assert_array_equal(initializers.Identity(3.0)((2, 3)), 3 * np.eye(2, 3))
    np.testing.assert_array_equal(initializers.Constant(2)((3,)), [2, 2, 2])
    np.testing.assert_array_equal(initializers.Ones()((2, 1)), [[1], [1]])
    np.testing.assert_array_equal(initializers.Zeros()(2), [0, 0])


@pytest.mark.parametrize("cls", RANDOM)
def test_a_seed_repeats_the_values(cls):
    init = cls(seed=4)
    np.testing.assert_array_equal(init((4, 3)), init((4, 3)))
    np.testing.assert_array_equal(init((4, 3)), cls(seed=4)((4, 3)))
    assert (init((4, 3)) != cls(seed=5)((4, 3))).any()


@pytest.mark.parametrize("cls", RANDOM)
def test_an_instance_without_a_seed_keeps_the_values_of_its_first_call(cls):
    init = cls()
    np.testing.assert_array_equal(init((4, 3)), init((4, 3)))
    assert (init((4, 3)) != cls()((4, 3))).any()


@pytest.mark.parametrize("cls", RANDOM)
def test_a_configuration_makes_the_same_initializer(cls):
    init = cls(seed=4)
    again = cls.from_config(init.get_config())
    np.testing.assert_array_equal(init((4, 3)), again((4, 3)))


@pytest.mark.parametrize("asked", ["float32", "float64", np.float32])
def test_the_dtype_asked_for_is_given(asked):
    assert initializers.HeNormal()((2, 2), asked).dtype == np.dtype(asked)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,), ()])
def test_empty_shapes_and_scalars_are_shapes(shape):
    assert initializers.GlorotUniform()(shape).shape == shape


@pytest.mark.parametrize(
    "call",
    [
        lambda: initializers.RandomNormal(stddev=-1),
        lambda: initializers.RandomNormal(mean="0"),
        lambda: initializers.RandomUniform(1, 0),
        lambda: initializers.Constant(math.nan),
        lambda: initializers.Constant(True),
        lambda: initializers.VarianceScaling(0),
        lambda: initializers.VarianceScaling(mode="fan"),
        lambda: initializers.VarianceScaling(distribution="cauchy"),
        lambda: initializers.GlorotUniform(seed=-1),
        lambda: initializers.GlorotUniform(seed=1.5),
        lambda: initializers.GlorotUniform()((2, -1)),
        lambda: initializers.GlorotUniform()((2, 2.5)),
        lambda: initializers.GlorotUniform()((2, 2), "float16"),
        lambda: initializers.Identity()((3,)),
        lambda: initializers.Orthogonal()((3,)),
        lambda: initializers.get(["a"]),
        lambda: initializers.get([math.inf])((1,)),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ValueError, match=r"must|make"):
        call()


def test_two_layers_of_one_model_start_differently():
    model = models.Sequential([layers.Dense(4, input_dim=4), layers.Dense(4)])
    first, second = model.get_weights()[::2]
    assert (first != second).all()


def test_a_shared_unseeded_instance_still_gives_two_layers_different_weights():
    init = initializers.GlorotUniform()
    model = models.Sequential(
        [
            layers.Dense(4, input_dim=4, kernel_initializer=init),
            layers.Dense(4, kernel_initializer=init),
        ]
    )
    assert (model.get_weights()[0] != model.get_weights()[2]).all()


def test_an_own_seed_wins_over_the_models():
    def kernel(seed):
        layer = layers.Dense(
            4, input_dim=4, kernel_initializer=initializers.HeNormal(seed=3)
        )
        return models.Sequential([layer], seed=seed).get_weights()[0]

    np.testing.assert_array_equal(kernel(1), kernel(2))


@pytest.mark.parametrize(
    "function",
    [
        lambda shape, dtype=None: np.full(shape, 2.0, dtype),
        lambda shape, dtype: np.full(shape, 2.0, dtype),
        lambda shape, kind: np.full(shape, 2.0, kind),
        lambda shape: np.full(shape, 2.0),
        lambda shape, **words: np.full(shape, 2.0, **words),
        lambda shape, name=None: np.full(shape, 2.0),
    ],
)
def test_a_function_of_ones_own_gives_starting_values(function):
    layer = layers.Dense(3, input_dim=2, kernel_initializer=function)
    model = models.Sequential([layer])
    np.testing.assert_array_equal(model.get_weights()[0], np.full((2, 3), 2.0))


def test_a_class_of_ones_own_gives_starting_values():
    class Halves(initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return np.full(shape, 0.5, dtype)

    model = models.Sequential([layers.Dense(3, "relu", True, Halves(), input_dim=2)])
    np.testing.assert_array_equal(model.get_weights()[0], np.full((2, 3), 0.5))


@pytest.mark.parametrize(
    "result", [np.zeros((2, 2)), 0.0, np.full((2, 3), "a"), np.full((2, 3), np.nan)]
)
def test_a_function_that_gives_something_else_is_refused(result):
    with pytest.raises(ValueError, match="An initializer must give"):
        models.Sequential(
            [layers.Dense(3, input_dim=2, kernel_initializer=lambda shape: result)]
        ).get_weights()


def test_an_array_is_its_own_starting_value_and_is_copied():
    values = np.arange(6.0).reshape(2, 3)
    layer = layers.Dense(3, input_dim=2, kernel_initializer=values)
    values[:] = 0
    model = models.Sequential([layer])
    np.testing.assert_array_equal(model.get_weights()[0], [[0, 1, 2], [3, 4, 5]])
    again = layers.Dense.from_config(layer.get_config() | {"name": "again"})
    model = models.Sequential([again])
    np.testing.assert_array_equal(model.get_weights()[0], [[0, 1, 2], [3, 4, 5]])


def test_a_function_cannot_be_written_down():
    with pytest.raises(ValueError, match="cannot be written down"):
        initializers.get(lambda shape: np.ones(shape)).get_config()


@pytest.mark.parametrize("name", ["l1", "l2", "l1_l2", "L1L2", "L2"])
def test_regularizers_have_both_factors(name):
    found = regularizers.get(name)
    assert found.l1 >= 0 and found.l2 >= 0
    assert found([3.0, -4.0]) == pytest.approx(7 * found.l1 + 25 * found.l2)


@pytest.mark.parametrize("factor", [-0.1, math.inf, math.nan, "a", None, True])
def test_regularizers_refuse_other_factors(factor):
    for cls in (regularizers.L1, regularizers.L2, regularizers.L1L2):
        with pytest.raises(ValueError, match="must be a finite number of at least 0"):
            cls(factor)
