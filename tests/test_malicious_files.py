"""Files that were made to do harm: each is refused, in bounded memory.

One test per cause that has been a vulnerability of some library's model files. Forged
files carry a correct hash, as an attacker's would; those that are merely damaged are
found by the hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nncore
from nncore import saving
from nncore.layers import Dense, Dropout

# The most that refusing a file of a few KB may take.
FEW = 2**20


def model():
    layers = [Dense(3, input_dim=2, name="a"), Dropout(0.5, name="b"), Dense(1)]
    layers[2].name = "c"
    built = nncore.Sequential(layers, name="m", seed=1)
    built.compile("adam", "mse", metrics=["mae"])
    built.build()
    return built


GOOD = saving.to_bytes(model())


def parts(data=GOOD):
    """Header, as a dict, and data of a file."""
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


def sealed(header, body):
    """A file of a header, a dict or bytes, and a body, with a correct hash."""
    if isinstance(header, dict):
        words = header.get("__metadata__")
        if isinstance(words, dict):
            words["sha256"] = "0" * 64
        header = json.dumps(header).encode()
    start = len(header).to_bytes(8, "little") + header
    digest = hashlib.sha256(start + body).hexdigest().encode()
    return start.replace(b"0" * 64, digest, 1) + body


def forged(change, word="config"):
    """The good file with a change to the JSON text of one of its words."""
    header, body = parts()
    value = json.loads(header["__metadata__"][word])
    value = change(value) or value
    header["__metadata__"][word] = json.dumps(value)
    return sealed(header, body)


def refused(data, match, tmp_path, most=FEW):
    """Check that a file is refused, with its name, and how much memory that takes."""
    path = tmp_path / "evil.nnc"
    path.write_bytes(data)
    before = sorted(os.listdir(tmp_path))
    tracemalloc.start()
    try:
        with pytest.raises(saving.ModelFileError, match=match) as caught:
            nncore.load_model(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert "Received" in str(caught.value)
    assert len(str(caught.value)) < 2000
    assert peak < most + 8 * len(data)
    assert sorted(os.listdir(tmp_path)) == before


def test_the_good_file_is_good():
    header, body = parts()
    data = sealed(header, body)
    saving.from_bytes(data, nncore.Sequential)
    assert forged(lambda config: None) == data


# ---- Code in a file: CVE-2024-3660, CVE-2021-37678, CVE-2019-6446 --------------------


def test_lambda_layers_with_code_are_unknown(tmp_path):
    def change(config):
        config["layers"][1] = {
            "class_name": "Lambda",
            "config": {"name": "b", "function": {"class_name": "__lambda__"}},
        }

    refused(forged(change), r"\(Lambda\): `function` must be a function", tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94",
        b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        b"!!python/object/apply:os.system ['touch /tmp/x']\n",
        b"PK\x03\x04" + bytes(100),
        b"\x89HDF\r\n\x1a\n" + bytes(100),
        b"GGUF" + bytes(100),
    ],
    ids=["pickle", "npy", "yaml", "zip", "hdf5", "gguf"],
)
def test_no_other_format_is_tried(data, tmp_path):
    refused(data, "The header must have", tmp_path)


# ---- Names of what to run: CVE-2025-1550, CVE-2025-8747, CVE-2025-9906 ---------------


@pytest.mark.parametrize(
    "entry",
    [
        {"module": "os", "class_name": "system", "config": {"command": "id"}},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"class_name": "nncore.layers.Dense", "config": {"units": 1}},
        {"class_name": "Layer", "config": {}},
        {"class_name": "deserialize", "config": {}},
        {"class_name": "__class__", "config": {}},
        {"class_name": "Sequential", "config": {"layers": []}},
        {"class_name": ["Dense"], "config": {}},
        {"class_name": {"class_name": "Dense"}, "config": {}},
        {"class_name": None, "config": {}},
        {"class_name": "Dense", "config": "units"},
        {"class_name": "Dense", "config": ["units"]},
        {"class_name": "Dense"},
        "Dense",
        None,
        [],
    ],
    ids=str,
)
def test_only_layers_of_a_literal_table_are_made(entry, tmp_path):
    def change(config):
        config["layers"][0] = entry

    refused(forged(change), "config", tmp_path)


@pytest.mark.parametrize(
    "value",
    [
        {"class_name": "os.system", "config": {}},
        {"class_name": "_Function", "config": {"function": "os.system"}},
        {"class_name": "function", "config": "os.system"},
        {"module": "os", "class_name": "Zeros", "config": {}},
        "os.system",
        "__import__",
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "word", ["activation", "kernel_initializer", "kernel_regularizer"]
)
def test_arguments_name_no_code(word, value, tmp_path):
    def change(config):
        config["layers"][0]["config"][word] = value

    refused(forged(change), word, tmp_path)


@pytest.mark.parametrize("word", ["optimizer", "loss", "metrics"])
def test_compile_settings_name_no_code(word, tmp_path):
    def change(settings):
        value = {"class_name": "system", "config": {}}
        settings[word] = [value] if word == "metrics" else value

    refused(forged(change, "compile"), "compile", tmp_path)


@pytest.mark.parametrize(
    ("where", "key"),
    [
        ("layer", "__init__"),
        ("layer", "_model"),
        ("layer", "weights"),
        ("layer", "output_dim"),
        ("layer", "init"),
        ("layer", "input_dim"),
        ("entry", "module"),
        ("entry", "registered_name"),
        ("model", "safe_mode"),
        ("model", "custom_objects"),
        ("model", "enable_unsafe_deserialization"),
        ("activation", "name"),
        ("activation", "args"),
        ("optimizer", "lr"),
        ("optimizer", "_updates_done"),
        ("compile", "run_eagerly"),
        ("state", "_network"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_keys_that_no_file_has_are_refused(where, key, tmp_path):
    def change(value):
        entry = value.get("layers", [{}])[0]
        {
            "layer": lambda: entry["config"],
            "entry": lambda: entry,
            "model": lambda: value,
            "activation": lambda: entry["config"].setdefault("evil", {}),
            "optimizer": lambda: value["optimizer"]["config"],
            "compile": lambda: value,
            "state": lambda: value,
        }[where]()[key] = 1
        if where == "activation":
            del entry["config"]["evil"]
            entry["config"]["activation"] = {
                "class_name": "sigmoid",
                "config": {key: [1, 2, 3]},
            }

    word = {"optimizer": "compile", "compile": "compile", "state": "state"}
    refused(forged(change, word.get(where, "config")), "Received", tmp_path)


def test_a_refused_file_changes_no_setting(tmp_path):
    before = dict(vars(saving)), dict(nncore.layers._TABLE), nncore.backend.floatx()
    test_only_layers_of_a_literal_table_are_made({"class_name": "x"}, tmp_path)
    assert before == (
        dict(vars(saving)),
        dict(nncore.layers._TABLE),
        nncore.backend.floatx(),
    )


# ---- Other files: CVE-2025-12058, CVE-2026-1462, CVE-2026-12479, CVE-2025-12638 ------


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a\0b", "..", "http://host/x", "~/x"]
)
def test_names_never_become_paths(name, tmp_path):
    def change(config):
        config["name"] = config["layers"][1]["config"]["name"] = name

    loaded = saving.from_bytes(forged(change), nncore.Sequential)
    assert loaded.layers[1].name == name
    loaded.save(tmp_path / "m.nnc")
    assert os.listdir(tmp_path) == ["m.nnc"]


def test_a_tensor_cannot_lie_in_another_file(tmp_path):
    header, body = parts()
    header["weights/a/0"]["file"] = "/etc/passwd"
    refused(sealed(header, body), "must have `dtype`, `shape`", tmp_path)


def test_a_pipe_or_device_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.nnc")
    (tmp_path / "null.nnc").symlink_to("/dev/null")
    with pytest.raises(saving.ModelFileError, match="ordinary file"):
        nncore.load_model(tmp_path / "null.nnc")
    with pytest.raises(ValueError, match="ordinary file"):
        model().save(tmp_path / "null.nnc")


# ---- Sizes: CVE-2026-0897, CVE-2025-53630, CVE-2024-43598 ----------------------------


@pytest.mark.parametrize("length", [0, 1, len(GOOD) - 7, 2**24 + 1, 2**63, 2**64 - 1])
def test_header_lengths_beyond_the_file(length, tmp_path):
    data = length.to_bytes(8, "little") + GOOD[8:]
    refused(data, "The header must have|must be valid", tmp_path)


@pytest.mark.parametrize("size", [1, 7, 8, 9])
def test_files_too_short_for_a_header(size, tmp_path):
    refused(GOOD[:size], "The header must have", tmp_path)


def test_an_empty_file(tmp_path):
    refused(b"", "not empty", tmp_path)


@pytest.mark.parametrize("change", [-1, -64, 1, 64])
def test_files_cut_or_with_something_behind(change, tmp_path):
    data = GOOD[:change] if change < 0 else GOOD + bytes(change)
    refused(data, "must fill the file", tmp_path)


@pytest.mark.parametrize(
    "shape",
    [
        [2**32, 2**32],
        [2**63, 2],
        [2**64 - 1, 2**64 - 1, 16],
        [10**19] * 8,
        [1] * 9,
        [-2, -3],
        [2.0, 3],
        [True, 6],
        ["2", 3],
        [[2], 3],
        [0, 3],
        [2, 3, 0],
        {"0": 2},
        "23",
        6,
        None,
    ],
    ids=str,
)
def test_shapes_that_overflow_or_are_none(shape, tmp_path):
    header, body = parts()
    header["weights/a/0"]["shape"] = shape
    refused(sealed(header, body), "weights/a/0.*(shape|offsets)", tmp_path)


@pytest.mark.parametrize(
    "offsets",
    [
        *([0, 25], [1, 25], [-24, 0], [24, 0], [2**64, 2**64 + 24], [24, 48]),
        *([0], [0, 24, 48], [], ["0", "24"], [0.0, 24.0], [False, 24], None, "0 24"),
    ],
    ids=str,
)
def test_offsets_that_overlap_or_lie_outside(offsets, tmp_path):
    header, body = parts()
    assert header["weights/a/0"]["data_offsets"] == [0, 24]
    header["weights/a/0"]["data_offsets"] = offsets
    refused(sealed(header, body), "offsets|begin where", tmp_path)


@pytest.mark.parametrize("dtype", ["F16", "I64", "f32", "O", "<f4", "", None, ["F32"]])
def test_other_dtypes(dtype, tmp_path):
    header, body = parts()
    header["weights/a/0"]["dtype"] = dtype
    refused(sealed(header, body), "must have dtype F64 or F32", tmp_path)


@pytest.mark.parametrize("n", [10**6, 10**12, 2**63, 10**19])
def test_layers_far_wider_than_the_file(n, tmp_path):
    def change(config):
        config["layers"][0]["config"]["units"] = n

    refused(forged(change), "must be float32 of shape|at most|", tmp_path)


@pytest.mark.parametrize("n", [10**12, 2**64, 10**19])
def test_inputs_far_wider_than_the_file(n, tmp_path):
    def change(config):
        config["build_input_shape"] = [None, n]
        config["layers"][0]["config"]["batch_input_shape"] = [None, n]

    refused(forged(change), "must be float32 of shape", tmp_path)


@pytest.mark.parametrize(
    ("name", "words", "shape"),
    [
        ("RepeatVector", {"n": 10**9}, [4]),
        ("RepeatVector", {"n": 10**15}, [4]),
        ("Permute", {"dims": [2, 1]}, [10**6, 10**6]),
        ("Embedding", {"input_dim": 10**12, "output_dim": 10**6}, [4]),
        (
            "MixedEmbedding",
            {"input_dim": 10**12, "output_dim": 10**6, "numbers": 1},
            [4],
        ),
        ("BatchNormalization", {}, [10**12]),
        ("PReLU", {}, [10**12]),
    ],
)
def test_layers_that_would_be_far_larger_than_the_file(name, words, shape, tmp_path):
    def change(config):
        layer = {"class_name": name, "config": {"name": "evil", **words}}
        config["layers"] = [layer]
        config["build_input_shape"] = [None, *shape]

    header, _ = parts(forged(change))
    meta = header["__metadata__"]
    refused(
        sealed({"__metadata__": meta}, b""), "at most|configuration implies", tmp_path
    )


def test_no_shape_leads_to_no_memory(tmp_path):
    def change(config):
        del config["layers"][0], config["layers"][1]
        config["build_input_shape"] = [None, 10**19]

    header, _ = parts(forged(change))
    words = {"__metadata__": header["__metadata__"]}
    refused(sealed(words, b""), "Received", tmp_path)


@pytest.mark.parametrize("name", ["weights/a/0", "slot1/c/1", "slot0/a/0"])
def test_missing_tensors(name, tmp_path):
    header, body = parts()
    first, last = header.pop(name)["data_offsets"]
    for entry in header.values():
        if "data_offsets" in entry and entry["data_offsets"][0] >= last:
            entry["data_offsets"] = [x - last + first for x in entry["data_offsets"]]
    data = sealed(header, body[:first] + body[last:])
    refused(data, "the configuration implies", tmp_path)


@pytest.mark.parametrize(
    "name", ["weights/a/2", "weights/z/0", "slot2/a/0", "config/0", "x", "", "../x"]
)
def test_tensors_without_a_use(name, tmp_path):
    header, body = parts()
    end = max(e["data_offsets"][1] for e in header.values() if "data_offsets" in e)
    header[name] = {"dtype": "F32", "shape": [1], "data_offsets": [end, end + 4]}
    refused(sealed(header, body + bytes(4)), "implies|have a use", tmp_path)


def test_an_optimizer_with_arrays_for_another(tmp_path):
    def change(settings):
        settings["optimizer"] = {"class_name": "SGD", "config": {}}

    refused(forged(change, "compile"), "must have 0 arrays", tmp_path)


# ---- Parsers that read differently: duplicate keys and odd JSON ----------------------


def text(old, new):
    """The good file with a replacement in the text of its header."""
    header, body = parts()
    header["__metadata__"]["sha256"] = "0" * 64
    written = json.dumps(header).encode()
    assert written.count(old) >= 1
    return sealed(written.replace(old, new, 1), body)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"shape": [2, 3]', b'"shape": [1, 6], "shape": [2, 3]'),
        (b'"weights/a/1"', b'"weights/a/0"'),
        (b'"format"', b'"format": "other", "format"'),
        (b'\\"units\\": 3', b'\\"units\\": 4, \\"units\\": 3'),
        (b"{", b'{"__metadata__": {}, '),
    ],
    ids=["shape", "tensor", "word", "config", "metadata"],
)
def test_a_key_twice(old, new, tmp_path):
    refused(text(old, new), "twice", tmp_path)


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e400", "9" * 30, "9" * 5000]
)
def test_numbers_that_are_none(number, tmp_path):
    data = text(b'\\"rate\\": 0.5', b'\\"rate\\": ' + number.encode())
    refused(data, "not JSON|no float holds|digits", tmp_path)


@pytest.mark.parametrize("spelling", ["1e999", "Infinity", "inf ", "", None, 1.0])
def test_floats_that_are_spelled_otherwise(spelling, tmp_path):
    def change(config):
        config["layers"][1]["config"]["rate"] = {"$float": spelling}

    refused(forged(change), "inf, -inf or nan", tmp_path)


@pytest.mark.parametrize("spelling", ["inf", "nan", "-inf"])
def test_floats_that_are_not_finite_where_they_must_be(spelling, tmp_path):
    def change(config):
        config["layers"][1]["config"]["rate"] = {"$float": spelling}

    refused(forged(change), "rate", tmp_path)


@pytest.mark.parametrize("value", [{"$tensor": 0}, {"$tensor": -1}, {"$tensor": "0"}])
def test_references_to_tensors_that_are_not_there(value, tmp_path):
    def change(config):
        config["layers"][0]["config"]["kernel_initializer"] = value

    refused(forged(change), "in a tensor of its own", tmp_path)


def test_half_a_surrogate_pair(tmp_path):
    refused(
        text(b'\\"name\\": \\"m\\"', b'\\"name\\": \\"\\\\ud800\\"'),
        "Received",
        tmp_path,
    )


@pytest.mark.parametrize("bad", [b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80"])
def test_bytes_that_are_not_utf8(bad, tmp_path):
    refused(text(b'"nncore"', b'"' + bad + b'"'), "must be UTF-8", tmp_path)


@pytest.mark.parametrize("bracket", [b"[", b'{"a":', b"[{", b'[{"a":['])
def test_nesting_without_end(bracket, tmp_path):
    refused(sealed(bracket * 10_000, b""), "must be valid", tmp_path)


def test_nesting_that_a_parser_takes_but_no_model_has(tmp_path):
    refused(
        text(b'"format"', b'"x": ' + b"[" * 70 + b"]" * 70 + b', "format"'),
        "nesting",
        tmp_path,
    )


@pytest.mark.parametrize("item", [b"[],", b"{},", b'"",', b"1,", b"{}, "])
def test_many_small_values_take_little_memory(item, tmp_path):
    data = sealed(b'{"x": [' + item * 2_000_000 + b"0]}", b"")
    refused(data, "must have at most", tmp_path, most=3 * len(data))


def test_a_header_above_the_limit(tmp_path):
    refused(sealed(b" " * (2**24 + 1), b""), "from 2 to 16777216", tmp_path)


def test_metadata_that_are_no_strings(tmp_path):
    for words in ({"format": 1}, {"format": {}}, [], None, "x"):
        header, body = parts()
        header["__metadata__"] = words
        refused(sealed(header, body), "one of strings", tmp_path)


def test_headers_that_are_no_dictionary(tmp_path):
    for header in (b"[]", b"12", b'"a"', b"null"):
        refused(sealed(header, b""), "one of strings", tmp_path)


@pytest.mark.parametrize(("word", "value"), [("format", "pt"), ("version", "2")])
def test_other_formats_and_versions(word, value, tmp_path):
    header, body = parts()
    header["__metadata__"][word] = value
    refused(sealed(header, body), "`format` must be", tmp_path)


# ---- Values that are wrong -----------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("units", -3),
        ("units", "3"),
        ("units", 3.0),
        ("units", True),
        ("units", None),
        ("use_bias", "yes"),
        ("use_bias", 1),
        ("trainable", "no"),
        ("dtype", "float16"),
        ("name", ""),
        ("name", 3),
        ("name", ["a"]),
        ("name", "c"),
        ("activation", {"class_name": "relu", "config": {"max_value": -1}}),
        ("activation", ["relu"]),
        ("batch_input_shape", [None, 5]),
        ("batch_input_shape", []),
        ("kernel_regularizer", {"class_name": "L2", "config": {"l2": -1}}),
    ],
    ids=str,
)
def test_arguments_are_checked_and_never_converted(word, value, tmp_path):
    def change(config):
        config["layers"][0]["config"][word] = value

    refused(forged(change), "config", tmp_path)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *(("steps", -1), ("steps", 2**64), ("steps", 1.5), ("steps", True)),
        *(("beta_1_power", 2.0), ("beta_1_power", -1), ("beta_2_power", "0.5")),
        *(("seed", None), ("epochs_lived", [1]), ("unknown", 1)),
    ],
)
def test_counters_are_checked(word, value, tmp_path):
    def change(state):
        state["counters"][word] = value

    refused(forged(change, "state"), "counters", tmp_path)


@pytest.mark.parametrize(
    "state",
    [
        *({}, [], None, {"seed": 1}, {"seed": -1, "dtype": "float32"}),
        *({"seed": 1, "dtype": "float64"}, {"seed": 1, "dtype": "object"}),
        {"seed": 1, "dtype": "float32"},
        {"seed": 1, "dtype": "float32", "columns": [{}, {}]},
        {"seed": 1, "dtype": "float32", "columns": "ab"},
        {"seed": 1, "dtype": "float32", "counters": []},
    ],
    ids=str,
)
def test_the_state_is_checked(state, tmp_path):
    header, body = parts()
    header["__metadata__"]["state"] = json.dumps(state)
    refused(sealed(header, body), "Received", tmp_path)


@pytest.mark.parametrize("word", ["config", "state", "compile"])
@pytest.mark.parametrize("value", ["", "{", "[]", "null", "1", '"Dense"', "{}"])
def test_words_that_are_no_configuration(word, value, tmp_path):
    header, body = parts()
    header["__metadata__"][word] = value
    refused(sealed(header, body), "Received", tmp_path)


# ---- Damage, and anything at all -----------------------------------------------------


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(place, change):
    data = bytearray(GOOD)
    data[place] ^= change
    with pytest.raises(saving.ModelFileError):
        saving.from_bytes(bytes(data), nncore.Sequential)


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(st.integers(0, len(GOOD) - 1))
def test_any_cut_is_noticed(size):
    with pytest.raises(saving.ModelFileError):
        saving.from_bytes(GOOD[:size], nncore.Sequential)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["relu", "Dense", "adam", "mse", "Adam", "$float", "float32"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["class_name", "config", "name", "$float", "$tensor", "a"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def paths(value, here=()):
    """All places in a nested value."""
    yield here
    items = value.items() if isinstance(value, dict) else []
    if isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield from paths(inner, (*here, key))


@pytest.mark.filterwarnings("ignore")
@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_forged_word_loads_or_is_refused(data):
    word = data.draw(st.sampled_from(["config", "state", "compile"]))

    def change(value):
        *way, last = data.draw(st.sampled_from([p for p in paths(value) if p]))
        inner = value
        for key in way:
            inner = inner[key]
        if data.draw(st.booleans()):
            inner[last] = data.draw(JSON_VALUES)
        elif isinstance(inner, dict):
            inner[data.draw(st.text(max_size=8))] = inner.pop(last)
        else:
            del inner[last]

    written = forged(change, word)
    try:
        loaded = saving.from_bytes(written, nncore.Sequential)
    except saving.ModelFileError:
        return
    # What is taken is taken as it was written.
    assert parts(saving.to_bytes(loaded))[1] == parts(written)[1]


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_forged_header_loads_or_is_refused(data):
    header, body = parts()
    place = data.draw(st.sampled_from([p for p in paths(header) if p]))
    inner = header
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = data.draw(JSON_VALUES)
    try:
        saving.from_bytes(sealed(header, body), nncore.Sequential)
    except saving.ModelFileError:
        return
    assert place[0] == "__metadata__"


# ---- The other doors: JSON, pickle, weights ------------------------------------------


@pytest.mark.parametrize(
    "string",
    [
        *('{"class_name": "Sequential"', "[]", "null", "NaN", '{"a": 1, "a": 2}'),
        *('{"class_name": "Functional", "config": {}}', "[" * 10_000),
        '{"class_name": "Sequential", "config": {"layers": [{"class_name": "os"}]}}',
        '{"class_name": "Sequential", "config": {"layers": {}}}',
        '{"class_name": "Sequential", "config": null}',
        '{"class_name": "Sequential"}',
    ],
)
def test_json_goes_through_the_same_reader(string):
    with pytest.raises(saving.ModelFileError):
        nncore.models.model_from_json(string)


@pytest.mark.parametrize("string", [None, 3, b"{}", ""])
def test_json_is_a_string(string):
    with pytest.raises(ValueError, match="json_string"):
        nncore.models.model_from_json(string)


def test_pickles_hold_the_checked_format():
    import pickle
    import pickletools

    data = pickle.dumps(model())
    named = [
        arg for op, arg, _ in pickletools.genops(data) if "GLOBAL" in op.name and arg
    ]
    strings = {arg for _, arg, _ in pickletools.genops(data) if isinstance(arg, str)}
    assert not named or set(named) <= {"nncore.saving from_bytes"}
    assert strings <= {"nncore.saving", "from_bytes", "nncore.models", "Sequential"}
    damaged = data.replace(b'\\"units\\": 3', b'\\"units\\": 4')
    assert damaged != data
    with pytest.raises(saving.ModelFileError, match="damaged"):
        pickle.loads(damaged)


def test_weights_are_checked_like_models(tmp_path):
    path = tmp_path / "w.nnc"
    target = model()
    header, body = parts()
    header["weights/a/5"] = header.pop("weights/a/0")
    for data, match in (
        (GOOD[:-1], "fill the file"),
        (GOOD[:-1] + b"\1", "sha256"),
        (sealed(header, body), "come in order"),
    ):
        path.write_bytes(data)
        with pytest.raises(saving.ModelFileError, match=match):
            target.load_weights(path)


def test_columns_of_a_file_are_names_only():
    def change(state):
        state["columns"] = ["a", 1]

    loaded = saving.from_bytes(forged(change, "state"), nncore.Sequential)
    assert loaded._columns == ("a", 1)
    assert np.isfinite(loaded.predict(np.ones((1, 2)))).all()


# ---- Keras's files: zip archives -----------------------------------------------------


def keras_model():
    built = model()
    rng = np.random.default_rng(2)
    built.fit(rng.normal(size=(4, 2)), rng.normal(size=(4, 1)), verbose=0)
    return built


def written(name):
    """What `save` writes to a file of that name."""
    with tempfile.TemporaryDirectory() as folder:
        keras_model().save(os.path.join(folder, name))
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()


ARCHIVE, OLD = written("m.keras"), written("m.h5")


def members(data=ARCHIVE):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(parts, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in parts:
            archive.writestr(name, data)
    return file.getvalue()


def keras_refused(data, match, tmp_path, ending=".keras", most=FEW):
    """`refused` for the formats of Keras, through both doors."""
    path = tmp_path / f"evil{ending}"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(saving.ModelFileError, match=match) as caught:
            nncore.load_model(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 2000
    assert peak < most + 16 * len(data)
    assert os.listdir(tmp_path) == [path.name]


def forged_archive(change, member="config.json"):
    """The good archive with a change to its JSON."""
    parts = members()
    content = json.loads(parts[member])
    parts[member] = json.dumps(change(content) or content).encode()
    return archive_of(parts.items())


def test_the_good_archive_is_good(tmp_path):
    (tmp_path / "m.keras").write_bytes(archive_of(members().items()))
    (tmp_path / "m.h5").write_bytes(OLD)
    for name in ("m.keras", "m.h5"):
        assert nncore.load_model(tmp_path / name).optimizer.iterations == 1


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_archives_that_grow_when_unpacked(method, tmp_path):
    parts = members() | {"model.weights.h5": bytes(10**8)}
    keras_refused(archive_of(parts.items(), method), "must be stored", tmp_path)


def test_archives_of_too_many_members(tmp_path):
    parts = [*members().items(), *((f"assets/{i}", b"") for i in range(1000))]
    keras_refused(archive_of(parts), "at most 1000 members", tmp_path)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "..\\x", "assets/../../x", ""])
def test_nothing_in_an_archive_is_unpacked(name, tmp_path):
    (tmp_path / "m.keras").write_bytes(
        archive_of([*members().items(), (name or "config", b"data")])
    )
    nncore.load_model(tmp_path / "m.keras")
    assert os.listdir(tmp_path) == ["m.keras"]
    assert not (tmp_path.parent / "x").exists()


def test_a_member_twice(tmp_path):
    parts = [*members().items(), ("config.json", b"{}")]
    keras_refused(archive_of(parts), "twice", tmp_path)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_member_that_is_missing(name, tmp_path):
    parts = members()
    del parts[name]
    keras_refused(archive_of(parts.items()), "must have config.json and", tmp_path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((-12, b"\xff\xff"), (-10, b"\xff\xff\xff\xff"), (-6, b"\xff\xff\xff\xff")),
        *((-22, b"PK\5\7"), (-2, b"\1\0"), (-12, b"\0\0")),
    ],
    ids=["members", "size", "place", "signature", "comment", "none"],
)
def test_ends_of_archives_that_are_wrong(place, value, tmp_path):
    data = bytearray(ARCHIVE)
    data[place : place + len(value) or None] = value
    keras_refused(bytes(data), "archive", tmp_path)


@pytest.mark.parametrize("offset", [8, 10, 16, 20, 24, 28, 30, 32, 42])
def test_entries_of_archives_that_are_wrong(offset, tmp_path):
    data = bytearray(ARCHIVE)
    place = data.rindex(b"model.weights.h5") - 46
    for i in range(2):
        data[place + offset + i] ^= 0xFF
    keras_refused(bytes(data), "Received", tmp_path)


def test_archives_around_archives(tmp_path):
    """What one reader finds at the front and another at the end."""
    keras_refused(b"PK\3\4" + ARCHIVE, "Received", tmp_path)
    keras_refused(ARCHIVE + ARCHIVE, "the list of", tmp_path)
    keras_refused(ARCHIVE + bytes(1), "zip archive", tmp_path)


def test_no_model_is_called_because_a_file_asks_for_it(tmp_path):
    """CVE-2025-1550, CVE-2025-8747, CVE-2025-9906, and bytecode in a Lambda."""
    evil = [
        {
            "module": "keras.layers",
            "class_name": "Lambda",
            "config": {
                "function": {
                    "class_name": "__lambda__",
                    "config": {"code": "4wEAAA==", "defaults": None, "closure": None},
                },
                "arguments": {},
            },
        },
        {
            "module": "os",
            "class_name": "function",
            "config": "system",
            "registered_name": "system",
            "inbound_nodes": [{"args": ["touch x"], "kwargs": {}}],
        },
        {
            "module": "keras.utils",
            "class_name": "function",
            "config": "get_file",
            "registered_name": "get_file",
        },
        {
            "module": "keras.config",
            "class_name": "function",
            "config": "enable_unsafe_deserialization",
        },
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {}},
        {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {}},
    ]
    for layer in evil:

        def change(content, layer=layer):
            content["config"]["layers"].insert(1, layer)

        refused_as = "must be one of nncore's|`function` must be a function"
        keras_refused(forged_archive(change), refused_as, tmp_path)
        for place in ("activation", "kernel_initializer"):

            def nested(content, layer=layer, place=place):
                content["config"]["layers"][1]["config"][place] = layer

            keras_refused(forged_archive(nested), "Received", tmp_path)


@pytest.mark.parametrize("path", ["/etc/passwd", "http://127.0.0.1:9/x", "x.txt"])
def test_no_field_is_a_path(path, tmp_path):
    """CVE-2025-12058: a vocabulary that is read from a file or a server."""

    def change(content):
        content["config"]["layers"].insert(
            1,
            {
                "module": "keras.layers",
                "class_name": "StringLookup",
                "config": {"name": "s", "vocabulary": path},
            },
        )

    keras_refused(forged_archive(change), "must be a list of tokens", tmp_path)


def test_wide_layers_in_an_archive(tmp_path):
    def change(content):
        content["config"]["layers"][1]["config"]["units"] = 10**12

    keras_refused(forged_archive(change), "must have the shapes", tmp_path)


@pytest.mark.filterwarnings("ignore")
@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_forged_archive_loads_or_is_refused(tmp_path_factory, data):
    def change(content):
        *way, last = data.draw(st.sampled_from([p for p in paths(content) if p]))
        inner = content
        for key in way:
            inner = inner[key]
        inner[last] = data.draw(JSON_VALUES)

    path = tmp_path_factory.mktemp("f") / "m.keras"
    path.write_bytes(forged_archive(change))
    with contextlib.suppress(saving.ModelFileError):
        nncore.load_model(path)


# ---- Keras's files: HDF5 -------------------------------------------------------------


def evil_h5(tmp_path, change, **options):
    """The good `.h5` after the library of The HDF Group has changed it."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "made.h5"
    path.write_bytes(OLD)
    with h5py.File(path, "r+", **options) as file:
        change(h5py, file)
    data = path.read_bytes()
    path.unlink()
    return data


