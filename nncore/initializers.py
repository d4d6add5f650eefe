"""Initializers: the starting values of weights.

An initializer is called with a shape and gives an array. A layer's kernel has the shape
(inputs, units), so fan_in is the number of inputs and fan_out the number of units.

One instance with a `seed` gives the same values at every call. Without a seed, each
weight of a model gets its own random stream, made from the model's seed (see
`nncore.utils.set_random_seed`); called by hand, an instance keeps the values of its
first call, as in Keras.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import _checks, _lookup, _random, backend

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    FloatArray = NDArray[np.floating[Any]]

Shape = tuple[int, ...]


class Initializer(_lookup.Described):
    """Base of all initializers.

    A subclass of one's own defines `__call__(self, shape, dtype=None)`.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> class Halves(nncore.initializers.Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return np.full(shape, 0.5, dtype)
        >>> nncore.layers.Dense(2, kernel_initializer=Halves()).kernel_initializer
        Halves()
    """

    def __call__(self, shape: Any, dtype: DTypeLike | None = None) -> FloatArray:
        """Return an array of starting values.

        Args:
            shape: An integer or a sequence of integers of at least 0.
            dtype: "float32", "float64" or None for the default dtype.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `__call__`.")

    def _sample(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        """Return float64 values; randomness comes from `generator` if no seed is set.

        Raises:
            ValueError: A user's initializer gave another shape or values not finite.
        """
        values = np.asarray(self(shape, dtype="float64"))
        return _checked_values(self, values, shape)


def _checked_values(
    source: object, values: NDArray[Any], shape: Shape
) -> NDArray[np.float64]:
    if values.shape != shape:
        raise ValueError(
            f"An initializer must give an array of the shape asked for, {shape}. "
            f"Received: shape {values.shape} from {source!r}"
        )
    if values.dtype.kind not in "biuf":
        raise ValueError(
            "An initializer must give numbers. "
            f"Received: dtype {values.dtype} from {source!r}"
        )
    if not np.isfinite(values).all():
        raise ValueError(
            "An initializer must give finite numbers. "
            f"Received: nan or inf from {source!r}"
        )
    return values.astype(np.float64)


def _dtype_name(dtype: DTypeLike | None) -> str:
    return backend.floatx() if dtype is None else _checks.float_dtype("dtype", dtype)


def _shape(shape: Any) -> Shape:
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    return tuple(_checks.integer("shape", size, 0) for size in sizes)


class _Drawn(Initializer):
    """Base of the initializers below: values come from `_draw`."""

    seed: int | None = None
    _own_seed: int | None = None

    def __call__(self, shape: Any, dtype: DTypeLike | None = None) -> FloatArray:
        """Return an array of starting values, the same at every call."""
        if self.seed is None and self._own_seed is None:
            self._own_seed = _random.model_seed()
        name = _dtype_name(dtype)
        stream = _random.Stream(self._own_seed or 0)
        return self._sample(_shape(shape), stream).astype(name)

    def _sample(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        if self.seed is not None:
            generator = _random.Stream(self.seed)
        return self._draw(shape, generator)

    def _draw(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        raise NotImplementedError


def _seed(seed: Any) -> int | None:
    return None if seed is None else _checks.integer("seed", seed, 0, 2**64 - 1)


class Zeros(_Drawn):
    """All 0.

    Examples:
        >>> import nncore
        >>> nncore.initializers.Zeros()((2,))
        array([0., 0.], dtype=float32)
    """

    def _draw(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        return np.zeros(shape)


class Ones(_Drawn):
    """All 1.

    Examples:
        >>> import nncore
        >>> nncore.initializers.Ones()((2,))
        array([1., 1.], dtype=float32)
    """

    def _draw(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        return np.ones(shape)


class Constant(_Drawn):
    """All the same number.

    Args:
        value: The number.

    Raises:
        ValueError: `value` is no finite number.

    Examples:
        >>> import nncore
        >>> nncore.initializers.Constant(0.1)((2,))
        array([0.1, 0.1], dtype=float32)
    """

    _arguments = ("value",)

    def __init__(self, value: float = 0.0) -> None:
        """See the class."""
        self.value = _checks.real("value", value)

    def _draw(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        return np.full(shape, self.value)


class Identity(_Drawn):
    """`gain` on the diagonal, 0 elsewhere; for kernels.

    Args:
        gain: The number on the diagonal.

    Raises:
        ValueError: `gain` is no finite number, or, when called, the shape has another
            rank than 2.

    Examples:
        >>> import nncore
        >>> nncore.initializers.Identity(gain=2.0)((2, 3))
        array([[2., 0., 0.],
               [0., 2., 0.]], dtype=float32)
    """

    _arguments = ("gain",)

    def __init__(self, gain: float = 1.0) -> None:
        """See the class."""
        self.gain = _checks.real("gain", gain)

    def _draw(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        if len(shape) != 2:
            raise ValueError(
                "`Identity` makes arrays of rank 2, (inputs, units). "
                f"{_checks.received('shape', shape)}"
            )
        return self.gain * np.eye(*shape)


class RandomUniform(_Drawn):
    """Uniform random numbers in [minval, maxval).

    Args:
        minval: Lower limit.
        maxval: Upper limit, at least `minval`.
        seed: Integer in [0, 2**64), or None.

    Raises:
        ValueError: A limit is no finite number, or `maxval` is below `minval`.

    Examples:
        >>> import nncore
        >>> nncore.initializers.RandomUniform(0, 1, seed=1)((3,)).round(4)
        array([0.3036, 0.8487, 0.1561], dtype=float32)
    """

    _arguments = ("minval", "maxval", "seed")

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        """See the class."""
        self.minval = _checks.real("minval", minval)
        self.maxval = _checks.real("maxval", maxval, self.minval)
        self.seed = _seed(seed)

    def _draw(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        u = generator.uniform(math.prod(shape)).reshape(shape)
        return self.minval + (self.maxval - self.minval) * u


class _Normal(_Drawn):
    _arguments = ("mean", "stddev", "seed")

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None
    ) -> None:
        self.mean = _checks.real("mean", mean)
        self.stddev = _checks.real("stddev", stddev, 0)
        self.seed = _seed(seed)


class RandomNormal(_Normal):
    """Normal random numbers.

    Args:
        mean: Mean of the distribution.
        stddev: Standard deviation, at least 0.
        seed: Integer in [0, 2**64), or None.

    Raises:
        ValueError: An argument is no finite number, or `stddev` is negative.

    Examples:
        >>> import nncore
        >>> nncore.initializers.RandomNormal(stddev=1.0, seed=1)((3,)).round(4)
        array([-0.4631,  0.8221,  0.8206], dtype=float32)
    """

    def _draw(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        z = generator.normal(math.prod(shape)).reshape(shape)
        return self.mean + self.stddev * z


class TruncatedNormal(_Normal):
    """Normal random numbers within two standard deviations of the mean.

    Numbers further off are drawn again, so the standard deviation of what comes out is
    0.8796 times `stddev`.

    Args:
        mean: Mean of the distribution.
        stddev: Standard deviation before the cut, at least 0.
        seed: Integer in [0, 2**64), or None.

    Raises:
        ValueError: An argument is no finite number, or `stddev` is negative.

    Examples:
        >>> import nncore
        >>> values = nncore.initializers.TruncatedNormal(stddev=1.0)((1000,))
        >>> bool(abs(values).max() <= 2)
        True
    """

    def _draw(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        z = generator.truncated_normal(math.prod(shape)).reshape(shape)
        return self.mean + self.stddev * z


_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")

# Standard deviation of the standard normal distribution cut at -2 and 2.
_TRUNCATED_STDDEV = 0.87962566103423978


class VarianceScaling(_Drawn):
    """Random numbers whose variance suits the number of inputs or outputs.

    With s = scale / max(1, fan) and fan = fan_in, fan_out or their mean, the variance
    is s: truncated_normal draws normal numbers of standard deviation sqrt(s) / 0.8796
    and cuts them at two standard deviations, untruncated_normal those of sqrt(s),
    uniform draws from [-limit, limit) with limit = sqrt(3 s).

    Args:
        scale: Positive number.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal" ("normal" is the same), "untruncated_normal" or
            "uniform".
        seed: Integer in [0, 2**64), or None.

    Raises:
        ValueError: An argument is none of the above.

    Examples:
        >>> import nncore
        >>> init = nncore.initializers.VarianceScaling(2.0, "fan_out", "uniform")
        >>> init((3, 6)).shape, bool(abs(init((3, 6))).max() < 1)
        ((3, 6), True)
    """

    _arguments: ClassVar[tuple[str, ...]] = ("scale", "mode", "distribution", "seed")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        """See the class."""
        self.scale = _checks.real("scale", scale, above=0)
        if mode not in _MODES:
            raise _lookup.unknown_name("mode", str(mode), _MODES)
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in _DISTRIBUTIONS:
            raise _lookup.unknown_name(
                "distribution", str(distribution), _DISTRIBUTIONS
            )
        self.mode = mode
        self.distribution = distribution
        self.seed = _seed(seed)

    def _draw(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        fan_in, fan_out = _fans(shape)
        fan = {
            "fan_in": fan_in,
            "fan_out": fan_out,
            "fan_avg": (fan_in + fan_out) / 2,
        }[self.mode]
        variance = self.scale / max(1.0, fan)
        n = math.prod(shape)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return (limit * (2.0 * generator.uniform(n) - 1.0)).reshape(shape)
        if self.distribution == "untruncated_normal":
            return (math.sqrt(variance) * generator.normal(n)).reshape(shape)
        stddev = math.sqrt(variance) / _TRUNCATED_STDDEV
        return (stddev * generator.truncated_normal(n)).reshape(shape)


def _fans(shape: Shape) -> tuple[float, float]:
    if len(shape) == 0:
        return 1.0, 1.0
    if len(shape) == 1:
        return float(shape[0]), float(shape[0])
    receptive = math.prod(shape[:-2])
    return float(shape[-2] * receptive), float(shape[-1] * receptive)


class _Scaled(VarianceScaling):
    _arguments = ("seed",)
    _kind: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self._kind, seed=seed)


class GlorotUniform(_Scaled):
    """Uniform in [-limit, limit), limit = sqrt(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio, "Understanding the difficulty of training deep
    feedforward neural networks", 2010. The default of `Dense`.

    Args:
        seed: Integer in [0, 2**64), or None.

    Examples:
        >>> import nncore
        >>> nncore.initializers.GlorotUniform(seed=1)((2, 4)).round(4)
        array([[-0.3929,  0.6974, -0.6877, -0.9378],
               [ 0.8005, -0.8959,  0.4902, -0.5075]], dtype=float32)
    """

    _kind = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal of standard deviation sqrt(2 / (fan_in + fan_out)).

    Source: Glorot and Bengio, "Understanding the difficulty of training deep
    feedforward neural networks", 2010. Truncated as in Keras 3.

    Args:
        seed: Integer in [0, 2**64), or None.

    Examples:
        >>> import nncore
        >>> nncore.initializers.GlorotNormal(seed=1)((2, 4)).shape
        (2, 4)
    """

    _kind = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform in [-limit, limit), limit = sqrt(6 / fan_in).

    Source: He et al., "Delving deep into rectifiers", 2015.

    Args:
        seed: Integer in [0, 2**64), or None.

    Examples:
        >>> import nncore
        >>> nncore.initializers.HeUniform(seed=1)((2, 4)).shape
        (2, 4)
    """

    _kind = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal of standard deviation sqrt(2 / fan_in).

    Source: He et al., "Delving deep into rectifiers", 2015. Truncated as in Keras 3.

    Args:
        seed: Integer in [0, 2**64), or None.

    Examples:
        >>> import nncore
        >>> nncore.initializers.HeNormal(seed=1)((2, 4)).shape
        (2, 4)
    """

    _kind = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform in [-limit, limit), limit = sqrt(3 / fan_in).

    Source: LeCun et al., "Efficient BackProp", 1998.

    Args:
        seed: Integer in [0, 2**64), or None.

    Examples:
        >>> import nncore
        >>> nncore.initializers.LecunUniform(seed=1)((2, 4)).shape
        (2, 4)
    """

    _kind = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal of standard deviation sqrt(1 / fan_in).

    Source: LeCun et al., "Efficient BackProp", 1998; the start that `selu` asks for.

    Args:
        seed: Integer in [0, 2**64), or None.

    Examples:
        >>> import nncore
        >>> nncore.initializers.LecunNormal(seed=1)((2, 4)).shape
        (2, 4)
    """

    _kind = (1.0, "fan_in", "truncated_normal")


class Orthogonal(_Drawn):
    """A random matrix with orthonormal rows or columns, times `gain`.

    With A of shape (max(rows, columns), min(rows, columns)) standard normal and A = QR,
    the result is Q with each column's sign that of R's diagonal, transposed if there
    are fewer rows than columns. The decomposition is LAPACK's: its last bits, unlike
    those of the other initializers, may differ from machine to machine.

    Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks", 2014.

    Args:
        gain: Factor.
        seed: Integer in [0, 2**64), or None.

    Raises:
        ValueError: `gain` is no finite number, or, when called, the shape has rank < 2.

    Examples:
        >>> import nncore
        >>> q = nncore.initializers.Orthogonal(seed=1)((3, 2))
        >>> bool(abs(q.T @ q - nncore.initializers.Identity()((2, 2))).max() < 1e-6)
        True
    """

    _arguments = ("gain", "seed")

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        """See the class."""
        self.gain = _checks.real("gain", gain)
        self.seed = _seed(seed)

    def _draw(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        if len(shape) < 2:
            raise ValueError(
                "`Orthogonal` makes arrays of rank 2 or more. "
                f"{_checks.received('shape', shape)}"
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(generator.normal(math.prod(tall)).reshape(tall))
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        if rows < columns:
            q = q.T
        return self.gain * q.reshape(shape)


class _Given(Initializer):
    """An array that is the starting value."""

    _arguments = ("value",)

    def __init__(self, value: Any) -> None:
        values = np.array(value)
        if values.dtype.kind not in "biuf":
            raise ValueError(
                "An array of starting values must hold numbers. "
                f"Received: an array of dtype {values.dtype}"
            )
        self.values = values.astype(np.float64)
        self.values.flags.writeable = False

    @property
    def value(self) -> Any:
        return self.values.tolist()

    def __call__(self, shape: Any, dtype: DTypeLike | None = None) -> FloatArray:
        name = _dtype_name(dtype)
        return _checked_values(self, self.values, _shape(shape)).astype(name)

    def _sample(self, shape: Shape, generator: _random.Stream) -> NDArray[np.float64]:
        return _checked_values(self, self.values, shape)

    def __repr__(self) -> str:
        return f"<array of shape {self.values.shape}>"


class _Function(Initializer):
    """A user's function (shape, dtype) -> array."""

    _arguments = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, shape: Any, dtype: DTypeLike | None = None) -> FloatArray:
        from inspect import Parameter, signature

        name = _dtype_name(dtype)
        asked = _shape(shape)
        try:
            parameters = [*signature(self.function).parameters.values()]
        except ValueError:
            parameters = []
        by_name = any(
            p.name == "dtype" or p.kind is Parameter.VAR_KEYWORD for p in parameters
        )
        if by_name or not parameters:
            values = self.function(asked, dtype=name)
        elif sum(p.default is Parameter.empty for p in parameters) > 1:
            values = self.function(asked, name)
        else:
            values = self.function(asked)
        return _checked_values(self, np.asarray(values), asked).astype(name)

    def get_config(self) -> dict[str, Any]:
        raise ValueError(
            "An initializer that is a function cannot be written down; derive a class "
            f"from nncore.initializers.Initializer instead. {self!r}"
        )

    def __repr__(self) -> str:
        return f"<initializer function {getattr(self.function, '__name__', '?')}>"


_CLASSES = (
    *(Zeros, Ones, Constant, Identity, RandomUniform, RandomNormal, TruncatedNormal),
    *(VarianceScaling, GlorotUniform, GlorotNormal, HeUniform, HeNormal),
    *(LecunUniform, LecunNormal, Orthogonal),
)
_NAMES = {_lookup.snake_case(cls.__name__): cls for cls in _CLASSES}
_TABLE: dict[str, Callable[..., Initializer]] = {
    **{cls.__name__: cls for cls in _CLASSES},
    **_NAMES,
    "zero": Zeros,
    "one": Ones,
    "uniform": RandomUniform,
    "normal": RandomNormal,
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
    "_Given": _Given,
}
zeros = Zeros
ones = Ones
constant = Constant
identity = IdentityInitializer = Identity
random_uniform = uniform = RandomUniform
random_normal = normal = RandomNormal
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
glorot_uniform = GlorotUniform
glorot_normal = GlorotNormal
he_uniform = HeUniform
he_normal = HeNormal
lecun_uniform = LecunUniform
lecun_normal = LecunNormal
orthogonal = OrthogonalInitializer = Orthogonal


def _is_name(word: str) -> bool:
    return word in _TABLE


def get(identifier: Any, argument: str = "initializer") -> Initializer:
    """Return the initializer that `identifier` stands for.

    Args:
        identifier: A name ("he_normal", "HeNormal", "uniform", ...); a class; an
            instance; what `serialize` gave; an array or nested list of the weight's
            shape; or a function (shape, dtype) -> array.
        argument: What to call the argument in messages.

    Raises:
        ValueError: The name is unknown; the message lists the known ones.

    Examples:
        >>> import nncore
        >>> nncore.initializers.get("glorot_uniform")
        GlorotUniform()
        >>> nncore.initializers.get("he_norml")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: `initializer` must be a known name. Received: ... he_normal, ...
    """
    if isinstance(identifier, (np.ndarray, list)):
        return _Given(identifier)
    is_class = isinstance(identifier, type)
    if (
        callable(identifier)
        and not is_class
        and not isinstance(identifier, Initializer)
    ):
        return _Function(identifier)
    return _lookup.resolve(
        identifier, argument=argument, base=Initializer, table=_TABLE, shown=_NAMES
    )


def serialize(initializer: Initializer) -> Any:
    """Return the class name and configuration of an initializer.

    Args:
        initializer: An instance.

    Examples:
        >>> import nncore
        >>> nncore.initializers.serialize(nncore.initializers.Constant(2))
        {'class_name': 'Constant', 'config': {'value': 2.0}}
    """
    return initializer._serialized()


def deserialize(config: Any) -> Initializer:
    """Return the initializer that `serialize` wrote down.

    Args:
        config: What `serialize` gave.

    Examples:
        >>> from nncore import initializers
        >>> initializers.deserialize({"class_name": "Constant", "config": {"value": 2}})
        Constant(value=2.0)
    """
    return get(config)
