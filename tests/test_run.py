"""`nncore run`: a script finds nncore under Keras's names, and itself as ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from nncore import _legacy

LAUNCHERS = {
    "script": ["-m", "nncore"],
    "run": ["-m", "nncore", "run"],
    "as_keras": [],
}


def launch(*words, cwd, check=True):
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
        # The package is the one that the tests import, wherever they run.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def run(tmp_path):
    """Run a script's text; `first` stands before it."""

    def run(body, *words, launcher="script", check=True):
        first = "import nncore.as_keras\n" if launcher == "as_keras" else ""
        (tmp_path / "work.py").write_text(first + textwrap.dedent(body))
        return launch(
            *LAUNCHERS[launcher], "work.py", *words, cwd=tmp_path, check=check
        )

    return run


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_keras_is_nncore_under_all_its_names(run, launcher):
    out = run(
        """
        import importlib, keras, tensorflow as tf, nncore
        from keras import layers, Sequential
        from keras.models import Sequential as two
        from tensorflow import keras as three
        from tensorflow.keras.layers import Dense
        import tensorflow.keras.backend as K
        from keras.layers.core import Dropout
        from tensorflow.python.keras.layers import Activation
        from keras.objectives import mean_squared_error
        import keras.utils.np_utils as np_utils
        assert Sequential is two is three.Sequential is tf.keras.models.Sequential
        assert Sequential is nncore.Sequential and K.floatx() == "float32"
        assert Dense is layers.Dense is keras.layers.Dense is nncore.layers.Dense
        assert keras.utils.to_categorical is np_utils.to_categorical
        tf.random.set_seed(5)
        one = nncore.initializers.GlorotUniform()((3, 3))
        keras.utils.set_random_seed(5)
        assert (one == keras.initializers.GlorotUniform()((3, 3))).all()
        for text in (keras.__version__, tf.__version__):
            assert int(text.split(".")[0]) >= 2 and int(text.split(".")[1]) >= 0
            assert "nncore" in text
        print(keras)
        """,
        launcher=launcher,
    ).stdout
    assert "'keras'" in out and "'nncore'" in out


def test_every_name_of_keras_in_the_table_imports(run):
    run(
        f"""
        import importlib, nncore
        for root in {_legacy.ROOTS}:
            assert importlib.import_module(root).Sequential is nncore.Sequential
            for old, new in {_legacy.MODULES}.items():
                module = importlib.import_module(root + "." + old)
                modern = importlib.import_module("nncore." + new)
                public = [n for n in dir(modern) if not n.startswith("_")]
                assert set(public) <= set(dir(module)), module
        for name in {tuple(_legacy.TENSORFLOW)}:
            importlib.import_module(name)
        """
    )


@pytest.mark.parametrize(
    ("statement", "error", "words"),
    [
        ("from keras.layers import LSTM", "ImportError", ["LSTM", "keras.layers"]),
        ("from keras import Model", "ImportError", ["Model", "'keras'"]),
        ("import keras.applications.vgg16", "ImportError", ["applications"]),
        ("import keras; keras.layers.Conv2D", "AttributeError", ["Conv2D"]),
        ("from keras.datasets import mnist", "ImportError", ["mnist", "no data sets"]),
        ("import tensorflow as tf; tf.data", "AttributeError", ["data", "set_seed"]),
        ("import tensorflow.data", "ImportError", ["data", "random.set_seed"]),
        ("from tensorflow import constant", "ImportError", ["constant"]),
        ("import keras._plan", "ImportError", ["_plan"]),
        ("import keras; keras._plan", "AttributeError", ["_plan"]),
    ],
)
def test_what_is_not_there_is_an_error_that_says_so(run, statement, error, words):
    out = run(
        f"""
        try:
            exec({statement!r})
        except {error} as caught:
            print(caught)
        """
    ).stdout
    for word in ["nncore", "dense networks only", *words]:
        assert word in out


def test_questions_whether_something_is_there_are_answered(run):
    run(
        """
        import keras, tensorflow as tf
        assert not hasattr(keras, "Model") and hasattr(keras, "Sequential")
        assert getattr(tf, "Tensor", None) is None
        try:
            import keras.applications
        except ModuleNotFoundError:
            pass
        else:
            raise AssertionError
        from keras.layers import *
        from keras.regularizers import *
        Dense(1, kernel_regularizer=L2(0.1))
        """
    )


