"""FANN through its shared library: the loop over epochs and rows is FANN's own, in C.

FANN has no minibatches, no Adam, no relu, no crossentropy and no shuffle in that loop:
it trains with tanh, squared error and its fastest algorithm here (one update per row or
per epoch), so it does less per row than the others.
"""

from __future__ import annotations

import ctypes
import time
from ctypes.util import find_library
from typing import Any

import numpy as np

from ..cases import Case, data
from . import Prepared

# fann_train_enum and fann_activationfunc_enum of FANN 2.2.
ALGORITHMS = {"incremental": 0, "batch": 1, "rprop": 2, "quickprop": 3}
LINEAR, SIGMOID, SYMMETRIC = 0, 3, 5
# Rows of one run: some milliseconds.
ROWS = 20_000

FLOATS = ctypes.POINTER(ctypes.c_float)
ROW_CALLBACK = ctypes.CFUNCTYPE(
    None, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, FLOATS, FLOATS
)


def versions() -> dict[str, str]:
    """FANN does not tell its version; the library's name does."""
    return {"fann": find_library("fann") or "?"}


def library() -> ctypes.CDLL:
    """The library with the types of what is called."""
    fann = ctypes.CDLL(find_library("fann"))
    pointer, unsigned = ctypes.c_void_p, ctypes.c_uint
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "fann_create_standard_array": (pointer, [unsigned, ctypes.POINTER(unsigned)]),
        "fann_create_train_from_callback": (
            pointer,
            [unsigned, unsigned, unsigned, ROW_CALLBACK],
        ),
        "fann_destroy": (None, [pointer]),
        "fann_get_MSE": (ctypes.c_float, [pointer]),
        "fann_run": (FLOATS, [pointer, FLOATS]),
        "fann_set_activation_function_hidden": (None, [pointer, ctypes.c_int]),
        "fann_set_activation_function_output": (None, [pointer, ctypes.c_int]),
        "fann_set_training_algorithm": (None, [pointer, ctypes.c_int]),
        "fann_train_epoch": (ctypes.c_float, [pointer, pointer]),
        "fann_train_on_data": (
            None,
            [pointer, pointer, unsigned, unsigned, ctypes.c_float],
        ),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(fann, name)
        function.restype, function.argtypes = result, arguments
    return fann


def prepare(case: Case, threads: int, variant: str) -> Prepared:
    """`fann_train_on_data` for whole epochs, or `fann_run` for one row."""
    fann = library()
    sizes = (ctypes.c_uint * len(case.widths))(*case.widths)
    x, y = data(case)
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)

    def network(algorithm: str) -> int:
        net: int = fann.fann_create_standard_array(len(sizes), sizes)
        output = LINEAR if case.output == "linear" else SIGMOID
        fann.fann_set_activation_function_hidden(net, SYMMETRIC)
        fann.fann_set_activation_function_output(net, output)
        fann.fann_set_training_algorithm(net, ALGORITHMS[algorithm])
        return net

    if case.does == "call":
        net = network("rprop")
        names: dict[str, Any] = {"run": fann.fann_run, "net": net}
        names["x"] = x.ctypes.data_as(FLOATS)
        return Prepared(
            "run(net, x)", names, 1, [], False, "tanh hidden layers, through ctypes"
        )

    def fill(row: int, n_in: int, n_out: int, into: Any, out: Any) -> None:
        ctypes.memmove(into, x[row].ctypes.data, x[row].nbytes)
        ctypes.memmove(out, y[row].ctypes.data, y[row].nbytes)

    rows = fann.fann_create_train_from_callback(
        len(x), x.shape[1], y.shape[1], ROW_CALLBACK(fill)
    )
    took, checked = {}, {}
    epochs = max(1, min(case.epochs, ROWS // len(x)))
    for algorithm in ALGORITHMS:
        net = network(algorithm)
        before = fann.fann_train_epoch(net, rows)
        start = time.perf_counter()
        fann.fann_train_on_data(net, rows, epochs, 0, -1.0)
        took[algorithm] = time.perf_counter() - start
        checked[algorithm] = [float(before), float(fann.fann_get_MSE(net))]
        fann.fann_destroy(net)
    best = min(took, key=lambda name: took[name])
    names = {"train": fann.fann_train_on_data, "net": network(best), "rows": rows}
    return Prepared(
        f"train(net, rows, {epochs}, 0, -1.0)",
        names,
        epochs * case.rows,
        checked[best],
        comparable=False,
        note=f"{best}: tanh, squared error, no minibatches, no shuffle, no metric",
    )
