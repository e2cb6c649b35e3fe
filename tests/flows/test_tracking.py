"""Trackers: what they are told, one id over resumes and rounds, and none that stops a run."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lbt_core import UserError
from lbt_core.run.config import TrackingConfig, load_config
from lbt_core.run.record import RunStore
from lbt_core.training.history import write_history
from tasks import trackers
from tasks.progress import Progress
from tasks.trackers import Identity, build_tracker, check_tracking
from tasks.tracking import Curves, Tracking, settle_identity

ME = Identity("0123456789abcdef", "demo")


class Kept:
    """A tracker that keeps what it is told, or fails at it."""

    def __init__(self, broken=False):
        self.logged, self.files, self.ended, self.broken = [], [], [], broken

    def log(self, figures, step):
        if self.broken:
            raise ConnectionError("no route")
        self.logged.append((dict(figures), step))

    def file(self, path, name):
        self.files.append(name)

    def finish(self, done):
        self.ended.append(done)


def run_of(folder, name="demo"):
    return RunStore.start(f"{folder}/{name}", load_config("demo"))


def tell(folder, name, kept, warned):
    """One attempt of a run: progress, two training steps, the result."""
    curves_of = {"combined": lambda: Path(folder) / "training"}
    sent = Tracking(lambda: kept, warned.append)
    curves = Curves(sent, run_of(folder, name), curves_of)
    (Path(folder) / "training").mkdir(exist_ok=True)
    progress = Progress()
    progress.plan("sample", 2)
    progress.finish("sample", rows=4, summary={"verdicts": {"correct": 3, "undecided": 1}})
    rows = [{"step": 1, "loss": 0.7}, {"step": 2, "loss": 0.5, "batch_digest": "x"}]
    write_history(Path(folder) / "training", rows)
    curves(progress, {}, 0.0)
    curves(progress, {}, 0.0)
    page = Path(folder) / "index.html"
    page.write_text("report")
    curves.result({"base_pass1": 0.3, "run": "demo", "controls": {"random": 0.4}}, page)
    sent.close()


def test_curves_progress_result_and_report_are_sent_once(tmp_path):
    kept, warned = Kept(), []
    tell(tmp_path, "demo", kept, warned)
    named = {key: (value, step) for figures, step in kept.logged for key, value in figures.items()}
    assert named["train/combined/loss"] == (0.5, 2) and named["progress/sample/correct"][0] == 0.75
    assert named["result/base_pass1"] == (0.3, 0) and named["result/random_pass1"] == (0.4, 0)
    assert len(kept.logged) == 4 and kept.files == ["report"]
    assert kept.ended == [True] and warned == []


def test_steps_of_an_earlier_attempt_are_not_sent_again(tmp_path):
    tell(tmp_path, "demo", Kept(), [])
    again = Kept()
    tell(tmp_path, "demo-round-2", again, [])
    assert not any("train/combined/loss" in figures for figures, _ in again.logged)
    assert all(key.startswith("round-2/") for figures, _ in again.logged for key in figures)


def test_one_id_over_resumes_and_rounds(tmp_path):
    first = settle_identity(run_of(tmp_path))
    assert settle_identity(run_of(tmp_path)) == first
    assert settle_identity(run_of(tmp_path, "demo-round-2")) == first
    assert settle_identity(run_of(tmp_path, "other")).id != first.id
    assert json.loads((tmp_path / "demo/run.json").read_text())["tracking_id"] == first.id


def test_a_tracker_that_is_down_costs_a_line(tmp_path):
    warned: list[str] = []
    tell(tmp_path, "demo", Kept(broken=True), warned)
    assert any("no route" in line for line in warned) and any("left alone" in w for w in warned)


def test_a_tracker_that_cannot_begin_or_hangs_stops_nothing(tmp_path):
    warned: list[str] = []

    def refuse():
        raise SystemExit("not logged in")

    sent = Tracking(refuse, warned.append)
    sent.log({"a": 1.0}, 1)
    sent.close()
    assert "not logged in" in warned[0]
    held = threading.Event()
    sent = Tracking(lambda: held.wait(20) or Kept(), warned.append)
    for step in range(5000):
        sent.log({"a": 1.0}, step)
    sent.close(seconds=0.1)
    held.set()
    assert "did not take everything" in warned[-1]


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"mlflow-skinny.*lbt\[mlflow\]"):
        check_tracking(TrackingConfig(kind="mlflow"))
    check_tracking(TrackingConfig())


def twice(kind, uri=None):
    """A run of two attempts at a real library, with a file."""
    config = TrackingConfig(kind=kind, uri=uri, project="lbt-test")
    for attempt in (1, 2):
        tracker = build_tracker(config, ME, {"exam.problems": 3})
        tracker.log({"train/combined/loss": 1.0 / attempt}, attempt)
        if attempt == 2:
            tracker.file(Path(__file__), "report")
        tracker.finish(attempt == 2)


def test_mlflow_goes_on_with_its_run(tmp_path, monkeypatch):
    client = pytest.importorskip("mlflow").MlflowClient
    pytest.importorskip("sqlalchemy")
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/runs.db"
    twice("mlflow", uri)
    asked = client(tracking_uri=uri)
    place = asked.get_experiment_by_name("lbt-test").experiment_id
    (run,) = asked.search_runs([place])
    history = asked.get_metric_history(run.info.run_id, "train/combined/loss")
    assert [(m.value, m.step) for m in history] == [(1.0, 1), (0.5, 2)]
    assert run.info.status == "FINISHED" and run.data.tags["lbt_id"] == ME.id


def test_trackio_goes_on_with_its_run(tmp_path):
    pytest.importorskip("trackio")
    program = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
        "from test_tracking import twice; twice('trackio')\n"
        "import trackio; runs = trackio.Api().runs('lbt-test'); print(len(list(runs)))"
    )
    done = run_apart(program, tmp_path, TRACKIO_DIR=str(tmp_path / "trackio"))
    assert "1" in done.stdout.splitlines(), done.stdout + done.stderr


def test_wandb_offline_takes_all_of_it(tmp_path):
    pytest.importorskip("wandb")
    program = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
        "from test_tracking import twice; twice('wandb')"
    )
    done = run_apart(program, tmp_path, WANDB_MODE="offline", WANDB_SILENT="true")
    assert done.returncode == 0, done.stderr
    # offline-run-TIME-ID, and a number after it where two began in the same second
    ids = {p.name.split("-")[3] for p in tmp_path.glob("wandb/offline-run-*")}
    assert len(ids) == 1


def run_apart(program, folder, **environment):
    """A program in a process of its own: these libraries keep threads and state."""

    path = os.pathsep.join(sys.path)
    own = os.environ | environment | {"PYTHONPATH": path, "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=folder,
        env=own,
        timeout=90,
    )
