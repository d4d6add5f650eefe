"""Pictures of a training, a network and its predictions, one call each.

Needs matplotlib (`pip install matplotlib`), imported when the first picture is drawn.
Every function takes `ax=`, an Axes to draw on, makes a figure of its own without it,
and returns the Axes (an array of them where there are several panels), so that titles,
limits and `ax.figure.savefig` stay the caller's. Nothing is shown: that is
`plt.show()`'s, or the notebook's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nncore.models import Sequential

    Array = NDArray[Any]

__all__ = [
    "activations",
    "calibration",
    "confusion_matrix",
    "decision_regions",
    "history",
    "network",
    "residuals",
    "roc",
    "weights",
]

# Okabe and Ito's colours, which colour-blind people can tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
_GREY = "#777777"
_DIVERGING = "RdBu_r"
_EDGES = 4000


def history(
    history: Any, keys: str | Sequence[str] | None = None, *, ax: Any = None
) -> Any:
    """Draw what a training reported: a curve per quantity, validation beside it.

    The best epoch of the validation curve is marked: the lowest loss or error, the
    highest of a metric that is better when larger.

    Args:
        history: the `History` that `fit` returned, its `history` dict, or a model.
        keys: which quantities, without "val_"; None: all. With `ax`, the first one
            alone unless they are named, all on that Axes.
        ax: an Axes, or None for a new figure with a panel per quantity.

    Returns:
        The Axes; an array of them if there are several panels.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: there is no such quantity, or nothing was recorded.

    Example:
        >>> from nncore import plot
        >>> ax = plot.history({"loss": [3.0, 2.0, 1.5], "val_loss": [3.0, 2.5, 2.6]})
        >>> ax.get_xlabel(), [line.get_label() for line in ax.get_lines()][:2]
        ('epoch', ['training', 'validation'])
    """
    found, first = _curves(history)
    known = [key for key in found if not key.startswith("val_")]
    if keys is None:
        chosen = known if ax is None else known[:1]
    else:
        chosen = [keys] if isinstance(keys, str) else list(keys)
    unknown = [key for key in chosen if key not in known]
    if unknown or not chosen:
        raise ValueError(
            f"`keys` must be among {', '.join(known) or 'what was recorded: nothing'}. "
            f"Received: {', '.join(map(repr, unknown)) or 'a training without epochs'}"
        )
    panels = _panels(ax, len(chosen) if ax is None else 1, (5.2, 3.6))
    for i, key in enumerate(chosen):
        panel = panels[i if ax is None else 0]
        alone = len(panels) > 1 or len(chosen) == 1
        _draw_curves(panel, key, found, first, alone=alone, colour=_COLOURS[i % 7])
    return panels[0] if len(panels) == 1 else panels


def _curves(history: Any) -> tuple[Mapping[str, Sequence[float]], int]:
    """Values by key, and the number of the first epoch."""
    if isinstance(history, Mapping):
        return history, 1
    record = history
    if hasattr(record, "fit"):
        record = record.history
        if record is None:
            raise ValueError("The model must be trained. Received: one without `fit`")
    values: Mapping[str, Sequence[float]] = record.history
    return values, (record.epoch[0] if record.epoch else 0) + 1


def _draw_curves(
    ax: Any,
    key: str,
    found: Mapping[str, Sequence[float]],
    first: int,
    *,
    alone: bool,
    colour: str,
) -> None:
    values = np.asarray(found[key], float)
    epochs = np.arange(first, first + len(values))
    few = {"marker": "o", "markersize": 3} if len(values) <= 30 else {}
    name = key.replace("_", " ")
    colour = _COLOURS[0] if alone else colour
    ax.plot(epochs, values, color=colour, label="training" if alone else name, **few)
    held = np.asarray(found.get(f"val_{key}", ()), float)
    if len(held):
        # Validation may follow only some of the epochs, the last of each group.
        at = epochs if len(held) == len(values) else _spread(epochs, len(held))
        label = "validation" if alone else f"{name}, validation"
        second = _COLOURS[1] if alone else colour
        ax.plot(
            at, held, color=second, label=label, linestyle="-" if alone else "--", **few
        )
        if np.isfinite(held).any():
            best = int(np.nanargmax(held) if _rises(key) else np.nanargmin(held))
            ax.plot(at[best], held[best], "o", color=second, markerfacecolor="white")
            ax.annotate(
                f"{held[best]:.4g}",
                (at[best], held[best]),
                xytext=(0, -14 if _rises(key) else 7),
                textcoords="offset points",
                ha="center",
                color=second,
                fontsize="small",
            )
    both = np.concatenate([values, held])
    both = both[np.isfinite(both)]
    if len(both) and both.min() > 0 and both.max() > 100 * both.min():
        ax.set_yscale("log")
    ax.set(xlabel="epoch", ylabel=name if alone else "")
    _tidy(ax)
    if len(held) or not alone:
        ax.legend(frameon=False)


def _spread(epochs: Array, n: int) -> Array:
    ends: Array = epochs[np.linspace(0, len(epochs), n + 1).astype(int)[1:] - 1]
    return ends


def _rises(key: str) -> bool:
    """Whether larger is better."""
    return any(word in key for word in ("acc", "auc", "precision", "recall", "r2"))


def decision_regions(
    model: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    labels: Sequence[Any] | None = None,
    resolution: int = 240,
    ax: Any = None,
) -> Any:
    """Draw what a network of two inputs answers everywhere around some points.

    The darker, the surer; the line is where the answer changes.

    Args:
        model: takes rows of two numbers: a `Sequential`, or anything with
            `predict_proba` or `predict`. One output is the probability of the second
            class, several are those of as many classes.
        X: points (n, 2).
        y: their classes: numbers, labels or one-hot rows; None: draw the points grey.
        labels: names of the classes.
        resolution: points of the grid along each side.
        ax: an Axes, or None.

    Returns:
        The Axes.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: `X` has not two columns.

    Example:
        >>> import numpy as np
        >>> from nncore import plot
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(1, activation="sigmoid", input_dim=2)])
        >>> ax = plot.decision_regions(model, np.eye(2), [0, 1])
        >>> ax.get_xlabel()
        '$x_1$'
    """
    names = getattr(X, "columns", None)
    points = np.asarray(X, float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"`X` must be points (n, 2). Received: shape {np.shape(points)}"
        )
    ax = _panels(ax, 1, (5.2, 4.4))[0]
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, 0.08 * (high - low), 0.5)
    low, high = low - margin, high + margin
    sides = [np.linspace(low[i], high[i], resolution) for i in (0, 1)]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    out = _answers(model)(grid)
    n_classes = max(2, out.shape[1])
    if out.shape[1] == 1:
        out = np.hstack([1 - out, out])
    chances = out.clip(0, 1).reshape(resolution, resolution, n_classes)
    winner = chances.argmax(axis=-1)
    sure = np.take_along_axis(chances, winner[..., None], -1)[..., 0]
    # From white, where it is a toss-up, to the colour of the class.
    weight = 0.08 + 0.34 * ((sure - 1 / n_classes) / (1 - 1 / n_classes)).clip(0, 1)
    colours = np.array([_rgb(_COLOURS[k % 7]) for k in range(n_classes)])
    image = 1 - weight[..., None] * (1 - colours[winner])
    ax.imshow(
        image,
        extent=(low[0], high[0], low[1], high[1]),
        origin="lower",
        aspect="auto",
        interpolation="bilinear",
    )
    for k in range(n_classes if n_classes > 2 else 1):
        others = np.delete(chances, k, axis=-1).max(axis=-1)
        gap = chances[..., k] - others
        if gap.min() < 0 < gap.max():
            ax.contour(*sides, gap, levels=[0], colors="#333333", linewidths=1)
    _scatter_classes(ax, points, y, labels, model)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ax.set_xlabel("$x_1$" if names is None else str(names[0]))
    ax.set_ylabel("$x_2$" if names is None else str(names[1]))
    return ax


def _answers(model: Any) -> Callable[[Array], Array]:
    """A function from points to outputs (n, columns)."""
    if hasattr(model, "predict_proba"):
        method = model.predict_proba
    else:
        method = model.predict if hasattr(model, "predict") else model

    def answers(points: Array) -> Array:
        out = np.asarray(method(points), float)
        return out.reshape(len(points), -1)

    return answers


def _scatter_classes(ax: Any, points: Array, y: Any, labels: Any, model: Any) -> None:
    size = float(np.clip(6000 / len(points), 7, 32))
    style = {"s": size, "edgecolors": "white", "linewidths": 0.4 if size > 10 else 0.2}
    if y is None:
        ax.scatter(*points.T, color=_GREY, **style)
        return
    values = np.asarray(y)
    if values.ndim == 2:
        values = values.argmax(axis=1) if values.shape[1] > 1 else values[:, 0]
    classes = getattr(model, "classes_", None)
    classes = np.unique(values) if classes is None else classes
    for k, label in enumerate(classes):
        name = label if labels is None else labels[k]
        if isinstance(name, (float, np.floating)) and float(name).is_integer():
            name = int(name)
        chosen = points[values == label]
        ax.scatter(*chosen.T, color=_COLOURS[k % 7], label=str(name), **style)
    ax.legend(loc="upper right", framealpha=0.9, markerscale=max(1, 5 / size**0.5))


def weights(model: Sequential, *, max_layers: int = 8, ax: Any = None) -> Any:
    """Draw each kernel as a picture, all with one scale: red above 0, blue below.

    Args:
        model: a built `Sequential`.
        max_layers: how many kernels to draw, from the first.
        ax: one Axes for each kernel, or None.

    Returns:
        The Axes; an array of them if there are several kernels.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: the model has no kernels.

    Example:
        >>> from nncore import plot
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> axes = plot.weights(Sequential([Dense(8, input_dim=4), Dense(1)]))
        >>> len(axes)
        2
    """
    kernels = _kernels(model)[:max_layers]
    panels = _panels(ax, len(kernels), (2.9, 3.4))
    limit = max(float(np.abs(kernel).max()) for _, kernel in kernels) or 1.0
    for panel, (name, kernel) in zip(panels, kernels, strict=True):
        image = panel.imshow(
            kernel, cmap=_DIVERGING, vmin=-limit, vmax=limit, aspect="auto"
        )
        panel.set_title(f"{name}  {kernel.shape[0]} × {kernel.shape[1]}", fontsize=10)
        panel.set_xlabel("unit")
        _whole_ticks(panel)
    panels[0].set_ylabel("input")
    panels[0].figure.colorbar(image, ax=list(panels), shrink=0.85, pad=0.02)
    return panels[0] if len(panels) == 1 else panels


def activations(model: Sequential, X: ArrayLike, *, ax: Any = None) -> Any:
    """Draw how the outputs of each layer are spread over some rows.

    A layer whose outputs are nearly all the same number learns little: relu units that
    are 0 for every row ("dead") are counted in the title, tanh and sigmoid outputs at
    their ends show as bars at the borders.

    Args:
        model: a built `Sequential`.
        X: rows (n, columns).
        ax: one Axes for each layer with an output of its own, or None.

    Returns:
        The Axes; an array of them if there are several layers.

    Raises:
        ImportError: matplotlib is missing.

    Example:
        >>> import numpy as np
        >>> from nncore import plot
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(8, "relu", input_dim=2), Dense(1, "sigmoid")])
        >>> len(plot.activations(model, np.eye(2)))
        2
    """
    outputs = _layer_outputs(model, X)
    panels = _panels(ax, len(outputs), (2.9, 2.8))
    for i, (panel, (name, out)) in enumerate(zip(panels, outputs, strict=True)):
        flat = out.ravel().astype(float)
        panel.hist(
            flat, bins=40, color=_COLOURS[0], weights=np.full(len(flat), 1 / len(flat))
        )
        title = name
        dead = int((out == 0).all(axis=0).sum())
        if dead:
            title += f": {dead} of {out.shape[1]} dead"
        panel.set_title(title, fontsize=10, color=_COLOURS[1] if dead else "black")
        panel.set_xlabel("output")
        panel.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
        _tidy(panel)
        if i == 0:
            panel.set_ylabel("share of outputs")
    return panels[0] if len(panels) == 1 else panels


# Layers that change no number of a prediction.
_UNSEEN = (
    *("ActivityRegularization", "AlphaDropout", "Dropout", "Flatten", "Identity"),
    *("GaussianDropout", "GaussianNoise", "Reshape"),
)


def _layer_outputs(model: Sequential, X: ArrayLike) -> list[tuple[str, Array]]:
    """Name and outputs [n][units] of each layer that changes what it gets."""
    config = model.get_config()
    named = {layer.name: layer for layer in model.layers}
    found = []
    values: list[Array] = []
    for k, entry in enumerate(config["layers"]):
        layer = named.get(entry["config"]["name"])
        if layer is None:
            continue
        values += layer.get_weights()
        if type(layer).__name__ in _UNSEEN:
            continue
        part = type(model).from_config(config | {"layers": config["layers"][: k + 1]})
        part.set_weights(values)
        out = part.predict(X, verbose=0)
        found.append((layer.name, out.reshape(len(out), -1)))
    return found


def _kernels(model: Sequential) -> list[tuple[str, Array]]:
    found = [
        (layer.name, layer.get_weights()[0])
        for layer in model.layers
        if hasattr(layer, "kernel_initializer") and layer.get_weights()
    ]
    if not found:
        raise ValueError(
            "The model must be built and have a Dense layer. Received: "
            f"{model!r} without kernels"
        )
    return found


def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: Sequence[Any] | None = None,
    normalize: bool = False,
    ax: Any = None,
) -> Any:
    """Draw how often each class was taken for each.

    Args:
        y_true: classes (n,), or one-hot rows.
        y_pred: classes (n,), or rows of probabilities; one column means: above 0.5.
        labels: names of the classes in sorted order; None: the classes themselves.
        normalize: show shares of each true class instead of numbers.
        ax: an Axes, or None.

    Returns:
        The Axes; rows are true classes, columns are predicted ones.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: the lengths differ.

    Example:
        >>> from nncore import plot
        >>> ax = plot.confusion_matrix(["a", "b", "b"], ["a", "b", "a"])
        >>> [text.get_text() for text in ax.texts]
        ['1', '0', '1', '1']
    """
    wanted, found = _classes(y_true), _classes(y_pred)
    _same_length(wanted, found)
    classes = np.unique(np.concatenate([wanted, found]))
    if labels is not None and wanted.dtype.kind in "iub":
        classes = np.arange(len(labels))
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(
        counts, (np.searchsorted(classes, wanted), np.searchsorted(classes, found)), 1
    )
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(3.6, 0.55 * len(classes) + 1.4)
    ax = _panels(ax, 1, (side + 0.4, side))[0]
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(share):
        text = f"{100 * value:.0f} %" if normalize else str(counts[i, j])
        colour = (
            "white" if value > 0.55 else ("#BBBBBB" if not counts[i, j] else "#222")
        )
        ax.text(j, i, text, ha="center", va="center", color=colour)
    names = [str(name) for name in (classes if labels is None else labels)]
    ax.set_xticks(range(len(classes)), names, rotation=45 if len(max(names)) > 4 else 0)
    ax.set_yticks(range(len(classes)), names)
    right = float(np.trace(counts) / max(1, counts.sum()))
    ax.set(xlabel="predicted", ylabel="true", title=f"{100 * right:.1f} % right")
    for side_name in ax.spines:
        ax.spines[side_name].set_visible(False)
    ax.tick_params(length=0)
    return ax


def roc(
    y_true: ArrayLike, y_score: ArrayLike, *, label: str | None = None, ax: Any = None
) -> Any:
    """Draw true against false positives for every threshold.

    Args:
        y_true: 0 and 1, or two classes of which the larger is positive, (n,).
        y_score: probability or any score of the positive class, (n,) or (n, 1); with
            two columns the second one.
        label: name of the curve in the legend, before its area. Give `ax` to draw
            several curves.
        ax: an Axes, or None.

    Returns:
        The Axes.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: there are not two classes, or the lengths differ.

    Example:
        >>> from nncore import plot
        >>> ax = plot.roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        >>> ax.get_legend().get_texts()[0].get_text()
        'area 0.750'
    """
    positive, score = _positive(y_true, y_score)
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(positive[order])
    # A threshold lies between different scores only.
    last = np.append(np.diff(score[order]) != 0, True)
    true = np.append(0, hits[last]) / positive.sum()
    false = np.append(0, (np.arange(1, len(score) + 1) - hits)[last])
    false = false / (len(score) - positive.sum())
    area = float(np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2))
    ax = _panels(ax, 1, (4.6, 4.4))[0]
    colour = _COLOURS[len([x for x in ax.get_lines() if x.get_gid() == "roc"]) % 7]
    if not ax.get_lines():
        ax.plot([0, 1], [0, 1], "--", color=_GREY, linewidth=1)
    text = f"area {area:.3f}" if label is None else f"{label}, area {area:.3f}"
    ax.plot(false, true, color=colour, label=text, gid="roc", linewidth=1.8)
    ax.set(
        xlabel="false positives",
        ylabel="true positives",
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        aspect="equal",
    )
    _tidy(ax)
    ax.legend(loc="lower right", frameon=False)
    return ax


def calibration(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    bins: int = 10,
    label: str | None = None,
    ax: Any = None,
) -> Any:
    """Draw how often what is said to have a probability comes true.

    Rows are put into `bins` groups of equal size by their probability. A point on the
    diagonal keeps its word; the bar is plus and minus one standard error.

    Args:
        y_true: as for `roc`.
        y_score: probabilities, as for `roc`.
        bins: number of groups.
        label: name of the curve in the legend.
        ax: an Axes, or None.

    Returns:
        The Axes.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: as for `roc`, or a probability is not within 0 and 1.

    Example:
        >>> from nncore import plot
        >>> ax = plot.calibration([0, 1, 1, 1], [0.1, 0.6, 0.7, 0.9], bins=2)
        >>> ax.get_ylabel()
        'share that is positive'
    """
    positive, score = _positive(y_true, y_score)
    if score.min() < 0 or score.max() > 1:
        raise ValueError(
            "`y_score` must be probabilities. Received: values from "
            f"{score.min():g} to {score.max():g}"
        )
    groups = np.array_split(np.argsort(score, kind="stable"), min(bins, len(score)))
    said = np.array([score[rows].mean() for rows in groups])
    came = np.array([positive[rows].mean() for rows in groups])
    sizes = np.array([len(rows) for rows in groups])
    error = np.sqrt(came * (1 - came) / sizes)
    ax = _panels(ax, 1, (4.6, 4.4))[0]
    colour = _COLOURS[len(ax.containers) % 7]
    if not ax.get_lines():
        ax.plot([0, 1], [0, 1], "--", color=_GREY, linewidth=1)
    ax.errorbar(
        said,
        came,
        error,
        color=colour,
        marker="o",
        markersize=4,
        capsize=2,
        label=label,
    )
    brier = float(np.mean((score - positive) ** 2))
    ax.set(
        xlabel="predicted probability",
        ylabel="share that is positive",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        aspect="equal",
        title=f"Brier score {brier:.3f}" if label is None else "",
    )
    _tidy(ax)
    if label is not None:
        ax.legend(loc="upper left", frameon=False)
    return ax


def residuals(y_true: ArrayLike, y_pred: ArrayLike, *, ax: Any = None) -> Any:
    """Draw predictions against targets, and beside it how far off they are.

    Args:
        y_true: targets (n,) or (n, 1).
        y_pred: predictions, likewise.
        ax: two Axes, or None.

    Returns:
        Array of two Axes: predictions over targets, and the residuals' histogram.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: the lengths differ, or there are several columns.

    Example:
        >>> from nncore import plot
        >>> left, right = plot.residuals([1.0, 2.0, 3.0], [1.1, 1.9, 3.2])
        >>> right.get_xlabel()
        'predicted - true'
    """
    wanted, found = (_column(name, v) for name, v in _pair(y_true, y_pred))
    _same_length(wanted, found)
    panels = _panels(ax, 2, (4.4, 3.9))
    left, right = panels
    low = min(wanted.min(), found.min())
    high = max(wanted.max(), found.max())
    size = float(np.clip(6000 / len(wanted), 4, 30))
    left.plot([low, high], [low, high], "--", color=_GREY, linewidth=1)
    left.scatter(wanted, found, s=size, color=_COLOURS[0], alpha=0.6, linewidths=0)
    spread = float(((wanted - wanted.mean()) ** 2).sum())
    gap = found - wanted
    title = f"R² {1 - float((gap**2).sum()) / spread:.3f}" if spread else ""
    left.set(xlabel="true", ylabel="predicted", title=title)
    bins = min(50, max(5, math.isqrt(len(gap))))
    right.hist(gap, bins=bins, color=_COLOURS[0])
    right.axvline(0, color=_GREY, linestyle="--", linewidth=1)
    right.set(
        xlabel="predicted - true",
        ylabel="rows",
        title=f"mean {gap.mean():.3g}, mean |error| {np.abs(gap).mean():.3g}",
    )
    for panel in panels:
        _tidy(panel)
    return panels


def network(
    model: Sequential,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    max_units: int = 12,
    ax: Any = None,
) -> Any:
    """Draw the network: a circle per unit, a line per weight, thick where it is large.

    Red weights are above 0, blue ones below. Of wide layers the first and last units
    are drawn, with dots between them.

    Args:
        model: a built `Sequential`.
        inputs: names of the inputs; None: columns of the frame it was trained on.
        outputs: names of the outputs, or None.
        max_units: most circles in a column.
        ax: an Axes, or None.

    Returns:
        The Axes.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: the model has no kernels.

    Example:
        >>> from nncore import plot
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(4, "tanh", input_dim=2), Dense(1, "sigmoid")])
        >>> ax = plot.network(model)
        >>> [text.get_text().split() for text in ax.texts]
        [['input', '2'], ['tanh', '4'], ['sigmoid', '1']]
    """
    kernels = [kernel for _, kernel in _kernels(model)]
    sizes = [kernels[0].shape[0], *(kernel.shape[1] for kernel in kernels)]
    shown = [_shown_units(size, max_units) for size in sizes]
    tall = max(len(rows) for rows in shown)
    ax = _panels(ax, 1, (1.9 * len(sizes) + 1, max(2.4, 0.42 * tall + 1.1)))[0]
    places = [_places(rows, size) for rows, size in zip(shown, sizes, strict=True)]
    _draw_edges(ax, kernels, shown, places)
    words = _words(model, sizes)
    top = max(float(np.max(place)) for place in places) + 0.9
    for k, (rows, place) in enumerate(zip(shown, places, strict=True)):
        colour = _COLOURS[2] if k in (0, len(sizes) - 1) else _COLOURS[0]
        ax.scatter(
            np.full(len(place), k),
            place,
            s=110,
            color="white",
            edgecolors=colour,
            linewidths=1.6,
            zorder=3,
        )
        if len(rows) < sizes[k]:
            middle = (place[len(place) // 2 - 1] + place[len(place) // 2]) / 2
            for offset in (-0.3, 0.0, 0.3):
                ax.plot(k, middle + offset, ".", color=_GREY, markersize=4, zorder=3)
        ax.text(k, top, words[k], ha="center", va="bottom", fontsize=10)
    columns = getattr(model, "_columns", None)
    names = columns if inputs is None else inputs
    if names is not None and len(names) == sizes[0]:
        for row, y in zip(shown[0], places[0], strict=True):
            ax.text(-0.13, y, str(names[row]), ha="right", va="center", fontsize=9)
    if outputs is not None:
        for row, y in zip(shown[-1], places[-1], strict=True):
            ax.text(len(sizes) - 0.87, y, str(outputs[row]), va="center", fontsize=9)
    left = 0.16 * max((len(str(n)) for n in names), default=0) if names else 0.0
    ax.set(
        xlim=(-0.4 - min(1.6, left), len(sizes) - 0.5),
        ylim=(-top + 0.3, top + 1.1),
    )
    ax.axis("off")
    return ax


def _shown_units(size: int, most: int) -> list[int]:
    if size <= most:
        return list(range(size))
    half = max(1, (most - 1) // 2)
    return [*range(half), *range(size - half, size)]


def _places(rows: list[int], size: int) -> Array:
    """Heights of the circles, the first on top, with a gap where some are left out."""
    heights = -np.arange(len(rows), dtype=float)
    if len(rows) < size:
        heights[len(rows) // 2 :] -= 1.0
    centred: Array = heights - heights.mean()
    return centred


def _draw_edges(
    ax: Any, kernels: list[Array], shown: list[list[int]], places: list[Array]
) -> None:
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection

    for k, kernel in enumerate(kernels):
        part = kernel[np.ix_(shown[k], shown[k + 1])].astype(float)
        scale = float(np.abs(part).max()) or 1.0
        i, j = np.unravel_index(np.argsort(np.abs(part), axis=None), part.shape)
        i, j = i[-_EDGES:], j[-_EDGES:]
        strength = np.abs(part[i, j]) / scale
        colours = colormaps[_DIVERGING](0.5 + 0.5 * np.sign(part[i, j]) * 0.85)
        colours[:, 3] = 0.08 + 0.85 * strength
        ends = np.stack(
            [
                np.column_stack([np.full(len(i), k), places[k][i]]),
                np.column_stack([np.full(len(j), k + 1), places[k + 1][j]]),
            ],
            axis=1,
        )
        ax.add_collection(
            LineCollection(list(ends), colors=colours, linewidths=0.3 + 2.2 * strength)
        )


def _words(model: Sequential, sizes: list[int]) -> list[str]:
    """What stands above each column: activation and number of units."""
    words = []
    for layer in model.layers:
        activation = getattr(layer, "activation", None)
        name = "" if activation is None else activation.name
        if hasattr(layer, "kernel_initializer"):
            words.append(name)
        elif words and words[-1] in ("", "linear") and name:
            words[-1] = name
    return [f"{w}\n{n}" for w, n in zip(["input", *words], sizes, strict=True)]


# ---- shared --------------------------------------------------------------------------


def _panels(ax: Any, n: int, size: tuple[float, float]) -> Array:
    """`n` Axes: those given, or a row of new ones of `size` inches each."""
    if ax is not None:
        given = np.asarray(ax, dtype=object).ravel()
        if len(given) != n:
            raise ValueError(f"`ax` must be {n} Axes. Received: {len(given)}")
        return given
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError(
            "nncore.plot needs matplotlib: pip install matplotlib"
        ) from None
    columns = min(n, 4)
    lines = -(-n // columns)
    figure, axes = plt.subplots(
        lines,
        columns,
        figsize=(size[0] * columns, size[1] * lines),
        layout="constrained",
        squeeze=False,
    )
    flat: Array = axes.ravel()
    for panel in flat[n:]:
        figure.delaxes(panel)
    return flat[:n]


def _tidy(ax: Any) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color="#E6E6E6", linewidth=0.7)
    ax.set_axisbelow(True)


def _whole_ticks(ax: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


def _classes(values: ArrayLike) -> Array:
    """Classes (n,) from classes, one-hot rows or probabilities."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] > 1:
        found: Array = array.argmax(axis=1)
        return found
    array = array.ravel()
    if array.dtype.kind != "f":
        return array
    return array.astype(int) if (array == array.round()).all() else (array > 0.5) + 0


def _positive(y_true: ArrayLike, y_score: ArrayLike) -> tuple[Array, Array]:
    """Whether each row is positive, and its score."""
    values = np.asarray(y_true).ravel()
    score = np.asarray(y_score, float)
    score = score[:, 1] if score.ndim == 2 and score.shape[1] == 2 else score.ravel()
    _same_length(values, score)
    classes = np.unique(values)
    if len(classes) != 2:
        raise ValueError(
            "`y_true` must have two classes. "
            f"Received: {len(classes)}, {classes.tolist()!r:.100}"
        )
    return values == classes[1], score


def _pair(y_true: ArrayLike, y_pred: ArrayLike) -> list[tuple[str, ArrayLike]]:
    return [("y_true", y_true), ("y_pred", y_pred)]


def _column(name: str, values: ArrayLike) -> Array:
    array = np.asarray(values, float)
    if array.ndim > 1 and array.shape[1] != 1:
        raise ValueError(f"`{name}` must be one column. Received: shape {array.shape}")
    return array.ravel()


def _same_length(first: Array, second: Array) -> None:
    if len(first) != len(second):
        raise ValueError(
            "Targets and predictions must have the same length. "
            f"Received: {len(first)} and {len(second)}"
        )
