"""`nncore train`, `predict` and `describe` as a shell runs them."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import numpy as np
import pytest

from nncore import tabular
from nncore.cli import main

pd = pytest.importorskip("pandas")


@pytest.fixture
def csv(tmp_path, monkeypatch):
    """A folder to work in, with data.csv."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "town": rng.choice(["Ulm", "Bonn", "Kiel, south"], 200),
            "age": rng.integers(18, 90, 200),
            "size": rng.random(200),
        }
    )
    frame["outcome"] = np.where(frame["town"] == "Ulm", "yes", "no")
    frame.to_csv("data.csv", index=False)
    return frame


def train(*words):
    words = ["--target", "outcome", "-o", "m.nnc", "--epochs", "3", *words]
    return main(["train", "data.csv", *words])


def shell(*words, data=b""):
    return subprocess.run(
        [sys.executable, "-m", "nncore", *words],
        input=data,
        capture_output=True,
        timeout=120,
    )


def test_from_a_table_to_answers_to_a_description(csv, capsys):
    assert train() == 0
    said = capsys.readouterr()
    assert "category with 3 levels" in said.out
    assert "held-out rows: accuracy" in said.out
    assert said.out.endswith("Saved: m.nnc\n")
    assert said.err == ""
    assert main(["predict", "m.nnc", "data.csv", "-o", "out.csv"]) == 0
    out = pd.read_csv("out.csv")
    assert list(out.columns) == ["outcome", "p(no)", "p(yes)"]
    assert len(out) == 200
    assert main(["describe", "m.nnc"]) == 0
    assert "Classifier of 'outcome'" in capsys.readouterr().out


def test_a_pipe_carries_tables_both_ways(csv):
    data = csv.to_csv(index=False).encode()
    words = ["--target", "outcome", "-o", "m.nnc", "--epochs", "3", "--quiet"]
    done = shell("train", "-", *words, data=data)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    done = shell("predict", "m.nnc", "-", "--keep", data=data)
    assert (done.returncode, done.stderr) == (0, b"")
    out = pd.read_csv(io.BytesIO(done.stdout))
    assert list(out.columns) == ["town", "age", "size", "outcome", "p(no)", "p(yes)"]
    pd.testing.assert_frame_equal(out[["town", "age"]], csv[["town", "age"]])


def test_the_same_command_writes_the_same_file(csv):
    from pathlib import Path

    train("--quiet")
    first = Path("m.nnc").read_bytes()
    train("--quiet")
    assert Path("m.nnc").read_bytes() == first


def test_a_number_is_learnt_as_a_number(csv, capsys):
    words = ["train", "data.csv", "--target", "size", "-o", "m.nnc", "--epochs", "2"]
    assert main([*words, "--drop", "outcome"]) == 0
    said = capsys.readouterr().out
    assert "Regressor of 'size'" in said
    assert "outcome" not in said
    csv.assign(outcome=np.arange(200) % 3).to_csv("data.csv", index=False)
    train()
    assert "3 classes: 0, 1, 2" in capsys.readouterr().out
    train("--task", "number")
    assert "number from 0 to 2" in capsys.readouterr().out


def test_semicolons_tabs_and_texts_that_look_like_numbers(csv, capsys):
    codes = csv.assign(town=np.where(np.arange(200) % 2, "007", "K12"))
    codes.to_csv("data.csv", index=False, sep=";")
    codes["town"] = "007"
    codes.to_csv("new.tsv", index=False, sep="\t")
    assert train("--quiet") == 0
    assert main(["predict", "m.nnc", "new.tsv", "-o", "out.tsv"]) == 0
    out = pd.read_csv("out.tsv", sep="\t")
    from nncore import tabular

    wanted = tabular.load("m.nnc").predict(codes)
    np.testing.assert_allclose(out["p(yes)"], wanted["p(yes)"])


