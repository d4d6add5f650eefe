"""Which public names of the installed Keras nncore has: docs/keras-coverage.md.

    make keras-coverage

Walks Keras's public modules, classes and arguments. "Compared" is what the tables of
cases in tests/test_keras.py and tests/test_keras_schedules.py build in both libraries.
Why something is not there stands in the tables below, and only there: a name that Keras
has, nncore has not and no table knows is an error, and so is a line that explains
nothing any more.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import types
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nncore

from .. import test_keras, test_keras_schedules

PAGE = Path(__file__).parents[2] / "docs" / "keras-coverage.md"

# Section of the page -> Keras's modules.
SECTIONS: dict[str, tuple[str, ...]] = {
    "Models": ("models",),
    "Layers": ("layers",),
    "Activations": ("activations",),
    "Initializers": ("initializers",),
    "Regularizers": ("regularizers",),
    "Constraints": ("constraints",),
    "Losses": ("losses",),
    "Metrics": ("metrics",),
    "Optimizers": ("optimizers",),
    "Learning rate schedules": ("optimizers.schedules",),
    "Callbacks": ("callbacks",),
    "Saving": ("saving",),
    "Utilities": ("utils",),
    "Settings": ("backend", "config"),
    "Wrappers": ("wrappers",),
    "The package itself": ("",),
}

IMAGES = "pictures"
SOUND = "sound and other signals"
SEQUENCES = "sequences and text"
TENSORS = "there are no tensors and no graph: weights and outputs are NumPy arrays"
FUNCTIONAL = "layers are put in order, not called: no functional API"
QUANTIZED = "numbers are float32 or float64: no quantization, no mixed precision"
BACKENDS = "there is one back end, and it is a CPU"
GRADIENTS = "there are no automatic gradients; training goes on in C"
PRIVATE = "how Keras works inside; nothing to call"
OWN_FILES = "how Keras writes files; `save`, `load_model` and `get_config` are there"
NOT_YET = "not there yet"

# Modules that are left out as a whole, or of which only a number is said.
MODULES: dict[str, str] = {
    "applications": "trained networks for pictures",
    "datasets": "downloads; `nncore.datasets` has the three that the guides use",
    "distillation": FUNCTIONAL,
    "distribution": BACKENDS,
    "dtype_policies": QUANTIZED,
    "export": "graphs of TensorFlow and JAX, and ONNX",
    "legacy": OWN_FILES,
    "mixed_precision": QUANTIZED,
    "ops": "those that metrics and losses of one's own are written with; NumPy has the "
    "rest, and a layer's gradient is written out",
    "optimizers.legacy": "errors in Keras 3; here the optimizers, for old scripts",
    "preprocessing": IMAGES + ", " + SEQUENCES,
    "quantizers": QUANTIZED,
    "random": "NumPy has generators",
    "tree": "arguments are arrays and lists of layers, not trees",
    "utils.bounding_boxes": IMAGES,
    "utils.legacy": OWN_FILES,
    "visualization": IMAGES,
}

_IMAGE_LAYERS = (
    "(Separable|Depthwise)?Conv(olution)?[123]D.*|ConvLSTM.D|.*Pool(ing)?[123]D|"
    "(Cropping|SpatialDropout|UpSampling|ZeroPadding)[123]D|Random.*|AugMix|"
    "AutoContrast|CenterCrop|ContrastLimited.*|CutMix|Equalization|MixUp|"
    "MaxNumBoundingBoxes|RandAugment|Resizing|Solarization"
)
# Section -> [(names as a regular expression, why they are not there)].
MISSING: dict[str, list[tuple[str, str]]] = {
    "Models": [("Model", FUNCTIONAL)],
    "Layers": [
        (_IMAGE_LAYERS, "convolution, pooling, " + IMAGES),
        (
            ".*(RNN|GRU|LSTM).*|Bidirectional|TimeDistributed|Masking|"
            "TextVectorization|ReversibleEmbedding",
            SEQUENCES,
        ),
        (".*Attention", "attention"),
        (
            "Add|Average|Concatenate|Dot|Maximum|Minimum|Multiply|Subtract|add|average|"
            "concatenate|dot|maximum|minimum|multiply|subtract|Pipeline|Wrapper",
            FUNCTIONAL,
        ),
        ("(Mel|STFT)Spectrogram", SOUND),
        ("(Flax|Jax|TFSM)Layer|TorchModuleWrapper", BACKENDS),
        ("InputSpec", "every layer checks its own input"),
        (
            "EinsumDense|GroupNormalization|SpectralNormalization",
            NOT_YET + "; for rows of one axis `Dense` and `LayerNormalization` do",
        ),
    ],
    "Activations": [
        (
            "glu|sparsemax|hard_shrink|soft_shrink|tanh_shrink|threshold|hard_tanh|"
            "hard_silu|hard_swish|sparse_plus|sparse_sigmoid|squareplus",
            NOT_YET + "; a function with its `gradient` does in its place",
        )
    ],
    "Initializers": [
        ("STFT.*|stft", SOUND),
    ],
    "Losses": [
        ("CTC|ctc", SEQUENCES),
        ("Circle|circle", "compares rows with one another: embeddings of " + IMAGES),
    ],
    "Optimizers": [
        ("ScheduleFreeAdamW", NOT_YET),
        ("LossScaleOptimizer", QUANTIZED + "; `loss_scale_factor` is there"),
        ("MultiOptimizer|OptimizerMap", "one optimizer for all weights"),
    ],
    "Callbacks": [
        ("OrbaxCheckpoint", "a format of JAX; `ModelCheckpoint` is there"),
        ("RemoteMonitor", "nothing here opens connections"),
    ],
    "Saving": [
        (
            "KerasFileEditor|(de)?serialize_keras_object",
            "each module has `serialize` and `deserialize`; no file names modules",
        ),
    ],
    "Utilities": [
        (
            "(array_to|img_to|load|save)_(img|array)|image_dataset_from_directory",
            IMAGES,
        ),
        ("audio_dataset_from_directory", SOUND),
        ("(text|timeseries)_dataset_from_.*|pad_sequences", SEQUENCES),
        (
            "(de)?serialize_keras_object",
            "each module has `serialize` and `deserialize`; no file names modules",
        ),
        (
            "(dis|en)able_interactive_logging|is_interactive_logging_enabled",
            "`verbose` says it",
        ),
        ("is_keras_tensor|get_source_inputs|standardize_dtype", TENSORS),
        ("FeatureSpace", "`nncore.tabular` prepares the columns of a table"),
        (
            "model_to_dot",
            "`plot_model` draws without Graphviz",
        ),
        ("Config|split_dataset|(un)?pack_x_y_sample_weight", "plain Python does it"),
    ],
    "Settings": [
        (
            "dtype_policy|set_dtype_policy",
            "`set_floatx` and the argument `dtype` of a model",
        ),
        ("get_uid|(is_(float|int)|result_|standardize_)?_?dtype|result_type", PRIVATE),
        ("is_keras_tensor", TENSORS),
        (".*flash_attention.*", "attention"),
        (".*interactive_logging.*", "`verbose` says it"),
        (".*traceback_filtering.*", "a traceback holds few lines that are not yours"),
        ("enable_unsafe_deserialization", "no switch lets a file run code"),
        ("is_nnx_enabled|set_backend", BACKENDS),
        ("(set_)?max_(epochs|steps_per_epoch)", "`fit` has arguments for both"),
    ],
    "Wrappers": [("SKLearnTransformer", "a model is no transformer")],
    "The package itself": [
        ("Model|Function|Operation", FUNCTIONAL),
        (
            "KerasTensor|Variable|(Stateless|Symbolic)Scope|name_scope|InputSpec",
            TENSORS,
        ),
        ("RematScope|remat", "memory is planned when a network is built"),
        (".*DTypePolicy|Quantizer", QUANTIZED),
        ("device", BACKENDS),
        ("version", "`__version__`"),
    ],
}

_VARIABLES = (
    "add_variable|add_variable_from_reference|add_optimizer_variables|assign.*|"
    "metrics_variables|count|total"
)
_DTYPES = (
    "autocast|(compute|input|variable)_dtype|dtype_policy|.*quanti[sz].*|.*lora.*|"
    "scale_loss"
)
_FILES = (
    ".*own_variables|(get_build|build_from)_config|(get|set)_state_tree|path|"
    "variable_serialization_spec"
)
_STATELESS = "stateless_.*|symbolic_call|jax_state_sync|call_signature_parameters"
# Class -> [(methods and attributes, why)].
METHODS: dict[str, list[tuple[str, str]]] = {
    "Sequential": [
        (
            "compute_loss|compute_loss_and_updates|compute_metrics|get_metrics_result|"
            "(make_)?(predict|test|train)_(function|step)|jit_compile|run_eagerly|"
            "steps_per_execution|supports_jit|rematerialized_call",
            GRADIENTS + "; `train_on_batch` and callbacks are there",
        ),
        (
            "add_loss|add_metric|losses|activity_regularizer",
            "penalties belong to layers, metrics to `compile`",
        ),
        ("call|compute_(mask|output_.*)|input|output|input_spec", FUNCTIONAL),
        ("supports_masking", SEQUENCES),
        ("add_weight", "weights belong to layers"),
        ("export", MODULES["export"]),
        (_DTYPES, QUANTIZED),
        (_VARIABLES, TENSORS),
        (_FILES, OWN_FILES),
        (_STATELESS, PRIVATE),
    ],
    "Layer": [
        (
            "call",
            "layers of one's own have it, with `gradient` beside it; the others are "
            "computed in C",
        ),
        (
            "add_loss|add_metric|losses|metrics",
            "`activity_regularizer`; metrics belong to `compile`",
        ),
        ("compute_(mask|output_spec)|input|output|input_spec", FUNCTIONAL),
        ("supports_masking", SEQUENCES),
        ("supports_jit|rematerialized_call", GRADIENTS),
        (_DTYPES, QUANTIZED),
        (_VARIABLES, TENSORS),
        (_FILES, OWN_FILES),
        (_STATELESS, PRIVATE),
    ],
    "Optimizer": [
        (
            "apply|apply_gradients|update_step|build|built|finalize_variable_values",
            "updates are done in C, beside the gradients",
        ),
        (_DTYPES, QUANTIZED),
        (_VARIABLES, TENSORS),
        (_FILES, OWN_FILES),
        (_STATELESS, PRIVATE),
    ],
    "Loss": [("fn", PRIVATE)],
    "Metric": [
        ("add_weight|variables", "the state of a metric is attributes of your own"),
        (_VARIABLES, TENSORS),
        (_STATELESS, PRIVATE),
    ],
    "Callback": [],
    "LearningRateSchedule": [],
    "Initializer": [("clone", "`copy.copy`")],
    "Regularizer": [],
    "Constraint": [],
    "PyDataset": [],
}

# (function or class, argument, why), as regular expressions.
ARGUMENTS: list[tuple[str, str, str]] = [
    (".*deserialize", "custom_objects|name", "`custom_object_scope`"),
    (
        ".*ustom_?[oO]bject_?[sS]cope",
        "custom_objects",
        "any number of dictionaries, by place",
    ),
    (".*get_registered_object", "module_objects", PRIVATE),
    ("callbacks.CallbackList", "add_history|add_progbar", PRIVATE),
    ("(layers)?[.]Input(Layer)?", "(input_)?tensor", TENSORS),
    ("initializers.*", "(in|out)put_axes", "kernels of more than two axes"),
    (
        "metrics.sparse_top_k_categorical_accuracy",
        "from_sorted_ids",
        "predictions are numbers, not sorted classes",
    ),
    (
        "models.clone_model",
        "call_function|recursive",
        "no functional API, no models within models",
    ),
    (".*save(_model)?", "zipped", "a `.keras` file is an archive"),
    (".*save_weights", "max_shard_size", "a file holds all weights"),
    ("utils.Progbar", "stateless_metrics", "every number is shown as it is"),
    ("utils.plot_model", "splines", "layers in a row need straight lines"),
    ("Layer.add_weight", "autocast|aggregation|overwrite.*", QUANTIZED),
    ("Optimizer.from_config", "custom_objects", "`custom_object_scope`"),
]


class Recorder:
    """A library that notes which of its names are asked for.

    Args:
        module: What it stands for.
        found: Receives names such as "layers.Dense".
        path: The module's own name.
    """

    def __init__(
        self, module: types.ModuleType, found: set[str], path: str = ""
    ) -> None:
        """See the class."""
        self._module, self._found, self._path = module, found, path

    def __getattr__(self, name: str) -> Any:
        """What the module has under that name."""
        value, path = getattr(self._module, name), f"{self._path}{name}"
        if isinstance(value, types.ModuleType):
            return Recorder(value, self._found, path + ".")
        self._found.add(path)
        return value


def compared() -> set[str]:
    """Names that the tests build here and in Keras, to compare what comes out."""
    found: set[str] = set()
    library = Recorder(nncore, found)
    for case in test_keras.CASES:
        test_keras.build(library, case)
    for layers in test_keras.LAYERS.values():
        layers(library)
    found.update(f"activations.{name}" for name in test_keras.ACTIVATIONS)
    found.update(f"layers.{name}" for name, _ in test_keras.NOISE)
    found.update(f"metrics.{name}" for name, *_ in test_keras.METRICS)
    found.update(f"initializers.{name}" for name, _ in test_keras.INITIALIZERS)
    schedules = {name for name, _ in test_keras_schedules.CASES}
    found.update(f"optimizers.schedules.{name}" for name in schedules)
    return found


def public(thing: Any) -> list[str]:
    """Names without an underscore, but for modules."""
    names = (name for name in dir(thing) if not name.startswith("_"))
    return [n for n in names if not isinstance(_got(thing, n), types.ModuleType)]


def _got(thing: Any, name: str) -> Any:
    """An attribute; None where it cannot be had."""
    try:
        return getattr(thing, name)
    except Exception:
        return None


def modules(keras: types.ModuleType) -> list[str]:
    """Keras's public modules, without "keras." in front."""
    root = Path(keras.__file__ or "").parent
    paths = sorted(file.parent.relative_to(root) for file in root.rglob("__init__.py"))
    return [
        "" if str(path) == "." else ".".join(path.parts)
        for path in paths
        if not path.parts or path.parts[0] not in ("src", "_tf_keras", "api")
    ]