def replaced(name):
    """Take an array out of a file, and say where it was."""

    def take(file):
        group = file["model_weights/a/a"]
        del group[name]
        return group

    return take


def external_link(h5py, file):
    (replaced("kernel")(file))["kernel"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft_link(h5py, file):
    (replaced("kernel")(file))["kernel"] = h5py.SoftLink("/model_weights/c/c/kernel")


def external_storage(h5py, file):
    group = replaced("kernel")(file)
    group.create_dataset("kernel", (2, 3), "f4", external=[("/etc/passwd", 0, 24)])


def virtual(h5py, file):
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (2, 3))
    replaced("kernel")(file).create_virtual_dataset("kernel", layout)


def huge(h5py, file):
    replaced("kernel")(file).create_dataset("kernel", (2**40, 2**20), "f4")


def huge_chunks(h5py, file):
    replaced("kernel")(file).create_dataset("kernel", (2**40,), "f4", chunks=(2**10,))


def compressed(h5py, file):
    values = np.zeros((2000, 2000), "f4")
    group = replaced("kernel")(file)
    group.create_dataset("kernel", data=values, compression="gzip")


def references(h5py, file):
    group = replaced("kernel")(file)
    group.create_dataset("kernel", data=[file.ref] * 6, dtype=h5py.ref_dtype)