@pytest.mark.parametrize("ending, delimiter", [("csv", ";"), ("tsv", "\t")])
def test_decimal_commas_are_numbers(ending, delimiter, tmp_path, monkeypatch, capsys):
    from nncore import tabular

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=200), "code": ["1,5", "x"] * 100})
    frame["a"] = frame["a"].round(2)
    frame["tgt"] = (3 * frame["a"]).round(2)
    frame.loc[7, "a"] = None
    frame.to_csv(f"eu.{ending}", index=False, sep=delimiter, decimal=",")
    words = ["--target", "tgt", "-o", "m.nnc", "--epochs", "3"]
    assert main(["train", f"eu.{ending}", *words]) == 0
    said = capsys.readouterr().out
    assert "Regressor of 'tgt'" in said
    assert "a     number from -2" in said
    assert "code  category with 2 levels" in said
    assert "  numbers, written with a comma: a, tgt\n" in said
    assert main(["predict", "m.nnc", f"eu.{ending}", "-o", "out.csv"]) == 0
    wanted = tabular.load("m.nnc").predict(frame)
    np.testing.assert_allclose(pd.read_csv("out.csv")["tgt"], wanted["tgt"])
    with open(f"new.{ending}", "w") as file:
        file.write(f"a{delimiter}code\n1,5{delimiter}x\nold{delimiter}x\n")
    assert main(["predict", "m.nnc", f"new.{ending}"]) == 1
    assert f"new.{ending}, line 3, column 1 ('a')" in capsys.readouterr().err


def test_commas_that_may_part_thousands_are_no_decimal_commas(csv, capsys):
    sizes = [f"1,{k:03d}" if k % 2 else "17" for k in range(200)]
    csv.assign(size=sizes).to_csv("data.tsv", index=False, sep="\t")
    words = ["--target", "outcome", "-o", "m.nnc", "--epochs", "1"]
    assert main(["train", "data.tsv", *words]) == 0
    assert "size     category" in capsys.readouterr().out
    csv.assign(size=sizes).to_csv("data.csv", index=False, sep=";")
    assert train("--categories", "size") == 0
    assert "size     category" in capsys.readouterr().out
    assert train() == 0
    assert "size     number from 1.001 to 17" in capsys.readouterr().out


def test_numbers_that_are_names_are_read_as_they_are_written(csv, capsys):
    from nncore import tabular

    codes = csv.assign(zip=[f"0{k % 40:02d}" for k in range(200)])
    codes.to_csv("data.csv", index=False)
    assert train("--categories", "zip") == 0
    assert "category with 40 levels, embedded" in capsys.readouterr().out
    assert main(["predict", "m.nnc", "data.csv", "-o", "out.csv"]) == 0
    wanted = tabular.load("m.nnc").predict(codes)
    np.testing.assert_allclose(pd.read_csv("out.csv")["p(yes)"], wanted["p(yes)"])
    assert wanted["p(yes)"].nunique() > 3
    assert train("--categories", "zap") == 1
    assert "data.csv: there must be a column 'zap'" in capsys.readouterr().err


