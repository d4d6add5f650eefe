"""Gradients that a user has written, or has not: checked, or found, by differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..models import Sequential


def check_gradients(model: Sequential, x: Any, y: Any, places: int = 5) -> float:
    """Hold a compiled model's gradients against central differences.

    For parts of one's own: a copy of the model in float64 is asked for the gradient of
    the loss of x and y; each weight's is compared with (L(w + h) - L(w - h)) / 2h, at
    the places where it is largest. A kink of the loss at w may look like an error.

    Args:
        model: compiled with a loss; it stays as it is.
        x: a few rows, as for `fit`.
        y: their targets.
        places: how many places of each array of weights to look at.

    Returns:
        The largest difference, as a share of the largest gradient of its array.

    Raises:
        ValueError: a difference is beyond what rounding explains; the layer is named.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> def wave(x):
        ...     return np.sin(x)
        >>> wave.gradient = lambda x: -np.cos(x)
        >>> model = nncore.Sequential(
        ...     [nncore.layers.Dense(3, activation=wave, name="first")], seed=1
        ... )
        >>> model.compile("sgd", "mse")
        >>> rows = np.linspace(-1, 1, 12).reshape(4, 3)
        >>> nncore.utils.check_gradients(model, rows, rows)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: The gradient by 'first/kernel' must be ... Received: ...
        >>> wave.gradient = np.cos
        >>> nncore.utils.check_gradients(model, rows, rows) < 1e-6
        True
    """
    from ..saving import _config, custom_object_scope

    with custom_object_scope(_config.own_classes(model)):
        config = {**model.get_config(), "dtype": "float64"}
        for entry in config["layers"]:
            entry["config"]["dtype"] = None
        copy = type(model).from_config(config)
        copy.compile_from_config(model.get_compile_config())
    if not copy.built:
        copy.build(np.shape(x))
    if model.built:
        copy.set_weights(model.get_weights())
    data, _ = copy._rows(x, y, None, copy._require_compiled())
    network, variables = copy._ready_network(), copy._make_plan().variables
    _, gradients = network.gradient(data.x, data.y, data.weights)
    worst = 0.0
    for index, (variable, gradient) in enumerate(
        zip(variables, gradients, strict=True)
    ):
        if not (variable.trainable and variable.layer.trainable):
            continue
        scale = float(np.abs(gradient).max(initial=0.0))
        for place in _largest(gradient, places):
            w = network.get_variable(index)
            h = 1e-5 * max(1.0, abs(float(w[place])))
            values = []
            for moved in (w[place] + h, w[place] - h):
                changed = w.copy()
                changed[place] = moved
                network.set_variable(index, changed)
                values.append(network.gradient(data.x, data.y, data.weights)[0])
            network.set_variable(index, w)
            expected = (values[0] - values[1]) / (2 * h)
            # What the loss's own rounding does to the difference, and h^2.
            noise = 1e-14 * abs(values[0]) / h + 1e-7 * max(scale, abs(expected))
            off = abs(expected - float(gradient[place]))
            if not off <= noise + 1e-5 * max(scale, abs(expected)):
                raise ValueError(
                    f"The gradient by {variable.path!r} must be {expected:.6g} at "
                    f"{place}, by central differences. "
                    f"Received: {float(gradient[place]):.6g}"
                )
            worst = max(worst, off / (scale or 1.0))
    return worst


def _largest(gradient: NDArray[Any], places: int) -> Iterator[tuple[int, ...]]:
    """Where an array's largest numbers stand."""
    order = np.argsort(-np.abs(gradient), axis=None)[:places]
    for flat in order:
        yield tuple(int(i) for i in np.unravel_index(flat, gradient.shape))


def numerical_gradient(function: Callable[..., Any]) -> Callable[..., NDArray[Any]]:
    """Return the gradient of a loss or an activation by central differences.

    For when nobody wants to derive it: (f(x + h) - f(x - h)) / 2h in double, x being
    the last argument. It calls a loss twice for each column of the output, which is
    slow where there are many, and is as exact as single precision is. Better is a
    gradient that is written down.

    Args:
        function: a loss (y_true, y_pred) that gives one number per row, or an
            activation (x) that gives one for each number.

    Returns:
        A function of the same arguments, to be its attribute `gradient`.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> def cubes(y_true, y_pred):
        ...     return (np.abs(y_pred - y_true) ** 3).mean(axis=-1)
        >>> cubes.gradient = nncore.utils.numerical_gradient(cubes)
        >>> cubes.gradient(np.array([[0.0, 0.0]]), np.array([[1.0, -2.0]])).round(6)
        array([[ 1.5, -6. ]])
        >>> model = nncore.Sequential([nncore.layers.Dense(1)])
        >>> model.compile("sgd", cubes)
    """

    def gradient(*arguments: Any) -> NDArray[Any]:
        *others, last = arguments
        x = np.asarray(last, np.float64)
        h = np.cbrt(np.finfo(np.float64).eps) * np.maximum(1.0, np.abs(x))

        def slope(moved: NDArray[Any]) -> NDArray[Any]:
            up, down = (function(*others, x + sign * moved) for sign in (1, -1))
            return np.asarray(up, np.float64) - np.asarray(down, np.float64)

        if not others:
            found = slope(h)
            if found.shape != x.shape:
                raise ValueError(
                    "`function` of one argument must give one number for each number. "
                    f"Received: shape {found.shape} for {x.shape}"
                )
            return np.asarray(found / (2 * h))
        result = np.empty_like(x)
        for column in range(x.shape[-1]):
            moved = np.zeros_like(x)
            moved[..., column] = h[..., column]
            result[..., column] = slope(moved) / (2 * h[..., column])
        return result

    return gradient
