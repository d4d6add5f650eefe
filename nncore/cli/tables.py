"""`nncore train`, `predict` and `describe`: from a table in a file to answers in one.

Tables are read and written by pandas: CSV (TSV by its ending), Parquet, and "-" for CSV
on the standard streams. Whatever a person can mend is one line on standard error that
names the file, and the line and column in it, with exit status 1; a wrong command line
is status 2.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from nncore.models import Sequential
    from nncore.tabular import Classifier, Regressor

_NO_HEADER = "the first line has values: columns are called x1, x2, ..."

# Endings of files whose columns are parted by tabs.
_TABS = (".tsv", ".tab")

# Endings of the files that answers are written to.
_ANSWERS = (".csv", ".tsv", ".tab", ".txt", ".parquet")

# How files begin that some take for tables of text.
_NO_TEXT = {
    b"PK\x03\x04": "a workbook or another zip file",
    b"\xd0\xcf\x11\xe0": "an old workbook",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a Parquet file that does not end in .parquet",
    b"\x89HDF": "an HDF5 file",
}

_DECIMAL_COMMA = r"\s*[+-]?\d+(?:,\d+)?(?:[eE][+-]?\d+)?\s*"
# 1,234 between tabs may be a thousand.
_THOUSANDS = r"\s*[+-]?[1-9]\d{0,2}(?:,\d{3})?\s*"

COMMANDS = ("train", "predict", "describe")


class TableError(Exception):
    """What is wrong with a file, in one line."""


class _Source(NamedTuple):
    """A file as it was read.

    Attributes:
        name: for messages.
        data: its bytes.
        delimiter: what parts columns; None: it is no text.
        first: which row stands in the first line, -1 for the header.
        commas: columns of numbers that are written with a decimal comma.
    """

    name: str
    data: bytes
    delimiter: str | None
    first: int
    commas: tuple[str, ...] = ()


def add_commands(commands: Any) -> None:
    """Add the three commands to the parser's."""
    train = commands.add_parser(
        "train",
        help="train a network on a table: nncore train data.csv --target y -o y.nnc",
        description="Train a network on a table as it is: numbers of any scale, texts, "
        "dates and missing values. Prints what became of each column and how well "
        "rows that were held out are answered.",
    )
    train.add_argument("data", help="CSV, TSV or Parquet file; - for CSV on stdin")
    train.add_argument("--target", required=True, help="the column to learn")
    train.add_argument("-o", "--output", required=True, help="model file, *.nnc")
    train.add_argument(
        "--task",
        choices=["classes", "number"],
        help="what the target is; default: classes for texts, booleans and up to ten "
        "whole numbers, else a number",
    )
    train.add_argument(
        "--drop", nargs="+", default=[], metavar="COLUMN", help="columns to ignore"
    )
    train.add_argument(
        "--categories",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns whose numbers are names: of shops, of areas by postal code",
    )
    train.add_argument("--delimiter", help="default: comma, semicolon or tab, as found")
    train.add_argument("--no-header", action="store_true", help=_NO_HEADER)
    train.add_argument("--hidden", nargs="+", type=int, metavar="UNITS")
    train.add_argument("--epochs", type=int, help="most epochs")
    train.add_argument("--seed", type=int, default=0, help="default: 0")
    train.add_argument(
        "--held-out",
        type=float,
        default=0.15,
        metavar="SHARE",
        help="rows to stop and to score by; default: 0.15",
    )
    train.add_argument("--plot", metavar="PNG", help="draw the losses of each epoch")
    train.add_argument("-q", "--quiet", action="store_true", help="print nothing")
    predict = commands.add_parser(
        "predict",
        help="answer for the rows of a table: nncore predict y.nnc new.csv -o out.csv",
        description="Write the answer for each row of a table, with probabilities.",
    )
    predict.add_argument("model", help="file that `nncore train` wrote")
    predict.add_argument("data", help="CSV, TSV or Parquet file; - for CSV on stdin")
    predict.add_argument(
        "-o", "--output", default="-", help="CSV or Parquet; default: CSV on stdout"
    )
    predict.add_argument(
        "--keep", action="store_true", help="write the table's columns in front"
    )
    predict.add_argument("--delimiter", help="default: comma, semicolon or tab")
    predict.add_argument("--no-header", action="store_true", help=_NO_HEADER)
    describe = commands.add_parser(
        "describe",
        help="say what is in a model file",
        description="Print what a model file holds: columns, layers, weights.",
    )
    describe.add_argument("model", help="*.nnc, *.keras or *.h5")


