"""IntegerLookup and StringLookup: the place of a value in a vocabulary."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ... import _checks, backend
from .._layer import Shape
from ._base import Preprocessing, batches, checked_mode, encoded, encoded_shape
from ._fingerprint import hashed
from .hashing import as_text, checked_salt

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOOKUP_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_COMMON = (
    *("max_tokens", "num_oov_indices", "mask_token", "oov_token", "vocabulary"),
    *("idf_weights", "invert", "output_mode", "pad_to_max_tokens", "sparse", "salt"),
)


class _Lookup(Preprocessing):
    """What both lookups do. Subclasses say what a token is."""

    _takes_text = True
    _kind: ClassVar[type] = str
    sparse = False
    oov_method = "floormod"

    def _set_up(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        pad_to_max_tokens: bool,
        sparse: bool,
        salt: Any,
    ) -> None:
        self.max_tokens = None
        if max_tokens is not None:
            self.max_tokens = _checks.integer("max_tokens", max_tokens, 2)
        self.num_oov_indices = _checks.integer("num_oov_indices", num_oov_indices, 0)
        self.mask_token = self._token("mask_token", mask_token)
        self.oov_token = self._token("oov_token", oov_token)
        self.output_mode = checked_mode(output_mode, _LOOKUP_MODES)
        self.invert = _checks.boolean("invert", invert)
        if self.invert and self.output_mode != "int":
            raise ValueError(
                "`output_mode` must be 'int' with invert=True. "
                f"{_checks.received('output_mode', output_mode)}"
            )
        self.pad_to_max_tokens = _checks.boolean("pad_to_max_tokens", pad_to_max_tokens)
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(
                "`max_tokens` must be given with pad_to_max_tokens=True. "
                "Received: max_tokens=None"
            )
        _checks.absent("sparse", sparse, False)
        self.salt = checked_salt(salt)
        self._tokens: NDArray[Any] | None = None
        self._order: NDArray[Any] | None = None
        self._idf: NDArray[Any] | None = None
        self.vocabulary: list[Any] | None = None
        self.idf_weights: list[float] | None = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
            self.vocabulary = _listed(vocabulary)
            self.idf_weights = None if idf_weights is None else _listed(idf_weights)
        elif idf_weights is not None:
            raise ValueError(
                "`vocabulary` must be given with `idf_weights`. "
                "Received: vocabulary=None"
            )

    def _token(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if self._kind is str:
            if not isinstance(value, str):
                raise ValueError(
                    f"`{name}` must be text or None. {_checks.received(name, value)}"
                )
            return value
        return _checks.integer(name, value)

    def _as_tokens(self, name: str, values: Any) -> NDArray[Any]:
        """An array of text, or of int64."""
        array = np.asarray(values)
        if array.dtype.kind == "U" and self._kind is str:
            return array
        if array.dtype.kind in "OST" and self._kind is str:
            flat = np.asarray(array, object).ravel().tolist()
            texts = [v.decode() if isinstance(v, bytes) else v for v in flat]
            if all(isinstance(text, str) for text in texts):
                return np.array(texts, dtype=np.str_).reshape(array.shape)
        elif array.dtype.kind in "biu" and self._kind is int:
            return array.astype(np.int64)
        elif array.dtype.kind == "f" and self._kind is int:
            whole = array.astype(np.int64)
            if (whole == array).all():
                return whole
        wanted = "text" if self._kind is str else "whole numbers"
        raise ValueError(
            f"`{name}` of layer {self.name!r} must hold {wanted}. "
            f"Received: an array of dtype {array.dtype}: {array.ravel()[:3]}"
        )

    # ---- The vocabulary ----

    @property
    def _oov_start(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _start(self) -> int:
        """The index of the first token."""
        return self._oov_start + self.num_oov_indices

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take a vocabulary in place of the one there is.

        Args:
            vocabulary: Tokens in order of their indices, all different. The mask token
                and the out-of-vocabulary tokens may stand in front, as
                `get_vocabulary` gives them.
            idf_weights: For "tf_idf": one weight for each token.

        Raises:
            ValueError: There is no token, one twice, one of those reserved, more than
                `max_tokens`, or `vocabulary` is the name of a file.
        """
        if isinstance(vocabulary, str):
            raise ValueError(
                "`vocabulary` must be a list of tokens; a file's lines are "
                f"open(path).read().splitlines(). Received: {vocabulary!r}"
            )
        given = self._as_tokens("vocabulary", _listed(vocabulary))
        special = [self.mask_token] * self._oov_start
        special += [self.oov_token] * self.num_oov_indices
        has_special = given[: self._start].tolist() == special and bool(special)
        tokens = given[self._start :] if has_special else given
        counts = Counter(tokens.tolist())
        twice = [token for token, times in counts.items() if times > 1]
        reserved = [self.mask_token] + ([self.oov_token] if self.invert else [])
        wrong = [token for token in reserved if token is not None and token in counts]
        if not counts or twice or wrong:
            raise ValueError(
                "`vocabulary` must have tokens, each once, and reserved ones nowhere "
                f"but all of them in front, {special}. Received: "
                f"{'none' if not counts else twice[:3] or wrong}"
            )
        if self.max_tokens is not None and self._start + len(tokens) > self.max_tokens:
            raise ValueError(
                f"`vocabulary` must fit in max_tokens={self.max_tokens}. "
                f"Received: {self._start + len(tokens)} with reserved tokens"
            )
        weights = None
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            raise ValueError(
                "`idf_weights` must be given for `output_mode` 'tf_idf', and for no "
                "other. "
                f"Received: output_mode={self.output_mode!r}"
            )
        if idf_weights is not None:
            weights = np.asarray(_listed(idf_weights), np.float64)
            if weights.shape != given.shape:
                raise ValueError(
                    f"`idf_weights` must be {len(given)} numbers, one for each token. "
                    f"Received: shape {weights.shape}"
                )
            if not has_special:
                # Nothing is known of other tokens: the mean is a fair guess.
                front = np.full(self._start, weights.mean())
                weights = np.concatenate([front, weights])
        self._take(tokens, weights)

    def _take(self, tokens: NDArray[Any], idf: NDArray[Any] | None) -> None:
        self._order = np.argsort(tokens, kind="stable")
        self._tokens, self._idf = tokens, idf

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the tokens in order of their indices.

        Args:
            include_special_tokens: Whether to put the mask token and the
                out-of-vocabulary tokens in front, as far as they have indices.
        """
        special = [self.oov_token] * self._start
        if self._oov_start:
            special[0] = self.mask_token
        tokens = [] if self._tokens is None else self._tokens.tolist()
        return special + tokens if include_special_tokens else tokens

    def vocabulary_size(self) -> int:
        """Return how many indices there are, reserved ones included."""
        return self._start + (0 if self._tokens is None else len(self._tokens))

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find the vocabulary in data: the most frequent first, then the greater.

        Args:
            data: An array, nested lists or a frame of tokens; or an iterable of such
                batches. For "tf_idf" a document is a row.
            steps: How many batches of an iterable to take; None: all.

        Raises:
            ValueError: The layer was given its vocabulary, or there is no token.
        """
        if self.vocabulary is not None:
            raise ValueError(
                f"`adapt` must not be called on layer {self.name!r}, which was given "
                "its vocabulary. Received: a call"
            )
        counts: Counter[Any] = Counter()
        documents: Counter[Any] = Counter()
        n_documents = 0
        for values, is_all in batches(data, steps, self.name, True):
            tokens = self._as_tokens("data", values)
            if tokens.ndim < 2:
                tokens = tokens.reshape(-1, 1) if is_all else tokens.reshape(1, -1)
            tokens = tokens.reshape(len(tokens), -1)
            found, times = np.unique(tokens, return_counts=True)
            counts.update(dict(zip(found.tolist(), times.tolist(), strict=True)))
            if self.output_mode == "tf_idf":
                n_documents += len(tokens)
                for row in tokens:
                    documents.update(set(row.tolist()))
        for token in (self.mask_token, self.oov_token):
            counts.pop(token, None)
        if not counts:
            raise ValueError("`data` must have tokens. Received: none")
        # The greater token first: both sorts are stable.
        chosen = sorted(
            sorted(counts, reverse=True), key=counts.__getitem__, reverse=True
        )
        if self.max_tokens is not None:
            chosen = chosen[: self.max_tokens - self._start]
        idf = None
        if self.output_mode == "tf_idf":
            seen = np.array([documents[token] for token in chosen])
            idf = np.log(1 + n_documents / (1 + seen)).astype(np.float32)
            idf = idf.astype(np.float64)
            idf = np.concatenate([np.full(self._start, idf.mean()), idf])
        self._take(self._as_tokens("data", chosen), idf)

    # ---- Looking up ----

    def _known(self) -> NDArray[Any]:
        if self._tokens is None:
            raise ValueError(
                f"Layer {self.name!r} must know its vocabulary: call adapt(data), or "
                "give vocabulary=. Received: neither"
            )
        return self._tokens

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs.

        Args:
            inputs: Tokens, or indices if `invert`, rows first.
        """
        if self.invert:
            return self._inverted(inputs)
        depth = self._depth()
        index = self._index(self._as_tokens("inputs", inputs))
        dtype = self.dtype or backend.floatx()
        if self.output_mode == "int":
            return index
        if self.output_mode != "tf_idf":
            return encoded(index, self.output_mode, depth, dtype)
        assert self._idf is not None
        weights = np.zeros(depth)
        weights[: len(self._idf)] = self._idf
        return np.asarray(encoded(index, "count", depth, dtype) * weights.astype(dtype))

    def _depth(self) -> int:
        if self.pad_to_max_tokens and self.max_tokens is not None:
            return self.max_tokens
        return self.vocabulary_size()

    def _index(self, values: NDArray[Any]) -> NDArray[Any]:
        tokens, order = self._known(), self._order
        assert order is not None
        sorted_tokens = tokens[order]
        flat = values.ravel()
        place = np.searchsorted(sorted_tokens, flat)
        place[place == len(tokens)] = 0
        known = sorted_tokens[place] == flat
        index = np.where(known, order[place] + self._start, -1)
        masked = np.zeros(flat.shape, bool)
        if self.mask_token is not None:
            masked = flat == self.mask_token
        other = ~known & ~masked
        if other.any():
            index[other] = self._oov_index(flat[other])
        # A masked token has an index in mode "int" alone; elsewhere it counts nothing.
        index[masked] = 0 if self.output_mode == "int" else -1
        return index.astype(np.int64).reshape(values.shape)

    def _oov_index(self, values: NDArray[Any]) -> Any:
        n, start = self.num_oov_indices, self._oov_start
        if n == 0:
            raise ValueError(
                f"Layer {self.name!r} must be given tokens of its vocabulary, as "
                f"num_oov_indices is 0. Received: {values[0].item()!r}"
            )
        if n == 1:
            return start
        if self._kind is int and self.oov_method == "floormod":
            return start + values % n
        return start + hashed(as_text(values), n, self.salt)

    def _inverted(self, inputs: NDArray[Any]) -> NDArray[Any]:
        tokens = self._known()
        index = np.asarray(inputs)
        if index.dtype.kind not in "biuf":
            raise ValueError(
                f"Layer {self.name!r} must be given indices, as invert is True. "
                f"Received: an array of dtype {index.dtype}"
            )
        place = index.astype(np.int64) - self._start
        known = (place >= 0) & (place < len(tokens))
        found = tokens[np.where(known, place, 0)].astype(object)
        found[~known] = self.oov_token
        if self.mask_token is not None:
            found[index == 0] = self.mask_token
        return found.astype(np.str_ if self._kind is str else np.int64)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the output's shape.

        Args:
            input_shape: A tuple, rows first.

        Raises:
            ValueError: The vocabulary is not known yet.
        """
        mode = "multi_hot" if self.output_mode == "tf_idf" else self.output_mode
        if mode != "int" and not self.pad_to_max_tokens:
            self._known()
        return encoded_shape(input_shape, mode, self._depth())

    def _learnt(self) -> dict[str, Any] | None:
        if self._tokens is None or self.vocabulary is not None:
            return None
        learnt: dict[str, Any] = {"vocabulary": self._tokens.tolist()}
        if self._idf is not None:
            learnt["idf_weights"] = self._idf.tolist()
        return learnt

    def _learn(self, learnt: dict[str, Any]) -> None:
        if not isinstance(learnt.get("vocabulary"), list):
            raise ValueError(
                f"`adapted` must have a vocabulary. Received: {sorted(learnt)}"
            )
        idf = learnt.get("idf_weights")
        if idf is None:
            self.set_vocabulary(learnt["vocabulary"])
            return
        tokens = self._as_tokens("vocabulary", learnt["vocabulary"])
        weights = np.asarray(idf, np.float64)
        if weights.shape != (self._start + len(tokens),):
            raise ValueError(
                "`adapted` must have an idf weight for each index. "
                f"Received: {weights.shape} for {len(tokens)} tokens"
            )
        self._take(tokens, weights)


