"""`plot_model`: the layers of a model as boxes in a file."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..models import Sequential


def plot_model(
    model: Sequential,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Any:
    r"""Draw the layers of a model as boxes, one below the other.

    `nncore.plot.network` draws units and weights instead.

    Args:
        model: a `Sequential`.
        to_file: where to write; the ending says the format: png, pdf, svg, or dot for
            the text that Graphviz takes.
        show_shapes: write the shapes of input and output into the boxes.
        show_dtype: write the dtype.
        show_layer_names: write the names of the layers.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: accepted for Keras's sake; no effect.
        dpi: dots per inch of a png.
        show_layer_activations: write the activations.
        show_trainable: write whether each layer is trained.

    Returns:
        In a notebook the picture, else None.

    Raises:
        ImportError: matplotlib is missing; not for dot.
        ValueError: `rankdir` is another, or shapes are asked for and not known.

    Example:
        >>> import os, tempfile
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(4, input_dim=2, name="a"), Dense(1, name="b")])
        >>> path = os.path.join(tempfile.mkdtemp(), "model.dot")
        >>> plot_model(model, path, show_shapes=True)
        >>> with open(path) as file:
        ...     print(file.read())
        digraph {
            rankdir=TB;
            node [shape=box];
            0 [label="InputLayer\n(None, 2)"];
            1 [label="Dense\n(None, 2) → (None, 4)"];
            2 [label="Dense\n(None, 4) → (None, 1)"];
            0 -> 1;
            1 -> 2;
        }
    """
    if rankdir not in ("TB", "LR"):
        raise ValueError(f"`rankdir` must be 'TB' or 'LR'. Received: {rankdir!r}")
    if show_shapes and not model.built:
        raise ValueError(
            "The model must be built for its shapes to be shown: call build or fit. "
            f"Received: model {model.name!r}, not built"
        )
    boxes = [["InputLayer"]]
    if show_shapes:
        boxes[0].append(str(model.input_shape))
    for layer in model.layers:
        name = type(layer).__name__
        lines = [f"{layer.name} ({name})" if show_layer_names else name]
        activation = getattr(layer, "activation", None)
        if show_layer_activations and activation is not None:
            lines.append(activation.name)
        if show_shapes:
            lines.append(f"{layer.input_shape} → {layer.output_shape}")
        if show_dtype:
            lines.append(model.dtype)
        if show_trainable:
            lines.append("trainable" if layer.trainable else "not trainable")
        boxes.append(lines)
    path = os.fspath(to_file)
    if path.endswith(".dot"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(_dot(boxes, rankdir))
        return None
    _draw(boxes, rankdir == "TB", path, dpi)
    if "IPython" in sys.modules and path.endswith(".png"):
        from IPython.display import Image

        return Image(filename=path)
    return None


def _dot(boxes: list[list[str]], rankdir: str) -> str:
    lines = [f"    rankdir={rankdir};", "    node [shape=box];"]
    for index, box in enumerate(boxes):
        label = "\\n".join(box).replace('"', '\\"')
        lines.append(f'    {index} [label="{label}"];')
    lines += [f"    {index} -> {index + 1};" for index in range(len(boxes) - 1)]
    return "\n".join(["digraph {", *lines, "}"])


def _draw(boxes: list[list[str]], downwards: bool, path: str, dpi: int) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "plot_model needs matplotlib: pip install matplotlib. A file that ends in "
            ".dot needs nothing"
        ) from error
    width = 0.09 * max(len(line) for box in boxes for line in box) + 0.4
    height = 0.22 * max(len(box) for box in boxes) + 0.2
    gap = 0.35
    n = len(boxes)
    size = [width, height]
    size[downwards] = n * size[downwards] + (n - 1) * gap
    figure = Figure(figsize=(size[0] + 0.2, size[1] + 0.2))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.1, size[0] + 0.1), ylim=(-0.1, size[1] + 0.1))
    axes.axis("off")
    arrow = {"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}
    for index, box in enumerate(boxes):
        if downwards:
            x, y = 0.0, size[1] - height - index * (height + gap)
            ends = ((width / 2, y), (width / 2, y - gap))
        else:
            x, y = index * (width + gap), 0.0
            ends = ((x + width, height / 2), (x + width + gap, height / 2))
        axes.add_patch(_rectangle(x, y, width, height))
        middle = (x + width / 2, y + height / 2)
        axes.text(*middle, "\n".join(box), ha="center", va="center", fontsize=9)
        if index < n - 1:
            axes.annotate("", ends[1], ends[0], arrowprops=arrow)
    figure.savefig(path, dpi=dpi)


def _rectangle(x: float, y: float, width: float, height: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, facecolor="white", edgecolor="black")
