"""Modules under other names: old paths of nncore's own, and nncore in Keras's place.

Both are views: a module that shows what another one has. `import nncore` lets the old
paths of `_legacy.MODULES` be imported, `nncore.objectives` for one. `install` lets
`keras`, `tensorflow.keras` and the like be imported in this process, whether Keras is
installed or not; they are nncore then, and what nncore does not have is an error that
says so.
"""

from __future__ import annotations

import functools
import importlib
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from . import _legacy
from ._version import __version__

# Old modules that stand directly in the package.
OLD_NAMES = frozenset(path for path in _legacy.MODULES if "." not in path)

_OWN = __name__.partition(".")[0]


class View(ModuleType):
    """A module that shows what another one has.

    Args:
        name: what it is imported as.
        target: the module that it shows.
        why: what an error adds about the name.
    """

    def __init__(self, name: str, target: ModuleType, why: str = "") -> None:
        super().__init__(name, target.__doc__)
        self._target = target
        self._why = why

    def __getattr__(self, name: str) -> Any:
        """What the other module has under that name."""
        if name == "__all__":
            return getattr(self._target, name, None) or _own_names(self._target)
        if name.startswith("_") and name != "__file__":
            raise AttributeError(self._missing(name))
        found = getattr(self._target, name, None)
        if found is not None and not isinstance(found, ModuleType):
            return found
        try:
            # `keras.layers.core` is there for whoever imported keras alone.
            return importlib.import_module(f"{self.__name__}.{name}")
        except ImportError:
            if found is None:
                raise AttributeError(self._missing(name)) from None
            return found

    def _missing(self, name: str) -> str:
        return f"module {self.__name__!r} has no attribute {name!r}{self._why}"

    def __dir__(self) -> list[str]:
        """What the other module has, but for what is private."""
        public = {name for name in dir(self._target) if not name.startswith("_")}
        return sorted({*public, *vars(self)})

    def __repr__(self) -> str:
        """Both names."""
        return f"<module {self.__name__!r}, a view of {self._target.__name__!r}>"


def _own_names(module: ModuleType) -> list[str]:
    """The public names of what nncore defines in a module."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and str(getattr(value, "__module__", "")).startswith(_OWN)
    ]


def modern_path(path: str) -> str:
    """The path within nncore that a path within Keras, of any version, stands for.

    Examples:
        >>> modern_path("objectives"), modern_path("layers"), modern_path("")
        ('losses', 'layers', '')
    """
    return _legacy.MODULES.get(path, path)


class OldPaths:
    """Finds the old paths of nncore's own modules."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: Any = None
    ) -> ModuleSpec | None:
        """A specification for what is in the table, None for all else."""
        package, _, rest = name.partition(".")
        if package != _OWN or rest not in _legacy.MODULES:
            return None
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The view, with a warning that names the modern path."""
        modern = f"{_OWN}.{modern_path(spec.name.partition('.')[2])}"
        warnings.warn(
            f"`{spec.name}` is now `{modern}`.", DeprecationWarning, stacklevel=2
        )
        return View(spec.name, importlib.import_module(modern))

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: a view is ready."""


