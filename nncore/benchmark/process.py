"""The parent's side of a contestant's process.

A contestant that is not on turn is stopped (SIGSTOP): no thread pool of one library can
spin while another one is timed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SECONDS_TO_END = 5  # of a process whose input has ended


class ContestantError(RuntimeError):
    """A contestant cannot do a case, or its process is gone."""


class Process:
    """A running worker, stopped between requests."""

    def __init__(
        self, module: str, threads: int, variant: str = "", timeout: float = 600.0
    ) -> None:
        """Start it; its library is imported at the first request.

        Args:
            module: its module in `nncore.benchmark.peers`.
            threads: how many threads its library may use.
            variant: which of the module's ways.
            timeout: seconds after which an answer is no longer waited for.
        """
        self.timeout = timeout
        self.words = tempfile.TemporaryFile()  # noqa: SIM115
        self.pending = b""
        # -P: not what happens to lie in the working directory.
        command = [sys.executable, "-P", "-m", "nncore.benchmark.worker"]
        self.child = subprocess.Popen(
            [*command, module, str(threads), variant],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.words,
            env=environment(threads),
        )

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Send one request, wait for its answer, stop the process again.

        Raises:
            ContestantError: it answered with an error, died, or took too long.
        """
        assert self.child.stdin is not None
        try:
            self.child.send_signal(signal.SIGCONT)
            self.child.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
            self.child.stdin.flush()
        except OSError:
            raise ContestantError(self._last_words()) from None
        answer: dict[str, Any] = json.loads(self._line())
        self.child.send_signal(signal.SIGSTOP)
        if "error" in answer:
            raise ContestantError(answer["error"])
        return answer

    def _line(self) -> bytes:
        """The next line that it writes."""
        assert self.child.stdout is not None
        end = time.monotonic() + self.timeout
        while b"\n" not in self.pending:
            left = max(0.0, end - time.monotonic())
            if not select.select([self.child.stdout], [], [], left)[0]:
                self.child.kill()
                self.child.wait()
                raise ContestantError(f"no answer within {self.timeout:.0f} seconds")
            part = os.read(self.child.stdout.fileno(), 1 << 16)
            if not part:
                raise ContestantError(self._last_words())
            self.pending += part
        line, _, self.pending = self.pending.partition(b"\n")
        return line

    def _last_words(self) -> str:
        """Why it is gone."""
        status = self.child.wait()
        self.words.seek(0)
        lines = self.words.read().decode(errors="replace").strip().splitlines()
        said = f": {lines[-1]}" if lines else ""
        return f"the process ended with status {status}{said}"

    def close(self) -> None:
        """End it: its input ends, and if that is not enough it is killed."""
        assert self.child.stdin is not None
        self.child.send_signal(signal.SIGCONT)
        # A dead process cannot be sent what is left.
        with contextlib.suppress(OSError):
            self.child.stdin.close()
        try:
            self.child.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        assert self.child.stdout is not None
        self.child.stdout.close()
        self.words.close()


def environment(threads: int = 0) -> dict[str, str]:
    """Variables of a new process: this very nncore, and how many threads to start.

    Args:
        threads: what libraries are told; 0: nothing.
    """
    package = str(Path(__file__).resolve().parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {"PYTHONPATH": os.pathsep.join(paths)}
    if threads:
        for name in ("OMP", "OPENBLAS", "MKL", "NNCORE"):
            settings[f"{name}_NUM_THREADS"] = str(threads)
    if threads == 1:
        settings["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return {**os.environ, **settings}
