"""`nncore.tabular` beside scikit-learn's MLP in a pipeline, and boosted trees.

Every contestant is used as it comes: the MLP behind scalers (of the target too) and,
where there are texts and gaps, behind an imputer and one-hot columns; trees as they
are, but for texts of more than 255 levels, which they do not take: those are encoded
by the target. Scores on a held-out 30 %, means over `--seeds` splits: accuracy, or R
squared.
Give `NNCORE_DATA_DIR` the folder of pima-indians-diabetes.csv.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from nncore import tabular
from nncore.datasets import load_pima


def frame(x, y) -> tuple[pd.DataFrame, pd.Series]:
    """Columns and target of arrays."""
    return pd.DataFrame(x).add_prefix("x"), pd.Series(y, name="y")


def shop(n: int = 3000) -> tuple[pd.DataFrame, pd.Series]:
    """Customers with texts, gaps, a date, a yes or no, and a skewed income."""
    rng = np.random.default_rng(0)
    town = rng.choice(
        ["Ulm", "Bonn", "Kiel", "Jena", "Köln"], n, p=[0.4, 0.3, 0.2, 0.07, 0.03]
    )
    income = np.exp(rng.normal(10, 1, n))
    age = rng.integers(18, 90, n).astype(float)
    since = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1500, n), "D")
    member = rng.random(n) < 0.4
    z = (
        (town == "Bonn") * 1.5
        - (town == "Kiel")
        + np.sin(since.dayofyear.to_numpy() / 58)
        + 1.2 * (income > 40_000) * member
        - ((age - 45) / 20) ** 2
        + 1
    )
    y = rng.random(n) < 1 / (1 + np.exp(-2 * z))
    age[rng.random(n) < 0.2] = np.nan
    columns = {
        "town": town,
        "income": income,
        "age": age,
        "since": since,
        "member": member,
    }
    table = pd.DataFrame(columns)
    table.loc[rng.random(n) < 0.1, "town"] = None
    return table, pd.Series(np.where(y, "buys", "leaves"), name="y")


def flights(n: int = 8000) -> tuple[pd.DataFrame, pd.Series]:
    """Late or not, by 300 airports, some rare, that have weather and a crowd."""
    rng = np.random.default_rng(1)
    share = 1 / np.arange(1, 301) ** 0.7
    start, end = rng.choice(300, (2, n), p=share / share.sum())
    weather, crowd = rng.normal(size=(2, 300))
    hour = rng.uniform(5, 23, n)
    z = weather[start] + weather[end] + crowd[start] * (hour - 14) / 4.5 - 0.5
    y = rng.random(n) < 1 / (1 + np.exp(-1.5 * z))
    columns = {
        "from": np.char.add("A", start.astype(str)),
        "to": np.char.add("A", end.astype(str)),
        "hour": hour,
    }
    return pd.DataFrame(columns), pd.Series(np.where(y, "late", "on time"), name="y")


def films(n: int = 10_000) -> tuple[pd.DataFrame, pd.Series]:
    """Marks of 500 people for 200 films: how strict, how good, and what taste."""
    rng = np.random.default_rng(2)
    person, film = rng.integers(0, 500, n), rng.integers(0, 200, n)
    likes, has = rng.normal(size=(500, 2)), rng.normal(size=(200, 2))
    strict, good = rng.normal(0, 0.5, 500), rng.normal(0, 0.5, 200)
    y = strict[person] + good[film] + (likes[person] * has[film]).sum(axis=1) / 2
    columns = {
        "person": np.char.add("P", person.astype(str)),
        "film": np.char.add("F", film.astype(str)),
        "year": 1980 + film % 40,
    }
    return pd.DataFrame(columns), pd.Series(y + rng.normal(0, 0.5, n), name="y")


def houses(n: int = 6000) -> tuple[pd.DataFrame, pd.Series]:
    """Prices by size, age and one of 1,500 streets, most of them rare."""
    rng = np.random.default_rng(3)
    share = 1 / np.arange(1, 1501)
    street = rng.choice(1500, n, p=share / share.sum())
    level, slope = rng.normal(0, 1, 1500), rng.normal(1, 0.3, 1500)
    size, age = rng.gamma(6, 20, n), rng.uniform(0, 100, n)
    y = slope[street] * size / 60 + level[street] - ((age - 50) / 50) ** 2
    columns = {"street": np.char.add("S", street.astype(str)), "size": size, "age": age}
    return pd.DataFrame(columns), pd.Series(y + rng.normal(0, 0.3, n), name="y")


def classes() -> dict[str, tuple[pd.DataFrame, pd.Series]]:
    """Tables with a class to tell."""
    x, y = load_pima()
    found = {"Pima": frame(np.asarray(x, float), np.asarray(y).ravel().astype(int))}
    for name in ("breast_cancer", "wine", "iris", "digits"):
        found[name] = frame(*getattr(datasets, f"load_{name}")(return_X_y=True))
    make = {
        "moons": datasets.make_moons(2000, noise=0.3, random_state=0),
        "hastie": datasets.make_hastie_10_2(4000, random_state=0),
        "quantiles": datasets.make_gaussian_quantiles(
            n_samples=3000, n_features=10, n_classes=3, random_state=0
        ),
        "clusters": datasets.make_classification(
            4000,
            20,
            n_informative=8,
            n_redundant=4,
            n_classes=4,
            flip_y=0.03,
            random_state=0,
        ),
    }
    made = {"shop": shop(), "flights": flights()}
    return found | {k: frame(*v) for k, v in make.items()} | made


def numbers() -> dict[str, tuple[pd.DataFrame, pd.Series]]:
    """Tables with a number to tell."""
    found = {"diabetes": frame(*datasets.load_diabetes(return_X_y=True))}
    for k in (1, 2, 3):
        make = getattr(datasets, f"make_friedman{k}")
        noise = {1: 1.0, 2: 50.0, 3: 0.1}[k]
        found[f"friedman{k}"] = frame(
            *make(n_samples=3000, noise=noise, random_state=0)
        )
    x, _ = datasets.load_breast_cancer(return_X_y=True)
    found["cancer's area"] = frame(
        np.delete(x, [0, 2, 3, 20, 22, 23, 10, 12, 13], 1), x[:, 3]
    )
    return found | {"films": films(), "houses": houses()}


def mlp_pipeline(table: pd.DataFrame, kind):
    """Scikit-learn's MLP behind what a careful user puts before it."""
    table = table.select_dtypes(["number", "bool", "object", "str", "category"])
    before = make_column_transformer(
        (
            make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
            make_column_selector(dtype_include=["number", "bool"]),
        ),
        (
            OneHotEncoder(handle_unknown="ignore"),
            make_column_selector(dtype_include=["object", "str", "category"]),
        ),
    )
    return make_pipeline(before, kind(max_iter=500, random_state=0))


