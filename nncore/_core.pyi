"""Types of the compiled core; the code is in `_core.pyx`."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, final

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[Any]
_Spec = Mapping[str, Any]

class _Counters(TypedDict):
    seed: int
    steps: int
    steps_lived: int
    epochs_lived: int
    beta_1_power: float
    beta_2_power: float
    momentum_product: float
    schedule_power: float

class _LastRun(TypedDict):
    team: int
    isa: str
    engine: str

class _BuildInfo(TypedDict):
    compiler: str
    flags: str
    isas: list[str]
    openmp: bool

def activation_names() -> list[str]: ...
def loss_names() -> list[str]: ...
def metric_names() -> list[str]: ...
def optimizer_names() -> list[str]: ...
def kind_names() -> list[str]: ...
def noise_names() -> list[str]: ...
def constraint_names() -> list[str]: ...
def isas() -> dict[str, tuple[bool, bool]]: ...
def default_isa() -> str: ...
def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...
def thread_limits() -> dict[str, int]: ...
def has_openmp() -> bool: ...
def build_info() -> _BuildInfo: ...
def activation_forward(
    name: str,
    args: Sequence[float],
    z: npt.ArrayLike,
    dtype: str,
    isa: str | None = None,
) -> _Array: ...
def activation_backward(
    name: str,
    args: Sequence[float],
    dy: npt.ArrayLike,
    z: npt.ArrayLike,
    dtype: str,
    isa: str | None = None,
) -> _Array: ...
def measure_arithmetic(
    dtype: str, times: int, threads: int = 0, isa: str | None = None
) -> int: ...
def measure_reading(
    x: _Array, times: int, threads: int = 0, isa: str | None = None
) -> int: ...

@final
class Array: ...

@final
class Hold:
    def __new__(cls) -> Hold: ...
    def is_mine(self) -> bool: ...
    def taken(self, verb: str, name: str) -> Taken: ...

@final
class Taken:
    def __enter__(self) -> None: ...
    def __exit__(self, kind: object, value: object, traceback: object) -> None: ...

@final
class Network:
    n_in: int
    n_out: int
    dtype: str
    retired: bool
    rows_trained: int
    def __new__(
        cls,
        dtype: str,
        n_in: int,
        layers: Sequence[_Spec],
        seed: int,
        isa: str | None = None,
    ) -> Network: ...
    def compile(
        self, loss: _Spec, metrics: Sequence[_Spec], optimizer: _Spec
    ) -> None: ...
    def train(
        self,
        x: _Array,
        y: _Array,
        weights: _Array | None,
        *,
        batch_size: int,
        max_batches: int,
        max_epochs: int,
        shuffle: bool,
        learning_rate: float | npt.NDArray[np.float64],
        seconds: float = 0,
        order: npt.NDArray[np.uint32] | None = None,
        stop_on_nan: bool = True,
        stream: bool = False,
        start: int = 0,
        threads: int = 0,
        outputs: _Array | None = None,
        numbers: npt.NDArray[np.uint32] | None = None,
    ) -> tuple[npt.NDArray[np.float64], int, int, int]: ...
    def reset_epoch(self) -> None: ...
    def running(self) -> list[float]: ...
    def evaluate(
        self,
        x: _Array,
        y: _Array,
        weights: _Array | None,
        first: int,
        n: int,
        stream: bool = False,
        threads: int = 0,
        batch_size: int = 32,
        outputs: _Array | None = None,
    ) -> list[float] | None: ...
    def predict(
        self, x: _Array, out: _Array | None = None, threads: int = 0
    ) -> _Array: ...
    def bind(
        self, x: _Array, out: _Array, given: _Array, result: _Array, name: str
    ) -> Bound: ...
    def outputs(self, x: object) -> _Array | None: ...
    @property
    def target_columns(self) -> int: ...
    @property
    def n_variables(self) -> int: ...
    @property
    def n_slots(self) -> int: ...
    def variable_shape(self, index: int) -> tuple[int, ...]: ...
    def get_variables(self, first: int = 0, n: int | None = None) -> list[_Array]: ...
    def set_variables(self, first: int, arrays: Sequence[npt.ArrayLike]) -> None: ...
    def get_variable(self, index: int) -> _Array: ...
    def set_variable(self, index: int, array: npt.ArrayLike) -> None: ...
    def get_slot(self, slot: int, index: int) -> _Array: ...
    def set_slot(self, slot: int, index: int, array: npt.ArrayLike) -> None: ...
    def gradient(
        self, x: _Array, y: _Array, weights: _Array | None, threads: int = 0
    ) -> tuple[float, list[_Array]]: ...
    @property
    def counters(self) -> _Counters: ...
    def set_counters(self, counters: _Counters) -> None: ...
    def get_epoch(self) -> npt.NDArray[np.float64]: ...
    def set_epoch(self, values: npt.ArrayLike) -> None: ...
    @property
    def last_run(self) -> _LastRun: ...
    def microseconds(self, n_rows: int, training: bool) -> float: ...

@final
class Bound:
    x: _Array
    out: _Array
    def __new__(
        cls,
        network: Network,
        x: _Array,
        out: _Array,
        given: _Array,
        result: _Array,
        name: str,
    ) -> Bound: ...
    def __call__(self) -> _Array: ...