def ours(path: str) -> Any:
    """The module of nncore with the name; None if there is none."""
    try:
        return importlib.import_module(f"nncore.{path}".rstrip("."))
    except ImportError:
        return None


class Reasons:
    """Tables of regular expressions, of which every line must be used."""

    def __init__(self) -> None:
        """See the class."""
        self.unused: set[tuple[str, str]] = set()
        self.unknown: list[str] = []

    def sort(
        self, owner: str, table: list[tuple[str, str]], names: Iterable[str]
    ) -> list[tuple[str, list[str]]]:
        """[(why, names)] in the order of the table."""
        sorted_: dict[tuple[str, str], list[str]] = {line: [] for line in table}
        for name in names:
            line = next((ln for ln in table if re.fullmatch(ln[0], name)), None)
            if line is None:
                self.unknown.append(f"{owner}: {name}")
            else:
                sorted_[line].append(name)
        self.unused |= {(owner, line[0]) for line, got in sorted_.items() if not got}
        return [(why, got) for (_, why), got in sorted_.items() if got]


def code(names: Iterable[str]) -> str:
    """Names as a row of a table shows them."""
    return " ".join(f"`{name}`" for name in names)


def parameters(function: Any) -> list[str]:
    """Names of arguments, but for * and **."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in found if p.kind not in several]


def examples(library: Any) -> dict[str, Any]:
    """An object of each class whose methods are listed."""
    dense = library.layers.Dense(2)
    model = library.Sequential([library.layers.Input((3,)), dense])
    model.compile(library.optimizers.SGD(), "mse")
    return {
        "Sequential": model,
        "Layer": dense,
        "Optimizer": model.optimizer,
        "Loss": library.losses.MeanSquaredError(),
        "Metric": library.metrics.MeanSquaredError(),
        "Callback": library.callbacks.Callback(),
        "LearningRateSchedule": library.optimizers.schedules.CosineDecay(0.1, 3),
        "Initializer": library.initializers.Zeros(),
        "Regularizer": library.regularizers.L2(),
        "Constraint": library.constraints.NonNeg(),
        "PyDataset": library.utils.PyDataset(),
    }


def page(keras: types.ModuleType) -> str:
    """The whole text.

    Raises:
        ValueError: Names without a reason, or reasons without a name.
    """
    reasons, seen, both = Reasons(), compared(), []
    counts, sections = [], []
    for title, paths in SECTIONS.items():
        names: dict[str, str] = {}
        for path in paths:
            module = importlib.import_module(f"keras.{path}".rstrip("."))
            for name in public(module):
                names.setdefault(name, path)
        here = {n: p for n, p in names.items() if _got(ours(p), n) is not None}
        checked = [n for n, p in here.items() if f"{p}.{n}" in seen]
        rest = [n for n in here if n not in checked]
        rows = []
        if checked:
            rows.append(("**yes**, compared", checked))
        if rest:
            rows.append(("**yes**", rest))
        absent = [n for n in names if n not in here]
        for why, some in reasons.sort(title, MISSING.get(title, []), absent):
            rows.append((f"no: {why}", some))
        sections.append(table(f"## {title}", ("Here?", "Names"), rows))
        counts.append(
            f"| [{title}](#{title.lower().replace(' ', '-')}) | {len(names)} "
            f"| {len(here)} | {len(checked) or ''} |"
        )
        for name, path in here.items():
            both.append((f"{path}.{name}", module_of("keras", path), ours(path), name))

    theirs, mine = examples(keras), examples(nncore)
    rows_of_methods = []
    for owner, why_not in METHODS.items():
        names_here = set(dir(mine[owner]))
        all_names = [n for n in dir(theirs[owner]) if not n.startswith("_")]
        got = [n for n in all_names if n in names_here]
        lacking = [n for n in all_names if n not in names_here]
        rows_of_methods.append(f"### {owner}\n")
        rows = [("**yes**", got)]
        for why, some in reasons.sort(owner, why_not, lacking):
            rows.append((f"no: {why}", some))
        rows_of_methods.append(table("", ("Here?", "Names"), rows))
        for name in got:
            pair = type(theirs[owner]), type(mine[owner])
            both.append((f"{owner}.{name}", *pair, name))

    wanted: dict[tuple[str, str], list[str]] = {}
    used = set()
    for full, their_owner, my_owner, name in both:
        function, mine_ = _got(their_owner, name), _got(my_owner, name)
        if not callable(function) or not callable(mine_):
            continue
        accepted = parameters(mine_)
        for argument in parameters(function):
            if argument in accepted or argument in ("self", "args", "kwargs"):
                continue
            line = next(
                (
                    ln
                    for ln in ARGUMENTS
                    if re.fullmatch(ln[0], full) and re.fullmatch(ln[1], argument)
                ),
                None,
            )
            if line is None:
                reasons.unknown.append(f"{full}({argument})")
            else:
                used.add(line)
                wanted.setdefault((argument, line[2]), []).append(full.lstrip("."))
    reasons.unused |= {("arguments", ln[0]) for ln in ARGUMENTS if ln not in used}
    arguments = [
        f"| `{argument}` | {code(owners)} | {why} |"
        for (argument, why), owners in wanted.items()
    ]

    listed = {path for paths in SECTIONS.values() for path in paths}
    others: dict[str, list[int]] = {}
    for path in modules(keras):
        if path in listed:
            continue
        parts = path.split(".")
        known = [".".join(parts[: i + 1]) for i in range(len(parts))]
        top = next((p for p in reversed(known) if p in MODULES), None)
        if top is None:
            reasons.unknown.append(f"module keras.{path}")
            continue
        names_ = public(importlib.import_module(f"keras.{path}"))
        there = [n for n in names_ if _got(ours(path), n) is not None]
        total = others.setdefault(top, [0, 0])
        if path == top or top != "ops":  # parts of ops repeat its names
            total[0] += len(names_)
            total[1] += len(there)
    reasons.unused |= {("modules", path) for path in MODULES if path not in others}
    other = [
        f"| `keras.{path}` | {n} | {there or ''} | {MODULES[path]} |"
        for path, (n, there) in others.items()
    ]
    if reasons.unknown or reasons.unused:
        raise ValueError(
            "tests/trust/keras_coverage.py must say why these names are not in nncore: "
            f"{reasons.unknown}; and no longer needs these lines: "
            f"{sorted(reasons.unused)}"
        )
    return TEXT.format(
        version=keras.__version__,
        counts="\n".join(counts),
        sections="\n".join(sections),
        methods="\n".join(rows_of_methods),
        arguments="\n".join(arguments),
        other="\n".join(other),
    )


def module_of(package: str, path: str) -> types.ModuleType:
    """A module of a package by its path within."""
    return importlib.import_module(f"{package}.{path}".rstrip("."))


def table(title: str, heads: tuple[str, str], rows: list[tuple[str, list[str]]]) -> str:
    """A Markdown table of names."""
    lines = [f"{title}\n"] if title else []
    lines += [f"| {heads[0]} | {heads[1]} |", "|---|---|"]
    lines += [f"| {first} | {code(names)} |" for first, names in rows]
    return "\n".join(lines) + "\n"


TEXT = """\
# What of Keras is here

Every public name of Keras {version} that a dense network may meet: what is here, and
why the rest is not. [Where nncore differs](keras-differences.md) says what is here and
behaves otherwise.

`make keras-coverage` writes this page: it walks the installed Keras, and a test fails
when Keras has a name that the page does not know. *Compared* means that tests run it
here and in Keras, from the same weights, and compare the numbers; for trainings, after
every batch. The rest has tests of its own. Words of Keras 1 and 2 are here too:
`nncore/_legacy.py` lists them.

| | Names | Here | Compared |
|---|---|---|---|
{counts}

{sections}
## Methods and attributes

{methods}
## Arguments

What is here takes every argument of Keras's, a few of them with their default alone
([Not there](keras-differences.md#not-there)), but for these:

| Argument | Of | Why not |
|---|---|---|
{arguments}

## Other modules

| Module | Names | Here | What it is about, or why not |
|---|---|---|---|
{other}
"""


def main() -> None:
    """Write the page."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        PAGE.write_text(page(importlib.import_module("keras")), encoding="utf-8")


if __name__ == "__main__":
    main()