def _listed(values: Any) -> list[Any]:
    if hasattr(values, "tolist"):
        found: list[Any] = values.tolist()
        return found
    if not isinstance(values, (list, tuple)):
        raise ValueError(f"A list or an array was expected. Received: {values!r:.60}")
    return list(values)


class StringLookup(_Lookup):
    """Turn text into its place in a vocabulary.

    Index 0 is the mask token's (if there is one, and `output_mode` is "int"), the next
    `num_oov_indices` are those of text that is not in the vocabulary, then the
    vocabulary follows, as given or, after `adapt`, the most frequent first.

    Args:
        max_tokens: Most indices there may be; `adapt` leaves out the rarest.
        num_oov_indices: How many indices unknown text has; a hash chooses. 0: such text
            is an error.
        mask_token: Text with index 0, which counts nothing in other modes; or None.
        oov_token: What unknown indices are with `invert`.
        vocabulary: List of text, all different; None: `adapt` will find it.
        idf_weights: For "tf_idf" with a vocabulary: a weight for each token.
        invert: From indices to text.
        output_mode: "int"; or, as in `Discretization`, "one_hot", "multi_hot", "count";
            or "tf_idf": counts times log(1 + documents / (1 + documents with it)).
        pad_to_max_tokens: Whether the rows of these modes have `max_tokens` columns.
        sparse: False; others are not available in this version.
        encoding: "utf-8".
        salt: Two integers for the hash, or one, or None.
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`; also "int64" and "string", which change nothing.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: An argument is none of these; or, when asked for outputs, there is
            no vocabulary.

    Examples:
        >>> import nncore
        >>> layer = nncore.layers.StringLookup(vocabulary=["a", "b"])
        >>> layer([["a", "z"], ["b", "a"]])
        array([[1, 0],
               [2, 1]])
        >>> layer = nncore.layers.StringLookup(output_mode="one_hot")
        >>> layer.adapt(["dog", "cat", "dog"])
        >>> layer.get_vocabulary()
        ['[UNK]', 'dog', 'cat']
        >>> layer([["cat"]])
        array([[0., 0., 1.]], dtype=float32)
    """

    _arguments = (*_COMMON, "encoding")
    encoding = "utf-8"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        *,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=None if dtype in ("int64", "string") else dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )
        _checks.absent("encoding", encoding, "utf-8")
        self._set_up(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            pad_to_max_tokens,
            sparse,
            salt,
        )


