"""Words of Keras 1 and 2: the one table of old keywords.

`@accepts_old_words("Dense")` lets a function or constructor take old keywords beside
its own: each old word is handed on under its modern name, with one
`DeprecationWarning` that says the modern word. Omitted arguments take Keras 3's
defaults; where an old default was different, one `UserWarning` says so.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Collection
from typing import Any, TypeVar, cast

_Function = TypeVar("_Function", bound=Callable[..., Any])

_LAYER = {"input_dtype": "dtype"}
_OPTIMIZER = {"lr": "learning_rate"}
_INPUT = {
    "input_shape": "shape",
    "batch_input_shape": "batch_shape",
    "input_dtype": "dtype",
}

# owner -> {old keyword: modern keyword}
RENAMED: dict[str, dict[str, str]] = {
    "Input": _INPUT,
    "InputLayer": _INPUT,
    "Dense": _LAYER
    | {
        "output_dim": "units",
        "init": "kernel_initializer",
        "bias": "use_bias",
        "W_regularizer": "kernel_regularizer",
        "b_regularizer": "bias_regularizer",
        "W_constraint": "kernel_constraint",
        "b_constraint": "bias_constraint",
    },
    "Activation": _LAYER,
    "Dropout": _LAYER | {"p": "rate"},
    "Flatten": _LAYER,
    "ReLU": _LAYER | {"alpha": "negative_slope"},
    "LeakyReLU": _LAYER | {"alpha": "negative_slope"},
    "ELU": _LAYER,
    "Softmax": _LAYER,
    "PReLU": _LAYER | {"init": "alpha_initializer"},
    "BatchNormalization": _LAYER
    | {"gamma_init": "gamma_initializer", "beta_init": "beta_initializer"},
    "GaussianNoise": _LAYER | {"sigma": "stddev"},
    "GaussianDropout": _LAYER | {"p": "rate"},
    "AlphaDropout": _LAYER,
    "ActivityRegularization": _LAYER,
    "Reshape": _LAYER,
    "Permute": _LAYER,
    "RepeatVector": _LAYER,
    "Embedding": _LAYER
    | {
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
        "input_length": "input_shape",
    },
    "MaxNorm": {"m": "max_value"},
    "MinMaxNorm": {"low": "min_value", "high": "max_value"},
    "relu": {"alpha": "negative_slope"},
    "leaky_relu": {"alpha": "negative_slope"},
    "L1": {"l": "l1"},
    "L2": {"l": "l2"},
    "SGD": _OPTIMIZER,
    "RMSprop": _OPTIMIZER,
    "Adagrad": _OPTIMIZER,
    "Adadelta": _OPTIMIZER,
    "Adam": _OPTIMIZER,
    "AdamW": _OPTIMIZER,
    "Adamax": _OPTIMIZER,
    "Nadam": _OPTIMIZER,
    "Ftrl": _OPTIMIZER,
    "to_categorical": {"y": "x", "nb_classes": "num_classes"},
    "Sequential.fit": {"nb_epoch": "epochs"},
    "ReduceLROnPlateau": {"epsilon": "min_delta"},
}

_WORKERS = frozenset(
    {"max_queue_size", "workers", "use_multiprocessing"}
    | {"max_q_size", "nb_worker", "pickle_safe"}
)

# The ending of a path says the format.
_FORMATS = frozenset({"save_format", "signatures", "options", "save_traces", "zipped"})

# Old path of a module -> its modern path, both within the package. The old one shows
# all that the modern one has.
MODULES: dict[str, str] = {
    "callbacks.callbacks": "callbacks",
    "config": "backend",
    "engine": "layers",
    "engine.base_layer": "layers",
    "engine.input_layer": "layers",
    "engine.sequential": "models",
    "engine.topology": "layers",
    "engine.training": "models",
    "initializations": "initializers",
    "objectives": "losses",
    "optimizers.experimental": "optimizers",
    "optimizers.legacy": "optimizers",
    "utils.generic_utils": "utils",
    "utils.layer_utils": "utils",
    "utils.vis_utils": "utils",
    "utils.visualize_util": "utils",
}

# Modules that held more in Keras 1 and 2: what they lack is looked for in another.
WIDER: dict[str, str] = dict.fromkeys(
    (
        *("layers.core", "layers.advanced_activations", "layers.embeddings"),
        *("layers.noise", "layers.normalization"),
    ),
    "layers",
)

# Module -> {old name: modern name of the same thing in the same module}.
NAMES: dict[str, dict[str, str]] = {
    "backend": {
        "image_dim_ordering": "image_data_format",
        "set_image_dim_ordering": "set_image_data_format",
    },
    "regularizers": {
        "WeightRegularizer": "L1L2",
        "ActivityRegularizer": "L1L2",
        "activity_l1": "l1",
        "activity_l1l2": "l1_l2",
        "activity_l2": "l2",
        "l1l2": "l1_l2",
    },
    "saving": {"CustomObjectScope": "custom_object_scope"},
    "utils": {
        "CustomObjectScope": "custom_object_scope",
        "plot": "plot_model",
    },
}

# What scripts have called Keras, when nncore stands in its place.
ROOTS: tuple[str, ...] = (
    "keras",
    "keras.api",
    "tf_keras",
    "tensorflow.keras",
    "tensorflow.contrib.keras",
    "tensorflow.python.keras",
    "tensorflow.compat.v1.keras",
    "tensorflow.compat.v2.keras",
)

# What stands in for TensorFlow: module -> its names for utils.set_random_seed.
TENSORFLOW: dict[str, tuple[str, ...]] = {
    "tensorflow": ("set_random_seed",),
    "tensorflow.random": ("set_seed", "set_random_seed"),
    "tensorflow.contrib": (),
    "tensorflow.python": (),
    "tensorflow.compat": (),
    "tensorflow.compat.v1": ("set_random_seed",),
    "tensorflow.compat.v2": (),
    "tensorflow.compat.v1.random": ("set_random_seed",),
    "tensorflow.compat.v2.random": ("set_seed",),
}

# The versions whose words and numbers these are.
VERSIONS: dict[str, str] = {
    **dict.fromkeys(ROOTS, "3.0.0"),
    **dict.fromkeys(TENSORFLOW, "2.16.0"),
}

# owner -> old keywords that have no meaning here and are left out with a warning
DROPPED: dict[str, frozenset[str]] = {
    "BatchNormalization": frozenset({"fused"}),
    "Nadam": frozenset({"schedule_decay"}),
    "ProgbarLogger": frozenset({"count_mode", "stateful_metrics"}),
    "Sequential.compile": frozenset(
        {"class_mode", "sample_weight_mode", "target_tensors"}
        | {"experimental_run_tf_function"}
    ),
    "Sequential.fit": _WORKERS,
    "Sequential.evaluate": _WORKERS,
    "Sequential.predict": _WORKERS,
    "Sequential.fit_generator": _WORKERS,
    "Sequential.evaluate_generator": _WORKERS,
    "Sequential.predict_generator": _WORKERS,
    "Sequential.save": _FORMATS,
    "Sequential.save_weights": _FORMATS,
}

# owner -> {old keyword: the only value that is left of its meaning}
ONLY: dict[str, dict[str, Any]] = {
    "BatchNormalization": {"mode": 0, "virtual_batch_size": None, "adjustment": None},
    "Embedding": {"dropout": 0},
}

# Old verb -> its modern name.
VERBS: dict[str, str] = {
    "Sequential.fit_generator": "fit",
    "Sequential.evaluate_generator": "evaluate",
    "Sequential.predict_generator": "predict",
}

# owner -> {modern keyword: default in Keras 1 and 2}, where Keras 3's is another
OLD_DEFAULTS: dict[str, dict[str, Any]] = {
    "Adagrad": {"learning_rate": 0.01, "initial_accumulator_value": 0.0},
    "Adadelta": {"learning_rate": 1.0},
    "Adamax": {"learning_rate": 0.002},
    "Nadam": {"learning_rate": 0.002},
}

# Words that Keras 3 lost and that keep their meaning here: they mark old code.
KEPT: dict[str, frozenset[str]] = dict.fromkeys(
    ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW", "Adamax", "Nadam"),
    frozenset({"decay"}),
)
KEPT["Ftrl"] = KEPT["SGD"]
KEPT["ModelCheckpoint"] = frozenset({"period"})


# Keys of logs that are the same entry under two names.
LOG_KEYS: dict[str, str] = {
    "acc": "accuracy",
    "lr": "learning_rate",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
LOG_KEYS |= {modern: old for old, modern in LOG_KEYS.items()}


def callers_level() -> int:
    """Return the `stacklevel` of the first caller outside this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_ours(frame.f_globals):
        frame, level = frame.f_back, level + 1
    return level


