"""``lbt report``: what it refuses, in a line that says what to do."""

from pathlib import Path

import pytest

from flows.cli.report import report
from lbt_core import UserError
from lbt_core.run.config import RunConfig
from lbt_core.run.record import RunStore


def test_path_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run here"):
        report(str(tmp_path / "absent"))


def test_run_that_has_not_begun_is_refused(tmp_path: Path) -> None:
    RunStore.start(str(tmp_path / "new"), RunConfig())
    with pytest.raises(UserError, match=r"has not begun"):
        report(str(tmp_path / "new"))


def test_unfinished_run_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    store = RunStore.start(str(tmp_path / "half"), RunConfig())
    store.settle_identities({"subject": "s", "corpus": "c", "teacher": "t"})
    with pytest.raises(UserError, match=r"is not finished.*lbt status"):
        report(str(tmp_path / "half"), out=tmp_path / "out.html")
    assert not (tmp_path / "out.html").exists()
