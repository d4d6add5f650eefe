"""Each picture is drawn in one call, shows its numbers, and returns the Axes."""

from __future__ import annotations

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from nncore import plot  # noqa: E402
from nncore.layers import Dense, Dropout, Input  # noqa: E402
from nncore.models import Sequential  # noqa: E402


@pytest.fixture(autouse=True)
def figures(monkeypatch):
    """No screen, and no figure left open."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()  # whatever is on it can be drawn
    plt.close("all")


def trained(n_out=2, **options):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((90, 2))
    y = np.eye(n_out)[rng.integers(0, n_out, 90)]
    model = Sequential(
        [
            Input((2,)),
            Dense(5, activation="relu"),
            Dropout(0.1),
            Dense(n_out, activation="softmax"),
        ],
        seed=1,
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=8, verbose=0, validation_split=0.3, **options)
    return model, x, y


def test_a_history_has_a_panel_per_quantity_with_validation():
    model, _, _ = trained()
    axes = plot.history(model.history)
    assert [ax.get_ylabel() for ax in axes] == ["loss", "accuracy"]
    for ax, key in zip(axes, ["loss", "accuracy"], strict=True):
        training, validation = ax.get_lines()[:2]
        recorded = model.history.history
        np.testing.assert_array_equal(training.get_xdata(), np.arange(1, 9))
        np.testing.assert_array_equal(training.get_ydata(), recorded[key])
        np.testing.assert_array_equal(validation.get_ydata(), recorded[f"val_{key}"])
    best = min(recorded["val_loss"])
    assert axes[0].texts[0].get_text() == f"{best:.4g}"
    assert axes[1].texts[0].get_text() == f"{max(recorded['val_accuracy']):.4g}"


def test_a_history_is_drawn_on_the_axes_given(figures):
    _, ax = figures.subplots()
    assert plot.history({"loss": [3.0, 2.0], "mae": [1.0, 1.0]}, ax=ax) is ax
    assert len(ax.get_lines()) == 1
    plot.history({"loss": [3.0, 2.0], "mae": [1.0, 1.0]}, ["loss", "mae"], ax=ax)
    assert len(ax.get_lines()) == 3
    assert len(figures.get_fignums()) == 1


def test_validation_of_every_other_epoch_stands_at_its_epochs():
    model, _, _ = trained(validation_freq=2)
    ax = plot.history(model, "loss")
    np.testing.assert_array_equal(ax.get_lines()[1].get_xdata(), [2, 4, 6, 8])


def test_a_loss_that_falls_far_is_drawn_to_a_logarithmic_scale():
    assert plot.history({"loss": [100.0, 0.1]}).get_yscale() == "log"
    assert plot.history({"loss": [2.0, 1.0]}).get_yscale() == "linear"
    assert plot.history({"loss": [2.0, np.nan]}).get_yscale() == "linear"


def test_a_quantity_that_was_not_recorded_is_named():
    with pytest.raises(ValueError, match=r"among loss\. Received: 'auc'"):
        plot.history({"loss": [1.0]}, "auc")
    with pytest.raises(ValueError, match="without epochs"):
        plot.history({})


@pytest.mark.parametrize("n_classes", [2, 3])
def test_decision_regions_show_what_the_model_answers(n_classes):
    model, x, y = trained(n_classes)
    ax = plot.decision_regions(model, x, y, labels=list("abc")[:n_classes])
    image = ax.get_images()[0]
    pixels = image.get_array()
    left, right, bottom, top = image.get_extent()
    points = np.array([[x, y] for x in (left, right) for y in (bottom, top)])
    corners = [pixels[0, 0], pixels[-1, 0], pixels[0, -1], pixels[-1, -1]]
    winners = model.predict(points).argmax(axis=1)
    for corner, winner in zip(corners, winners, strict=True):
        # The least of red, green and blue is what the class's colour has least of.
        colour = np.array(plot._rgb(plot._COLOURS[winner]))
        assert corner.argmin() == colour.argmin()
    drawn = [text.get_text() for text in ax.get_legend().get_texts()]
    assert drawn == list("abc")[:n_classes]


def test_decision_regions_take_one_output_and_estimators():
    x = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    model = Sequential([Dense(1, activation="sigmoid", input_dim=2)], seed=1)
    assert plot.decision_regions(model, x, [0, 1, 1]) is not None
    assert plot.decision_regions(lambda p: p.sum(axis=1) > 1, x) is not None
    with pytest.raises(ValueError, match=r"points \(n, 2\)"):
        plot.decision_regions(model, np.zeros((3, 4)))


def test_weights_are_drawn_to_one_scale_around_zero():
    model, _, _ = trained()
    axes = plot.weights(model)
    images = [ax.get_images()[0] for ax in axes]
    kernels = [w for w in model.get_weights() if w.ndim == 2]
    limit = max(np.abs(kernel).max() for kernel in kernels)
    for image, kernel in zip(images, kernels, strict=True):
        np.testing.assert_array_equal(image.get_array(), kernel)
        assert image.get_clim() == pytest.approx((-limit, limit))
    with pytest.raises(ValueError, match="without kernels"):
        plot.weights(Sequential([Dense(3)]))


def test_activations_are_those_of_each_layer_and_dead_units_are_counted():
    model, x, _ = trained()
    weights = model.get_weights()
    weights[0][:, 1] = 0
    weights[1][1] = -1
    model.set_weights(weights)
    axes = plot.activations(model, x)
    assert len(axes) == 2
    hidden = np.maximum(x.astype("float32") @ weights[0] + weights[1], 0)
    dead = (hidden == 0).all(axis=0).sum()
    assert f"{dead} of 5 dead" in axes[0].get_title()
    heights = [patch.get_height() for patch in axes[0].patches]
    assert sum(heights) == pytest.approx(1)


def test_a_confusion_matrix_counts():
    ax = plot.confusion_matrix([0, 0, 1, 2], [0, 1, 1, 1], labels=["a", "b", "c"])
    shown = [int(text.get_text()) for text in ax.texts]
    assert shown == [1, 1, 0, 0, 1, 0, 0, 1, 0]
    assert ax.get_title() == "50.0 % right"
    by_share = plot.confusion_matrix([0, 0, 1], [0, 1, 1], normalize=True)
    assert [t.get_text() for t in by_share.texts] == ["50 %", "50 %", "0 %", "100 %"]
    one_hot = plot.confusion_matrix(np.eye(2)[[0, 1]], [[0.4], [0.6]])
    assert [t.get_text() for t in one_hot.texts] == ["1", "0", "0", "1"]
    with pytest.raises(ValueError, match="same length"):
        plot.confusion_matrix([0, 1], [0])


def test_the_area_under_the_curve_is_that_of_scikit_learn(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    y = rng.integers(0, 2, 200)
    score = np.round(rng.random(200) + 0.3 * y, 1)  # with ties
    ax = plot.roc(y, score)
    wanted = metrics.roc_auc_score(y, score)
    assert ax.get_legend().get_texts()[0].get_text() == f"area {wanted:.3f}"
    plot.roc(y, -score, label="reversed", ax=ax)
    assert len(ax.get_legend().get_texts()) == 2
    with pytest.raises(ValueError, match="two classes"):
        plot.roc([1, 1], [0.1, 0.2])


def test_calibration_shows_means_of_equal_groups():
    said = np.repeat([0.1, 0.5, 0.9], 10)
    came = np.concatenate([np.eye(10)[0], np.arange(10) % 2, 1 - np.eye(10)[0]])
    ax = plot.calibration(came, np.column_stack([1 - said, said]), bins=3)
    points = ax.containers[0][0]
    np.testing.assert_allclose(points.get_xdata(), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(points.get_ydata(), [0.1, 0.5, 0.9])
    with pytest.raises(ValueError, match="must be probabilities"):
        plot.calibration([0, 1], [-1.0, 3.0])


def test_residuals_show_both_sides():
    left, right = plot.residuals([1.0, 2.0, 3.0], [[1.5], [2.0], [2.5]])
    assert left.get_title() == "R² 0.750"
    assert sum(patch.get_height() for patch in right.patches) == 3
    with pytest.raises(ValueError, match="one column"):
        plot.residuals(np.zeros((3, 2)), np.zeros((3, 2)))


def test_the_diagram_draws_every_weight_of_a_small_network():
    model, _, _ = trained()
    ax = plot.network(model, outputs=["no", "yes"])
    lines = sum(len(c.get_segments()) for c in ax.collections[:2])
    assert lines == 2 * 5 + 5 * 2
    words = [text.get_text() for text in ax.texts]
    assert words[:3] == ["input\n2", "relu\n5", "softmax\n2"]
    assert words[3:] == ["no", "yes"]


def test_the_diagram_of_a_wide_network_stays_small():
    model = Sequential([Dense(1000, "tanh", input_dim=500), Dense(1)])
    ax = plot.network(model)
    circles = [c for c in ax.collections if len(c.get_offsets()) > 1]
    assert max(len(c.get_offsets()) for c in circles) <= 12


def test_names_of_columns_stand_beside_the_inputs():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": [1.0, 2.0], "mass": [0.0, 1.0]})
    model = Sequential([Dense(1)])
    model.compile("sgd", "mse")
    model.fit(frame, [0, 1], verbose=0)
    words = [text.get_text() for text in plot.network(model).texts]
    assert {"age", "mass"} <= set(words)