def _is_ours(names: dict[str, Any]) -> bool:
    return str(names.get("__name__")).partition(".")[0] == "nncore"


def modern_words(
    owner: str,
    words: dict[str, Any],
    *,
    given: Collection[str] = (),
) -> dict[str, Any]:
    """Return the keyword arguments `words` of `owner` under their modern names.

    Args:
        owner: The function's name in the tables of this file, e.g. "Dense".
        words: Keyword arguments as the caller gave them.
        given: Names of the parameters that were given by position.

    Returns:
        A new dictionary; keywords that are in no table stay as they are.

    Raises:
        TypeError: An old word and its modern one were both given.
        ValueError: An old word asks for what is not there.

    Examples:
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     modern_words("Dense", {"output_dim": 5, "name": "out"})
        {'units': 5, 'name': 'out'}
    """
    renamed = RENAMED.get(owner, {})
    dropped = DROPPED.get(owner, frozenset())
    kept = KEPT.get(owner, frozenset())
    only = ONLY.get(owner, {})
    result: dict[str, Any] = {}
    advice = [f"it is now `{VERBS[owner]}`"] if owner in VERBS else []
    for word, value in words.items():
        if word in renamed:
            modern = renamed[word]
            if modern in words:
                raise TypeError(
                    f"`{owner}` takes either `{modern}` or its old name `{word}`, not "
                    f"both. Received: {word}={value!r}, {modern}={words[modern]!r}"
                )
            result[modern] = value
            advice.append(f"`{word}` is now `{modern}`")
        elif word in only and value != only[word]:
            raise ValueError(
                f"`{word}` of `{owner}` must be {only[word]}: other values are not "
                f"available in this version. Received: {word}={value!r}"
            )
        elif word in dropped or word in only:
            advice.append(f"`{word}` has no effect any more")
        else:
            result[word] = value
    if advice:
        warnings.warn(
            f"Update your `{owner}` call: {', '.join(advice)}.",
            DeprecationWarning,
            stacklevel=callers_level(),
        )
    if advice or not kept.isdisjoint(words):
        changed = [
            f"`{name}` (was {default})"
            for name, default in OLD_DEFAULTS.get(owner, {}).items()
            if name not in result and name not in given
        ]
        if changed:
            warnings.warn(
                f"`{owner}` has other defaults than in Keras 1 and 2 for "
                f"{', '.join(changed)}: give the value to be sure.",
                UserWarning,
                stacklevel=callers_level(),
            )
    return result


