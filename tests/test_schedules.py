"""Learning-rate schedules: formulas, use in training, what is saved of them."""

from __future__ import annotations

import numpy as np
import pytest

import nncore
from nncore import callbacks, optimizers
from nncore.layers import Dense
from nncore.optimizers import schedules

from .helpers import same_bits, tolerance

ALL = [
    schedules.ExponentialDecay(0.1, 10, 0.5),
    schedules.ExponentialDecay(0.1, 7, 0.9, staircase=True),
    schedules.InverseTimeDecay(0.1, 10, 0.5),
    schedules.InverseTimeDecay(0.1, 10, 0.5, staircase=True, name="mine"),
    schedules.PiecewiseConstantDecay([3, 8], [1.0, 0.5, 0.1]),
    schedules.PolynomialDecay(0.1, 25, 0.01, 0.5),
    schedules.PolynomialDecay(0.1, 25, 0.01, 2.0, cycle=True),
    schedules.CosineDecay(0.1, 33, 0.2),
    schedules.CosineDecay(0.01, 33, 0.2, warmup_target=0.3, warmup_steps=13),
    schedules.CosineDecayRestarts(0.1, 4),
    schedules.CosineDecayRestarts(0.1, 4, 1.0, 0.5),
    schedules.CosineDecayRestarts(0.1, 3, 3.0, 0.9, 0.1),
]
EACH = pytest.mark.parametrize("schedule", ALL, ids=repr)


class Mine(schedules.LearningRateSchedule):
    """One's own, in Python."""

    def __init__(self, start=0.1):
        self.start = start

    def __call__(self, step):
        return self.start / (1 + step) if step % 2 else self.start

    def get_config(self):
        return {"start": self.start}


@pytest.mark.parametrize(
    ("schedule", "printed"),
    [
        (ALL[0], (0.1, 0.0812252, 0.0707107, 0.0574349, 0.0406126)),
        (schedules.CosineDecay(0.1, 10), (0.1, 0.0793893, 0.05, 0.00954915, 0)),
        (ALL[9], (0.1, 0.0146447, 0.096194, 0.05, 0.0990393)),
        (ALL[4], (1, 1, 0.5, 0.5, 0.1)),
    ],
    ids=repr,
)
def test_rates_are_those_that_keras_prints(schedule, printed):
    rates = [schedule(step) for step in (0, 3, 5, 8, 13)]
    # Seven printed digits.
    np.testing.assert_allclose(rates, printed, rtol=0, atol=0.5e-7)


@EACH
def test_a_rate_does_not_depend_on_what_it_is_computed_with(schedule):
    together = schedule._rates(0, 300)
    assert same_bits(together, [schedule(step) for step in range(300)])
    parts = [schedule._rates(first, n) for first, n in ((0, 1), (1, 6), (7, 293))]
    assert same_bits(together, np.concatenate(parts))
    assert same_bits(schedule(np.arange(6).reshape(2, 3)), together[:6].reshape(2, 3))
    assert (together >= 0).all()


def test_waves_begin_where_they_must():
    for t_mul in (2.0, 3.0, 1.5, 1.1, 7.0):
        schedule = schedules.CosineDecayRestarts(0.1, 1000, t_mul)
        begin = 0.0
        for wave in range(6):
            begin += 1000 * t_mul**wave
            if begin == int(begin):
                assert schedule(begin) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (schedules.ExponentialDecay, {"decay_steps": 0}),
        (schedules.ExponentialDecay, {"decay_rate": -1}),
        (schedules.ExponentialDecay, {"staircase": 1}),
        (schedules.ExponentialDecay, {"initial_learning_rate": -0.1}),
        (schedules.ExponentialDecay, {"name": ""}),
        (schedules.InverseTimeDecay, {"decay_steps": -3}),
        (schedules.PolynomialDecay, {"decay_steps": "10"}),
        (schedules.PolynomialDecay, {"power": -1}),
        (schedules.PolynomialDecay, {"end_learning_rate": -1}),
        (schedules.CosineDecay, {"decay_steps": 0}),
        (schedules.CosineDecay, {"alpha": -1}),
        (schedules.CosineDecay, {"warmup_target": -1}),
        (schedules.CosineDecayRestarts, {"first_decay_steps": 0}),
        (schedules.CosineDecayRestarts, {"t_mul": 0.5}),
        (schedules.PiecewiseConstantDecay, {"boundaries": [1, 1], "values": [1, 1, 1]}),
        (schedules.PiecewiseConstantDecay, {"boundaries": 3, "values": [1, 1]}),
        (schedules.PiecewiseConstantDecay, {"values": [1], "boundaries": [3]}),
        (schedules.PiecewiseConstantDecay, {"values": [1, -1], "boundaries": [3]}),
    ],
    ids=str,
)
def test_arguments_are_checked(cls, words):
    defaults = {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5}
    if cls is schedules.PiecewiseConstantDecay:
        defaults = {}
    elif cls is schedules.CosineDecayRestarts:
        defaults = {"initial_learning_rate": 0.1, "first_decay_steps": 5}
    elif cls in (schedules.PolynomialDecay, schedules.CosineDecay):
        del defaults["decay_rate"]
    with pytest.raises(ValueError, match=f"`{next(iter(words))}` must"):
        cls(**{**defaults, **words})


# ---- In training ---------------------------------------------------------------------

