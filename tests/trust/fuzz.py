"""Changed model files by the million: each loads and works, or is a ModelFileError.

    .venv/bin/python tests/trust/fuzz.py --seconds 60 --seed 1
    .venv/bin/python tests/trust/fuzz.py --guided -max_total_time=60    # by atheris

Good files are changed as bytes and as JSON; hashes and lengths are put right after it,
as an attacker would, so that what lies behind them is reached too. What loads is asked
for a prediction and is written again. The process may use 4 GiB. An input that breaks
any of this is kept in fuzz-<hash>, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import io
import json
import os
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import nncore
from nncore import layers, saving

MEMORY = 4 << 30
# In memory where that can be: on a disk, writing takes most of the time.
FOLDERS = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
WORDS = (
    *("config", "class_name", "layers", "name", "units", "activation", "relu", "Dense"),
    *("Dropout", "rate", "seed", "adam", "Adam", "mse", "$tensor", "$float", "nan"),
    *("module", "keras.layers", "registered_name", "Lambda", "build_input_shape"),
    *("float32", "float64", "F32", "F64", "shape", "data_offsets", "dtype", "..", "/"),
)
NUMBERS = (0, 1, -1, 2, 127, 128, 255, 256, 2**16, 2**31 - 1, 2**31, 2**32, 2**53)
NUMBERS += (2**63 - 1, 2**63, 2**64 - 1, 2**64, 1e308, -0.0, 5e-324, 0.5, 1e-7)


def good_files() -> dict[str, list[bytes]]:
    """What `save` writes for a few small models, by ending."""
    found: dict[str, list[bytes]] = collections.defaultdict(list)
    stacks: list[list[Any]] = [
        [layers.Dense(3, "relu", input_dim=2), layers.Dropout(0.5), layers.Dense(1)],
        [layers.Dense(4, kernel_regularizer="l2", input_dim=3), layers.Dense(2)],
    ]
    rng = np.random.default_rng(2)
    with tempfile.TemporaryDirectory() as folder:
        for stack in stacks:
            model = nncore.Sequential(stack, name="m", seed=1)
            model.compile("adam", "mse", metrics=["mae"])
            columns = model.input_shape[1], model.output_shape[1]
            x, y = (rng.normal(size=(4, n or 1)) for n in columns)
            model.fit(x, y, verbose=0)
            for ending in (".nnc", ".keras", ".h5"):
                path = Path(folder, "m" + ending)
                model.save(path)
                found[ending].append(path.read_bytes())
            found[".json"].append(model.to_json().encode())
    return found


# ---- Doors: bytes that were changed in, a model or ModelFileError out ----------------


def sealed(data: bytes) -> bytes:
    """A `.nnc` file with the hash that its bytes ask for."""
    mark = b'"sha256": "'
    at = data.find(mark) + len(mark)
    if at < len(mark) or at + 64 > len(data):
        return data
    blank = data[:at] + b"0" * 64 + data[at + 64 :]
    digest = hashlib.sha256(blank).hexdigest().encode()
    return data[:at] + digest + data[at + 64 :]


def open_nnc(data: bytes, folder: str) -> nncore.Sequential:
    return saving.from_bytes(sealed(data), nncore.Sequential)


def open_json(data: bytes, folder: str) -> nncore.Sequential:
    # An empty string is a wrong argument, not a wrong text.
    return nncore.models.model_from_json(data.decode(errors="replace") or " ")


def open_file(ending: str) -> Callable[[bytes, str], nncore.Sequential]:
    def load(data: bytes, folder: str) -> nncore.Sequential:
        path = os.path.join(folder, "m" + ending)
        with open(path, "wb") as file:
            file.write(data)
        return nncore.load_model(path)

    return load


DOORS: dict[str, Callable[[bytes, str], nncore.Sequential]] = {
    ".nnc": open_nnc,
    ".json": open_json,
    ".keras": open_file(".keras"),
    ".h5": open_file(".h5"),
}


def enter(ending: str, data: bytes, folder: str) -> bool:
    """Whether the data were a model that works; any error but the one is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = DOORS[ending](data, folder)
        except saving.ModelFileError:
            return False
        if model.built and ending == ".json" and model.count_params() > 2**20:
            return True  # a text without weights may ask for more than there is
        if model.built:
            model.predict(np.zeros((2, *model.input_shape[1:])), verbose=0)
        again = saving.from_bytes(saving.to_bytes(model), nncore.Sequential)
        assert again.get_config() == model.get_config()
    return True


# ---- Changes -------------------------------------------------------------------------


