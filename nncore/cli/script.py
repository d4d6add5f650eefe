"""`nncore run script.py`: a script that was written for Keras, run with nncore.

The script finds itself as Python would have started it: `sys.argv`, `sys.path[0]`,
`__name__`, `__file__`, `__main__`, tracebacks that begin with its own lines.
"""

from __future__ import annotations

import builtins
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType, TracebackType

from .. import _in_place, _stand_in

USAGE = """usage: nncore run script.py [argument ...]
       nncore run -m module [argument ...]

Run a script whose imports say keras, tensorflow.keras or from tensorflow import keras.
In its process these names are nncore; the script is not changed. `python -m nncore
script.py` is the same.
"""


def main(words: Sequence[str]) -> int:
    """Run the script that `words` begin with; the rest are its arguments.

    Returns:
        The exit status, unless the script calls `sys.exit` itself.
    """
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0 if words else 2
    if words[0] == "-m":
        if len(words) < 2:
            sys.stderr.write(USAGE)
            return 2
        return _run_module(words[1], list(words[1:]))
    return run_script(words[0], list(words))


def run_script(path: str, argv: list[str]) -> int:
    """Run a file as `__main__`.

    Args:
        path: of the script.
        argv: what `sys.argv` is to be.

    Returns:
        0, or 2 if there is no such file; exceptions of the script are raised.
    """
    try:
        with io.open_code(os.path.abspath(path)) as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(f"nncore: cannot open {path!r}: {error.strerror}\n")
        return 2
    name = os.path.abspath(path)
    module = ModuleType("__main__")
    module.__file__ = name
    module.__loader__ = SourceFileLoader("__main__", name)
    module.__builtins__ = builtins  # type: ignore[attr-defined]
    module.__dict__["__cached__"] = None
    sys.modules["__main__"] = module
    _put_first(os.path.dirname(name))
    sys.argv = argv

    def work() -> None:
        code: CodeType = compile(source, name, "exec", dont_inherit=True)
        exec(code, module.__dict__)

    return _run(work)


def _run_module(name: str, argv: list[str]) -> int:
    import runpy

    _put_first(os.getcwd())
    sys.argv = argv
    return _run(lambda: runpy.run_module(name, run_name="__main__", alter_sys=True))


def _put_first(folder: str) -> None:
    """Let `folder` be where imports look first, instead of this command's own.

    What comes next is for worker processes, which are given `sys.path`.
    """
    if sys.flags.safe_path:
        sys.path.insert(0, folder)
    else:
        sys.path[0] = folder
    sys.path.insert(1, os.path.dirname(_in_place.__file__))


def _run(work: Callable[[], object]) -> int:
    _stand_in.install()
    try:
        work()
    except SystemExit:
        raise
    except BaseException as error:
        # Python ends the process as it would have ended the script's.
        hook, traceback = sys.excepthook, _from_the_script(error.__traceback__)

        def show(
            kind: type[BaseException], value: BaseException, _: TracebackType | None
        ) -> None:
            hook(kind, value.with_traceback(traceback), traceback)

        sys.excepthook = show
        raise
    return 0


def _from_the_script(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without what stands before the script's own lines."""
    ours = (__file__, "<frozen runpy>")
    while traceback is not None and traceback.tb_frame.f_code.co_filename in ours:
        traceback = traceback.tb_next
    return traceback