def test_a_plot_is_drawn(csv):
    pytest.importorskip("matplotlib")
    assert train("--plot", "training.png", "--quiet") == 0
    with open("training.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"


def test_any_model_is_described(csv, capsys):
    import nncore

    model = nncore.Sequential([nncore.layers.Dense(3, input_dim=2)], seed=5)
    model.compile("adam", "mse")
    model.save("plain.nnc")
    assert main(["describe", "plain.nnc"]) == 0
    said = capsys.readouterr().out
    assert "Total params: 9" in said
    assert "Optimizer: Adam, loss: mse" in said
    assert "dtype: float32, seed: 5" in said


BAD_TABLES = {
    "a,b\n1,2\n3,4,5\n": "bad.csv, line 3: expected 2 columns. Received: 3",
    "a,outcome\n1,x\n\n2\n3,y\n": "bad.csv, line 4: expected 2 columns. Received: 1",
    "a,outcome\n1,x,9\n2,y,9\n": "bad.csv, line 2: expected 2 columns. Received: 3",
    "": "bad.csv: there is nothing in it",
    "town,age,size,outcome\n": "bad.csv: there are no rows under the header",
    "a,b\n1,2\n": "bad.csv: there must be a column 'outcome'. Received: 'a', 'b'",
    "a,outcome\n1,x\n2,x\n": "bad.csv: `y` must have at least two classes",
    "a,outcome,outcome \n1,x,y\n2,y,x\n": "bad.csv, line 1: expected a name of its own "
    "for each column. Received: 'outcome' more than once",
    "a,outcome\n1,0.5\n2,inf\n": "bad.csv: `y` must be finite. Received: inf in row 1",
    "a,outcome\n1,x\n2,\xff\n": "bad.csv, line 3: the text must be UTF-8",
}


@pytest.mark.parametrize("text", BAD_TABLES)
def test_a_bad_table_is_one_line_with_its_place(text, csv, capsys):
    with open("bad.csv", "wb") as file:
        file.write(text.encode("latin-1"))
    words = ["train", "bad.csv", "--target", "outcome", "-o", "m.nnc"]
    assert main(words) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"nncore train: {BAD_TABLES[text]}")
    assert said.err.count("\n") == 1


def test_a_bad_value_is_named_with_file_line_and_column(csv, capsys):
    train("--quiet")
    rows = 'town,age,size\n"Ulm\nNorth",30,0.5\n\nBonn,old,0.5\n'
    with open("new.csv", "w") as file:
        file.write(rows)
    assert main(["predict", "m.nnc", "new.csv"]) == 1
    assert capsys.readouterr().err == (
        "nncore predict: new.csv, line 5, column 2 ('age'): expected numbers, as in "
        "training. Received: 'old'\n"
    )


def test_a_table_without_a_header_is_noticed(csv, capsys):
    numbers = csv[["age", "size"]].assign(outcome=(csv["age"] > 50).astype(int))
    numbers.to_csv("bare.csv", index=False, header=False)
    words = ["train", "bare.csv", "--target", "x3", "-o", "m.nnc", "--epochs", "2"]
    assert main(words) == 1
    assert "bare.csv, line 1: expected the names" in capsys.readouterr().err
    assert main([*words, "--no-header"]) == 0
    assert "Classifier of 'x3'" in capsys.readouterr().out
    assert main(["predict", "m.nnc", "bare.csv", "--no-header", "-o", "o.csv"]) == 0
    assert len(pd.read_csv("o.csv")) == 200
    with open("bare.csv", "a") as file:
        file.write("old,0.5,1\n")
    assert main(["predict", "m.nnc", "bare.csv", "--no-header"]) == 1
    assert "bare.csv, line 201, column 1 ('x1')" in capsys.readouterr().err


def test_missing_files_and_columns_are_named(csv, capsys):
    train("--quiet")
    assert main(["predict", "none.nnc", "data.csv"]) == 1
    assert capsys.readouterr().err.count("none.nnc") == 1
    assert main(["predict", "m.nnc", "none.csv"]) == 1
    assert "none.csv: there is no such file" in capsys.readouterr().err
    csv.drop(columns="age").to_csv("new.csv", index=False)
    assert main(["predict", "m.nnc", "new.csv"]) == 1
    assert "new.csv: there must be a column 'age'" in capsys.readouterr().err
    assert main(["predict", "data.csv", "data.csv"]) == 1
    assert "data.csv" in capsys.readouterr().err
    assert main(["train", "data.csv", "--target", "outcome", "-o", "m.txt"]) == 1
    assert "must end in .nnc" in capsys.readouterr().err
    assert main(["train", "data.csv", "--target", "outcome", "-o", "no/m.nnc"]) == 1
    assert "no/m.nnc: there is no such folder" in capsys.readouterr().err


