"""A preview: small, with the run's own prompts and texts, and nothing of it is kept."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))

from lbt_process import ROOT
from made_run import config_of, make_run

from flows.cli.preview import preview_overrides, show, tally_of
from lbt_core.method.prompts import Renderer
from lbt_core.run.config import differences, load_config, profile_names
from lbt_core.run.health import warnings
from lbt_core.store import read_shard, write_shard


@pytest.mark.parametrize("profile", profile_names())
@pytest.mark.parametrize("problems", [2, 5])
def test_it_is_small_and_leaves_prompts_models_and_grading(profile: str, problems: int) -> None:
    config = load_config(profile)
    small = load_config(profile, preview_overrides(config, problems))
    changed = {one.split("=")[0].split(".")[0] for one in differences(config, small)}
    assert not changed & {"prompt", "teacher", "students", "grading", "subject", "seed"}
    assert small.corpus.train_limit == small.corpus.test_limit == problems
    assert small.sampling.max_new_tokens == config.sampling.max_new_tokens
    if small.exam.bank == "train":
        assert small.exam.problems < problems


def shown(folder: Path, text: str | None = None) -> str:
    made = make_run(str(folder / "made"), config_of())
    first = made.plan.problems["train"][0]
    if text is not None:
        made = make_run(str(folder / "made"), config_of(), texts={first.id: text})
    out = io.StringIO()
    show(made.store, Console(file=out, soft_wrap=True, width=200))
    return out.getvalue()


def test_it_shows_prompts_texts_grades_and_pairs(tmp_path: Path) -> None:
    text = shown(tmp_path)
    made = make_run(str(tmp_path / "made"), config_of())
    first = made.plan.problems["train"][0]
    assert Renderer().question(first.question) in text
    assert text.count("reference:") == 12
    for part in ("examine: the prompt of", "prefer:", "evaluate", "substitution", "LbT 0."):
        assert part in text, part


def test_texts_cannot_drive_the_terminal(tmp_path: Path) -> None:
    text = shown(
        tmp_path, "\x1b]0;title\x07\x1b[2J[red]x[/red] \u202e'''\n[[Final Answer]]:\n$1$\n'''"
    )
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "[red]x[/red]" in text and "⟨U+001B⟩" in text


def test_a_run_that_looks_wasted_is_called_so(tmp_path: Path) -> None:
    config = config_of()
    whole = make_run(str(tmp_path / "made"), config)
    shard = whole.plan.sample_shards[0]
    rows = [replace(r, finish_reason="length") for r in read_shard(whole.store.files, shard)]
    assert len(rows) >= 30
    cut = [w for _, w in warnings("sample", tally_of(rows), config)]
    for one in whole.plan.sample_shards:
        rows = [replace(r, finish_reason="length") for r in read_shard(whole.store.files, one)]
        write_shard(whole.store.files, one, rows, replace=True)
    out = io.StringIO()
    show(whole.store, Console(file=out, soft_wrap=True, width=300))
    assert cut and "sampling.max_new_tokens" in cut[0]
    assert "Warning: sample: 100%" in out.getvalue()


@pytest.mark.long
def test_the_command_goes_through_every_stage_and_keeps_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flows.cli", "run", "--preview", "3"]
    command += ["--store", str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "sample: the teacher's prompt" in done.stdout
    assert "tuned: " in done.stdout
    assert not list((tmp_path / "runs").glob("*/run.json"))
