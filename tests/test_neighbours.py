"""nncore beside others: worker processes of every kind, other libraries' threads.

Libraries that are not installed are skipped; `make neighbours` installs them all.
"""

from __future__ import annotations

import importlib.util
import itertools

import pytest

from nncore import _core

from . import fresh
from .fresh import run_fresh

needs_teams = pytest.mark.skipif(
    not _core.has_openmp(), reason="nncore was built without OpenMP"
)


def needs(name: str) -> None:
    """Skip unless a library is installed. It is not imported into this process."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"needs {name}")


# ---- Processes -----------------------------------------------------------------------


@pytest.fixture
def work(tmp_path):
    """The beginning of a body that can import `work`, the words of tests/fresh.py."""
    (tmp_path / "work.py").write_text(fresh._PRELUDE)
    return f"sys.path.insert(0, {str(tmp_path)!r}); import work\nwant = train()\n"


@needs_teams
@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_workers_of_every_start_method_train_with_full_teams(method, work):
    run_fresh(
        work
        + f"""
import multiprocessing
if {method!r} not in multiprocessing.get_all_start_methods(): skip({method!r})
context = multiprocessing.get_context({method!r})
with context.Pool(2) as pool:
    assert pool.map(work.train, [2] * 3) == [want] * 3
    model, x, y = model_and_rows()
    model.fit(x, y, verbose=0)
    # A model travels to a worker, and goes on there.
    assert digest(pool.map(model.predict, [x])) == digest([model.predict(x)])
assert want[1] == 2 and train() == want
""",
        NNCORE_FORCE_THREADS="2",
    )


@needs_teams
@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_workers_of_joblib_train_with_full_teams(backend, work):
    needs("joblib")
    run_fresh(
        work
        + f"""
import joblib
parallel = joblib.Parallel(n_jobs=2, backend={backend!r})
for _ in range(2):
    assert parallel([joblib.delayed(work.train)(2)] * 3) == [want] * 3
assert want[1] == 2 and train() == want
""",
        NNCORE_FORCE_THREADS="2",
    )


@needs_teams
def test_joblib_gives_each_worker_its_share_of_the_cpus():
    needs("joblib")
    run_fresh(
        """
        import joblib, nncore
        parallel = joblib.Parallel(n_jobs=joblib.cpu_count(), backend="loky")
        seen = parallel([joblib.delayed(nncore.get_num_threads)()] * 4)
        assert seen == [1] * 4, seen
        """
    )


# ---- Threads of other libraries ------------------------------------------------------

OTHERS = {
    "sklearn": """
        from sklearn.ensemble import HistGradientBoostingClassifier
        HistGradientBoostingClassifier(max_iter=3).fit(rows, labels)
    """,
    "torch": """
        import torch
        layer = torch.nn.Linear(400, 400)
        layer(torch.ones(4000, 400)).square().mean().backward()
    """,
    "xgboost": """
        import xgboost
        xgboost.XGBClassifier(n_estimators=3).fit(rows, labels)
    """,
    "lightgbm": """
        import lightgbm
        lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(rows, labels)
    """,
    "jax": """
        import jax
        jax.numpy.dot(rows.T, rows).block_until_ready()
    """,
}


@needs_teams
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("order", ["nncore first", "nncore last", "in turns"])
def test_other_libraries_change_nothing_in_any_order(name, order):
    needs(name)
    turns = {
        "nncore first": "seen.append(train()); other(); seen.append(train())",
        "nncore last": "other(); other(); seen.append(train())",
        "in turns": "import nncore; other(); seen.append(train()); other(); "
        "seen.append(train())",
    }[order]
    want = run_fresh("print(train())", NNCORE_FORCE_THREADS="2")
    out = run_fresh(
        f"""
import warnings
import numpy as np
rows = np.random.default_rng(0).random((4000, 5))
labels = rows[:, 0] > 0.5
seen = []

def other():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pass{OTHERS[name]}
{turns}
assert len(set(seen)) == 1, seen
print(seen[0])
""",
        NNCORE_FORCE_THREADS="2",
    )
    assert out == want
    assert out.strip().endswith(", 2)")


@needs_teams
@pytest.mark.parametrize(
    "pair", [" ".join(pair) for pair in itertools.combinations(OTHERS, 2)]
)
@pytest.mark.slow
def test_two_other_libraries_beside_it(pair):
    first, second = pair.split()
    needs(first)
    needs(second)
    for order in itertools.permutations([first, second, "nncore"]):
        code = [OTHERS.get(name, "\n        seen = train()\n") for name in order]
        run_fresh(
            f"""
import warnings
import numpy as np
rows = np.random.default_rng(0).random((4000, 5))
labels = rows[:, 0] > 0.5
with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pass{"".join(code)}
        assert seen[1] == 2 and train() == seen, seen
""",
            NNCORE_FORCE_THREADS="2",
        )


@needs_teams
def test_the_limits_of_threadpoolctl_are_kept():
    needs("threadpoolctl")
    run_fresh(
        """
        import nncore, threadpoolctl
        if nncore.get_num_threads() < 2: skip("this process may use one thread")
        most = nncore.get_num_threads()
        names = [lib["prefix"] for lib in threadpoolctl.threadpool_info()]
        assert any("omp" in name for name in names), names
        import numpy as np
        model = nncore.Sequential([nncore.layers.Dense(512, input_dim=512)])
        model.compile("sgd", "mse")
        x = np.zeros((256, 512), "float32")

        def team():
            model.fit(x, x, batch_size=256, verbose=0)
            return model._network.last_run["team"]

        with threadpoolctl.threadpool_limits(1):
            assert nncore.get_num_threads() == team() == 1
            with threadpoolctl.threadpool_limits(2, user_api="openmp"):
                assert nncore.get_num_threads() == team() == 2
        assert nncore.get_num_threads() == team() == most
        """
    )


@needs_teams
def test_two_openmp_runtimes_use_no_more_threads_than_one():
    # Each has a pool of its own; what counts is how many run at a time.
    needs("torch")
    needs("threadpoolctl")
    run_fresh(
        """
        import torch, nncore, threadpoolctl
        if nncore.get_num_threads() < 2: skip("this process may use one thread")
        torch.ones(2000, 2000).matmul(torch.ones(2000, 2000))
        want = train(40)
        before, began = time.process_time(), time.monotonic()
        assert train(400)[1] == want[1]
        used = (time.process_time() - before) / (time.monotonic() - began)
        assert used < nncore.get_num_threads() + 0.25, used
        """
    )