class KerasPaths:
    """Finds nncore under the names of Keras and of TensorFlow."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: Any = None
    ) -> ModuleSpec | None:
        """A specification for what nncore has.

        Raises:
            ImportError: it has nothing of that name.
        """
        package, _, _ = name.partition(".")
        if package not in _PACKAGES:
            return None
        if self._target(name) is None:
            # Also where `from keras.layers import LSTM` ends. Its own error would
            # not say why.
            parent, _, last = name.rpartition(".")
            raise ModuleNotFoundError(
                f"No module or name {last!r} in {parent!r}{_why(name)}"
            )
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def _target(self, name: str) -> ModuleType | None:
        """What the module shows; None if nothing."""
        if name in _legacy.TENSORFLOW:
            return ModuleType(name, "What stands in for TensorFlow.")
        root = _root(name)
        if root is None:
            return None
        path = modern_path(name[len(root) + 1 :])
        if any(part.startswith("_") for part in path.split(".")):
            return None
        try:
            return importlib.import_module(f"{_OWN}.{path}" if path else _OWN)
        except ModuleNotFoundError as error:
            if error.name is not None and error.name.startswith(_OWN):
                return None
            raise

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The view."""
        target = self._target(spec.name)
        assert target is not None
        view = View(spec.name, target, _why(spec.name))
        version = _legacy.VERSIONS.get(spec.name)
        if version is not None:
            view.__version__ = f"{version}+{_OWN}.{__version__}"  # type: ignore[attr-defined]
        if spec.name in _legacy.TENSORFLOW:
            from .utils import set_random_seed

            for word in _legacy.TENSORFLOW[spec.name]:
                setattr(view, word, set_random_seed)
        return view

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: a view is ready."""


_PACKAGES = frozenset(
    name.partition(".")[0] for name in (*_legacy.ROOTS, *_legacy.TENSORFLOW)
)


def _root(name: str) -> str | None:
    """The longest of Keras's names that `name` begins with."""
    roots = [r for r in _legacy.ROOTS if name == r or name.startswith(r + ".")]
    return max(roots, key=len, default=None)


def _why(name: str) -> str:
    """What is to be known about a name that is not there."""
    here = f": here it is nncore {__version__}, which has dense networks only"
    if "datasets" in name:
        return f"{here}, and no data sets to download"
    if _root(name) is None:
        return f"{here}, and of TensorFlow keras, random.set_seed and __version__"
    return here


def install() -> None:
    """Let `keras` and `tensorflow` be nncore in this process.

    Raises:
        ImportError: the real ones have been imported.
    """
    if any(isinstance(finder, KerasPaths) for finder in sys.meta_path):
        return
    for name in sorted(_PACKAGES):
        if name in sys.modules:
            raise ImportError(
                f"`{_OWN}.as_keras` must be imported before {name!r}. Received: {name} "
                "is imported already"
            )
    sys.meta_path.insert(0, KerasPaths())


def take_over(name: str) -> None:
    """Put nncore in the place of a module of that name while it is being imported."""
    if name in _PACKAGES:
        del sys.modules[name]
        install()
        sys.modules[name] = importlib.import_module(name)


def allow_old_names() -> None:
    """Let old paths of nncore's own modules be imported, and old names be found."""
    sys.meta_path.append(OldPaths())
    for path in _legacy.MODULES:
        parent = sys.modules.get(f"{_OWN}.{path.rpartition('.')[0]}")
        if parent is not None:
            # Only of what has a path the import system asks for parts.
            vars(parent).setdefault("__path__", [])
    for path, wider in _legacy.WIDER.items():
        part = vars(sys.modules[f"{_OWN}.{path}"])
        part["__getattr__"] = functools.partial(_public, f"{_OWN}.{wider}")
    for path, names in _legacy.NAMES.items():
        module = sys.modules[f"{_OWN}.{path}"]
        space = vars(module)
        space["__getattr__"] = _finder(module, names, space.get("__getattr__"))


def _public(module: str, name: str) -> Any:
    """What a module has under a name that is not private."""
    if name.startswith("_"):
        raise AttributeError(f"module {module!r} has no public name {name!r}")
    return getattr(sys.modules[module], name)


def _finder(
    module: ModuleType,
    names: dict[str, str],
    otherwise: Callable[[str], Any] | None,
) -> Callable[[str], Any]:
    """What a module asks for names that it does not have."""

    def find(name: str) -> Any:
        if name in names:
            warnings.warn(
                f"`{module.__name__}.{name}` is now `{names[name]}`.",
                DeprecationWarning,
                stacklevel=_legacy.callers_level(),
            )
            return getattr(module, names[name])
        if otherwise is not None:
            return otherwise(name)
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    return find
