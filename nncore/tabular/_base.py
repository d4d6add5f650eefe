"""What a classifier and a regressor of tables share: training, answers, files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nncore import _checks, _random, callbacks, layers, losses, optimizers
from nncore.models import Sequential
from nncore.saving import _files, _json, _nnc
from nncore.tabular import _columns, _frames, _rows
from nncore.tabular._rows import Rows

Array = NDArray[Any]

# Tried on the tables of benchmarks/tabular.py; docs/tabular.md has the numbers.
_UNITS = ((1_000, 128), (math.inf, 256))
_MOST_INPUTS = 2_000
_UPDATES = 6_000
# Length of a category's vector, and where it starts: what training does not meet is 0.
_EMBEDDED, _TABLE = 8, "zeros"

# What a file says of the table beside the network.
WORDS = {
    "kind",
    "target",
    "target_config",
    "columns",
    "held_out_rows",
    "held_out_scores",
}


class Tabular:
    """What both share; the arguments are stated there."""

    kind: str

    def __init__(
        self,
        hidden: Sequence[int] | None = None,
        *,
        activation: str = "silu",
        dropout: float | None = None,
        learning_rate: float = 1.5e-3,
        weight_decay: float = 1e-2,
        batch_size: int | None = None,
        epochs: int | None = None,
        intervals: int = 6,
        categories: Sequence[str] = (),
        validation_fraction: float = 0.15,
        refit: bool | None = None,
        seed: int | None = None,
        threads: int | None = None,
        verbose: int | str = 0,
    ) -> None:
        """See the class."""
        self.hidden = None
        if hidden is not None:
            self.hidden = [_checks.integer("hidden", units, 1) for units in hidden]
        self.activation = activation
        self.dropout = None if dropout is None else _checks.real("dropout", dropout, 0)
        self.learning_rate = _checks.real("learning_rate", learning_rate, above=0)
        self.weight_decay = _checks.real("weight_decay", weight_decay, 0)
        self.batch_size = batch_size
        if batch_size is not None:
            self.batch_size = _checks.integer("batch_size", batch_size, 1)
        self.epochs = epochs
        if epochs is not None:
            self.epochs = _checks.integer("epochs", epochs, 1)
        self.intervals = _checks.integer("intervals", intervals, 0)
        names = [categories] if isinstance(categories, str) else categories
        self.categories = [_checks.text("categories", name) for name in names]
        fraction = _checks.real("validation_fraction", validation_fraction, 0, 0.9)
        self.validation_fraction = fraction
        self.refit = refit
        self.seed = seed
        if seed is not None:
            self.seed = _checks.integer("seed", seed, 0, 2**64 - 1)
        self.threads = threads
        self.verbose = verbose

    # ---- what the two differ in ------------------------------------------------------

    def _learn_target(self, values: Array, name: str | None) -> None:
        raise NotImplementedError

    def _encode_target(self, values: Array) -> Array:
        """Targets [n][1] for the network."""
        raise NotImplementedError

    def _head(self) -> tuple[int, str, str]:
        """Outputs, activation and loss."""
        raise NotImplementedError

    def _answers(self, out: Array) -> dict[str, Array]:
        """Columns of the answer from the network's outputs."""
        raise NotImplementedError

    def _scores(self, out: Array, values: Array) -> dict[str, float]:
        raise NotImplementedError

    def _target_config(self) -> dict[str, Any]:
        raise NotImplementedError

    def _set_target(self, config: Any) -> None:
        raise NotImplementedError

    def _target_note(self) -> str:
        raise NotImplementedError

    # ---- fit -------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        validation_data: tuple[Any, Any] | None = None,
    ) -> Self:
        """Learn the columns, choose a network, and train it.

        Args:
            X: frame of pandas or polars, anything with the Arrow PyCapsule interface, a
                dict of columns, or an array.
            y: the target: a column of `X` by name, or values (n,). Rows without a
                target are left out.
            sample_weight: a weight per row (n,); rows of weight 0 are left out.
            validation_data: `(X, y)` to stop by, instead of a part of the rows; `y` may
                be the column's name.

        Returns:
            The estimator.

        Raises:
            ValueError: the data do not fit; the column and the row are named.
        """
        table = _frames.table_of(X)
        columns, target, name = self._parted(table, y)
        weights = _rows.checked_weights(sample_weight, table.n_rows)
        columns, target, weights = _rows.known_rows(columns, target, weights)
        named = isinstance(y, str) and not isinstance(X, np.ndarray)
        given = y
        if named and hasattr(X, "__getitem__"):
            given = _frames.column_named(X, y)
        # Half of a new fit would not answer beside the old network.
        vars(self).pop("model_", None)
        self.target_ = "prediction" if name is None else name
        self._is_boolean = not isinstance(given, str) and _frames.is_boolean(given)
        self._learn_target(target, name)
        intervals = min(
            self.intervals, max(0, _MOST_INPUTS // max(1, len(columns)) - 1)
        )
        categories = self._categories(table, columns)
        self.columns_ = [
            _columns.learn(name, values, intervals, name in categories)
            for name, values in columns.items()
        ]
        if not any(column.width or column.vocabulary for column in self.columns_):
            raise ValueError(
                "`X` must have a column that says something. Received: "
                + "; ".join(f"{c.name!r}: {c.note}" for c in self.columns_[:8])
            )
        rows = Rows(
            self._encoded(columns, len(target)), self._encode_target(target), weights
        )
        held = None
        if validation_data is not None:
            held = self._held_out(*validation_data)
        self._train(rows, held)
        return self

    def _categories(
        self, table: _frames.Table, columns: dict[str, Array]
    ) -> frozenset[str]:
        """Names of the columns whose values, even numbers, are categories."""
        unknown = [name for name in self.categories if name not in columns]
        if unknown:
            raise ValueError(
                "`categories` must be columns, some of "
                f"{', '.join(map(repr, columns)):.200}. "
                f"Received: {', '.join(map(repr, unknown))}"
            )
        return table.categories.union(self.categories)

    def _parted(
        self, table: _frames.Table, y: Any
    ) -> tuple[dict[str, Array], Array, str | None]:
        """Columns to learn from, the target, and its name if it has one."""
        target, name = _rows.target_of(table, y)
        columns = dict(table.columns)
        if isinstance(y, str):
            del columns[y]
        if not columns:
            raise ValueError("`X` must have a column beside the target. Received: none")
        return columns, target, name

    def _held_out(self, X: Any, y: Any) -> Rows:
        table = _frames.table_of(X, "validation X")
        target, _ = _rows.target_of(table, y, "validation y")
        known = ~_rows.is_missing(target)
        x = self._encoded(table.columns, table.n_rows)
        return Rows(x[known], self._encode_target(target[known]), None)

    def _encoded(self, columns: dict[str, Array], n: int) -> Array:
        """Inputs [n][inputs], float32: numbers, and behind them indices."""
        used = [c for c in self.columns_ if c.width or c.vocabulary]
        missing = [c.name for c in used if c.name not in columns]
        if missing:
            raise ValueError(
                "`X` must have the columns of the training. Received: without "
                f"{', '.join(map(repr, missing))}"
            )
        numbers, indices, _ = _sizes(self.columns_)
        out = np.empty((n, numbers + indices), np.float32)
        at, at_index, offset = 0, numbers, 0
        for column in used:
            if column.vocabulary:
                place = out[:, at_index : at_index + 1]
                column.encode(columns[column.name], place)
                # The vectors of all columns are one table.
                place += offset
                at_index, offset = at_index + 1, offset + column.vocabulary
            else:
                column.encode(columns[column.name], out[:, at : at + column.width])
                at += column.width
        return out

    def _train(self, rows: Rows, held: Rows | None) -> None:
        seed = _random.model_seed() if self.seed is None else self.seed
        n = len(rows.x)
        train = rows
        if held is None and self.validation_fraction and n >= 10:
            chosen = self._drawn_held_out(rows, seed)
            train, held = rows.some(~chosen), rows.some(chosen)
        size = self.batch_size
        if size is None:
            size = _batch_size(len(train.x))
        steps = -(-len(train.x) // size)
        epochs = self.epochs
        if epochs is None:
            epochs = int(np.clip(_UPDATES // steps, 20, 400))
        self.model_, self.history_ = self._trained(
            train, held, size, epochs, epochs, seed
        )
        self._match_means(train)
        best = self._best_epoch(epochs)
        self.held_out_rows_ = 0 if held is None else len(held.x)
        self.held_out_scores_: dict[str, float] = {}
        if held is not None:
            self.held_out_scores_ = self._held_out_scores(held)
        refit = n < 20_000 if self.refit is None else self.refit
        if refit and held is not None and len(train.x) < n:
            # The held-out rows have said how long; now they teach as well.
            size = max(1, round(size * n / len(train.x)))
            self.model_, _ = self._trained(rows, None, size, best, epochs, seed)
            self._match_means(rows)

    def _match_means(self, rows: Rows) -> None:
        """Make what the network answers for the rows of its training as large as y."""

    def _best_epoch(self, epochs: int) -> int:
        values = self.history_.history.get("val_loss")
        return epochs if not values else int(np.argmin(values)) + 1

    def _drawn_held_out(self, rows: Rows, seed: int) -> Array:
        """Which rows are held out: a share of each class, or of each tenth of y."""
        generator = np.random.Generator(np.random.Philox(key=seed))
        n = len(rows.x)
        groups = self._groups(rows.y[:, 0])
        # Rows in groups, within a group at random; then every k-th of the line.
        line = np.lexsort((generator.random(n), groups))
        chosen = np.zeros(n, bool)
        count = max(1, round(self.validation_fraction * n))
        first = generator.random()
        chosen[line[((np.arange(count) + first) * n / count).astype(int)]] = True
        return chosen

    def _groups(self, y: Array) -> Array:
        return y

    def _trained(
        self,
        rows: Rows,
        held: Rows | None,
        size: int,
        epochs: int,
        planned: int,
        seed: int,
    ) -> tuple[Sequential, callbacks.History]:
        """A network trained for `epochs` of `planned`, or until it stops improving."""
        n_out, activation, loss = self._head()
        hidden = self.hidden
        if hidden is None:
            hidden = [next(u for n, u in _UNITS if len(rows.x) < n)] * 2
        dropout = self.dropout
        if dropout is None:
            dropout = 0.3 if len(rows.x) < 2_000 else 0.2
        stack: list[layers.Layer] = [layers.Input((rows.x.shape[1],), name="columns")]
        # Named, so that equal trainings are equal files.
        numbers, indices, vocabulary = _sizes(self.columns_)
        if indices:
            stack.append(
                layers.MixedEmbedding(
                    vocabulary, _EMBEDDED, numbers, _TABLE, name="categories"
                )
            )
        for k, units in enumerate(hidden, 1):
            stack.append(
                layers.Dense(
                    units,
                    self.activation,
                    kernel_initializer="he_uniform",
                    name=f"hidden_{k}",
                )
            )
            if dropout:
                stack.append(layers.Dropout(dropout, name=f"dropout_{k}"))
        stack.append(layers.Dense(n_out, activation, name="answer"))
        model = Sequential(stack, seed=seed, dtype="float32", name=self.kind)
        rule = optimizers.AdamW(
            self.learning_rate, weight_decay=self.weight_decay, beta_2=0.99
        )
        model.compile(rule, losses.get(loss))
        also: list[callbacks.Callback] = [
            callbacks.LearningRateScheduler(
                lambda epoch: self.learning_rate * _share(epoch / planned)
            )
        ]
        if held is not None:
            also.append(
                callbacks.EarlyStopping(
                    patience=max(10, planned // 4), restore_best_weights=True
                )
            )
        history = model.fit(
            rows.x,
            rows.y,
            batch_size=min(size, len(rows.x)),
            epochs=epochs,
            verbose=self.verbose,
            callbacks=also,
            sample_weight=rows.weights,
            validation_data=held,
            threads=self.threads,
        )
        return model, history

    def _held_out_scores(self, held: Rows) -> dict[str, float]:
        return {}

    # ---- predict ---------------------------------------------------------------------

    def _outputs(self, X: Any) -> tuple[Array, _frames.Table]:
        self._require_fitted()
        table = _frames.table_of(X)
        x = self._encoded(table.columns, table.n_rows)
        out = self.model_.predict(x, verbose=0, threads=self.threads)
        return out.astype(np.float64), table

    def _require_fitted(self) -> None:
        if not hasattr(self, "model_"):
            raise ValueError(
                f"The {type(self).__name__} must be fitted. Received: one without `fit`"
            )

    def predict(self, X: Any) -> Any:
        """Return the answer for each row, as a frame like `X`.

        Missing values and categories that training did not have are no error.

        Args:
            X: rows, as for `fit`; further columns are ignored.

        Returns:
            A frame of pandas (with the index of `X`) or polars, as `X` is; for dicts
            and arrays a dict of arrays. The first column has the name of the target.

        Raises:
            ValueError: a column is missing, or has a value of another kind.
        """
        out, table = self._outputs(X)
        return _frames.answer_in_kind(self._answers(out), table)

    def evaluate(self, X: Any, y: Any = None) -> dict[str, float]:
        """Return scores on rows whose target is known.

        Args:
            X: rows, as for `fit`.
            y: values (n,) or a column's name; None: the column of the training.

        Returns:
            Dict from the scores' names to floats.

        Raises:
            ValueError: as for `predict`, or a target is missing.
        """
        out, table = self._outputs(X)
        target, _ = _rows.target_of(table, self.target_ if y is None else y)
        missing = _rows.is_missing(target)
        if missing.any():
            raise ValueError(
                "`y` must have a value in every row. "
                f"Received: none in row {int(np.argmax(missing))}"
            )
        return self._scores(out, target)

    # ---- words -----------------------------------------------------------------------

    def summary(self) -> str:
        """Return what became of each column, the network, and the held-out scores."""
        self._require_fitted()
        width = max(map(len, [self.target_, *(c.name for c in self.columns_)]))
        lines = [f"{type(self).__name__} of {self.target_!r}", ""]
        lines += [f"  {c.name:{width}}  {c.note}" for c in self.columns_]
        lines += [f"  {self.target_:{width}}  target: {self._target_note()}", ""]
        numbers, indices, _ = _sizes(self.columns_)
        tables = [x for x in self.model_.layers if isinstance(x, layers.MixedEmbedding)]
        sizes = [numbers + sum(indices * table.output_dim for table in tables)]
        sizes += [x.units for x in self.model_.layers if isinstance(x, layers.Dense)]
        lines.append(
            f"  network {'-'.join(map(str, sizes))}, "
            f"{self.model_.count_params():,} weights"
        )
        if self.held_out_scores_:
            scores = ", ".join(f"{k} {v:.4g}" for k, v in self.held_out_scores_.items())
            lines.append(f"  on {self.held_out_rows_} held-out rows: {scores}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        """The summary once there is one."""
        if hasattr(self, "model_"):
            return self.summary()
        return f"{type(self).__name__}()"

    # ---- files -----------------------------------------------------------------------

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write all of it to a ".nnc" file, for `nncore.tabular.load`.

        `nncore.load_model` reads the network alone from it.

        Args:
            filepath: path that ends in ".nnc".
            overwrite: False raises if the file exists.

        Raises:
            ValueError: the path has another ending, or nothing was fitted.
        """
        self._require_fitted()
        path, _ = _files.checked_path(filepath, (".nnc",), "save a table's model")
        words = {
            "kind": self.kind,
            "target": self.target_,
            "target_config": self._target_config(),
            "columns": [column.config() for column in self.columns_],
            "held_out_rows": self.held_out_rows_,
            "held_out_scores": self.held_out_scores_,
        }
        with _files.replacing(path, overwrite) as file:
            _nnc.write(
                self.model_,
                file,
                include_optimizer=False,
                words={"tabular": _json.dumps(words)},
            )

    @classmethod
    def _from_words(cls, words: Any, model: Sequential) -> Self:
        made = cls()
        made.target_ = _checks.text("target", words["target"])
        made._set_target(words["target_config"])
        if not isinstance(words["columns"], list):
            raise ValueError("`columns` must be a list. Received: another value")
        made.columns_ = [_columns.from_config(config) for config in words["columns"]]
        made.held_out_rows_ = _checks.integer(
            "held_out_rows", words["held_out_rows"], 0
        )
        scores = words["held_out_scores"]
        if not isinstance(scores, dict):
            raise ValueError("`held_out_scores` must be a dict. Received: no dict")
        made.held_out_scores_ = {str(k): float(v) for k, v in scores.items()}
        numbers, indices, vocabulary = _sizes(made.columns_)
        shape = (None, numbers + indices), (None, made._head()[0])
        if (model.input_shape, model.output_shape) != shape:
            raise ValueError(
                f"The network must be from {shape[0]} to {shape[1]}, as the columns "
                f"say. Received: {model.input_shape} to {model.output_shape}"
            )
        tables = [
            (layer.numbers, layer.input_dim)
            for layer in model.layers
            if isinstance(layer, layers.MixedEmbedding)
        ]
        if tables != [(numbers, vocabulary)] * bool(indices):
            raise ValueError(
                f"The network must have {vocabulary} vectors behind {numbers} numbers, "
                f"as the columns say. Received: {tables}"
            )
        made.model_ = model
        return made


def _sizes(columns: Sequence[_columns.Column]) -> tuple[int, int, int]:
    """Numbers and indices in a row of inputs, and vectors to choose from."""
    return (
        sum(column.width for column in columns),
        sum(column.vocabulary > 0 for column in columns),
        sum(column.vocabulary for column in columns),
    )


def _share(progress: float) -> float:
    """The share of the learning rate: 1 falling to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def _batch_size(n: int) -> int:
    """32 for few rows, 256 for many, a power of 2."""
    return int(2 ** np.clip(math.floor(math.log2(max(1, n / 40))), 5, 8))