def test_a_script_finds_itself_as_python_would_have_started_it(run, tmp_path):
    body = """
        import pickle, sys
        print(__name__, __file__, sys.argv, sys.path[0])
        print(sys.modules["__main__"].__file__, __spec__, __builtins__.__name__)
        class Mine:
            pass
        print(type(pickle.loads(pickle.dumps(Mine()))) is Mine)
        import beside
        print(beside.number)
        """
    (tmp_path / "beside.py").write_text("number = 7\n")
    ours = run(body, "-m", "--help", "3").stdout
    theirs = launch("work.py", "-m", "--help", "3", cwd=tmp_path).stdout
    assert ours == theirs
    assert run(body, "-m", "--help", "3", launcher="run").stdout == theirs


def test_a_module_is_run_by_its_name(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "work.py").write_text(
        "import sys, keras\nfrom . import __name__ as pack\n"
        "print(__name__, sys.argv[1:], pack, keras.Sequential.__module__)\n"
    )
    words = ["-m", "nncore", "run", "-m", "pack.work", "--x"]
    out = launch(*words, cwd=tmp_path).stdout
    assert out.split() == ["__main__", "['--x']", "pack", "nncore.models"]


@pytest.mark.parametrize(
    "body",
    [
        "def f():\n    raise KeyError('here')\nf()",
        "x = = 3",
        "import sys; sys.exit('so long')",
        "import sys; sys.exit(7)",
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise OSError from e",
    ],
)
def test_a_script_ends_as_it_would_have_ended(run, tmp_path, body):
    ours = run(body, check=False)
    theirs = launch("work.py", cwd=tmp_path, check=False)
    assert ours.stderr == theirs.stderr
    assert ours.returncode == theirs.returncode != 0


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_find_it_too(run, launcher, method):
    out = run(
        f"""
        import multiprocessing
        import keras
        import tensorflow as tf

        def work(units):
            from tensorflow.keras.layers import Dense
            model = keras.Sequential([Dense(units, input_dim=2)])
            return model.count_params(), tf.keras.Sequential.__module__

        if __name__ == "__main__":
            with multiprocessing.get_context({method!r}).Pool(1) as pool:
                print(pool.map(work, [1, 2]))
        """,
        launcher=launcher,
    ).stdout
    assert out == "[(3, 'nncore.models'), (6, 'nncore.models')]\n"


def test_a_script_is_interrupted_as_any(run, tmp_path):
    body = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    ours = run(body, check=False)
    theirs = launch("work.py", cwd=tmp_path, check=False)
    assert ours.returncode == theirs.returncode == -signal.SIGINT
    assert ours.stderr == theirs.stderr and "KeyboardInterrupt" in ours.stderr


def test_a_scripts_own_hook_shows_its_errors(run, tmp_path):
    body = """
        import sys, traceback
        def hook(kind, value, tb):
            print(kind.__name__, len(traceback.extract_tb(tb)))
        sys.excepthook = hook
        raise KeyError
        """
    ours = run(body, check=False)
    theirs = launch("work.py", cwd=tmp_path, check=False)
    assert ours.stdout == theirs.stdout == "KeyError 1\n"


def test_an_old_word_is_said_at_the_scripts_own_line(run):
    out = run(
        """
        from keras.optimizers import SGD
        SGD(lr=0.1)
        """
    )
    assert "work.py:3: DeprecationWarning" in out.stderr
    assert "learning_rate" in out.stderr


def test_a_file_that_is_not_there(tmp_path):
    done = launch("-m", "nncore", "nothing.py", cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "nothing.py" in done.stderr and "Traceback" not in done.stderr
    done = launch("-m", "nncore", "run", cwd=tmp_path, check=False)
    assert done.returncode == 2 and "usage" in done.stdout
    assert "script.py" in launch("-m", "nncore", "run", "--help", cwd=tmp_path).stdout


def test_it_comes_too_late_once_keras_is_imported(run, tmp_path):
    (tmp_path / "keras.py").write_text("")
    done = run("import keras\nimport nncore.as_keras", launcher="run", check=False)
    assert done.returncode == 0
    done = launch("-c", "import keras, nncore.as_keras", cwd=tmp_path, check=False)
    assert "before 'keras'" in done.stderr


def test_importing_nncore_alone_leaves_keras_to_others(tmp_path):
    (tmp_path / "keras.py").write_text("own = 3\n")
    launch("-c", "import nncore, keras; assert keras.own == 3", cwd=tmp_path)