def objects(h5py, file):
    group = replaced("kernel")(file)
    group.create_dataset("kernel", (2, 3), h5py.vlen_dtype(np.float32))


def compound(h5py, file):
    group = replaced("kernel")(file)
    group.create_dataset("kernel", (2, 3), [("a", "f4"), ("b", "S4")])


def strings(h5py, file):
    replaced("kernel")(file).create_dataset("kernel", (2, 3), "S4")


def integers(h5py, file):
    replaced("kernel")(file).create_dataset("kernel", data=np.ones((2, 3), "i4"))


def group_for_array(h5py, file):
    replaced("kernel")(file).create_group("kernel")


def array_for_group(h5py, file):
    del file["model_weights"]
    file["model_weights"] = np.ones(3)


def other_shape(h5py, file):
    replaced("kernel")(file).create_dataset("kernel", data=np.ones((3, 2), "f4"))


def missing(h5py, file):
    replaced("kernel")(file)


def names_upwards(h5py, file):
    file["model_weights"].attrs["layer_names"] = ["../../a", "b", "c"]


def no_names(h5py, file):
    file["model_weights/a"].attrs["weight_names"] = ["", "/", "//"]


def numbers_for_names(h5py, file):
    file["model_weights"].attrs["layer_names"] = np.arange(3.0)


