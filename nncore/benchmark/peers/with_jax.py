"""JAX: all epochs of a `fit` in one jitted scan, the shuffle inside it.

An epoch gathers the permuted rows once and scans over equal batches; a shorter last
batch is a second copy of the step. Compilation happens before anything is timed.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from ..cases import Case, data, weights
from . import Prepared

# Tools import every module, also where the library is missing.
with contextlib.suppress(ImportError):
    import jax
    import jax.numpy as jnp
    from jax import lax

ACTIVATIONS = {
    "relu": lambda z: jax.nn.relu(z),
    "tanh": lambda z: jnp.tanh(z),
    "sigmoid": lambda z: jax.nn.sigmoid(z),
    "softmax": lambda z: jax.nn.softmax(z, axis=1),
    "linear": lambda z: z,
}


def versions() -> dict[str, str]:
    """What is measured."""
    return {"jax": jax.__version__}


def logits(case: Case, w: list[Any], x: Any) -> Any:
    """The last layer before its activation."""
    last = len(case.activations) - 1
    for i, act in enumerate(case.activations):
        x = x @ w[2 * i] + w[2 * i + 1]
        if i < last:
            x = ACTIVATIONS[act](x)
    return x


def losses(case: Case, w: list[Any], x: Any, t: Any) -> tuple[Any, Any]:
    """Mean loss and mean metric of a batch."""
    z = logits(case, w, x)
    if case.loss == "mean_squared_error":
        p = ACTIVATIONS[case.output](z)
        return jnp.mean((p - t) ** 2), jnp.mean(jnp.abs(p - t))
    if case.loss == "binary_crossentropy":
        value = jnp.maximum(z, 0) - z * t + jnp.log1p(jnp.exp(-jnp.abs(z)))
        return jnp.mean(value), jnp.mean((z > 0) == (t > 0.5))
    value = -jnp.sum(t * jax.nn.log_softmax(z, axis=1), axis=1)
    return jnp.mean(value), jnp.mean(z.argmax(axis=1) == t.argmax(axis=1))


def update(case: Case, w: Any, slots: Any, g: Any, count: Any) -> tuple[Any, Any]:
    """The optimizer's step."""
    tree = jax.tree_util.tree_map
    if case.optimizer == "sgd":
        return tree(lambda w, g: w - 0.01 * g, w, g), slots
    if case.optimizer == "momentum":
        (m,) = slots
        m = tree(lambda m, g: 0.9 * m - 0.01 * g, m, g)
        return tree(lambda w, m: w + m, w, m), (m,)
    m, v = slots
    m = tree(lambda m, g: m + 0.1 * (g - m), m, g)
    v = tree(lambda v, g: v + 0.001 * (g * g - v), v, g)
    count = count.astype(w[0].dtype)
    alpha = 0.001 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    return tree(lambda w, m, v: w - alpha * m / (jnp.sqrt(v) + 1e-7), w, m, v), (m, v)


def training(case: Case) -> Any:
    """A jitted function of (state, x, y, epochs, shuffle) -> (state, last means)."""
    gradient = jax.value_and_grad(
        lambda w, x, t: losses(case, w, x, t), argnums=0, has_aux=True
    )
    whole, rest = divmod(case.rows, case.batch)

    def step(state: Any, batch: Any) -> tuple[Any, Any]:
        w, slots, count = state
        (loss, metric), g = gradient(w, *batch)
        count = count + 1
        w, slots = update(case, w, slots, g, count)
        return (w, slots, count), jnp.stack([loss, metric]) * len(batch[0])

    def epoch(x: Any, y: Any, shuffle: bool, state: Any, key: Any) -> tuple[Any, Any]:
        if shuffle:
            order = jax.random.permutation(key, case.rows)
            x, y = x[order], y[order]
        cut = whole * case.batch
        batches = [a[:cut].reshape(whole, case.batch, -1) for a in (x, y)]
        state, sums = lax.scan(step, state, tuple(batches))
        total = sums.sum(axis=0)
        if rest:
            state, last = step(state, (x[cut:], y[cut:]))
            total = total + last
        return state, total / case.rows

    def train(
        state: Any, key: Any, x: Any, y: Any, epochs: int, shuffle: bool
    ) -> tuple[Any, Any]:
        key, use = jax.random.split(key)
        keys = jax.random.split(use, epochs)
        state, means = lax.scan(lambda s, k: epoch(x, y, shuffle, s, k), state, keys)
        return (state, key), means

    return jax.jit(train, static_argnums=(4, 5), donate_argnums=(0,))


def prepare(case: Case, threads: int, variant: str) -> Prepared:
    """All epochs as one call, or one jitted prediction."""
    if case.dtype == "float64":
        jax.config.update("jax_enable_x64", True)
    x_rows, y_rows = data(case)
    w = [jnp.asarray(part) for part in weights(case)]
    if case.does != "train":
        function = jax.jit(lambda x: ACTIVATIONS[case.output](logits(case, w, x)))
        out = np.asarray(function(x_rows))
        names = {"predict": function, "x": x_rows}
        statement = "predict(x).block_until_ready()"
        return Prepared(statement, names, case.rows, out.ravel()[:8].tolist())
    x, y = jnp.asarray(x_rows), jnp.asarray(y_rows)
    train = training(case)

    def start() -> Any:
        # Copies: the state is donated.
        values = [jnp.array(part) for part in w]
        n_slots = {"sgd": 0, "momentum": 1, "adam": 2}[case.optimizer]
        zeros = tuple([jnp.zeros_like(a) for a in values] for _ in range(n_slots))
        return values, zeros, jnp.zeros((), jnp.int32)

    checked = train(start(), jax.random.key(0), x, y, 1, False)[1]
    names = {"state": start(), "key": jax.random.key(0)}

    def fit() -> None:
        (names["state"], names["key"]), means = train(
            names["state"], names["key"], x, y, case.epochs, case.shuffle
        )
        means.block_until_ready()

    return Prepared(
        "fit()",
        {"fit": fit},
        case.epochs * case.rows,
        [float(checked[0, 0])],
        note="one jitted scan over all epochs",
    )
