"""What becomes of each column: how it is recognised, learnt, encoded and written down.

A number is centred on its median, divided by its quartiles' distance and squeezed
smoothly into (-3, 3), z / sqrt(1 + (z / 3)^2), so that no value is wild; beside that
stands how far it has come through each of some intervals with equally many rows
(piecewise-linear encoding, Gorishniy et al. 2022), which lets a network bend where the
data lie. A category of few levels is one-hot over them, with one column for all others;
one of many is an index into a table of vectors that the network learns, which has one
for all others, too. A date becomes numbers: the time since the first, and where in the
year, week and day.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nncore import _checks

Array = NDArray[Any]

# More levels than that are embedded; Guo & Berkhahn 2016 have the idea.
_ONE_HOT = 32
_MOST_LEVELS = 1 << 20
# What intervals weigh beside the number: at full weight they are learnt by heart.
_PIECES = 0.1
_IS_DATE = re.compile(
    r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$"
)
_CYCLES = {
    "year": 365.2425,
    "week": 7.0,
    "day": 1.0,
}
_MICROSECONDS = 86_400e6


class CellError(ValueError):
    """A value that a column cannot have.

    Attributes:
        column: the column's name.
        row: the row, counted from 0.
    """

    def __init__(self, column: str, row: int, wanted: str, value: Any) -> None:
        """See the class."""
        super().__init__(
            f"Column {column!r} must hold {wanted}, as in training. "
            f"Received: {value!r:.60} in row {row}"
        )
        self.column, self.row, self.wanted, self.value = column, row, wanted, value


class Column:
    """One column of the table.

    Attributes:
        name: its name.
        width: how many numbers it becomes.
        vocabulary: how many vectors it has; 0: it becomes numbers, else an index.
        note: what was done, in words.
    """

    kind: ClassVar[str]
    vocabulary: int = 0
    _written: ClassVar[tuple[str, ...]]
    name: str
    width: int

    @property
    def note(self) -> str:
        """What was done to it, in words."""
        raise NotImplementedError

    def encode(self, values: Array, out: Array) -> None:
        """Write the inputs for some rows into `out` [n][width]."""
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        """All of it, as JSON can say it."""
        written = {name: getattr(self, name) for name in self._written}
        return {"kind": self.kind, "name": self.name, **written}


class Number(Column):
    """A number, squeezed and piecewise-linear; booleans are 0 and 1."""

    kind = "number"
    _written = (
        "median",
        "scale",
        "edges",
        "has_missing",
        "was_text",
        "lowest",
        "highest",
    )

    def __init__(
        self,
        name: str,
        median: float,
        scale: float,
        edges: list[float],
        has_missing: bool,
        was_text: bool,
        lowest: float,
        highest: float,
    ) -> None:
        """See the class."""
        self.name = _checks.text("name", name)
        self.median = _checks.real("median", median)
        self.scale = _checks.real("scale", scale, above=0)
        self.edges = [_checks.real("edges", edge) for edge in edges]
        if any(b <= a for a, b in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError(f"`edges` must rise. Received: edges={edges!r:.200}")
        self.has_missing = _checks.boolean("has_missing", has_missing)
        self.was_text = _checks.boolean("was_text", was_text)
        self.lowest = _checks.real("lowest", lowest)
        self.highest = _checks.real("highest", highest)
        self.width = 1 + max(0, len(self.edges) - 1) + self.has_missing

    @classmethod
    def learnt(
        cls, name: str, values: Array, n_intervals: int, was_text: bool
    ) -> Number:
        """From float64 with NaN for missing; at least two different values."""
        known = values[np.isfinite(values)]
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        scale = high - low
        if scale <= 0:
            scale = (known.max() - known.min()) / 2
        distinct = np.unique(known)
        edges: list[float] = []
        if n_intervals > 1 and len(distinct) > 2:
            if len(distinct) > n_intervals:
                # Not from end to end: one wild value would take a whole interval.
                at = np.linspace(0.01, 0.99, n_intervals + 1)
                distinct = np.unique(np.quantile(known, at))
            # Two values so close that their distance is 0 in a division are one.
            apart = np.append(True, np.diff(distinct) > 1e-12 * np.abs(distinct[1:]))
            edges = distinct[apart].tolist()
        return cls(
            name,
            float(middle),
            float(scale) if scale > 0 and math.isfinite(scale) else 1.0,
            edges if len(edges) > 2 else [],
            bool(len(known) < len(values)),
            was_text,
            float(known.min()),
            float(known.max()),
        )

    @property
    def note(self) -> str:
        """What was done to it, in words."""
        words = f"number from {self.lowest:.6g} to {self.highest:.6g}"
        if self.edges:
            words += f", in {len(self.edges) - 1} intervals"
        return words + (", missing marked" if self.has_missing else "")

    def encode(self, values: Array, out: Array) -> None:
        """Write the inputs for some rows into `out` [n][width]."""
        values = _numbers(self.name, values)
        missing = ~np.isfinite(values)
        if missing.any():
            values = np.where(missing, self.median, values)
        with np.errstate(over="ignore"):
            z = ((values - self.median) / self.scale).clip(-1e150, 1e150)
            out[:, 0] = z / np.sqrt(1 + (z / 3) ** 2)
        n = len(self.edges) - 1
        if n > 0:
            low = np.array(self.edges[:-1])
            width = np.diff(self.edges)
            out[:, 1 : n + 1] = ((values[:, None] - low) / width).clip(0, 1)
            # From -1 to 1, so that its mean is near 0 where the rows are.
            out[:, 1 : n + 1] = _PIECES * (2 * out[:, 1 : n + 1] - 1)
        if self.has_missing:
            out[:, -1] = missing


class Levels(Column):
    """A category as the number of its level; the last is for all others."""

    _written = ("levels", "has_missing", "n_levels")

    def __init__(
        self, name: str, levels: list[str], has_missing: bool, n_levels: int
    ) -> None:
        """See the class."""
        self.name = _checks.text("name", name)
        if not all(isinstance(level, str) for level in levels):
            raise ValueError(
                f"`levels` must be strings. Received: levels={levels!r:.200}"
            )
        self.levels = list(levels)
        self.has_missing = _checks.boolean("has_missing", has_missing)
        self.n_levels = _checks.integer("n_levels", n_levels, 0)
        self._place: dict[str | None, int] = {s: k for k, s in enumerate(self.levels)}
        if len(self._place) != len(self.levels):
            raise ValueError("`levels` must be different. Received: one twice")
        if self.has_missing:
            self._place[None] = len(self.levels)
        self._count = len(self.levels) + self.has_missing + 1

    @property
    def note(self) -> str:
        """What was done to it, in words."""
        words = f"category with {self.n_levels} level{'s' * (self.n_levels != 1)}"
        if len(self.levels) < self.n_levels:
            words += f", the {len(self.levels)} common ones apart"
        return words + (", missing is one more" if self.has_missing else "")

    def _codes(self, values: Array) -> list[int]:
        # What was text when it was learnt may be read back as numbers.
        other = self._count - 1
        return [self._place.get(_text(v), other) for v in values.tolist()]


class Category(Levels):
    """A category of few levels: one-hot."""

    kind = "category"

    def __init__(
        self, name: str, levels: list[str], has_missing: bool, n_levels: int
    ) -> None:
        """See the class."""
        super().__init__(name, levels, has_missing, n_levels)
        self.width = self._count

    @classmethod
    def learnt(cls, name: str, values: Array) -> Levels:
        """From strings with None for missing; `Embedded` if there are many."""
        counts = Counter(values.tolist())
        has_missing = counts.pop(None, 0) > 0
        # A level of one row in many teaches nothing about its kind.
        least = 1 if len(values) < 100 else max(2, len(values) // 5000)
        if len(counts) > _ONE_HOT:
            least = 2
        common = [s for s, n in counts.most_common(_MOST_LEVELS) if n >= least]
        kind = Embedded if len(common) > _ONE_HOT else cls
        return kind(name, sorted(common), has_missing, len(counts))

    def encode(self, values: Array, out: Array) -> None:
        """Write the inputs for some rows into `out` [n][width]."""
        codes = self._codes(values)
        out[:] = 0
        out[np.arange(len(codes)), codes] = 1


class Embedded(Levels):
    """A category of many levels: an index into a table of vectors that are learnt."""

    kind = "embedded"
    width = 0

    def __init__(
        self, name: str, levels: list[str], has_missing: bool, n_levels: int
    ) -> None:
        """See the class."""
        super().__init__(name, levels, has_missing, n_levels)
        self.vocabulary = self._count

    @property
    def note(self) -> str:
        """What was done to it, in words."""
        return super().note + ", embedded"

    def encode(self, values: Array, out: Array) -> None:
        """Write the indices of some rows into `out` [n][1]."""
        out[:, 0] = self._codes(values)


class Date(Column):
    """A date: time since the first, and the place in those cycles that vary."""

    kind = "date"
    _written = ("first", "days", "cycles", "has_missing")

    def __init__(
        self, name: str, first: float, days: float, cycles: list[str], has_missing: bool
    ) -> None:
        """See the class."""
        self.name = _checks.text("name", name)
        self.first = _checks.real("first", first)
        self.days = _checks.real("days", days, above=0)
        if not set(cycles) <= set(_CYCLES):
            raise ValueError(
                f"`cycles` must be among {', '.join(_CYCLES)}. "
                f"Received: cycles={cycles!r:.200}"
            )
        self.cycles = list(cycles)
        self.has_missing = _checks.boolean("has_missing", has_missing)
        self.width = 1 + 2 * len(self.cycles) + self.has_missing

    @classmethod
    def learnt(cls, name: str, values: Array) -> Date:
        """From datetime64 with NaT for missing; at least two different ones."""
        days = _days(values)
        known = days[np.isfinite(days)]
        span = float(known.max() - known.min())
        cycles = []
        if span > 300:
            cycles.append("year")
        if len(np.unique(np.floor(known) % 7)) > 1:
            cycles.append("week")
        if len(np.unique(np.round(known % 1, 6))) > 1:
            cycles.append("day")
        return cls(name, float(known.min()), span, cycles, len(known) < len(days))

    @property
    def note(self) -> str:
        """What was done to it, in words."""
        first = np.datetime64(int(self.first * _MICROSECONDS), "us").astype("M8[D]")
        words = f"date from {first}, over {self.days:.4g} days"
        if self.cycles:
            words += f", place in the {', '.join(self.cycles)}"
        return words + (", missing marked" if self.has_missing else "")

    def encode(self, values: Array, out: Array) -> None:
        """Write the inputs for some rows into `out` [n][width]."""
        days = _days(_dates(self.name, values))
        missing = ~np.isfinite(days)
        days = np.where(missing, self.first + self.days / 2, days)
        out[:, 0] = ((days - self.first) / self.days * 2 - 1).clip(-3, 3)
        for k, cycle in enumerate(self.cycles):
            turn = 2 * np.pi * days / _CYCLES[cycle]
            out[:, 1 + 2 * k] = np.sin(turn)
            out[:, 2 + 2 * k] = np.cos(turn)
        out[missing, 1 : 1 + 2 * len(self.cycles)] = 0
        if self.has_missing:
            out[:, -1] = missing


class Dropped(Column):
    """A column that says nothing: one value only, or a name of its own in each row."""

    kind = "dropped"
    _written = ("why",)
    width = 0

    def __init__(self, name: str, why: str) -> None:
        """See the class."""
        self.name = _checks.text("name", name)
        self.why = _checks.text("why", why)

    @property
    def note(self) -> str:
        """What was done to it, in words."""
        return f"left out: {self.why}"

    def encode(self, values: Array, out: Array) -> None:
        """Nothing."""


_KINDS: dict[str, Any] = {
    kind.kind: kind for kind in (Number, Category, Embedded, Date, Dropped)
}


def learn(
    name: str, values: Array, n_intervals: int, is_category: bool = False
) -> Column:
    """Return what a column becomes.

    Args:
        name: of the column.
        values: float64, datetime64 or object, as `table_of` gives.
        n_intervals: of numbers.
        is_category: whether numbers are names of categories.
    """
    was_text = values.dtype == object
    if is_category and values.dtype.kind != "M":
        values = _as_text(values)
    elif was_text:
        values = _read_text(values)
    if values.dtype.kind == "f":
        known = values[np.isfinite(values)]
        if len(known) == 0 or known.min() == known.max():
            if 0 < len(known) < len(values):
                # Whether it is there is all it says.
                return Category.learnt(name, _as_text(values))
            return Dropped(name, "one value" if len(known) else "no value")
        return Number.learnt(name, values, n_intervals, was_text)
    if values.dtype.kind == "M":
        known = values[~np.isnat(values)]
        if len(known) == 0 or known.min() == known.max():
            return Dropped(name, "one date" if len(known) else "no date")
        return Date.learnt(name, values)
    distinct = {v for v in values.tolist() if v is not None}
    missing = any(v is None for v in values.tolist())
    if len(distinct) + missing < 2:
        return Dropped(name, "one value" if distinct else "no value")
    if len(distinct) == len(values) > 20:
        return Dropped(name, "another text in each row")
    return Category.learnt(name, values)


def from_config(config: Any) -> Column:
    """Return the column that `Column.config` wrote down.

    Raises:
        ValueError: it is not what was written.
    """
    if not isinstance(config, dict) or config.get("kind") not in _KINDS:
        raise ValueError(
            f"A column must have a `kind` among {', '.join(_KINDS)}. "
            f"Received: {config!r:.200}"
        )
    kind = _KINDS[config["kind"]]
    if set(config) != {"kind", "name", *kind._written}:
        raise ValueError(
            f"A {kind.kind} must have {', '.join(kind._written)}. "
            f"Received: {', '.join(map(str, config))!r:.200}"
        )
    lists = [k for k in ("edges", "levels", "cycles") if k in config]
    if any(not isinstance(config[k], list) for k in lists):
        raise ValueError(f"`{lists[0]}` must be a list. Received: {config!r:.200}")
    made: Column = kind(**{k: v for k, v in config.items() if k != "kind"})
    return made


def _text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if not isinstance(value, float):
        return str(value)
    return str(int(value)) if value.is_integer() else f"{value:.15g}"


def _as_text(values: Array) -> Array:
    found = np.empty(len(values), object)
    found[:] = [_text(v) for v in values.tolist()]
    return found


def _read_text(values: Array) -> Array:
    """Objects as numbers or dates, if all of them are."""
    known = [v for v in values.tolist() if v is not None]
    if not known:
        return values
    if _IS_DATE.match(str(known[0])) and all(map(_IS_DATE.match, known)):
        try:
            return _dates("", values)
        except CellError:
            # 0000-00-00 and 2024-02-30 look like dates.
            return values
    try:
        numbers = [math.nan if v is None else float(v) for v in values.tolist()]
    except ValueError:
        return values
    # "nan" and "inf" are words here.
    finite = all(math.isfinite(x) for x, v in zip(numbers, values, strict=True) if v)
    return np.array(numbers) if finite else values


def _numbers(name: str, values: Array) -> Array:
    if values.dtype.kind == "f":
        return values
    if values.dtype != object:
        raise ValueError(
            f"Column {name!r} must hold numbers, as in training. Received: dates"
        )
    found, unread = np.full(len(values), math.nan), []
    for row, value in enumerate(values.tolist()):
        if value is None:
            continue
        try:
            found[row] = float(value)
        except ValueError:
            unread.append(row)
    if unread:
        # True and False are texts only because of another value.
        others = (k for k in unread if values[k].lower() not in ("true", "false"))
        row = next(others, unread[0])
        raise CellError(name, row, "numbers", values[row])
    return found


def _dates(name: str, values: Array) -> Array:
    if values.dtype.kind == "M":
        return values
    found = np.full(len(values), "NaT", "datetime64[us]")
    for row, value in enumerate(values.tolist()):
        if value is None or value != value:
            continue
        try:
            found[row] = _instant(value)
        except (ValueError, TypeError):
            raise CellError(name, row, "dates", value) from None
    return found


def _instant(given: str) -> Any:
    moment = datetime.fromisoformat(given)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(moment, "us")


def _days(values: Array) -> Array:
    """Days since 1970; NaN for NaT."""
    days = values.astype("datetime64[us]").astype(np.int64) / _MICROSECONDS
    return np.where(np.isnat(values), math.nan, days)