def new_group(h5py, file):
    file["model_weights/a"].attrs["weight_names"] = ["a/new/kernel", "a/bias"]
    file["model_weights/a/a"].create_group("new", track_order=True)


def many_attributes(h5py, file):
    group = file["model_weights/a"]
    for i in range(100):
        group.attrs[f"x{i}"] = "y" * 1000


H5_CASES = {
    external_link: "links of a new kind|must be in the file",
    soft_link: "must be in the file|links of a new kind",
    external_storage: "another file",
    virtual: "one piece",
    huge: "bytes",
    huge_chunks: "one piece",
    compressed: "compression",
    references: "numbers",
    objects: "numbers",
    compound: "numbers",
    strings: "numbers",
    integers: "must be floats",
    group_for_array: "must be an array",
    array_for_group: "must be a group",
    other_shape: "must have the shapes",
    missing: "must have a member 'kernel'",
    names_upwards: "must have a member",
    no_names: "a path must be names",
    numbers_for_names: "must be strings",
    new_group: "a header of version 1|of a new kind",
}


@pytest.mark.parametrize("case", H5_CASES, ids=lambda case: case.__name__)
def test_hdf5_files_made_to_do_harm(case, tmp_path):
    """CVE-2026-0897, CVE-2026-1669 and what else HDF5 can do."""
    data = evil_h5(tmp_path, case)
    keras_refused(data, H5_CASES[case], tmp_path, ".h5")