class IntegerLookup(_Lookup):
    """Turn whole numbers into their place in a vocabulary; as `StringLookup` does text.

    Args:
        max_tokens: As in `StringLookup`.
        num_oov_indices: As in `StringLookup`; the index is the number modulo it.
        mask_token: A number with index 0, which counts nothing in other modes; or None.
        oov_token: What unknown indices are with `invert`.
        vocabulary: List of whole numbers, all different; None: `adapt` will find it.
        vocabulary_dtype: "int64".
        idf_weights: As in `StringLookup`.
        invert: From indices to numbers.
        output_mode: As in `StringLookup`.
        sparse: False; others are not available in this version.
        pad_to_max_tokens: As in `StringLookup`.
        oov_method: "floormod", or "farmhash": a hash chooses among several indices for
            unknown numbers.
        salt: As in `StringLookup`, with "farmhash".
        name: As in `Layer`.
        trainable: As in `Layer`.
        dtype: As in `Layer`; also "int64", which changes nothing.
        input_shape: As in `Layer`.
        input_dim: As in `Layer`.
        batch_input_shape: As in `Layer`.

    Raises:
        ValueError: An argument is none of these; or, when asked for outputs, there is
            no vocabulary.

    Examples:
        >>> import nncore
        >>> nncore.layers.IntegerLookup(vocabulary=[12, 36])([[36], [12], [7]])
        array([[2],
               [1],
               [0]])
    """

    _arguments = (*_COMMON, "vocabulary_dtype", "oov_method")
    _kind = int
    vocabulary_dtype = "int64"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        *,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        """See the class."""
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=None if dtype == "int64" else dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )
        _checks.absent("vocabulary_dtype", vocabulary_dtype, "int64")
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(
                "`oov_method` must be 'floormod' or 'farmhash'. "
                f"{_checks.received('oov_method', oov_method)}"
            )
        if salt is not None and oov_method != "farmhash":
            raise ValueError(
                "`salt` is for `oov_method` 'farmhash'. "
                f"{_checks.received('oov_method', oov_method)}"
            )
        self.oov_method = oov_method
        self._set_up(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            pad_to_max_tokens,
            sparse,
            salt,
        )
