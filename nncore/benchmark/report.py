"""What was measured, for a person: aligned plain text that fits 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from .run import ratios, result_of, spread

WIDTH = 100


def short(value: float) -> str:
    """Three significant digits without an exponent.

    Example:
        >>> short(0.2134), short(17.46), short(123456.0)
        ('0.213', '17.5', '123456')
    """
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.3g}" if value < 1 else f"{value:#.3g}"


def times_faster(times: list[float]) -> str:
    """How many times as fast: the median, and the middle of what was seen in brackets.

    Example:
        >>> times_faster([2.0, 2.5, 3.0]), times_faster([0.0234, 0.0198, 0.0249])
        ('2.50x (2.10-2.90)', '0.023x (0.021-0.025)')
    """
    # Never more than three decimals: whoever is far behind must fit the column too.
    middle, low, high = (
        f"{value:.3f}" if value < 0.1 else short(value) for value in spread(times)
    )
    return f"{middle}x ({low}-{high})"


def wrapped(text: str, indent: str = "    ") -> list[str]:
    """A note in as many lines as it needs."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  "
    )


# ---- the machine -------------------------------------------------------------------


def machine_lines(found: dict[str, Any]) -> Iterator[str]:
    """The machine and the most it can do."""
    about = found["machine"]
    yield from wrapped(
        f"{about['processor']}, {about['cpus']} CPUs, {about['isa']}; "
        f"Python {about['python']}, {about['compiler']}",
        "",
    )
    yield ""
    yield f"{'':8}{'float32':>12}{'float64':>12}{'reads: caches':>16}{'memory':>12}"
    yield f"{'threads':8}{'GFLOP/s':>12}{'GFLOP/s':>12}{'GB/s':>16}{'GB/s':>12}"
    for row in found["peaks"]:
        yield (
            f"{row['threads']:<8}{row['float32'] / 1e9:12.1f}"
            f"{row['float64'] / 1e9:12.1f}{row['cached'] / 1e9:16.1f}"
            f"{row['memory'] / 1e9:12.1f}"
        )
    yield from wrapped(busy_words(found), "")


def busy_words(found: dict[str, Any]) -> str:
    """A warning where other work took the CPUs; empty where none is seen."""
    first, last = found["peaks"][0], found["peaks"][-1]
    share = last["float32"] / (first["float32"] * last["threads"] / first["threads"])
    if share > 0.7:
        return ""
    return (
        f"{last['threads']} threads together reach {100 * share:.0f} % of the sum of "
        "their peaks: they share cores, or other work is using this machine. In the "
        "latter case figures of several threads mean little."
    )


def peak_of(found: dict[str, Any], dtype: str, team: int) -> float:
    """The measured peak of a team, in operations per second; in between: by share."""
    rows = found["peaks"]
    for row in rows:
        if row["threads"] >= team:
            return float(row[dtype] * team / row["threads"])
    return float(rows[-1][dtype])


# ---- a case ------------------------------------------------------------------------


def figures(found: dict[str, Any], case: dict[str, Any], result: Any) -> dict[str, Any]:
    """The figures of one contestant in one case, from its samples.

    Returns:
        `us`, microseconds of a step or call, with `low` and `high`, the tenth and
        ninetieth percentile over rounds; `ms` of one run of the statement; `rows/s`;
        `GFLOP/s`; `% of peak` of the threads used. Empty if there are no samples.
    """
    if not result["samples"]:
        return {}
    scale = 1e6 * case["batch"] / result["rows"]
    middle, low, high = (scale * value for value in spread(result["samples"]))
    rows = 1e6 * case["batch"] / middle
    rate = rows * case["flops_per_row"]
    return {
        "us": middle,
        "low": low,
        "high": high,
        "ms": 1e3 * spread(result["samples"])[0],
        "rows/s": rows,
        "GFLOP/s": rate / 1e9,
        "% of peak": 100 * rate / peak_of(found, case["dtype"], result["team"] or 1),
    }


def case_lines(found: dict[str, Any], case: dict[str, Any]) -> Iterator[str]:
    """One case: a row per contestant, then what needs saying about them."""
    yield f"{case['name']}: {case['title']}"
    step = "µs/step" if case["does"] == "train" else "µs/call"
    yield (
        f"  {'':12} {'threads':>7} {step:>8} {'10-90 %':>15} {'rows/s':>13} "
        f"{'GFLOP/s':>8} {'% peak':>6} {'nncore is faster':>22}"
    )
    notes = [case["published"]] if case["published"] else []
    for result in case["results"]:
        name, of = result["name"], figures(found, case, result)
        if not of:
            yield f"  {name:12} {'-':>7}"
            notes.append(f"{name}: {result['error']}")
            continue
        times = ratios(case, name)
        faster = ""
        if times and name != "nncore":
            faster = times_faster(times)
        rate = "", ""
        if name != "reading":
            rate = short(of["GFLOP/s"]), f"{of['% of peak']:.1f}"
        between = f"{short(of['low'])}-{short(of['high'])}"
        yield (
            f"  {name:12} {result['team']:7} {short(of['us']):>8} {between:>15} "
            f"{of['rows/s']:13,.0f} {rate[0]:>8} {rate[1]:>6} {faster:>22}"
        )
        if result["agrees"] is False:
            seen = ", ".join(f"{value:.6g}" for value in result["checked"][:4])
            notes.append(f"{name}: NOT THE SAME WORK, it found {seen}")
        if result["note"]:
            notes.append(f"{name}: {result['note']}")
        if result["first"] > 0.2 and result["first"] > 20 * of["ms"] / 1e3:
            notes.append(f"{name}: first run {result['first']:.1f} s, not counted")
    for note in notes:
        yield from wrapped(note)


# ---- the rest ----------------------------------------------------------------------