def test_hdf5_that_is_not_keras_s(tmp_path):
    for libver in ("latest", "v108", "v110"):
        h5py = pytest.importorskip("h5py")
        file = io.BytesIO()
        h5py.File(file, "w", libver=libver).close()
        keras_refused(file.getvalue(), "superblock 0", tmp_path, ".h5")


def test_many_attributes_are_read(tmp_path):
    data = evil_h5(tmp_path, many_attributes)
    (tmp_path / "m.h5").write_bytes(data)
    nncore.load_model(tmp_path / "m.h5")


def test_many_names_for_one_long_string(tmp_path):
    """A list whose items all point at the same megabyte."""

    def change(h5py, file):
        names = np.array(["x" * 2**20] + ["y"] * 2000, h5py.string_dtype())
        file["model_weights"].attrs["layer_names"] = names

    data = bytearray(evil_h5(tmp_path, change))
    place = data.index((2**20).to_bytes(4, "little"))
    while (
        data[(at := int.from_bytes(data[place + 4 : place + 12], "little")) :][:4]
        != b"GCOL"
    ):
        place = data.index((2**20).to_bytes(4, "little"), place + 1)
    assert at < len(data)
    for i in range(1, 2001):
        data[place + 16 * i : place + 16 * i + 16] = data[place : place + 16]
    keras_refused(bytes(data), "again and again", tmp_path, ".h5")


