"""Activations: the functions f of a layer y = f(x W + b).

Each public function evaluates on arrays with NumPy. Given to a layer (as a name, as the
function itself or as a `functools.partial` of it) it becomes an `ActivationFunction`,
a name with at most three numbers, which the compiled core carries out. The formulas and
derivatives as code stand in `nncore.reference`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _checks, _lookup, _own, backend
from ._legacy import accepts_old_words, modern_words

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.floating[Any]]


class ActivationFunction(_lookup.Described):
    """An activation with its arguments bound: what a layer keeps.

    Args:
        name: The core's name of the function, e.g. "relu".
        args: Its three numbers; those that it does not take are 0.
        config: The function's arguments where they are not its defaults.

    Examples:
        >>> import nncore
        >>> f = nncore.layers.Dense(4, activation="leaky_relu").activation
        >>> f.name, f.args
        ('leaky_relu', (0.2, 0.0, 0.0))
        >>> f([-1.0, 1.0])
        array([-0.2,  1. ], dtype=float32)
    """

    function: Callable[..., Any] | None = None

    def __init__(
        self,
        name: str,
        args: tuple[float, float, float] = (0.0, 0.0, 0.0),
        config: dict[str, Any] | None = None,
    ) -> None:
        """See the class."""
        self.name = name
        self.args = args
        self.config = config or {}
        self.__name__ = "gelu" if name == "gelu_tanh" else name

    def __call__(self, x: ArrayLike) -> FloatArray:
        """Return f(x) in the dtype of x; lists and integers give the default dtype."""
        from . import reference

        z = np.asarray(x)
        keeps_dtype = z.dtype.kind == "f" and hasattr(x, "dtype")
        dtype = z.dtype if keeps_dtype else np.dtype(backend.floatx())
        if z.dtype.kind not in "biuf":
            raise ValueError(
                f"`x` must hold numbers. Received: an array of dtype {z.dtype}"
            )
        if z.ndim == 0 and self.name in ("softmax", "log_softmax"):
            raise ValueError(f"`{self.name}` needs an array of rank 1 or more.")
        rows = z.reshape(-1, z.shape[-1]) if z.ndim else z.reshape(1, 1)
        y = reference.activation_forward(self.name, self.args, rows)
        with np.errstate(over="ignore"):
            return y.reshape(z.shape).astype(dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the function's arguments where they are not its defaults."""
        return dict(self.config)

    def _serialized(self) -> str | dict[str, Any]:
        if not self.config:
            return self.__name__
        return {"class_name": self.__name__, "config": self.get_config()}

    def __eq__(self, other: object) -> bool:
        """Return whether name and arguments are the same."""
        return isinstance(other, ActivationFunction) and (
            (self.name, self.args) == (other.name, other.args)
        )

    def __hash__(self) -> int:
        """Return a hash of name and arguments."""
        return hash((self.name, self.args))

    def __repr__(self) -> str:
        """Return name and arguments, defaults left out."""
        words = [f"{name}={value!r}" for name, value in self.config.items()]
        return f"<activation {self.__name__}({', '.join(words)})>"


