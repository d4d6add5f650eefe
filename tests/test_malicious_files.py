"""Files that were made to do harm: each is refused, in bounded memory.

One test per cause that has been a vulnerability of some library's model files. Forged
files carry a correct hash, as an attacker's would; those that are merely damaged are
found by the hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import tracemalloc

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

    refused(forged(change), "one of nncore's.*'Lambda'", tmp_path)


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
