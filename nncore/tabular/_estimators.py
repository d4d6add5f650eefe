"""`Classifier` and `Regressor`: a frame as it is, in; answers with labels, out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nncore import _checks, _random, callbacks, layers, losses, optimizers
from nncore.models import Sequential
from nncore.saving import ModelFileError, _files, _json, _nnc
from nncore.tabular import _columns, _frames

Array = NDArray[Any]

# Tried on the tables of benchmarks/tabular.py; docs/tabular.md has the numbers.
_UNITS = ((1_000, 128), (math.inf, 256))
_MOST_INPUTS = 2_000
_UPDATES = 6_000
# Length of a category's vector, and where it starts: what training does not meet is 0.
_EMBEDDED, _TABLE = 8, "zeros"


# What a file says of the table beside the network.
_WORDS = {
    "kind",
    "target",
    "target_config",
    "columns",
    "held_out_rows",
    "held_out_scores",
}


class NoTableError(ModelFileError):
    """A file holds a network alone, without columns."""


class _Rows(NamedTuple):
    """Encoded rows: x [n][inputs], y [n][1], weights [n] or None."""

    x: Array
    y: Array
    weights: Array | None

    def some(self, chosen: Array) -> _Rows:
        """Those rows."""
        weights = None if self.weights is None else self.weights[chosen]
        return _Rows(self.x[chosen], self.y[chosen], weights)


class _Tabular:
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
        weights = _checked_weights(sample_weight, table.n_rows)
        columns, target, weights = _known_rows(columns, target, weights)
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
        rows = _Rows(
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
        target, name = _target_of(table, y)
        columns = dict(table.columns)
        if isinstance(y, str):
            del columns[y]
        if not columns:
            raise ValueError("`X` must have a column beside the target. Received: none")
        return columns, target, name

    def _held_out(self, X: Any, y: Any) -> _Rows:
        table = _frames.table_of(X, "validation X")
        target, _ = _target_of(table, y, "validation y")
        known = ~_is_missing(target)
        x = self._encoded(table.columns, table.n_rows)
        return _Rows(x[known], self._encode_target(target[known]), None)

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

    def _train(self, rows: _Rows, held: _Rows | None) -> None:
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

    def _match_means(self, rows: _Rows) -> None:
        """Make what the network answers for the rows of its training as large as y."""

    def _best_epoch(self, epochs: int) -> int:
        values = self.history_.history.get("val_loss")
        return epochs if not values else int(np.argmin(values)) + 1

    def _drawn_held_out(self, rows: _Rows, seed: int) -> Array:
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
        rows: _Rows,
        held: _Rows | None,
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

    def _held_out_scores(self, held: _Rows) -> dict[str, float]:
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
        target, _ = _target_of(table, self.target_ if y is None else y)
        missing = _is_missing(target)
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


def load(filepath: Any) -> Classifier | Regressor:
    """Return the `Classifier` or `Regressor` that a file holds.

    Args:
        filepath: path of a ".nnc" file that their `save` wrote.

    Raises:
        ValueError: the file is no such model; `ModelFileError` if it is damaged.
        FileNotFoundError: there is no file.

    Example:
        >>> import os, tempfile
        >>> from nncore import tabular
        >>> rows = {"size": [1.0, 2.0, 3.0, 4.0], "big": ["no", "no", "yes", "yes"]}
        >>> model = tabular.Classifier(seed=1, epochs=5).fit(rows, "big")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "big.nnc"))
        ...     again = tabular.load(os.path.join(folder, "big.nnc"))
        >>> again.target_
        'big'
    """
    path, _ = _files.checked_path(filepath, (".nnc",), "load a table's model")
    with _files.naming(path):
        buffer = _files.contents(path)
        words = _json.loads(_nnc.words(buffer).get("tabular", "null"), "`tabular`")
        if words is None:
            raise NoTableError(
                "The file must be one that nncore.tabular saved. Received: a model "
                "without columns, for nncore.load_model"
            )
        model = _nnc.read(buffer, Sequential)
        with _files.explained("`tabular`", words):
            if not isinstance(words, dict) or set(words) != _WORDS:
                raise ValueError(f"It must be a dict of {', '.join(sorted(_WORDS))}.")
            kind = next((k for k in _KINDS if k.kind == words["kind"]), None)
            if kind is None:
                kinds = " or ".join(repr(k.kind) for k in _KINDS)
                raise ValueError(f"`kind` must be {kinds}.")
            return kind._from_words(words, model)


class Classifier(_Tabular):
    """Learns to tell classes apart from a table as it is.

    Numbers of any scale, booleans, texts, pandas's categories, dates, missing values
    and columns that say nothing are recognised and dealt with; `summary` says how. The
    network is chosen by the number of rows, and trained with AdamW and a falling rate
    until rows held out are answered best; then, for less than 20,000 rows, once more
    as long on all of them.

    Args:
        hidden: units of each hidden layer; None: two layers of 128 units, or of 256
            from 1,000 rows on.
        activation: of the hidden layers.
        dropout: share of units dropped; None: 0.3 below 2,000 rows, else 0.2.
        learning_rate: at the start; it falls to 0 along half a cosine.
        weight_decay: of AdamW.
        batch_size: rows per update; None: 32 to 256, by the number of rows.
        epochs: most epochs; None: as many as make 6,000 updates, from 20 to 400.
        intervals: of numbers, for the piecewise-linear part; 0: none.
        categories: names of columns whose numbers are names of something: of shops, of
            areas by their postal codes.
        validation_fraction: share of the rows held out; 0: none, all epochs are run.
        refit: train once more on all rows; None: below 20,000 rows.
        seed: integer from which everything random follows; None: see
            `nncore.utils.set_random_seed`.
        threads: most threads to use.
        verbose: as for `Sequential.fit`.

    Attributes:
        classes_: the labels in order.
        columns_: what became of each column.
        model_: the `Sequential` behind it.
        history_: the `History` of the training with held-out rows.
        held_out_scores_: dict of scores on them.
        held_out_rows_: their number.
        target_: name of the target.

    Example:
        >>> from nncore import tabular
        >>> rows = {
        ...     "size": [1.0, 2.0, None, 4.0, 5.0, 6.0] * 10,
        ...     "colour": ["red", "blue", "red", "blue", "red", None] * 10,
        ...     "big": ["no", "no", "no", "yes", "yes", "yes"] * 10,
        ... }
        >>> model = tabular.Classifier(seed=1, epochs=40).fit(rows, "big")
        >>> answers = model.predict({"size": [1.5, 5.5], "colour": ["green", "red"]})
        >>> answers["big"].tolist(), list(answers)
        (['no', 'yes'], ['big', 'p(no)', 'p(yes)'])
    """

    kind = "classifier"

    def _learn_target(self, values: Array, name: str | None) -> None:
        if values.dtype.kind == "M":
            raise ValueError("`y` must be classes. Received: dates")
        labels = np.unique(values.astype(str) if values.dtype == object else values)
        if len(labels) < 2:
            raise ValueError(
                f"`y` must have at least two classes. Received: {labels.tolist()}"
            )
        if values.dtype.kind == "f":
            if len(labels) > max(20, math.sqrt(len(values))):
                raise ValueError(
                    "`y` must be classes; a Regressor learns numbers. "
                    f"Received: {len(labels)} different numbers in {len(values)} rows"
                )
            if self._is_boolean:
                labels = labels.astype(bool)
            elif (labels == labels.round()).all():
                labels = labels.astype(np.int64)
        if len(values) >= 20 and len(labels) > len(values) / 2:
            which = "" if name is None else f"column {name!r} with "
            raise ValueError(
                "`y` must be classes that come more than once. Received: "
                f"{which}{len(labels)} different values in {len(values)} rows"
            )
        self.classes_ = labels

    def _encode_target(self, values: Array) -> Array:
        values = values.astype(str) if values.dtype == object else values
        if self.classes_.dtype.kind == "U" and values.dtype.kind != "U":
            values = np.array([f"{v:.15g}" for v in values.tolist()])
        known = np.isin(values, self.classes_)
        if not known.all():
            row = int(np.argmin(known))
            raise ValueError(
                f"`y` must be one of {self.classes_.tolist()!r:.200}. "
                f"Received: {values[row]!r} in row {row}"
            )
        return np.searchsorted(self.classes_, values)[:, None].astype(np.float32)

    def _head(self) -> tuple[int, str, str]:
        if len(self.classes_) == 2:
            return 1, "sigmoid", "binary_crossentropy"
        return len(self.classes_), "softmax", "sparse_categorical_crossentropy"

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class.

        Args:
            X: rows, as for `predict`.

        Returns:
            Array (n, classes), columns as in `classes_`.
        """
        return self._chances(self._outputs(X)[0])

    def _chances(self, out: Array) -> Array:
        return np.hstack([1 - out, out]) if out.shape[1] == 1 else out

    def _answers(self, out: Array) -> dict[str, Array]:
        chances = self._chances(out)
        labels = self.classes_[chances.argmax(axis=1)]
        found = {
            self.target_: labels.astype(object) if labels.dtype.kind == "U" else labels
        }
        for k, label in enumerate(self.classes_.tolist()):
            found[f"p({label})"] = chances[:, k]
        return found

    def _scores(self, out: Array, values: Array) -> dict[str, float]:
        return self._measured(out, self._encode_target(values)[:, 0].astype(int))

    def _held_out_scores(self, held: _Rows) -> dict[str, float]:
        out = self.model_.predict(held.x, verbose=0).astype(float)
        return self._measured(out, held.y[:, 0].astype(int))

    def _measured(self, out: Array, classes: Array) -> dict[str, float]:
        chances = self._chances(out)
        right = chances.argmax(axis=1) == classes
        sure = chances[np.arange(len(classes)), classes].clip(1e-15, 1)
        found = {
            "accuracy": float(right.mean()),
            "log_loss": float(-np.log(sure).mean()),
        }
        if chances.shape[1] == 2 and 0 < classes.sum() < len(classes):
            found["auc"] = _auc(classes, chances[:, 1])
        return found

    def _target_config(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist()}

    def _set_target(self, config: Any) -> None:
        classes = config.get("classes") if isinstance(config, dict) else None
        if (
            not isinstance(classes, list)
            or len(classes) < 2
            or len({type(c) for c in classes}) != 1
            or type(classes[0]) not in (str, bool, int, float)
        ):
            raise ValueError(
                "`classes` must be a list of strings or numbers. "
                f"Received: {classes!r:.200}"
            )
        self.classes_ = np.array(classes)
        if len(np.unique(self.classes_)) < len(classes) or classes != sorted(classes):
            raise ValueError("`classes` must be in order. Received: others")

    def _target_note(self) -> str:
        labels = ", ".join(map(str, self.classes_.tolist()[:6]))
        more = ", ..." if len(self.classes_) > 6 else ""
        return f"{len(self.classes_)} classes: {labels}{more}"


