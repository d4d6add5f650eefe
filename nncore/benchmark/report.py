"""What was measured, for a person: aligned plain text that fits 100 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .run import ratios, spread

WIDTH = 100


def machine_lines(found: dict[str, Any]) -> Iterator[str]:
    """The machine and the most it can do."""
    about = found["machine"]
    yield (
        f"{about['processor']}, {about['cpus']} CPUs, {about['isa']}; "
        f"Python {about['python']}, {about['compiler']}"
    )
    yield ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    yield ""
    yield "this CPU     float32 peak   float64 peak   reads, 256 KiB   reads, memory"
    yield "threads           GFLOP/s        GFLOP/s    each     GB/s            GB/s"
    for row in found["peaks"]:
        yield (
            f"{row['threads']:7}{row['float32'] / 1e9:18.1f}"
            f"{row['float64'] / 1e9:15.1f}{row['cached'] / 1e9:17.1f}"
            f"{row['memory'] / 1e9:16.1f}"
        )


def short(value: float) -> str:
    """Three significant digits without an exponent.

    Example:
        >>> short(0.2134), short(17.46), short(123456.0)
        ('0.213', '17.5', '123456')
    """
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if value < 1 else f"{value:#.3g}".rstrip(".")


def peak_of(found: dict[str, Any], dtype: str, team: int) -> float:
    """The measured peak of a team, in operations per second; in between: by share."""
    rows = found["peaks"]
    for row in rows:
        if row["threads"] >= team:
            return float(row[dtype] * team / row["threads"])
    return float(rows[-1][dtype])


def figures(found: dict[str, Any], case: dict[str, Any], result: Any) -> dict[str, Any]:
    """The figures of one contestant in one case, from its samples.

    Returns:
        `us/step` (with `low` and `high`, the spread over rounds), `rows/s`, `GFLOP/s`,
        `% of peak` of the threads used, `run` seconds of the statement, `ratio` to
        nncore with its spread, or empty if there are no samples.
    """
    if not result["samples"]:
        return {}
    scale = 1e6 * case["batch"] / result["rows"]
    middle, low, high = (scale * value for value in spread(result["samples"]))
    rows = 1e6 * case["batch"] / middle
    rate = rows * case["flops_per_row"]
    peak = peak_of(found, case["dtype"], result["team"] or 1)
    times = ratios(case, result["name"])
    return {
        "us/step": middle,
        "low": low,
        "high": high,
        "rows/s": rows,
        "GFLOP/s": rate / 1e9,
        "% of peak": 100 * rate / peak,
        "run": spread(result["samples"])[0],
        "ratio": spread(times) if times else None,
    }


HEAD = (
    f"  {'':12} {'threads':>7} {'µs/step':>9} {'10-90 %':>17} {'rows/s':>11} "
    f"{'GFLOP/s':>8} {'% peak':>6} {'nncore is':>18}"
)


def case_lines(found: dict[str, Any], case: dict[str, Any]) -> Iterator[str]:
    """One case: a row per contestant, then what needs saying about them."""
    yield f"{case['name']}: {case['title']}"
    step = {"train": "µs/step", "predict": "µs/call", "call": "µs/call"}[case["does"]]
    yield HEAD.replace("µs/step", step)
    notes = [case["published"]] if case["published"] else []
    for result in case["results"]:
        found_here = figures(found, case, result)
        name = result["name"]
        if not found_here:
            yield f"  {name:12} -  {result['error']}"[:WIDTH]
            continue
        ratio = found_here["ratio"]
        faster = ""
        if ratio and name != "nncore":
            faster = f"{short(ratio[0])}x ({short(ratio[1])}-{short(ratio[2])})"
        reads = name == "reading"
        spread_text = f"{short(found_here['low'])}-{short(found_here['high'])}"
        yield (
            f"  {name:12} {result['team']:7} {short(found_here['us/step']):>9} "
            f"{spread_text:>17} {found_here['rows/s']:11,.0f} "
            f"{'' if reads else short(found_here['GFLOP/s']):>8} "
            f"{'' if reads else format(found_here['% of peak'], '.1f'):>6} {faster:>18}"
        )
        if result["agrees"] is False:
            notes.append(f"{name}: computes something else: {result['checked'][:3]}")
        if result["note"]:
            notes.append(f"{name}: {result['note']}")
        if result["first"] > 20 * found_here["run"] and result["first"] > 0.2:
            notes.append(f"{name}: first run {result['first']:.1f} s, not counted")
    for note in notes:
        yield f"    {note}"
