"""The command line: `nncore train`, `predict`, `run`, `bench` and others.

`nncore --help` names them all. What each does is in a module of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from .._version import __version__
from ..benchmark.command import add_arguments
from . import tables


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: words of the command line; None takes those of the process.

    Returns:
        The exit status: 0, or 1 if the self-test found a difference or a file is not
        what it must be.

    Example:
        >>> main(["info"])
        nncore ...
        0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words and (words[0] == "run" or _is_script(words[0])):
        from .script import main as run

        return run(words[words[0] == "run" :])
    try:
        try:
            return _command(words)
        finally:
            print(end="", flush=True)
    except BrokenPipeError:
        # The reader has seen enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _command(words: list[str]) -> int:
    """Run one command that is no script; the exit status."""
    parser = _Parser(
        prog="nncore", description="Dense neural networks on a CPU, trained in C."
    )
    parser.add_argument("--version", action="version", version=f"nncore {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    tables.add_commands(commands)
    commands.add_parser(
        "selftest",
        help="compare the compiled core with the NumPy reference, step by step",
        description="Train small networks in C and in NumPy and compare every step, "
        "for every instruction set of this CPU and both dtypes.",
    )
    commands.add_parser(
        "info",
        help="show how this nncore was built and what it runs on",
        description="Show version, compiler, instruction sets, OpenMP and threads.",
    )
    bench = commands.add_parser(
        "bench",
        help="measure this CPU, and nncore beside the libraries that are installed",
        description="Measure what this CPU can do at most, then training and "
        "prediction with nncore and with every peer that is installed, in turns.",
    )
    add_arguments(bench)
    commands.add_parser(
        "run",
        help="run a script that was written for Keras; also: nncore script.py",
    )
    options = parser.parse_args(words)
    command = options.command
    if command in tables.COMMANDS:
        return tables.main(options)
    # Imported here, so that --help and --version answer without the core.
    if command == "selftest":
        from .._selftest import selftest

        return 0 if selftest() else 1
    if command == "bench":
        from ..benchmark.command import main as bench_main

        return bench_main(options)
    from .._config import show_config

    show_config()
    return 0


class _Parser(argparse.ArgumentParser):
    """One that names an unknown option before it misses others."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As argparse has it; its errors are those of the command that has them."""
        words = list(sys.argv[1:] if args is None else args)
        for word in words:
            # Behind a command, words are for the parser of that.
            if word == "--" or (self._subparsers and not word.startswith("-")):
                break
            self._check_option(word)
        found, more = super().parse_known_args(words, namespace)
        if more:
            self.error(f"unrecognized arguments: {' '.join(more)}")
        return found, more

    def _check_option(self, word: str) -> None:
        known = list(self._option_string_actions)
        name = word.partition("=")[0]
        if word.startswith("--"):
            is_known = any(option.startswith(name) for option in known)
        else:
            is_number = self._negative_number_matcher.match(word)
            is_value = not word.startswith("-") or word == "-" or is_number
            is_known = bool(is_value) or word[:2] in known
        if is_known or " " in name:
            return
        # Imported here: an error is seldom.
        from difflib import get_close_matches

        near = get_close_matches(f"--{name.lstrip('-')}", known, 1)
        also = f"; the nearest is {near[0]}" if near else ""
        self.error(f"there is no option {name}{also}")


def _is_script(word: str) -> bool:
    """Whether a word can only be a file to run: no command has a dot or a slash."""
    return not word.startswith("-") and (
        word.endswith(".py") or os.sep in word or "/" in word
    )