class OwnActivation(_own.Function, ActivationFunction):
    """A user's function f as an activation; models with one run in NumPy.

    Args:
        function: Called with an array (rows, columns), returns f of each number, in an
            array of that shape. To train through it, it must have an attribute
            `gradient`, a function that returns f' of each number.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> def sine(x):
        ...     return np.sin(x)
        >>> sine.gradient = np.cos
        >>> nncore.layers.Dense(4, activation=sine).activation([0.0])
        array([0.], dtype=float32)
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """See the class."""
        super().__init__(getattr(function, "__name__", type(function).__name__))
        self.function: Callable[..., Any] = function

    def __call__(self, x: ArrayLike) -> FloatArray:
        """Return f(x) in the dtype of x; lists and integers give the default dtype."""
        z = np.asarray(x)
        if z.dtype.kind != "f" or not hasattr(x, "dtype"):
            z = z.astype(backend.floatx())
        return np.asarray(self.function(z))

    def __eq__(self, other: object) -> bool:
        """Return whether the function is the same."""
        return isinstance(other, OwnActivation) and self.function is other.function

    def __hash__(self) -> int:
        """Return a hash of the function."""
        return hash(self.function)


def _bind_plain(name: str) -> ActivationFunction:
    return ActivationFunction(name)


def _bind_linear() -> ActivationFunction:
    return _bind_plain("linear")


def _bind_relu(
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> ActivationFunction:
    slope = _checks.real("negative_slope", negative_slope, 0)
    cap = math.inf
    if max_value is not None and max_value != math.inf:
        cap = _checks.real("max_value", max_value, 0)
    threshold = _checks.real("threshold", threshold, 0)
    config: dict[str, Any] = {}
    if slope:
        config["negative_slope"] = slope
    if cap < math.inf:
        config["max_value"] = cap
    if threshold:
        config["threshold"] = threshold
    return ActivationFunction("relu", (slope, cap, threshold), config)


def _bind_leaky_relu(negative_slope: float = 0.2) -> ActivationFunction:
    slope = _checks.real("negative_slope", negative_slope, 0)
    config = {} if slope == 0.2 else {"negative_slope": slope}
    return ActivationFunction("leaky_relu", (slope, 0.0, 0.0), config)


def _bind_alpha(name: str, alpha: float) -> ActivationFunction:
    if name == "celu":
        alpha = _checks.real("alpha", alpha, above=0)
    else:
        alpha = _checks.real("alpha", alpha)
    config = {} if alpha == 1.0 else {"alpha": alpha}
    return ActivationFunction(name, (alpha, 0.0, 0.0), config)


def _bind_elu(alpha: float = 1.0) -> ActivationFunction:
    return _bind_alpha("elu", alpha)


def _bind_celu(alpha: float = 1.0) -> ActivationFunction:
    return _bind_alpha("celu", alpha)


def _bind_gelu(approximate: bool = False) -> ActivationFunction:
    if _checks.boolean("approximate", approximate):
        return ActivationFunction("gelu_tanh", config={"approximate": True})
    return ActivationFunction("gelu")


def _bind_last_axis(name: str, axis: int) -> ActivationFunction:
    if _checks.integer("axis", axis) != -1:
        raise ValueError(
            "`axis` must be -1: in a layer, softmax runs over the units. "
            f"{_checks.received('axis', axis)}"
        )
    return ActivationFunction(name)


def _bind_softmax(axis: int = -1) -> ActivationFunction:
    return _bind_last_axis("softmax", axis)


def _bind_log_softmax(axis: int = -1) -> ActivationFunction:
    return _bind_last_axis("log_softmax", axis)


def _along_axis(name: str, x: ArrayLike, axis: int) -> FloatArray:
    axis = _checks.integer("axis", axis)
    if axis == -1:
        return ActivationFunction(name)(x)
    z = np.asarray(x, dtype=None if hasattr(x, "dtype") else backend.floatx())
    return np.moveaxis(ActivationFunction(name)(np.moveaxis(z, axis, -1)), -1, axis)


def linear(x: ArrayLike) -> FloatArray:
    """Return x: no activation.

    f(x) = x

    Args:
        x: Numbers of any shape.

    Returns:
        An array shaped like `x`, in its floating dtype (lists and integers: in the
        default dtype); so does every function here.

    Examples:
        >>> import nncore
        >>> nncore.activations.linear([-1.0, 2.0])
        array([-1.,  2.], dtype=float32)
    """
    return _bind_linear()(x)


@accepts_old_words("relu")
def relu(
    x: ArrayLike,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> FloatArray:
    """Rectified linear unit.

    f(x) = max_value for x >= max_value; x for threshold < x < max_value;
    negative_slope (x - threshold) otherwise.

    Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann
    machines", 2010; the three arguments are Keras's.

    Args:
        x: Numbers of any shape.
        negative_slope: Slope at and below the threshold, at least 0.
        max_value: Largest value, at least 0; None for no limit.
        threshold: Where the function leaves the lower line, at least 0.

    Returns:
        An array shaped like `x`.

    Raises:
        ValueError: An argument is no number or is negative.

    Examples:
        >>> import nncore
        >>> nncore.activations.relu([-2.0, 0.5, 2.0])
        array([0. , 0.5, 2. ], dtype=float32)
        >>> nncore.activations.relu([-2.0, 0.5, 2.0], negative_slope=0.1, max_value=1)
        array([-0.2,  0.5,  1. ], dtype=float32)
    """
    return _bind_relu(negative_slope, max_value, threshold)(x)


@accepts_old_words("leaky_relu")
def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> FloatArray:
    """Rectified linear unit that lets a part of negative values through.

    f(x) = x for x > 0, negative_slope x otherwise

    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network
    acoustic models", 2013. The layer `LeakyReLU` has slope 0.3 by default, as in Keras.

    Args:
        x: Numbers of any shape.
        negative_slope: Slope at and below 0, at least 0.

    Returns:
        An array shaped like `x`.

    Examples:
        >>> import nncore
        >>> nncore.activations.leaky_relu([-2.0, 2.0])
        array([-0.4,  2. ], dtype=float32)
    """
    return _bind_leaky_relu(negative_slope)(x)


def relu6(x: ArrayLike) -> FloatArray:
    """Rectified linear unit with the largest value 6.

    f(x) = min(max(x, 0), 6)

    Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.

    Args:
        x: Numbers of any shape.

    Returns:
        An array shaped like `x`.

    Examples:
        >>> import nncore
        >>> nncore.activations.relu6([-2.0, 2.0, 8.0])
        array([0., 2., 6.], dtype=float32)
    """
    return ActivationFunction("relu6")(x)


def elu(x: ArrayLike, alpha: float = 1.0) -> FloatArray:
    """Exponential linear unit.

    f(x) = x for x > 0, alpha (e^x - 1) otherwise

    Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network
    learning by exponential linear units", 2016.

    Args:
        x: Numbers of any shape.
        alpha: The limit for x to minus infinity is -alpha.

    Returns:
        An array shaped like `x`.

    Examples:
        >>> import nncore
        >>> nncore.activations.elu([-1.0, 1.0]).round(4)
        array([-0.6321,  1.    ], dtype=float32)
    """
    return _bind_elu(alpha)(x)


def selu(x: ArrayLike) -> FloatArray:
    """Scaled exponential linear unit.

    f(x) = scale elu(x, alpha), scale = 1.0507009873554805, alpha = 1.6732632423543772

    Source: Klambauer et al., "Self-normalizing neural networks", 2017, equation 14.

    Args:
        x: Numbers of any shape.

    Returns:
        An array shaped like `x`.

    Examples:
        >>> import nncore
        >>> nncore.activations.selu([-2.0, 2.0]).round(4)
        array([-1.5202,  2.1014], dtype=float32)
    """
    return ActivationFunction("selu")(x)


def celu(x: ArrayLike, alpha: float = 1.0) -> FloatArray:
    """Exponential linear unit with a continuous derivative for every alpha.

    f(x) = max(x, 0) + alpha (e^(min(x, 0) / alpha) - 1)

    Source: Barron, "Continuously differentiable exponential linear units", 2017.

    Args:
        x: Numbers of any shape.
        alpha: The limit for x to minus infinity is -alpha; above 0.

    Returns:
        An array shaped like `x`.

    Examples:
        >>> import nncore
        >>> nncore.activations.celu([-1.0, 1.0], alpha=2).round(4)
        array([-0.7869,  1.    ], dtype=float32)
    """
    return _bind_celu(alpha)(x)


def gelu(x: ArrayLike, approximate: bool = False) -> FloatArray:
    """Gaussian error linear unit.

    f(x) = x/2 (1 + erf(x / sqrt 2)); approximately
    x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))

    Source: Hendrycks and Gimpel, "Gaussian error linear units", 2016.

    Args:
        x: Numbers of any shape.
        approximate: Take the second formula.

    Returns:
        An array shaped like `x`.

    Examples:
        >>> import nncore
        >>> nncore.activations.gelu([-0.5, 2.0]).round(4)
        array([-0.1543,  1.9545], dtype=float32)
    """
    return _bind_gelu(approximate)(x)


def sigmoid(x: ArrayLike) -> FloatArray:
    """Logistic function.

    f(x) = 1 / (1 + e^-x)

    Args:
        x: Numbers of any shape.

    Returns:
        An array shaped like `x`, values in [0, 1].

    Examples:
        >>> import nncore
        >>> nncore.activations.sigmoid([-2.0, 0.0, 2.0]).round(4)
        array([0.1192, 0.5   , 0.8808], dtype=float32)
    """
    return ActivationFunction("sigmoid")(x)


def hard_sigmoid(x: ArrayLike) -> FloatArray:
    """Sigmoid made of straight lines.

    f(x) = min(max(x/6 + 1/2, 0), 1), as in Keras 3 (Keras 1 and 2 have slope 1/5)

    Args:
        x: Numbers of any shape.

    Returns:
        An array shaped like `x`, values in [0, 1].

    Examples:
        >>> import nncore
        >>> nncore.activations.hard_sigmoid([-4.0, 0.0, 1.5])
        array([0.  , 0.5 , 0.75], dtype=float32)
    """
    return ActivationFunction("hard_sigmoid")(x)


def log_sigmoid(x: ArrayLike) -> FloatArray:
    """Logarithm of the sigmoid.

    f(x) = -log(1 + e^-x)

    Args:
        x: Numbers of any shape.

    Returns:
        An array shaped like `x`, values of at most 0.

    Examples:
        >>> import nncore
        >>> nncore.activations.log_sigmoid([-2.0, 0.0]).round(4)
        array([-2.1269, -0.6931], dtype=float32)
    """
    return ActivationFunction("log_sigmoid")(x)


def tanh(x: ArrayLike) -> FloatArray:
    """Hyperbolic tangent.

    f(x) = (e^x - e^-x) / (e^x + e^-x)

    Args:
        x: Numbers of any shape.

    Returns:
        An array shaped like `x`, values in [-1, 1].

    Examples:
        >>> import nncore
        >>> nncore.activations.tanh([0.0, 1.0]).round(4)
        array([0.    , 0.7616], dtype=float32)
    """
    return ActivationFunction("tanh")(x)


def softplus(x: ArrayLike) -> FloatArray:
    """Smooth form of relu.

    f(x) = log(1 + e^x)

    Source: Dugas et al., "Incorporating second-order functional knowledge for better
    option pricing", 2001.

    Args:
        x: Numbers of any shape.

    Returns:
        An array shaped like `x`, values of at least 0.

    Examples:
        >>> import nncore
        >>> nncore.activations.softplus([-2.0, 2.0]).round(4)
        array([0.1269, 2.1269], dtype=float32)
    """
    return ActivationFunction("softplus")(x)


def softsign(x: ArrayLike) -> FloatArray:
    """Sigmoid shape with tails that fall slowly.

    f(x) = x / (1 + |x|)

    Args:
        x: Numbers of any shape.

    Returns:
        An array shaped like `x`, values in [-1, 1].

    Examples:
        >>> import nncore
        >>> nncore.activations.softsign([-1.0, 3.0])
        array([-0.5 ,  0.75], dtype=float32)
    """
    return ActivationFunction("softsign")(x)


def silu(x: ArrayLike) -> FloatArray:
    """Sigmoid linear unit, also called swish.

    f(x) = x / (1 + e^-x)

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network
    function approximation in reinforcement learning", 2018.

    Args:
        x: Numbers of any shape.

    Returns:
        An array shaped like `x`.

    Examples:
        >>> import nncore
        >>> nncore.activations.silu([-2.0, 2.0]).round(4)
        array([-0.2384,  1.7616], dtype=float32)
    """
    return ActivationFunction("silu")(x)


def mish(x: ArrayLike) -> FloatArray:
    """Smooth unit like silu.

    f(x) = x tanh(log(1 + e^x))

    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2020.

    Args:
        x: Numbers of any shape.

    Returns:
        An array shaped like `x`.

    Examples:
        >>> import nncore
        >>> nncore.activations.mish([-2.0, 2.0]).round(4)
        array([-0.2525,  1.944 ], dtype=float32)
    """
    return ActivationFunction("mish")(x)


def exponential(x: ArrayLike) -> FloatArray:
    """Exponential function.

    f(x) = e^x

    Args:
        x: Numbers of any shape.

    Returns:
        An array shaped like `x`.

    Examples:
        >>> import nncore
        >>> nncore.activations.exponential([0.0, 1.0]).round(4)
        array([1.    , 2.7183], dtype=float32)
    """
    return ActivationFunction("exponential")(x)


def softmax(x: ArrayLike, axis: int = -1) -> FloatArray:
    """Turn numbers into shares that add to 1.

    f(x)_j = e^(x_j) / sum_k e^(x_k)

    Args:
        x: Numbers of rank 1 or more.
        axis: The axis that adds to 1. In a layer it is -1, the units.

    Returns:
        An array shaped like `x`, values in [0, 1].

    Examples:
        >>> import nncore
        >>> nncore.activations.softmax([[0.0, 0.0], [0.0, 1.0]]).round(4)
        array([[0.5   , 0.5   ],
               [0.2689, 0.7311]], dtype=float32)
    """
    return _along_axis("softmax", x, axis)


def log_softmax(x: ArrayLike, axis: int = -1) -> FloatArray:
    """Logarithm of the softmax.

    f(x)_j = x_j - log sum_k e^(x_k)

    Args:
        x: Numbers of rank 1 or more.
        axis: The axis whose exponentials add to 1. In a layer it is -1, the units.

    Returns:
        An array shaped like `x`, values of at most 0.

    Examples:
        >>> import nncore
        >>> nncore.activations.log_softmax([0.0, 1.0]).round(4)
        array([-1.3133, -0.3133], dtype=float32)
    """
    return _along_axis("log_softmax", x, axis)


swish = silu

_BIND: dict[str, Callable[..., ActivationFunction]] = {
    "linear": _bind_linear,
    "relu": _bind_relu,
    "leaky_relu": _bind_leaky_relu,
    "elu": _bind_elu,
    "celu": _bind_celu,
    "gelu": _bind_gelu,
    "softmax": _bind_softmax,
    "log_softmax": _bind_log_softmax,
}
for _name in (
    *("relu6", "selu", "sigmoid", "hard_sigmoid", "log_sigmoid", "tanh"),
    *("softplus", "softsign", "silu", "swish", "mish", "exponential"),
):
    _BIND[_name] = functools.partial(_bind_plain, "silu" if _name == "swish" else _name)

_FUNCTIONS: dict[Callable[..., Any], str] = {globals()[name]: name for name in _BIND}


def get(identifier: Any) -> ActivationFunction:
    """Return the activation that `identifier` stands for.

    Args:
        identifier: A name ("relu", "swish", ...); a function of this module or a
            `functools.partial` of one; a layer such as `LeakyReLU()`; what `serialize`
            gave; None for "linear"; or a function of one's own, see `OwnActivation`.

    Raises:
        ValueError: The name is unknown.

    Examples:
        >>> import functools, nncore
        >>> from nncore import activations
        >>> activations.get("tanh")(0.0)
        array(0., dtype=float32)
        >>> activations.get(functools.partial(activations.relu, negative_slope=0.1))
        <activation relu(negative_slope=0.1)>
    """
    identifier = _own.found_function(identifier)
    if identifier is None:
        return _bind_linear()
    if isinstance(identifier, functools.partial):
        name = _FUNCTIONS.get(identifier.func, "")
        if name:
            if identifier.args:
                raise ValueError(
                    "`activation` as a partial must bind keywords only. "
                    f"{_checks.received('activation', identifier)}"
                )
            return _BIND[name](**modern_words(name, identifier.keywords))
    elif isinstance(identifier, (str, dict, ActivationFunction)):
        return _lookup.resolve(
            identifier, argument="activation", base=ActivationFunction, table=_BIND
        )
    elif isinstance(getattr(identifier, "activation", None), ActivationFunction):
        activation: ActivationFunction = identifier.activation
        return activation
    elif isinstance(identifier, FunctionType) and identifier in _FUNCTIONS:
        return _BIND[_FUNCTIONS[identifier]]()
    if callable(identifier) and not isinstance(identifier, type):
        return OwnActivation(identifier)
    raise ValueError(
        "`activation` must be a name or a function. "
        f"{_checks.received('activation', identifier)}"
    )


def serialize(activation: Any) -> str | dict[str, Any]:
    """Return a name, or a dictionary if arguments are not the defaults.

    Args:
        activation: Anything that `get` takes.

    Examples:
        >>> import nncore
        >>> nncore.activations.serialize(nncore.activations.relu)
        'relu'
        >>> nncore.activations.serialize(nncore.layers.LeakyReLU(0.1))
        {'class_name': 'leaky_relu', 'config': {'negative_slope': 0.1}}
    """
    return get(activation)._serialized()


def deserialize(config: str | dict[str, Any]) -> ActivationFunction:
    """Return the activation that `serialize` wrote down.

    Args:
        config: What `serialize` gave.

    Examples:
        >>> import nncore
        >>> nncore.activations.deserialize("softmax")
        <activation softmax()>
    """
    return get(config)
