"""The table that `Sequential.summary` prints: Keras 3's, in plain characters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

_MOST_COLUMNS = 88
_MORE_COLUMNS = 12  # for whether a layer is trainable
_POSITIONS = (0.45, 0.80, 1.0)  # where columns end


class Row(NamedTuple):
    """One layer: its name and class, output shape (None: unknown), parameter count."""

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int | None
    trainable: bool


class Box(NamedTuple):
    """Characters of a table: head edges top and bottom, row edges middle and bottom."""

    top: str  # left, line, joint, right
    head: str
    middle: str
    bottom: str
    head_bar: str
    bar: str


_LINES = Box("┏━┳┓", "┡━╇┩", "├─┼┤", "└─┴┘", "┃", "│")
_ASCII = Box("+-++", "+=++", "+-++", "+-++", "|", "|")


def format_size(size: int) -> str:
    """A number of bytes with its unit, as Keras prints it.

    Example:
        >>> format_size(260), format_size(1068), format_size(3 << 20)
        ('260.00 B', '1.04 KB', '3.00 MB')
    """
    amount = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024:
            return f"{amount:.2f} {unit}"
        amount /= 1024
    return f"{amount:.2f} TB"


def summary(
    name: str,
    rows: Sequence[Row],
    *,
    trainable: int,
    non_trainable: int,
    optimizer: int,
    itemsize: int,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    show_trainable: bool = False,
    ascii_only: bool = False,
) -> str:
    """The whole text.

    Args:
        name: of the model.
        rows: one per layer.
        trainable: number of trained parameters.
        non_trainable: number of the others.
        optimizer: numbers that the optimizer keeps; 0 leaves their line out.
        itemsize: bytes of one parameter.
        line_length: columns of the table; None: what the terminal has, at most 88, or
            100 with `show_trainable`.
        positions: shares of the line at which the columns end; None: 0.45, 0.8, 1.
        show_trainable: add a column that says Y or N.
        ascii_only: draw with + - | = instead of box characters.
    """
    if line_length is None:
        import shutil

        most = _MOST_COLUMNS + _MORE_COLUMNS * show_trainable
        line_length = min(shutil.get_terminal_size().columns - 4, most)
    heads = ["Layer (type)", "Output Shape", "Param #"]
    align = [str.ljust, str.ljust, str.rjust]
    cells = [
        [f"{row.name} ({row.kind})", _shape(row.shape), _count(row.parameters)]
        for row in rows
    ]
    if show_trainable:
        heads.append("Trainable")
        align.append(str.center)
        for row, line in zip(rows, cells, strict=True):
            line.append("-" if not row.parameters else "Y" if row.trainable else "N")
    if positions is None:
        positions = _POSITIONS
        if show_trainable:
            positions = [*(0.9 * end for end in positions), 1.0]
    widths = _widths(cells, line_length, positions)
    heads = [
        _short(head, width, "." if ascii_only else "…")
        for head, width in zip(heads, widths, strict=True)
    ]
    box = _ASCII if ascii_only else _LINES
    lines = [f'Model: "{name}"', _edge(box.top, widths)]
    lines += _text(heads, widths, align, box.head_bar)
    lines.append(_edge(box.head, widths))
    for index, line in enumerate(cells):
        if index:
            lines.append(_edge(box.middle, widths))
        lines += _text(line, widths, align, box.bar)
    lines.append(_edge(box.bottom, widths))
    total = trainable + non_trainable + optimizer
    totals = [
        ("Total", total),
        ("Trainable", trainable),
        ("Non-trainable", non_trainable),
    ]
    if optimizer:
        totals.append(("Optimizer", optimizer))
    lines += [
        f" {word} params: {count:,} ({format_size(count * itemsize)})"
        for word, count in totals
    ]
    return "\n".join(lines)


def html(name: str, rows: Sequence[Row]) -> str:
    """The table as notebooks show it.

    Example:
        >>> "<td>(None, 1)</td>" in html("m", [Row("d", "Dense", (1,), 3, True)])
        True
    """
    from html import escape

    lines = [
        f"<tr><td>{escape(row.name)}</td><td>{escape(row.kind)}</td>"
        f"<td>{_shape(row.shape)}</td>"
        f'<td style="text-align:right">{_count(row.parameters)}</td></tr>'
        for row in rows
    ]
    total = sum(row.parameters or 0 for row in rows)
    lines.append(
        f'<tr><th colspan="3">all</th><th style="text-align:right">{total:,}</th></tr>'
    )
    heads = "".join(
        f"<th>{head}</th>" for head in ("layer", "type", "output", "params")
    )
    return (
        f"<table><caption>Sequential <b>{escape(name)}</b></caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def emit(text: Callable[[bool], str], print_fn: Callable[[str], object] | None) -> None:
    """Print `text(ascii_only)` with `print_fn`, or on stdout as well as that can."""
    if print_fn is not None:
        print_fn(text(False))
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        "".join(_LINES.top + _LINES.head + _LINES.middle).encode(encoding)
        ascii_only = False
    except (LookupError, UnicodeEncodeError):
        ascii_only = True
    print(text(ascii_only))


def _shape(shape: tuple[int, ...] | None) -> str:
    return "?" if shape is None else f"({', '.join(['None', *map(str, shape)])})"


def _count(parameters: int | None) -> str:
    return "0 (unbuilt)" if parameters is None else f"{parameters:,}"


def _widths(
    cells: Iterable[Sequence[str]], line_length: int, positions: Sequence[float]
) -> list[int]:
    """Text columns of each table column; a border and two spaces surround each."""
    widths = []
    used = 0
    for end in positions:
        widths.append(int(end * line_length) - used)
        used += widths[-1]
    # Borders and spaces are taken from all columns alike, as Keras's tables do it.
    n = len(widths)
    left = 3 * n + 1
    for index in range(n):
        part = round(left / (n - index))
        widths[index] -= part
        left -= part
    widths = [max(width, 3) for width in widths]
    # Numbers are never broken; names and shapes wrap.
    widths[2] = max([widths[2], *(len(line[2]) for line in cells)])
    return widths


def _short(head: str, width: int, end: str) -> str:
    return head if len(head) <= width else head[: width - 1] + end


def _edge(characters: str, widths: Sequence[int]) -> str:
    left, line, joint, right = tuple(characters)
    return left + joint.join(line * (width + 2) for width in widths) + right


def _text(
    cells: Sequence[str],
    widths: Sequence[int],
    align: Sequence[Callable[[str, int], str]],
    bar: str,
) -> list[str]:
    """The lines of one table row; what is too long continues in the next line."""
    wrapped = [_wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for index in range(max(map(len, wrapped))):
        parts = []
        for pieces, width, aligned in zip(wrapped, widths, align, strict=True):
            piece = pieces[index] if index < len(pieces) else ""
            parts.append(aligned(piece, width))
        lines.append(f"{bar} " + f" {bar} ".join(parts) + f" {bar}")
    return lines


def _wrap(text: str, width: int) -> list[str]:
    """`text` in pieces of at most `width`, broken at a space where there is one."""
    pieces = []
    while len(text) > width:
        cut = text.rfind(" ", 0, width + 1)
        cut = width if cut <= 0 else cut
        pieces.append(text[:cut])
        text = text[cut:].lstrip()
    return [*pieces, text]
