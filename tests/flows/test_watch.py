"""The terminal's view of a run."""

import io
from collections.abc import Sequence

from rich.console import Console

from flows.cli.watch import Speed, picture, watch
from lbt_core.run.status import StageStatus


def stage(done: int, planned: int = 10) -> StageStatus:
    return StageStatus("sample", planned, done, None, done * 16)


def drawn(working: str, stages: Sequence[StageStatus], rate: float | None) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(picture("runs/demo", working, stages, rate))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_frame_names_who_works_what_is_owed_and_how_long_it_takes():
    text = drawn("lbt run (process 7 on a)", [stage(4)], rate=0.1)
    assert "4/10" in text
    assert "64 rows" in text
    assert "6 owed · 6.0 shards/min, about 1 min 00 s left · in work: lbt run" in text


def test_frame_names_a_damaged_file():
    bad = StageStatus("sample", 2, 1, None, 16, ("rationales/part-00001.parquet: damaged",))
    assert "part-00001.parquet: damaged; it will be moved aside" in drawn("", [bad], None)


def test_speed_is_of_the_last_minute():
    speed = Speed()
    assert speed.add(0.0, 0) is None
    assert speed.add(10.0, 5) == 0.5
    for second in range(20, 200, 10):
        rate = speed.add(float(second), 5 + (second - 10) * 2)
    assert rate == 2.0


def test_watching_ends_when_the_run_is_complete():
    readings = iter([("someone", [stage(9)]), ("someone", [stage(10)]), ("", [stage(10)])])
    waits: list[float] = []
    times = iter(range(100))
    console = Console(file=io.StringIO(), width=100)
    watch(
        "runs/demo",
        lambda: next(readings),
        console,
        clock=lambda: float(next(times)),
        sleep=waits.append,
    )
    assert len(waits) == 2
    assert "complete · nobody works on it" in console.file.getvalue()  # type: ignore[attr-defined]