def accepts_old_words(owner: str) -> Callable[[_Function], _Function]:
    """Return a decorator that lets a function take the old keywords of `owner`.

    The signature that `help` and type checkers see stays the modern one.

    Args:
        owner: The function's name in the tables of this file, e.g. "Dense".

    Examples:
        >>> @accepts_old_words("Dropout")
        ... def keep(rate):
        ...     return 1 - rate
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     keep(p=0.25)
        0.75
    """
    old = frozenset(RENAMED.get(owner, {}))
    old |= DROPPED.get(owner, frozenset()) | KEPT.get(owner, frozenset())
    old |= ONLY.get(owner, {}).keys()

    def decorate(function: _Function) -> _Function:
        names = function.__code__.co_varnames

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if owner in VERBS or not old.isdisjoint(kwargs):
                given = names[: len(args)]
                kwargs = modern_words(owner, kwargs, given=given)
            return function(*args, **kwargs)

        return cast(_Function, wrapper)

    return decorate


def shows_accuracy(function: _Function) -> _Function:
    """Decorate a verb to take `show_accuracy`, the metric of the first Keras."""

    @functools.wraps(function)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if "show_accuracy" in kwargs:
            warnings.warn(
                f"Update your `Sequential.{function.__name__}` call: `show_accuracy` "
                "is now `metrics=['accuracy']` of `compile`.",
                DeprecationWarning,
                stacklevel=callers_level(),
            )
            if kwargs.pop("show_accuracy"):
                self._measure_accuracy()
        return function(self, *args, **kwargs)

    return cast(_Function, wrapper)


def dense_arguments(function: _Function) -> _Function:
    """Decorate `Dense.__init__` to take the call of Keras 1, old words included.

    `Dense(12, "uniform", "relu")` has the initializer in second place and the
    activation in third; `weights=[W, b]` gives initial values.
    """

    @functools.wraps(function)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) > 1 and isinstance(args[1], str):
            args, kwargs = _dense_positions(args, kwargs)
        if "weights" in kwargs:
            kwargs = _dense_weights(kwargs)
        if not _DENSE.isdisjoint(kwargs):
            kwargs = modern_words("Dense", kwargs)
        return function(self, *args, **kwargs)

    return cast(_Function, wrapper)


_DENSE = frozenset(RENAMED["Dense"])


def _dense_positions(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    from . import initializers

    if not initializers._is_name(args[1]):
        return args, kwargs
    if len(args) > 3 or "init" in kwargs or "kernel_initializer" in kwargs:
        raise TypeError(
            "`Dense` with an initializer's name in second place is the call of Keras "
            "1: `Dense(output_dim, init, activation)`; name all other arguments. "
            f"Received: {args!r} and {sorted(kwargs)}"
        )
    kwargs = {"kernel_initializer": args[1], **kwargs}
    if len(args) == 3:
        kwargs["activation"] = args[2]
    warnings.warn(
        "Update your `Dense` call: the second argument is now `activation`; write "
        f"`kernel_initializer={args[1]!r}`.",
        DeprecationWarning,
        stacklevel=callers_level(),
    )
    return args[:1], kwargs


def _dense_weights(kwargs: dict[str, Any]) -> dict[str, Any]:
    kwargs = dict(kwargs)
    values = kwargs.pop("weights")
    if values is None:
        return kwargs
    if not isinstance(values, (list, tuple)) or len(values) not in (1, 2):
        raise ValueError(
            "`weights` must be a list of the kernel and, if there is one, the bias. "
            f"Received: weights={values!r}"
        )
    names = ("kernel_initializer", "bias_initializer")
    for name, value in zip(names, values, strict=False):
        if name in kwargs:
            raise TypeError(f"`Dense` takes either `weights` or `{name}`, not both.")
        kwargs[name] = value
    warnings.warn(
        "Update your `Dense` call: `weights` is now `kernel_initializer` and "
        "`bias_initializer`, which take arrays.",
        DeprecationWarning,
        stacklevel=callers_level(),
    )
    return kwargs