X = np.random.default_rng(4).normal(size=(30, 3)).astype("float32")
Y = X.sum(axis=1)


def network(rate, **words):
    model = nncore.Sequential([Dense(4, "tanh", input_shape=(3,)), Dense(1)], seed=1)
    model.compile(optimizers.SGD(rate, **words), "mse")
    return model


@pytest.mark.parametrize("schedule", [*ALL, Mine()], ids=repr)
def test_every_batch_takes_its_rate(schedule):
    model, by_hand = network(schedule), network(0.5)
    model.fit(X, Y, batch_size=7, epochs=5, shuffle=False, verbose=0)
    step = 0
    for _ in range(5):
        for i in range(0, 30, 7):
            by_hand.optimizer.learning_rate = schedule(step)
            by_hand.train_on_batch(X[i : i + 7], Y[i : i + 7])
            step += 1
    for a, b in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        assert same_bits(a, b)
    assert model.optimizer.iterations == step
    assert model.optimizer.learning_rate == schedule(step)


def test_the_old_decay_is_inverse_time_decay():
    old = network(0.1, decay=0.05)
    new = network(schedules.InverseTimeDecay(0.1, 1, 0.05))
    for model in (old, new):
        model.fit(X, Y, batch_size=7, epochs=5, verbose=0)
    for a, b in zip(old.get_weights(), new.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance("float32", 100))
    with pytest.raises(ValueError, match="`decay` must be 0"):
        optimizers.SGD(schedules.CosineDecay(0.1, 5), decay=0.1)


def test_batches_without_an_update_count():
    schedule = schedules.PiecewiseConstantDecay([3], [0.0, 0.1])
    model = network(schedule, gradient_accumulation_steps=2)
    start = model.get_weights()
    for _ in range(5):
        model.train_on_batch(X, Y)
    assert same_bits(model.get_weights()[0], start[0])
    assert model.optimizer.iterations == 2
    model.train_on_batch(X, Y)
    assert not same_bits(model.get_weights()[0], start[0])


@pytest.mark.parametrize("bad", [-0.1, float("nan"), "0.1", None], ids=str)
def test_a_rate_that_is_none_is_refused(bad):
    class Odd(schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1 if step < 4 else bad

    model = network(Odd())
    with pytest.raises(ValueError, match=r"Odd\(4\)` must be a finite number"):
        model.fit(X, Y, batch_size=7, epochs=2, verbose=0)


def test_ones_own_formula_of_a_schedule_counts():
    class Twice(schedules.CosineDecay):
        def __call__(self, step):
            return 2 * super().__call__(step)

    assert Twice(0.1, 10)._rates(0, 3)[0] == 0.2


def test_a_schedule_without_a_call_is_refused():
    with pytest.raises(NotImplementedError, match="__call__"):
        network(schedules.LearningRateSchedule()).fit(X, Y, verbose=0)


def test_a_number_cannot_take_the_place_of_a_schedule():
    model = network(schedules.CosineDecay(0.1, 10))
    with pytest.raises(TypeError, match="must not be set where it is a schedule"):
        model.optimizer.learning_rate = 0.1
    model.optimizer.learning_rate = schedules.CosineDecay(0.5, 10)
    assert model.optimizer.learning_rate == 0.5
    number = network(0.1)
    number.optimizer.learning_rate = schedules.CosineDecay(0.5, 10)
    assert number.optimizer.lr == 0.5


def test_callbacks_that_set_the_rate_refuse_a_schedule():
    for callback in (
        callbacks.LearningRateScheduler(lambda epoch: 0.1),
        callbacks.ReduceLROnPlateau("loss"),
    ):
        with pytest.raises(TypeError):
            network(schedules.CosineDecay(0.1, 10)).fit(
                X, Y, verbose=0, callbacks=callback
            )


# ---- Saved ---------------------------------------------------------------------------


@EACH
def test_configurations_go_round(schedule):
    again = schedules.deserialize(schedules.serialize(schedule))
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()
    assert same_bits(again._rates(0, 50), schedule._rates(0, 50))


@pytest.mark.parametrize("ending", [".nnc", ".keras", ".h5"])
@EACH
def test_a_training_with_a_schedule_goes_on_from_a_file(schedule, ending, tmp_path):
    model = network(schedule)
    model.fit(X, Y, batch_size=7, epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / f"m{ending}")
    loaded = nncore.load_model(tmp_path / f"m{ending}")
    assert repr(loaded.optimizer) == repr(model.optimizer)
    for each in (model, loaded):
        each.fit(X, Y, batch_size=7, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert same_bits(a, b)


def test_ones_own_schedule_is_saved_by_its_configuration(tmp_path):
    model = network(Mine(0.25))
    model.save(tmp_path / "m.nnc")
    with pytest.raises(nncore.saving.ModelFileError, match="Mine"):
        nncore.load_model(tmp_path / "m.nnc")
    loaded = nncore.load_model(tmp_path / "m.nnc", custom_objects={"Mine": Mine})
    assert loaded.optimizer.learning_rate == 0.25

    class Silent(schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1

    with pytest.raises(NotImplementedError, match="get_config"):
        network(Silent()).save(tmp_path / "s.nnc")


def test_a_schedule_that_nobody_knows_is_an_error():
    with pytest.raises(ValueError, match="CosineDecay"):
        schedules.deserialize({"class_name": "CosineDeca", "config": {}})
