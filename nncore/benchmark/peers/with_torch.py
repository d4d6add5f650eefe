"""PyTorch, eager: fused Adam, batches as slices of rows that are permuted per epoch."""

from __future__ import annotations

import contextlib
from typing import Any

from ..cases import Case, data, weights
from . import Prepared

# Tools import every module, also where the library is missing.
with contextlib.suppress(ImportError):
    import torch
    from torch import nn

STEPS = 500
ACTIVATIONS = {"relu": "ReLU", "tanh": "Tanh", "sigmoid": "Sigmoid"}


def versions() -> dict[str, str]:
    """What is measured."""
    return {"torch": torch.__version__}


def network(case: Case) -> Any:
    """The case's network; softmax and sigmoid are left to losses on logits."""
    dtype = getattr(torch, case.dtype)
    logits = case.loss != "mean_squared_error" and case.does == "train"
    layers: list[Any] = []
    for (n_in, n_out), act in zip(case.shapes, case.activations, strict=True):
        layers.append(nn.Linear(n_in, n_out, dtype=dtype))
        if act == "softmax" and not logits:
            layers.append(nn.Softmax(dim=1))
        elif act in ACTIVATIONS and not (logits and act == "sigmoid"):
            layers.append(getattr(nn, ACTIVATIONS[act])())
    model = nn.Sequential(*layers)
    values = iter(weights(case))
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(torch.from_numpy(next(values).T.copy()))
                layer.bias.copy_(torch.from_numpy(next(values)))
    return model


def prepare(case: Case, threads: int, variant: str) -> Prepared:
    """Whole epochs, or the model called in inference mode."""
    torch.set_num_threads(threads)
    model = network(case)
    x_rows, y_rows = data(case)
    x = torch.from_numpy(x_rows)
    if case.does != "train":
        predict = torch.inference_mode()(model.forward)
        checked = predict(x).ravel()[:8].tolist()
        return Prepared("predict(x)", {"predict": predict, "x": x}, case.rows, checked)
    classes = case.loss == "categorical_crossentropy"
    y = torch.from_numpy(y_rows.argmax(axis=1) if classes else y_rows)
    if case.optimizer == "adam":
        rule: Any = torch.optim.Adam(model.parameters(), eps=1e-7, fused=True)
    else:
        momentum = 0.9 if case.optimizer == "momentum" else 0.0
        rule = torch.optim.SGD(
            model.parameters(), lr=0.01, momentum=momentum, fused=True
        )
    loss_of: Any = {
        "mean_squared_error": nn.functional.mse_loss,
        "binary_crossentropy": nn.functional.binary_cross_entropy_with_logits,
        "categorical_crossentropy": nn.functional.cross_entropy,
    }[case.loss]

    def metric(out: Any, t: Any) -> Any:
        if classes:
            return (out.argmax(1) == t).sum()
        if case.loss == "binary_crossentropy":
            return ((out > 0) == (t > 0.5)).sum()
        return (out - t).abs().mean() * len(t)

    def fit(epochs: int, shuffle: bool, as_keras: bool = False) -> list[float]:
        n, steps = len(x), 0
        for _ in range(epochs):
            xs, ys = x, y
            if shuffle:
                order = torch.randperm(n)
                xs, ys = x[order], y[order]
            total = torch.zeros(())
            hits = torch.zeros(())
            for start in range(0, n, case.batch):
                xb, yb = xs[start : start + case.batch], ys[start : start + case.batch]
                out = model(xb)
                loss = loss_of(out, yb)
                rule.zero_grad(set_to_none=True)
                loss.backward()
                if as_keras:
                    # Keras adds epsilon before the correction of the second moment,
                    # which matters where gradients are small and steps few.
                    steps += 1
                    rule.param_groups[0]["eps"] = 1e-7 / (1 - 0.999**steps) ** 0.5
                rule.step()
                with torch.no_grad():
                    total += loss.detach() * len(xb)
                    hits += metric(out.detach(), yb)
        return [float(total) / n, float(hits) / n]

    loss, _ = fit(1, False, case.optimizer == "adam")
    rule.param_groups[0]["eps"] = 1e-7
    epochs = max(1, min(case.epochs, STEPS // case.steps))
    return Prepared(
        f"fit(epochs={epochs}, shuffle={case.shuffle})",
        {"fit": fit},
        epochs * case.rows,
        [loss],
        note="eager",
    )