def change_bytes(data: bytes, other: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        place = rng.randrange(len(out) + 1) if out else 0
        length = rng.choice((1, 2, 4, 8, rng.randrange(1, 64)))
        kind = rng.randrange(7)
        if kind == 0 and place < len(out):
            out[place] ^= 1 << rng.randrange(8)
        elif kind == 1 and place < len(out):
            out[place] = rng.choice((0, 1, 2, 8, 127, 128, 254, 255))
        elif kind == 2:
            number = int(rng.choice(NUMBERS[:17])) & (2**64 - 1)
            out[place : place + 8] = number.to_bytes(8, "little")
        elif kind == 3:
            del out[place : place + length]
        elif kind == 4:
            out[place:place] = out[place : place + length]
        elif kind == 5:
            start = rng.randrange(len(other))
            out[place : place + length] = other[start : start + length]
        else:
            out[place:place] = rng.choice(WORDS).encode()
    if rng.random() < 0.05:
        del out[rng.randrange(len(out) + 1) :]
    return bytes(out)


def some_value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind < 2:
        return rng.choice(NUMBERS)
    if kind < 4:
        return rng.choice(WORDS)
    if kind < 6:
        return rng.choice((None, True, False, "", "\ud800", "a" * 300, 10**400))
    if kind == 6:
        return [some_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 7:
        words = rng.choices(WORDS, k=rng.randrange(4))
        return {word: some_value(rng, depth + 1) for word in words}
    return [[]] * rng.choice((1, 10, 1000))


def change_json(value: Any, rng: random.Random) -> Any:
    """The value with one place changed, a parsed text within it perhaps."""
    places: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        node = stack.pop()
        items = (
            list(node.items())
            if isinstance(node, dict)
            else list(enumerate(node))
            if isinstance(node, list)
            else []
        )
        places += [(node, key) for key, _ in items]
        stack += [inner for _, inner in items]
    if not places:
        return some_value(rng)
    node, key = rng.choice(places)
    inner = node[key]
    if isinstance(inner, str) and inner.startswith("{") and rng.random() < 0.9:
        node[key] = json.dumps(change_json(json.loads(inner), rng))
        return value
    kind = rng.randrange(5)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[rng.choice(WORDS)] = node[key]
    elif kind == 2:
        other, place = rng.choice(places)
        node[key] = json.loads(json.dumps(other[place])) if place in other else None
    elif kind == 3 and isinstance(inner, (int, float)):
        node[key] = inner * rng.choice((-1, 0, 2, 0.5)) + rng.choice((0, 1, -1))
    else:
        node[key] = some_value(rng)
    return value


def change_header(data: bytes, rng: random.Random) -> bytes:
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(change_json(json.loads(data[8:end]), rng)).encode()
    return len(header).to_bytes(8, "little") + header + data[end:]


def change_archive(data: bytes, other: bytes, rng: random.Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(out, "w") as made:
        victim = rng.choice(given.namelist())
        for name in given.namelist():
            member = given.read(name)
            if name == victim and name.endswith(".json") and rng.random() < 0.8:
                member = json.dumps(change_json(json.loads(member), rng)).encode()
            elif name == victim:
                member = change_bytes(member, other, rng)
            made.writestr(name, member)
    return out.getvalue()


def changed(ending: str, files: list[bytes], rng: random.Random) -> bytes:
    """One of the files with changes of the kind that its format asks for."""
    data, other = rng.choice(files), rng.choice(files)
    if rng.random() < 0.5:
        if ending == ".nnc":
            return change_header(data, rng)
        if ending == ".json":
            return json.dumps(change_json(json.loads(data), rng)).encode()
        if ending == ".keras":
            return change_archive(data, other, rng)
    return change_bytes(data, other, rng)


# ---- Runs ----------------------------------------------------------------------------


def keep(ending: str, data: bytes) -> str:
    name = f"fuzz-{hashlib.sha256(data).hexdigest()[:16]}{ending}"
    Path(name).write_bytes(data)
    return name


def run(seconds: float, seed: int, endings: list[str]) -> int:
    files, rng = good_files(), random.Random(seed)
    tried: collections.Counter[str] = collections.Counter()
    loaded: collections.Counter[str] = collections.Counter()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=FOLDERS) as folder:
        for ending in endings:
            for data in files[ending]:
                assert enter(ending, data, folder), f"a good {ending} is refused"
        while time.monotonic() - begun < seconds:
            for ending in endings * 8:
                try:
                    data = changed(ending, files[ending], rng)
                except RecursionError:
                    continue
                tried[ending] += 1
                try:
                    loaded[ending] += enter(ending, data, folder)
                except BaseException:
                    traceback.print_exc()
                    name = keep(ending, data)
                    print(f"input {tried.total():,} is kept as {name}", flush=True)
                    return 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    for ending in endings:
        print(f"{ending:7} {tried[ending]:9,} inputs, {loaded[ending]:8,} of them load")
    print(
        f"{tried.total():,} inputs in {time.monotonic() - begun:.0f} s, seed {seed}: "
        f"nothing but models and ModelFileError; at most {peak} MiB"
    )
    return 0


def run_guided(arguments: list[str]) -> int:
    """Let atheris choose the bytes; the first of each input chooses the door."""
    import atheris

    endings = list(DOORS)
    folder = tempfile.mkdtemp(dir=FOLDERS)
    corpus = Path(folder, "corpus")
    corpus.mkdir()
    for number, ending in enumerate(endings):
        for place, data in enumerate(good_files()[ending]):
            corpus.joinpath(f"{number}{place}").write_bytes(bytes([number]) + data)
    for name, module in list(sys.modules.items()):
        for key, value in list(vars(module).items()):
            own = getattr(value, "__module__", "") == name and hasattr(
                value, "__code__"
            )
            if own and name.startswith("nncore.saving"):
                setattr(module, key, atheris.instrument_func(value))

    def one(data: bytes) -> None:
        if data:
            enter(endings[data[0] % len(endings)], data[1:], folder)

    atheris.Setup([sys.argv[0], *arguments, str(corpus)], one)
    atheris.Fuzz()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true")
    parser.add_argument("--only", choices=sorted(DOORS), nargs="*")
    options, rest = parser.parse_known_args()
    if options.guided:
        return run_guided(rest)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    return run(options.seconds, options.seed, options.only or list(DOORS))


if __name__ == "__main__":
    sys.exit(main())