def test_answers_go_to_files_of_known_kinds(csv, capsys):
    train("--quiet")
    words = ["predict", "m.nnc", "none.csv", "-o"]
    assert main([*words, "out.xlsx"]) == 1
    assert capsys.readouterr().err == (
        "nncore predict: out.xlsx: the answers' file must end in .csv, .tsv, .tab, "
        ".txt or .parquet\n"
    )
    assert main([*words, "no/out.csv"]) == 1
    assert "no/out.csv: there is no such folder" in capsys.readouterr().err
    assert main(["predict", "m.nnc", "data.csv", "-o", "out"]) == 0
    assert len(pd.read_csv("out")) == 200


def test_a_workbook_is_no_table(csv, capsys):
    with open("data.xlsx", "wb") as file:
        file.write(b"PK\x03\x04\x14\x00\x89\n")
    assert main(["train", "data.xlsx", "--target", "outcome", "-o", "m.nnc"]) == 1
    assert capsys.readouterr().err == (
        "nncore train: data.xlsx: a table must be a CSV, TSV or Parquet file. "
        "Received: a workbook or another zip file\n"
    )


def test_a_model_and_a_table_that_are_swapped_are_noticed(csv, capsys):
    train("--quiet")
    assert main(["predict", "data.csv", "m.nnc"]) == 1
    assert capsys.readouterr().err == (
        "nncore predict: data.csv: the model's file, *.nnc, must come first, then the "
        "table: nncore predict model.nnc new.csv\n"
    )


def test_a_plot_is_refused_before_the_training(csv, capsys):
    pytest.importorskip("matplotlib")
    assert train("--plot", "p.bmpx") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("nncore train: --plot must end in ")
    assert said.err.endswith(" Received: 'p.bmpx'\n")
    assert train("--plot", "no/p.png") == 1
    assert "no/p.png: there is no such folder" in capsys.readouterr().err
    assert not os.path.exists("m.nnc")


def test_several_missing_columns_are_several(csv, capsys):
    train("--quiet")
    csv[["size"]].to_csv("new.csv", index=False)
    assert main(["predict", "m.nnc", "new.csv"]) == 1
    assert capsys.readouterr().err == (
        "nncore predict: new.csv: there must be columns 'town' and 'age'. "
        "Received: 'size'\n"
    )


def test_texts_that_look_like_dates_are_trained_on(csv, capsys):
    csv["since"] = "2024-02-01"
    csv.loc[::3, "since"] = "0000-00-00"
    csv.to_csv("data.csv", index=False)
    assert train() == 0
    assert "since    category with 2 levels" in capsys.readouterr().out


def test_a_target_that_is_another_text_in_each_row_is_refused(csv, capsys):
    csv["outcome"] = [f"n{k}" for k in range(200)]
    csv.to_csv("data.csv", index=False)
    assert train() == 1
    assert capsys.readouterr().err == (
        "nncore train: data.csv: `y` must be classes that come more than once. "
        "Received: column 'outcome' with 200 different values in 200 rows\n"
    )


def test_a_target_that_is_dropped_is_refused(csv, capsys):
    assert train("--drop", "age", "outcome") == 1
    assert capsys.readouterr().err == (
        "nncore train: --drop must not name the target. Received: 'outcome'\n"
    )


def test_no_epochs_are_refused(csv, capsys):
    assert train("--epochs", "0") == 1
    assert "`epochs` must be a positive integer" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["out.tsv", "out.tab"])
def test_tabs_part_columns_where_the_ending_says_so(name, csv):
    train("--quiet")
    assert main(["predict", "m.nnc", "data.csv", "-o", name]) == 0
    assert len(pd.read_csv(name, sep="\t").columns) == 3


def test_a_warning_is_one_line_too(csv, capsys):
    csv.loc[[3, 5], "outcome"] = None
    csv.to_csv("data.csv", index=False)
    assert train("--quiet") == 0
    assert capsys.readouterr().err == (
        "nncore train: `y` must have a value in every row: 2 rows without one are left "
        "out\n"
    )