def main(options: argparse.Namespace) -> int:
    """Run one of the commands; the exit status."""
    run = {"train": _train, "predict": _predict, "describe": _describe}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.showwarning = lambda message, *_: print(
                f"nncore {options.command}: {message}", file=sys.stderr
            )
            run[options.command](options)
    except TableError as error:
        print(f"nncore {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


# ---- commands ------------------------------------------------------------------------


def _train(options: argparse.Namespace) -> None:
    from nncore import tabular

    _check_ending(options.output)
    if options.plot:
        _check_plot(options.plot)
    frame, source = _read(options, options.categories)
    named = [options.target, *options.drop, *options.categories]
    _require_columns(frame, named, source.name)
    if options.target in options.drop:
        raise TableError(
            f"--drop must not name the target. Received: {options.target!r}"
        )
    frame = frame.drop(columns=options.drop)
    task = options.task or _task(frame[options.target])
    kind = tabular.Classifier if task == "classes" else tabular.Regressor
    try:
        model: Classifier | Regressor = kind(
            options.hidden,
            epochs=options.epochs,
            categories=options.categories,
            seed=options.seed,
            validation_fraction=options.held_out,
            verbose=1 if sys.stdout.isatty() and not options.quiet else 0,
        )
    except ValueError as error:
        raise TableError(str(error)) from error
    with _naming(source, frame):
        model.fit(frame, options.target)
    with _naming_file(options.output):
        model.save(options.output)
    if not options.quiet:
        print(model.summary())
        if source.commas:
            print(f"  numbers, written with a comma: {', '.join(source.commas)}")
        print(f"\nSaved: {options.output}", flush=True)
    if options.plot:
        _plot(model, options.plot)


def _predict(options: argparse.Namespace) -> None:
    from nncore import tabular
    from nncore.tabular import _columns

    if not options.model.endswith(".nnc"):
        raise TableError(
            f"{options.model}: the model's file, *.nnc, must come first, then the "
            "table: nncore predict model.nnc new.csv"
        )
    _check_answers(options.output)
    with _naming_file(options.model):
        model = tabular.load(options.model)
    # What was text in training is text, whatever these rows look like.
    texts = [c.name for c in model.columns_ if isinstance(c, _columns.Levels)]
    numbers = [c.name for c in model.columns_ if isinstance(c, _columns.Number)]
    frame, source = _read(options, texts, numbers)
    needed = [c.name for c in model.columns_ if c.width or c.vocabulary]
    _require_columns(frame, needed, source.name)
    with _naming(source, frame):
        answers = model.predict(frame)
    if options.keep:
        kept = frame.drop(columns=[c for c in answers.columns if c in frame.columns])
        answers = kept.join(answers)
    _write(answers, options.output)


def _describe(options: argparse.Namespace) -> None:
    import nncore
    from nncore.tabular._load import NoTableError

    with _naming_file(options.model):
        if options.model.endswith(".nnc"):
            try:
                print(nncore.tabular.load(options.model).summary())
                return
            except NoTableError:
                pass  # A network alone.
        model: Sequential = nncore.load_model(options.model)
    model.summary()
    if model.compiled and model.optimizer is not None:
        loss = model.loss if isinstance(model.loss, str) else type(model.loss).__name__
        print(f" Optimizer: {type(model.optimizer).__name__}, loss: {loss}")
    print(f" dtype: {model.dtype}, seed: {model.seed}")


def _plot(model: Classifier | Regressor, path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from nncore import plot

    with _naming_file(path):
        plot.history(model.history_, "loss").figure.savefig(path, dpi=120)


def _task(target: Any) -> str:
    """Whether a column is "classes" or a "number"."""
    if target.dtype.kind not in "iuf":
        return "classes"
    known = target.dropna()
    whole = bool((known == known.round()).all())
    return "classes" if whole and known.nunique() <= 10 else "number"


# ---- files ---------------------------------------------------------------------------


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise TableError("Tables are read by pandas: pip install pandas") from None
    return pandas


def _read(
    options: argparse.Namespace, texts: Sequence[str] = (), numbers: Sequence[str] = ()
) -> tuple[Any, _Source]:
    """The table in a file, and the file.

    Args:
        options: of the command line.
        texts: columns that are not parsed.
        numbers: columns that must be numbers.
    """
    pandas = _pandas()
    path, delimiter = options.data, options.delimiter
    _check_delimiter(delimiter)
    name = "standard input" if path == "-" else path
    try:
        if path.endswith(".parquet"):
            frame = pandas.read_parquet(path, dtype_backend="numpy_nullable")
            frame = frame.reset_index(drop=True)
            return frame, _Source(name, b"", None, -1)
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except FileNotFoundError:
        raise TableError(f"{name}: there is no such file") from None
    except (OSError, ImportError, ValueError) as error:
        raise TableError(f"{name}: {error}") from None
    for begin, words in _NO_TEXT.items():
        if data.startswith(begin):
            raise TableError(
                f"{name}: a table must be a CSV, TSV or Parquet file. Received: {words}"
            )
    if delimiter is None:
        delimiter = _delimiter(data, path)
    # Of lines that are too long; `_check_lengths` says it better.
    warnings.simplefilter("ignore", pandas.errors.ParserWarning)
    read = partial(
        pandas.read_csv,
        sep=delimiter,
        header=None if options.no_header else 0,
        names=_names(data, delimiter) if options.no_header else None,
        low_memory=False,
        index_col=False,
        # Integers and booleans stay so beside an empty cell.
        dtype_backend="numpy_nullable",
    )
    try:
        # To pandas, blanks around a name are part of it.
        heads = read(io.BytesIO(data), nrows=0).columns
        unparsed = {head: "string" for head in heads if str(head).strip() in texts}
        frame = read(io.BytesIO(data), dtype=unparsed)
    except pandas.errors.EmptyDataError:
        raise TableError(f"{name}: there is nothing in it") from None
    except pandas.errors.ParserError as error:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if found is None:
            raise TableError(f"{name}: {error}") from None
        wanted, line, received = found.groups()
        raise TableError(
            f"{name}, line {line}: expected {wanted} columns. Received: {received}"
        ) from None
    except UnicodeDecodeError:
        raise TableError(_not_text(name, data)) from None
    frame.columns = [str(column).strip() for column in frame.columns]
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise TableError(
            f"{name}, line 1: expected a name of its own for each column. "
            f"Received: {repeated[0]!r} more than once"
        )
    heads = frame.columns
    if delimiter != ",":
        heads = [head.replace(",", ".", 1) for head in heads]
    if not options.no_header and all(map(_is_number, heads)):
        raise TableError(
            f"{name}, line 1: expected the names of the columns. "
            f"Received: {', '.join(frame.columns[:4])}, ...; --no-header calls them "
            "x1, x2, ..."
        )
    if not len(frame):
        raise TableError(f"{name}: there are no rows under the header")
    _check_lengths(name, data, delimiter, frame)
    commas = []
    if delimiter != ",":
        unread = [column for column in frame.columns if column not in texts]
        commas = _read_commas(frame, unread, numbers, delimiter)
    first = 0 if options.no_header else -1
    return frame, _Source(name, data, delimiter, first, tuple(commas))


def _read_commas(
    frame: Any, names: list[str], numbers: Sequence[str], delimiter: str
) -> list[str]:
    """Read texts like 1,5 as numbers, in place; the columns where that was done.

    All values of a column must be so; in one that must be `numbers` the others are left
    for the message that names their line.
    """
    found = []
    for name in names:
        column = frame[name]
        known = column.dropna()
        if not len(known) or not all(isinstance(value, str) for value in known):
            continue
        is_so = known.str.fullmatch(_DECIMAL_COMMA)
        written = known[is_so]
        if not (is_so.all() or name in numbers) or not written.str.contains(",").any():
            continue
        if delimiter == "\t" and written.str.fullmatch(_THOUSANDS).all():
            continue
        read = written.str.replace(",", ".").astype(float)
        if is_so.all():
            frame[name] = read.reindex(frame.index)
        else:
            frame[name] = column.astype(object)
            frame.loc[read.index, name] = read
        found.append(name)
    return found


def _check_lengths(name: str, data: bytes, delimiter: str, frame: Any) -> None:
    """Refuse lines with fewer values than columns, and values without a column.

    Pandas takes both: the first as missing values at the end of a row, the second, if
    all rows are so, as nothing.
    """
    wanted = len(frame.columns)
    # Short lines end in a missing value.
    suspicious = bool(frame.iloc[:, -1].isna().any())
    text = io.StringIO(data.decode("utf-8", "replace"), newline="")
    reader = csv.reader(text, delimiter=delimiter)
    begins = 1
    for k, record in enumerate(reader):
        is_long = len(record) > wanted and any(record[wanted:])
        if record and (len(record) < wanted or is_long):
            raise TableError(
                f"{name}, line {begins}: expected {wanted} columns. "
                f"Received: {len(record)}"
            )
        begins = reader.line_num + 1
        if k and not suspicious:
            return


def _names(data: bytes, delimiter: str) -> list[str]:
    """x1, x2, ... for as many columns as the first line has."""
    text = io.StringIO(data.decode("utf-8", "replace"), newline="")
    first = next(csv.reader(text, delimiter=delimiter), [])
    return [f"x{k + 1}" for k in range(len(first))]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _not_text(name: str, data: bytes) -> str:
    """Where a file is no UTF-8, for a message."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return (
            f"{name}, line {line}: the text must be UTF-8. "
            f"Received: byte 0x{data[error.start]:02x}"
        )
    return f"{name}: the text must be UTF-8"


def _delimiter(data: bytes, path: str) -> str:
    """Comma, semicolon or tab: what the header has most of."""
    if path.endswith(_TABS):
        return "\t"
    header = data[: data.find(b"\n") if b"\n" in data else len(data)]
    return max(",;\t", key=lambda mark: header.count(mark.encode()))


def _write(frame: Any, path: str) -> None:
    if path == "-":
        frame.to_csv(sys.stdout, index=False)
        sys.stdout.flush()
        return
    ending = Path(path).suffix.lower()
    with _naming_file(path):
        if ending == ".parquet":
            frame.to_parquet(path, index=False)
        else:
            frame.to_csv(path, index=False, sep="\t" if ending in _TABS else ",")


# Said before the work, not after it.


def _check_ending(path: str) -> None:
    if not path.endswith(".nnc"):
        raise TableError(f"{path}: the model's file must end in .nnc")
    _check_folder(path)


def _check_answers(path: str) -> None:
    """Refuse names of other kinds of files; one without an ending is CSV."""
    if Path(path).suffix and not path.lower().endswith(_ANSWERS):
        raise TableError(
            f"{path}: the answers' file must end in {', '.join(_ANSWERS[:-1])} or "
            f"{_ANSWERS[-1]}"
        )
    _check_folder(path)


def _check_delimiter(delimiter: str | None) -> None:
    """Refuse what pandas and csv do not take, or not for the same."""
    if delimiter is None:
        return
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise TableError(
            "--delimiter must be one ASCII character, neither a quotation mark nor a "
            f"line break. Received: {delimiter!r}"
        )


def _check_plot(path: str) -> None:
    """Refuse what matplotlib cannot draw, or its absence."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise TableError("--plot needs matplotlib: pip install matplotlib") from None
    known = FigureCanvasBase.get_supported_filetypes()
    ending = Path(path).suffix
    if ending and ending[1:].lower() not in known:
        raise TableError(
            f"--plot must end in {', '.join('.' + kind for kind in sorted(known))}. "
            f"Received: {path!r}"
        )
    _check_folder(path)


def _check_folder(path: str) -> None:
    if not Path(path).parent.is_dir():
        raise TableError(f"{path}: there is no such folder")


def _require_columns(frame: Any, names: list[str], source: str) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        known = ", ".join(map(repr, frame.columns[:12]))
        more = ", ..." if len(frame.columns) > 12 else ""
        wanted = " and ".join(map(repr, missing))
        wanted = f"columns {wanted}" if len(missing) > 1 else f"a column {wanted}"
        raise TableError(f"{source}: there must be {wanted}. Received: {known}{more}")


class _naming_file:
    """Errors of a file's contents or of the system, with the file's name in front."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        """Say it in one line."""
        if isinstance(error, BrokenPipeError):
            return  # Of what is printed, not of the file.
        if isinstance(error, FileNotFoundError):
            raise TableError(f"{self.path}: there is no such file") from None
        if isinstance(error, (ValueError, OSError, ImportError)):
            text = str(error)
            named = text if self.path in text else f"{self.path}: {text}"
            raise TableError(named) from None


class _naming:
    """Errors of a table's values, with file, line and column."""

    def __init__(self, source: _Source, frame: Any) -> None:
        self.source = source
        self.frame = frame

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        """Say it in one line."""
        from nncore.tabular._columns import CellError

        if isinstance(error, CellError):
            line = _line_of(self.source, error.row)
            place = list(self.frame.columns).index(error.column) + 1
            raise TableError(
                f"{self.source.name}, {line}, column {place} ({error.column!r}): "
                f"expected {error.wanted}, as in training. "
                f"Received: {error.value!r:.60}"
            ) from None
        if isinstance(error, ValueError):
            raise TableError(f"{self.source.name}: {error}") from None


def _line_of(source: _Source, row: int) -> str:
    """Where a row of the table stands in its file."""
    if source.delimiter is None:
        return f"row {row + 1}"
    text = io.StringIO(source.data.decode("utf-8", "replace"), newline="")
    reader = csv.reader(text, delimiter=source.delimiter)
    index, begins = source.first, 1
    for record in reader:
        if record:
            if index == row:
                break
            index += 1
        begins = reader.line_num + 1
    return f"line {begins}"