def test_trees_that_run_in_circles(tmp_path):
    data = bytearray(OLD)
    place = data.index(b"TREE")
    while place >= 0:
        data[place + 5] = 1
        data[place + 32 : place + 40] = place.to_bytes(8, "little")
        place = data.find(b"TREE", place + 1)
    keras_refused(bytes(data), "met twice|SNOD|TREE", tmp_path, ".h5")


def test_lambda_layers_in_the_older_layout(tmp_path):
    """CVE-2025-9905: the switch that says no to code was not asked for `.h5`."""

    def change(h5py, file):
        content = json.loads(file.attrs["model_config"])
        content["config"]["layers"].insert(
            1,
            {
                "class_name": "Lambda",
                "config": {"function": ["4wEAAA==\n", None, None], "name": "evil"},
            },
        )
        file.attrs["model_config"] = json.dumps(content)

    data = evil_h5(tmp_path, change)
    keras_refused(data, "`function` must be a function", tmp_path, ".h5")


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(st.data())
@pytest.mark.filterwarnings("ignore")
def test_any_damaged_file_of_keras_loads_or_is_refused(tmp_path_factory, ending, data):
    """The older formats have no hash: what is damaged may pass, but never crash."""
    file = bytearray(OLD if ending == ".h5" else members()["model.weights.h5"])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(file) - 1))
        file[place] = data.draw(st.sampled_from([0, 1, 2, 3, 8, 16, 127, 128, 255]))
    if data.draw(st.booleans()):
        del file[data.draw(st.integers(0, len(file))) :]
    content = bytes(file)
    if ending == ".keras":
        content = archive_of((members() | {"model.weights.h5": content}).items())
    path = tmp_path_factory.mktemp("f") / f"m{ending}"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with contextlib.suppress(saving.ModelFileError):
            nncore.load_model(path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