def contestants(table: pd.DataFrame, is_class: bool):
    """Name and a function that makes an estimator with `fit` and `predict`."""
    if is_class:
        trees = HistGradientBoostingClassifier(
            random_state=0, categorical_features="from_dtype"
        )
        mlp = mlp_pipeline(table, MLPClassifier)
    else:
        trees = HistGradientBoostingRegressor(
            random_state=0, categorical_features="from_dtype"
        )
        mlp = TransformedTargetRegressor(
            mlp_pipeline(table, MLPRegressor), transformer=StandardScaler()
        )
    many = [
        name
        for name, column in table.items()
        if column.dtype.kind not in "biufM" and column.nunique() > 255
    ]
    if many:
        encoder = make_column_transformer(
            (TargetEncoder(random_state=0), many),
            remainder="passthrough",
            verbose_feature_names_out=False,
        )
        trees = make_pipeline(encoder.set_output(transform="pandas"), trees)
    ours = tabular.Classifier if is_class else tabular.Regressor
    return {"MLP": mlp, "trees": trees, "nncore": ours(seed=0)}


def for_trees(table: pd.DataFrame) -> pd.DataFrame:
    """Dates as numbers and texts as categories, which trees want."""
    table = table.copy()
    for name, column in table.items():
        if column.dtype.kind == "M":
            table[name] = column.dt.dayofyear
        elif column.dtype.kind not in "biuf":
            table[name] = column.astype("category")
    return table


def main() -> None:
    """Print a line per table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=None)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        f"{'':16}{'rows':>6}  {'MLP':>15} {'trees':>15} {'nncore':>15}   seconds each"
    )
    for is_class, tables in ((True, classes()), (False, numbers())):
        score = accuracy_score if is_class else r2_score
        for name, (table, y) in tables.items():
            if given.only and name not in given.only:
                continue
            found: dict[str, list[float]] = {}
            times: dict[str, float] = {}
            for seed in range(given.seeds):
                train, test, y_train, y_test = train_test_split(
                    table,
                    y,
                    test_size=0.3,
                    random_state=seed,
                    stratify=y if is_class else None,
                )
                for who, estimator in contestants(table, is_class).items():
                    x, x_test = (
                        map(for_trees, (train, test))
                        if who == "trees"
                        else (train, test)
                    )
                    began = time.perf_counter()
                    answers = estimator.fit(x, y_train).predict(x_test)
                    times[who] = times.get(who, 0) + time.perf_counter() - began
                    if who == "nncore":
                        answers = answers["y"]
                    found.setdefault(who, []).append(score(y_test, answers))
            cells = " ".join(
                f"{np.mean(v):.4f} ± {np.std(v):.4f}" for v in found.values()
            )
            spent = " ".join(f"{t / given.seeds:6.2f}" for t in times.values())
            print(f"{name:16}{len(table):6}  {cells}   {spent}", flush=True)


if __name__ == "__main__":
    main()