class Regressor(_Tabular):
    """Learns a number from a table as it is.

    Columns, network and training are as for `Classifier`. The target is scaled; if it
    is positive and strongly skewed its logarithm is, and predictions are then raised to
    have the targets' mean on the rows of the training.

    Args:
        hidden: as for `Classifier`, like all that are not named here.
        activation: as there.
        dropout: as there.
        learning_rate: as there.
        weight_decay: as there.
        batch_size: as there.
        epochs: as there.
        intervals: as there.
        categories: as there.
        validation_fraction: as there.
        refit: as there.
        seed: as there.
        threads: as there.
        verbose: as there.

    Attributes:
        columns_: what became of each column, and the others of `Classifier` but
            `classes_`.

    Example:
        >>> from nncore import tabular
        >>> rows = {"side": [float(k) for k in range(60)]}
        >>> area = [side * side for side in rows["side"]]
        >>> model = tabular.Regressor(seed=1).fit(rows, area)
        >>> answers = model.predict({"side": [30.5]})
        >>> bool(abs(answers["prediction"][0] - 930) < 50)
        True
    """

    kind = "regressor"

    def _learn_target(self, values: Array, name: str | None) -> None:
        values = self._numbers(values)
        self._log = bool(
            values.min() > 0 and _skewness(values) > 3 > abs(_skewness(np.log(values)))
        )
        values = np.log(values) if self._log else values
        self._mean = float(values.mean())
        self._scale = float(values.std()) or 1.0
        # Far beyond what was seen the exponential is no prediction.
        self._lowest, self._highest = float(values.min()), float(values.max())
        self._smear = 1.0

    def _numbers(self, values: Array) -> Array:
        if values.dtype.kind == "f":
            return values
        found = _columns._read_text(values) if values.dtype == object else values
        if found.dtype.kind != "f":
            example = next((str(v) for v in values.tolist() if v is not None), "")
            raise ValueError(
                "`y` must be numbers; a Classifier learns classes. "
                f"Received: {example!r:.60}"
            )
        return found

    def _encode_target(self, values: Array) -> Array:
        values = self._numbers(values)
        if self._log:
            if values.min() <= 0:
                raise ValueError(
                    "`y` must be positive, as in training. "
                    f"Received: {values.min()} in row {int(np.argmin(values))}"
                )
            values = np.log(values)
        return ((values - self._mean) / self._scale)[:, None].astype(np.float32)

    def _groups(self, y: Array) -> Array:
        ranks = np.argsort(np.argsort(y, kind="stable"), kind="stable")
        found: Array = ranks * 10 // max(1, len(y))
        return found

    def _head(self) -> tuple[int, str, str]:
        return 1, "linear", "mse"

    def _match_means(self, rows: _Rows) -> None:
        self._smear = 1.0
        if self._log:
            # The exponential of a mean logarithm is too low for a mean.
            out = self.model_.predict(rows.x, verbose=0).astype(float)
            mean = np.average(self._decoded(rows.y), weights=rows.weights)
            found = np.average(self._values(out), weights=rows.weights)
            self._smear = float(mean / found)

    def _decoded(self, y: Array) -> Array:
        """Targets from what the network is given."""
        values: Array = y[:, 0].astype(float) * self._scale + self._mean
        return np.exp(values) if self._log else values

    def _values(self, out: Array) -> Array:
        """Predictions from what the network answers."""
        values: Array = out[:, 0] * self._scale + self._mean
        if not self._log:
            return values
        margin = 0.1 * (self._highest - self._lowest)
        values = values.clip(self._lowest - margin, self._highest + margin)
        return np.exp(values) * self._smear

    def _answers(self, out: Array) -> dict[str, Array]:
        return {self.target_: self._values(out)}

    def _scores(self, out: Array, values: Array) -> dict[str, float]:
        return _regression_scores(self._numbers(values), self._values(out))

    def _held_out_scores(self, held: _Rows) -> dict[str, float]:
        out = self.model_.predict(held.x, verbose=0).astype(float)
        return _regression_scores(self._decoded(held.y), self._values(out))

    def _target_config(self) -> dict[str, Any]:
        return {
            "log": self._log,
            "mean": self._mean,
            "scale": self._scale,
            "smear": self._smear,
            "lowest": self._lowest,
            "highest": self._highest,
        }

    def _set_target(self, config: Any) -> None:
        words = {"log", "mean", "scale", "smear", "lowest", "highest"}
        if not isinstance(config, dict) or set(config) != words:
            raise ValueError(
                f"`target_config` must have {', '.join(sorted(words))}. "
                f"Received: {config!r:.200}"
            )
        self._log = _checks.boolean("log", config["log"])
        self._mean = _checks.real("mean", config["mean"])
        self._scale = _checks.real("scale", config["scale"], above=0)
        self._smear = _checks.real("smear", config["smear"], above=0)
        self._lowest = _checks.real("lowest", config["lowest"])
        self._highest = _checks.real("highest", config["highest"])

    def _target_note(self) -> str:
        if self._log:
            low, high = math.exp(self._lowest), math.exp(self._highest)
            return f"number from {low:.6g} to {high:.6g}, skewed: its logarithm, scaled"
        return f"number from {self._lowest:.6g} to {self._highest:.6g}, scaled"


