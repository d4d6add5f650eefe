"""The libraries that are measured side by side: one module each, one function inside.

`prepare(case, threads, variant)` runs in a process of its own, imports the library,
makes a network from the case's weights, trains or predicts a little to show that it
computes what the others do, and returns a `Prepared`: a statement to time.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from ctypes.util import find_library
from dataclasses import dataclass, field
from typing import Any

from ..cases import Case


@dataclass
class Prepared:
    """A statement that can be timed, and what is known of it.

    Attributes:
        statement: Python, run by `timeit` with `names`.
        names: what the statement's names mean.
        rows: rows that one run of the statement trains or predicts.
        checked: comparable numbers from the case's own weights and data: the mean loss
            of the first epoch in the order given, or the first outputs.
        comparable: whether `checked` must equal nncore's; if not, training gives the
            losses of two epochs, and the second is to be less.
        note: where the work differs from nncore's.
        team: how many threads the last run used, where the library says so.
    """

    statement: str
    names: Mapping[str, Any]
    rows: int
    checked: list[float]
    comparable: bool = True
    note: str = ""
    team: Callable[[], int] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Contestant:
    """One way to do a case's work.

    Attributes:
        name: as the tables print it.
        module: its module in this package.
        does: which kinds of case it can do.
        variant: which of the module's ways.
        tries: whether one thread and all are tried, and the better one is measured.
        threads: the only number of threads that makes sense; 0: as many as allowed.
        needs: module that must be installed.
        library: shared library that must be found.
        dtypes: dtypes that it computes in.
        most: parameters above which it is too slow to wait for.
        quick: whether `--quick` measures it without being asked.
    """

    name: str
    module: str
    does: tuple[str, ...] = ("train", "predict", "call")
    variant: str = ""
    tries: bool = True
    threads: int = 0
    needs: str = "numpy"
    library: str = ""
    dtypes: tuple[str, ...] = ("float32", "float64")
    most: int = 1 << 62
    quick: bool = True

    @property
    def is_nncore(self) -> bool:
        """Whether it is nncore in one of its ways."""
        return self.module == "ours"

    def missing(self) -> str:
        """What would have to be installed; empty if nothing."""
        if self.library and find_library(self.library) is None:
            return f"lib{self.library}.so is not installed"
        if importlib.util.find_spec(self.needs) is None:
            return f"{self.needs} is not installed"
        return ""

    def fits(self, case: Case, threads: int) -> bool:
        """Whether it can do a case's kind of work, and is worth a row of its own."""
        if case.does not in self.does or case.dtype not in self.dtypes:
            return False
        if case.parameters > self.most or (self.variant == "one" and threads == 1):
            return False
        if self.variant == "reading":
            return 4 * case.parameters > READING_BYTES
        return self.is_nncore or not case.alone


# Networks above this many bytes are limited by reading their weights, one row a time.
READING_BYTES = 1 << 20

# What is slow to wait for and, where networks are wide, runs the same products.
_SLOW: dict[str, Any] = {"most": 5_000_000, "quick": False}

CONTESTANTS = (
    Contestant("nncore", "ours", tries=False),
    Contestant("1 thread", "ours", ("train", "predict"), "one", tries=False, threads=1),
    Contestant("bound", "ours", ("call",), "bound", tries=False),
    Contestant("reading", "ours", ("call",), "reading", tries=False),
    Contestant("numpy", "with_numpy"),
    Contestant("torch", "with_torch", needs="torch"),
    Contestant("jax", "with_jax", needs="jax"),
    Contestant("keras", "with_keras", ("train", "predict"), needs="keras", **_SLOW),
    Contestant("scikit-learn", "with_sklearn", ("train",), needs="sklearn", **_SLOW),
    Contestant(
        "onnxruntime", "with_onnxruntime", ("predict", "call"), needs="onnxruntime"
    ),
    Contestant(
        "ort bound", "with_onnxruntime", ("call",), "bound", needs="onnxruntime"
    ),
    Contestant(
        "fann",
        "with_fann",
        ("train", "call"),
        threads=1,
        library="fann",
        dtypes=("float32",),
        most=20_000,
    ),
)


def named(names: Sequence[str] = (), quick: bool = False) -> list[Contestant]:
    """The contestants of these names, and nncore in all its ways.

    Args:
        names: of peers; none means all.
        quick: without names, only the peers of `--quick`.

    Raises:
        ValueError: a name is unknown.

    Example:
        >>> [peer.name for peer in named(["numpy"])]
        ['nncore', '1 thread', 'bound', 'reading', 'numpy']
    """
    known = [peer.name for peer in CONTESTANTS if not peer.is_nncore]
    for name in names:
        if name not in known:
            raise ValueError(
                f"A peer must be one of {', '.join(known)}. Received: {name!r}"
            )
    if not names:
        return [peer for peer in CONTESTANTS if peer.quick or not quick]
    return [peer for peer in CONTESTANTS if peer.is_nncore or peer.name in names]