def test_files_of_windows_and_trailing_commas(csv, capsys):
    text = csv.to_csv(index=False).replace("\n", "\r\n")
    with open("data.csv", "wb") as file:
        file.write(b"\xef\xbb\xbf" + text.encode())
    assert train() == 0
    first = capsys.readouterr().out
    with open("data.csv", "w") as file:
        lines = text.split("\r\n")
        file.write("\n".join([lines[0], *(line + "," for line in lines[1:-1])]))
    assert train() == 0
    assert capsys.readouterr().out == first


def test_a_wrong_command_line_is_status_2(capsys):
    with pytest.raises(SystemExit) as error:
        main(["train", "data.csv"])
    assert error.value.code == 2
    assert "--target" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, unknown, usage",
    [
        (["train", "d.csv", "--taget", "y", "-o", "m.nnc"], "--taget", "train"),
        (["train", "d", "--target=y", "--taget=y", "-o", "m"], "--taget", "train"),
        (["predict", "m.nnc", "d.csv", "--keeep"], "--keeep", "predict"),
        (["train", "d.csv", "-target", "y"], "-target", "train"),
        (["bench", "-z"], "-z", "bench"),
        (["--verison"], "--verison", ""),
    ],
)
def test_an_unknown_option_is_named(words, unknown, usage, capsys):
    with pytest.raises(SystemExit) as error:
        main(words)
    assert error.value.code == 2
    said = capsys.readouterr().err
    name = f"nncore {usage}".strip()
    assert said.startswith(f"usage: {name} [")
    nearest = {
        "--taget": "--target",
        "--keeep": "--keep",
        "-target": "--target",
        "--verison": "--version",
    }
    more = f"; the nearest is {nearest[unknown]}" if unknown in nearest else ""
    assert said.endswith(f"{name}: error: there is no option {unknown}{more}\n")


def test_a_word_too_many_is_named_with_its_commands_usage(capsys):
    with pytest.raises(SystemExit):
        main(["predict", "m.nnc", "d.csv", "e.csv"])
    said = capsys.readouterr().err
    assert said.startswith("usage: nncore predict [")
    assert said.endswith("unrecognized arguments: e.csv\n")


def test_options_may_be_shortened_and_values_negative(csv, capsys):
    assert train("--epoch=2", "--held", "-3") == 1
    assert "`validation_fraction`" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["describe", "-h"])


def test_a_reader_that_leaves_early_is_no_error_of_ours(csv):
    train("--quiet")
    pd.concat([csv] * 500).to_csv("long.csv", index=False)
    command = f"{sys.executable} -m nncore predict m.nnc long.csv | head -n 2"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=120)
    assert done.stdout.startswith(b"outcome,p(no),p(yes)")
    assert done.stderr == b""


@pytest.mark.parametrize(
    "words",
    [
        ["info"],
        ["--help"],
        ["train", "data.csv", "--target", "outcome", "-o", "m.nnc", "--epochs", "1"],
        ["describe", "m.nnc"],
        ["predict", "m.nnc", "data.csv"],
    ],
    ids=lambda words: words[0].strip("-"),
)
def test_a_closed_output_ends_a_command_quietly(words, csv):
    train("--quiet")
    read, write = os.pipe()
    os.close(read)
    # What is written at the end of the process, too.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-m", "nncore", *words],
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=120,
        env=env,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_parquet_goes_in_and_out(csv):
    pytest.importorskip("pyarrow")
    csv.to_parquet("data.parquet")
    words = ["--target", "outcome", "-o", "m.nnc", "--epochs", "2", "-q"]
    assert main(["train", "data.parquet", *words]) == 0
    assert main(["predict", "m.nnc", "data.parquet", "-o", "out.parquet"]) == 0
    assert len(pd.read_parquet("out.parquet")) == 200


