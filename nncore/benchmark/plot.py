"""A picture of what was measured: a roofline, and bars of every case."""

from __future__ import annotations

from typing import Any

from .report import figures, peak_of, short
from .run import ratios, spread

COLOURS = {
    "nncore": "#0b5394",
    "1 thread": "#6fa8dc",
    "bound": "#3d85c6",
    "reading": "#999999",
    "numpy": "#6aa84f",
    "torch": "#cc4125",
    "jax": "#8e63b0",
    "keras": "#e69138",
    "scikit-learn": "#b8860b",
    "onnxruntime": "#45818e",
    "ort bound": "#76a5af",
    "fann": "#a64d79",
}


def intensity(case: dict[str, Any]) -> float:
    """Operations for each byte that must move at least, whatever the caches do.

    A training step reads and writes parameters and optimizer state once and reads a
    batch; a prediction reads parameters and rows and writes outputs.
    """
    item = 4 if case["dtype"] == "float32" else 8
    slots = {"adam": 2, "momentum": 1, "sgd": 0}[case["optimizer"]]
    touched = 2 * (1 + slots) if case["does"] == "train" else 1
    edges = case["batch"] * (case["widths"][0] + case["widths"][-1])
    moved = item * (case["parameters"] * touched + edges)
    return float(case["batch"] * case["flops_per_row"] / moved)


def draw(found: dict[str, Any], path: str) -> None:
    """Write the picture to a file.

    Args:
        found: what `nncore bench --json` writes.
        path: where to; the ending chooses the format.

    Raises:
        ImportError: matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("`--plot` needs matplotlib: pip install matplotlib") from None
    cases = [c for c in found["cases"] if any(r["samples"] for r in c["results"])]
    columns = 3
    lines = -(-len(cases) // columns)
    heights = [5.5] + [
        0.9 + 0.27 * max(len(c["results"]) for c in cases[i * columns :][:columns])
        for i in range(lines)
    ]
    figure = Figure(figsize=(15, sum(heights) + 0.8), layout="constrained")
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    about = found["machine"]
    threads = found["options"]["threads"]
    figure.suptitle(
        f"nncore bench: {about['processor']}, {about['isa']}, "
        f"{threads} thread{'s' * (threads > 1)}",
        fontsize=14,
    )
    _roofline(figure.add_subplot(grid[0, :]), found, cases)
    for number, case in enumerate(cases):
        _bars(figure.add_subplot(grid[1 + number // columns, number % columns]), case)
    figure.savefig(path, dpi=90)


def _roofline(axes: Any, found: dict[str, Any], cases: list[dict[str, Any]]) -> None:
    """Rate against intensity, under what this CPU can do at most."""
    points = []
    for case in cases:
        result = next((r for r in case["results"] if r["name"] == "nncore"), None)
        of = figures(found, case, result) if result else {}
        if of and case["dtype"] == "float32":
            points.append((intensity(case), of["GFLOP/s"], case["name"], case["does"]))
    if not points:
        return
    left = min(p[0] for p in points) / 2
    right = max(p[0] for p in points) * 2
    rows = found["peaks"]
    for row, style in ((rows[0], "--"), (rows[-1], "-"))[: len(rows)]:
        peak = peak_of(found, "float32", row["threads"]) / 1e9
        words = f"{row['threads']} thread{'s' * (row['threads'] > 1)}"
        for kind, colour in (("cached", "#b45f06"), ("memory", "#7f6000")):
            rate = row[kind] / 1e9
            knee = peak / rate
            axes.plot(
                [left, knee, right],
                [left * rate, peak, peak],
                style,
                color=colour,
                linewidth=1.2,
                label=f"{words}: {peak:.0f} GFLOP/s, {kind} {rate:.0f} GB/s",
            )
    marks = {"train": "o", "predict": "s", "call": "^"}
    for does, mark in marks.items():
        some = [p for p in points if p[3] == does]
        if some:
            axes.plot(
                [p[0] for p in some],
                [p[1] for p in some],
                mark,
                color=COLOURS["nncore"],
                markersize=8,
                label=f"nncore, {does}",
            )
    for number, (x, y, name, _) in enumerate(sorted(points)):
        # Neighbours on the left and right write above and below themselves.
        place = (4, 8 if number % 2 else -15)
        axes.annotate(name, (x, y), textcoords="offset points", xytext=place)
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(left, right),
        ylim=(min(p[1] for p in points) / 3, peak_of(found, "float32", 1 << 16) / 4e8),
        xlabel="operations per byte that must move (parameters, their state, rows)",
        ylabel="GFLOP/s",
        title="What limits each case: sloping lines are bytes, flat ones arithmetic",
    )
    axes.grid(True, which="major", alpha=0.3)
    axes.legend(fontsize=9, loc="lower right")


def _bars(axes: Any, case: dict[str, Any]) -> None:
    """How many times nncore's time each contestant takes: shorter is faster."""
    names, values, words = [], [], []
    for result in case["results"]:
        times = ratios(case, result["name"])
        if not times:
            continue
        middle = spread(times)[0]
        scale = 1e6 * case["batch"] / result["rows"]
        names.append(result["name"])
        values.append(middle)
        time = scale * spread(result["samples"])[0]
        words.append(f" {short(time)} µs" if time < 1e3 else f" {short(time / 1e3)} ms")
    places = range(len(names))
    axes.barh(places, values, color=[COLOURS.get(name, "#666666") for name in names])
    axes.axvline(1, color="#222222", linewidth=0.8)
    low, high = min([*values, 1.0]), max([*values, 1.0])
    if high < 8:
        axes.set_xlim(0, 1.45 * high)
    else:
        axes.set_xscale("log")
        axes.set_xlim(low / 2, high * (high / low) ** 0.5 * 1.6)
        axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(places, names, fontsize=9)
    axes.invert_yaxis()
    for place, value, text in zip(places, values, words, strict=True):
        axes.text(
            value,
            place,
            text if value == 1 else f"{text}, {short(value)}x",
            va="center",
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    head, _, rest = case["title"].partition("; ")
    axes.set_title(f"{case['name']}: {head}\n{rest}", fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    step = "step" if case["does"] == "train" else "call"
    axes.set_xlabel(f"time of a {step}, as multiples of nncore's", fontsize=8)
