"""ONNX Runtime: a session made once, on a model written here byte by byte.

An ONNX file is one protocol buffer. Its few fields that a dense network needs are
written by the functions below, so that the package `onnx` is not needed.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cases import Case, data, weights
from . import Prepared

# Tools import every module, also where the library is missing.
with contextlib.suppress(ImportError):
    import onnxruntime

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPERATORS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "softmax": "Softmax"}
ELEMENT = {"float32": 1, "float64": 11}


def versions() -> dict[str, str]:
    """What is measured."""
    return {"onnxruntime": onnxruntime.__version__}


def varint(value: int) -> bytes:
    """A number in groups of seven bits, low ones first."""
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, value: int | str | bytes) -> bytes:
    """One field: a number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(name: str, array: NDArray[Any]) -> bytes:
    """TensorProto: dims 1, data_type 2, name 8, raw_data 9."""
    dims = b"".join(field(1, n) for n in array.shape)
    kind = field(2, ELEMENT[str(array.dtype)])
    return dims + kind + field(8, name) + field(9, array.tobytes())


def node(operator: str, inputs: list[str], output: str) -> bytes:
    """NodeProto: input 1, output 2, op_type 4."""
    return b"".join(field(1, i) for i in inputs) + field(2, output) + field(4, operator)


def value_info(name: str, dtype: str, columns: int) -> bytes:
    """ValueInfoProto of (rows, columns): name 1, type 2."""
    rows = field(1, field(2, "rows"))
    shape = field(2, rows + field(1, field(1, columns)))
    return field(1, name) + field(2, field(1, field(1, ELEMENT[dtype]) + shape))


def model_bytes(case: Case) -> bytes:
    """ModelProto: ir_version 1, graph 7, opset_import 8."""
    values = iter(weights(case))
    nodes, tensors, name = [], [], "x"
    for i, act in enumerate(case.activations):
        for letter in "wb":
            tensors.append(tensor(f"{letter}{i}", next(values)))
        nodes.append(node("Gemm", [name, f"w{i}", f"b{i}"], f"z{i}"))
        name = f"z{i}"
        if act in OPERATORS:
            nodes.append(node(OPERATORS[act], [name], f"y{i}"))
            name = f"y{i}"
    graph = b"".join(
        [
            *(field(1, part) for part in nodes),
            field(2, "network"),
            *(field(5, part) for part in tensors),
            field(11, value_info("x", case.dtype, case.widths[0])),
            field(12, value_info(name, case.dtype, case.widths[-1])),
        ]
    )
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


def prepare(case: Case, threads: int, variant: str) -> Prepared:
    """`session.run`, or a run with bound arrays; the graph is optimized by default."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model_bytes(case), options, providers=["CPUExecutionProvider"]
    )
    x, _ = data(case)
    if variant != "bound":
        feed = {"x": x}
        checked = np.asarray(session.run(None, feed)[0]).ravel()[:8].tolist()
        names = {"run": session.run, "feed": feed}
        return Prepared("run(None, feed)", names, case.rows, checked)
    out = np.empty((case.rows, case.widths[-1]), case.dtype)
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x))
    binding.bind_output(
        session.get_outputs()[0].name, "cpu", 0, out.dtype, out.shape, out.ctypes.data
    )
    names = {"run": session.run_with_iobinding, "binding": binding, "out": out}
    session.run_with_iobinding(binding)
    return Prepared(
        "run(binding)",
        names,
        case.rows,
        out.ravel()[:8].tolist(),
        note="onnxruntime with input and output bound in advance",
    )