def test_wide_integers_of_parquet_are_exact_beside_gaps(csv):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    ids = [2**53, None, 2**53 + 1] * 20
    table = {"id": arrow.array(ids, arrow.int64()), "x": [float(k) for k in range(60)]}
    parquet.write_table(arrow.table(table), "ids.parquet")
    words = ["--target", "id", "-o", "m.nnc", "--epochs", "2", "-q"]
    assert main(["train", "ids.parquet", *words]) == 0
    assert tabular.load("m.nnc").classes_.tolist() == [2**53, 2**53 + 1]


def test_rows_are_kept_once_whatever_the_index(csv):
    pytest.importorskip("pyarrow")
    train("--quiet")
    twice = pd.concat([csv[:3], csv[:3]])
    twice.to_parquet("twice.parquet")
    words = ["predict", "m.nnc", "twice.parquet", "--keep", "-o", "out.csv"]
    assert main(words) == 0
    assert pd.read_csv("out.csv")["age"].tolist() == twice["age"].tolist()


@pytest.mark.parametrize("options", [[], ["--categories", "zip"]])
def test_blanks_around_the_names_of_columns_change_nothing(options, csv, capsys):
    codes = csv.assign(zip=[f"{k % 4:05d}" for k in range(200)])
    new = codes.copy()
    if not options:
        codes.loc[:3, "zip"] = "K12"
    answers = []
    for name in ("{}", " {} "):
        codes.rename(columns=name.format).to_csv("data.csv", index=False)
        new.rename(columns=name.format).to_csv("new.csv", index=False)
        assert train("--quiet", *options) == 0
        for model in {"m.nnc", "first.nnc"} & set(os.listdir()):
            assert main(["predict", model, "new.csv", "-o", "out.csv"]) == 0
            answers.append(pd.read_csv("out.csv"))
        os.rename("m.nnc", "first.nnc")
    for found in answers[1:]:
        pd.testing.assert_frame_equal(found, answers[0])


@pytest.mark.parametrize("delimiter", ["", "::", "§", '"', "\n", "\\t"])
def test_a_delimiter_is_one_character(delimiter, csv, capsys):
    assert train("--delimiter", delimiter) == 1
    assert capsys.readouterr().err == (
        "nncore train: --delimiter must be one ASCII character, neither a quotation "
        f"mark nor a line break. Received: {delimiter!r}\n"
    )


def test_a_word_among_true_and_false_is_the_one_that_is_named(csv, capsys):
    csv.assign(age=csv["age"] > 50).to_csv("data.csv", index=False)
    train("--quiet")
    with open("new.csv", "w") as file:
        file.write("town,age,size\nUlm,True,0.5\nUlm,maybe,0.5\nUlm,False,0.5\n")
    assert main(["predict", "m.nnc", "new.csv"]) == 1
    assert capsys.readouterr().err == (
        "nncore predict: new.csv, line 3, column 2 ('age'): expected numbers, as in "
        "training. Received: 'maybe'\n"
    )


def test_true_and_false_with_an_empty_cell_are_true_and_false(csv, capsys):
    csv["outcome"] = (csv["town"] == "Ulm").astype(object)
    csv.loc[3, "outcome"] = None
    csv.to_csv("data.csv", index=False)
    assert train("--quiet") == 0
    assert "1 rows without one are left out" in capsys.readouterr().err
    assert main(["predict", "m.nnc", "data.csv", "-o", "out.csv"]) == 0
    assert list(pd.read_csv("out.csv")) == ["outcome", "p(False)", "p(True)"]


@pytest.mark.parametrize("gap", [False, True])
def test_long_numbers_are_answered_as_they_are_written(gap, csv):
    one, other = 9007199254740993, 9007199254740992
    rows = csv.assign(outcome=np.where(csv["town"] == "Ulm", one, other).astype(str))
    if gap:
        rows.loc[3, "outcome"] = None
    rows.to_csv("data.csv", index=False)
    assert train("--quiet") == 0
    assert main(["predict", "m.nnc", "data.csv", "-o", "out.csv"]) == 0
    out = pd.read_csv("out.csv")
    assert list(out) == ["outcome", f"p({other})", f"p({one})"]
    assert set(out["outcome"]) == {one, other}