def busy_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Single calls alone and beside a busy thread."""
    yield "one row of 2-16-1, each call timed, alone and beside a busy Python thread"
    yield f"  {'µs a call':12} {'alone':>10} {'99 %':>10} {'beside':>12} {'99 %':>12}"
    for row in rows:
        if "error" in row:
            yield f"  {row['name']:12} {'-':>10}"
            continue
        alone, beside = row["alone"], row["beside"]
        values = (alone["mean"], alone["p99"], beside["mean"], beside["p99"])
        cells = [short(1e6 * value) for value in values]
        yield (
            f"  {row['name']:12} {cells[0]:>10} {cells[1]:>10} {cells[2]:>12} "
            f"{cells[3]:>12}"
        )


def extra_lines(extras: dict[str, Any]) -> Iterator[str]:
    """Import time and memory."""
    middle, low, high = (short(1e3 * s) for s in spread(extras["import_seconds"]))
    yield f"import nncore, after numpy: {middle} ms ({low}-{high})"
    for key, words in (
        ("fit_memory", "fit on {rows:,} x {columns:,} float32"),
        ("predict_memory", "{calls:,} predict calls"),
    ):
        memory = extras.get(key)
        if memory and "error" in memory:
            yield f"{key}: {memory['error']}"
        elif memory:
            grown = memory["grown_bytes"] / 1e6
            yield f"{words.format(**memory)}: the process grows by {grown:.1f} MB"
    crowded = extras.get("crowding")
    if crowded and "error" in crowded:
        yield f"crowding: {crowded['error']}"
    elif crowded:
        for where, words in (
            ("alone", ""),
            ("busy", ", beside as many busy processes"),
        ):
            cells = [
                f"{short(spread(taken)[0])} with {threads}"
                for threads, taken in crowded[where].items()
            ]
            yield f"784-512-512-10, µs a step by threads{words}: {', '.join(cells)}"


# ---- goals -------------------------------------------------------------------------


def goals(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What was to be reached, beside what was.

    Returns:
        Dictionaries: `case`, `what` in words, `bound`, `is_most` (the bound is an upper
        one), `measured` (None: not measured) and `reached`.
    """
    rows = []
    by_name = {case["name"]: case for case in found["cases"]}
    for case in found["cases"]:
        for goal in case["goals"]:
            rows.append(_judged(case["name"], *_goal(found, by_name, case, goal)))
        if not any(goal["versus"] == "1 thread" for goal in case["goals"]):
            times = ratios(case, "1 thread")
            if times:
                words = "times as fast as 1 thread"
                value = spread(times)[0]
                rows.append(_judged(case["name"], words, 0.95, False, value))
    extras = found.get("extras", {})
    if extras.get("import_seconds"):
        value = 1e3 * spread(extras["import_seconds"])[0]
        rows.append(_judged("import", "ms after numpy", 15, True, value))
    memory = extras.get("fit_memory", {})
    if "grown_bytes" in memory:
        value, most = memory["grown_bytes"] / 1e6, memory["goal_bytes"] / 1e6
        rows.append(_judged("fit memory", "MB", most, True, value))
    memory = extras.get("predict_memory", {})
    if "grown_bytes" in memory:
        value = memory["grown_bytes"] / 1e6
        rows.append(_judged("predict memory", "MB", 0, True, value))
    for where in ("alone", "busy"):
        taken = list(extras.get("crowding", {}).get(where, {}).values())
        if taken:
            *right, crowded = (spread(times)[0] for times in taken)
            words = f"{where}: times the time of the best count"
            rows.append(_judged("2x threads", words, 1.5, True, crowded / min(right)))
    return rows


def _judged(
    name: str, words: str, bound: float, is_most: bool, value: float | None
) -> dict[str, Any]:
    """One row of `goals`."""
    reached = None
    if value is not None:
        reached = value <= bound if is_most else value >= bound
    return {
        "case": name,
        "what": words,
        "bound": bound,
        "is_most": is_most,
        "measured": value,
        "reached": reached,
    }


def _goal(
    found: dict[str, Any], by_name: dict[str, Any], case: dict[str, Any], goal: Any
) -> tuple[str, float, bool, float | None]:
    """Words, bound, whether it is an upper one, and the figure of one `Goal`."""
    figure, bound, versus, who = (
        goal[key] for key in ("figure", "bound", "versus", "who")
    )
    prefix = "" if who == "nncore" else f"{who}: "
    if figure == "times":
        times = ratios(case, versus, who)
        words = f"{prefix}times as fast as {versus}"
        return words, bound, False, spread(times)[0] if times else None
    result = result_of(case, who)
    of = figures(found, case, result) if result else {}
    if figure == "points":
        other = by_name.get(versus)
        theirs = result_of(other, who) if other else None
        value = None
        if of and other and theirs:
            value = of["% of peak"] - figures(found, other, theirs)["% of peak"]
        return f"points of % of peak above {versus}", bound, False, value
    step = "us a step" if case["does"] == "train" else "us a call"
    words = {"us": step, "ms": "ms a fit"}.get(figure, figure)
    return prefix + words, bound, figure in ("us", "ms"), of.get(figure)


def goal_lines(found: dict[str, Any]) -> Iterator[str]:
    """`goals` as a table."""
    rows = found["goals"]
    if not rows:
        return
    yield f"{'goals, for an idle machine with AVX-512':58}{'goal':>12}{'measured':>12}"
    for row in rows:
        sign = "<=" if row["is_most"] else ">="
        bound = f"{sign} {row['bound']:.4g}"
        value = "-" if row["measured"] is None else f"{row['measured']:.3g}"
        missed = "" if row["reached"] is not False else "   missed"
        yield f"{row['case']:16}{row['what']:42}{bound:>12}{value:>12}{missed}"