_KINDS: tuple[type[Classifier | Regressor], ...] = (Classifier, Regressor)


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


def _target_of(
    table: _frames.Table, y: Any, argument: str = "y"
) -> tuple[Array, str | None]:
    """The target, a column of the table by its name or one beside it, and its name."""
    if isinstance(y, str):
        if y not in table.columns:
            raise ValueError(
                f"`{argument}` must be a column, one of "
                f"{', '.join(map(repr, table.columns)):.200}. "
                f"Received: y={y!r}"
            )
        return table.columns[y], y
    target, name = _frames.column_of(y, argument)
    if len(target) != table.n_rows:
        raise ValueError(
            f"`{argument}` must have a value for each of {table.n_rows} rows. "
            f"Received: {len(target)}"
        )
    return target, name


def _checked_weights(sample_weight: Any, n: int) -> Array | None:
    """A weight for each of n rows, or None."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, float).ravel()
    if len(weights) != n:
        raise ValueError(
            f"`sample_weight` must have a weight for each of {n} rows. "
            f"Received: {len(weights)}"
        )
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            "`sample_weight` must be finite and not negative. "
            f"Received: {weights[row]} in row {row}"
        )
    if not weights.any():
        raise ValueError(
            f"`sample_weight` must not be 0 everywhere. Received: {n} times 0"
        )
    return weights


def _known_rows(
    columns: dict[str, Array], target: Array, weights: Array | None
) -> tuple[dict[str, Array], Array, Array | None]:
    """The rows that have a target and count; their weights are 1 on average."""
    known = ~_is_missing(target)
    if not known.all():
        warnings.warn(
            f"`y` must have a value in every row: {int((~known).sum())} rows "
            "without one are left out",
            stacklevel=3,
        )
    if weights is not None:
        known &= weights > 0
        weights = weights[known]
    if not known.all():
        columns = {name: values[known] for name, values in columns.items()}
        target = target[known]
    if len(target) < 2:
        raise ValueError(
            f"`X` must have at least two rows with a target. Received: {len(target)}"
        )
    if weights is not None:
        weights = (weights / weights.mean()).astype(np.float32)
    return columns, target, weights


def _is_missing(values: Array) -> Array:
    if values.dtype == object:
        return np.array([v is None for v in values.tolist()], bool)
    found: Array = values != values
    return found


def _skewness(values: Array) -> float:
    z = values - values.mean()
    spread = float(np.sqrt((z**2).mean()))
    return float((z**3).mean() / spread**3) if spread else 0.0


def _regression_scores(values: Array, found: Array) -> dict[str, float]:
    error = found - values
    spread = float(((values - values.mean()) ** 2).sum())
    return {
        "r2": 1 - float((error**2).sum()) / spread if spread else math.nan,
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
    }


def _auc(classes: Array, score: Array) -> float:
    """Area under the ROC curve, ties counted by half."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse.ravel()]
    n = int(classes.sum())
    return float(
        (ranks[classes == 1].sum() - n * (n + 1) / 2) / (n * (len(classes) - n))
    )
