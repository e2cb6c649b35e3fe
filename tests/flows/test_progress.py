"""Time left with its spread, shares as they go, and a run that cannot succeed called so at once."""

import math
import random
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from lbt_process import Lbt, settings

from tasks.progress import Progress, Reporter, describe_left, describe_progress


def finished(times: list[float], owed: int, parallel: int = 1) -> Progress:
    progress = Progress()
    progress.plan("sample", len(times) + owed)
    progress.parallel(parallel)
    for seconds in times:
        progress.finish("sample", rows=10, seconds=seconds)
    return progress


def test_the_spread_covers_what_comes() -> None:
    """Two standard deviations around hold the true rest in about 95 of 100 runs."""
    draw = random.Random(1)
    hits = 0
    for _ in range(400):
        times = [draw.gauss(10, 3) for _ in range(40)]
        left, spread = finished(times[:12], 28).time_left()
        hits += abs(sum(times[12:]) - left) <= 2 * spread
    assert 0.88 <= hits / 400 <= 0.99


def test_shards_in_parallel_take_a_share_of_the_time() -> None:
    one, four = finished([8, 12], 10).time_left(), finished([8, 12], 10, 4).time_left()
    assert one[0] == 100 and four[0] == 25
    assert math.isclose(one[1], 4 * four[1])


def test_equal_shards_have_no_spread_and_one_shard_has_a_wide_one() -> None:
    assert finished([10, 10, 10], 5).time_left() == (50, 0)
    assert "50 s to 50 s" in describe_left(finished([10, 10, 10], 5))
    assert finished([10], 5).time_left()[1] >= 50
    assert describe_left(finished([], 5)) == describe_left(finished([10], 0)) == ""


def test_a_line_names_shares() -> None:
    progress = finished([10.0], 3)
    summary = {"verdicts": {"undecided": 1, "correct": 3}, "finish_reasons": {"length": 4}}
    progress.finish("sample", rows=4, seconds=9.0, summary=summary)
    progress.finish("sample", rows=4, stored=True, summary=summary)
    assert "sample: 100 % cut off, 25 % undecided" in describe_progress(progress, {}, 0.0)


@pytest.mark.slow
def test_a_model_that_never_ends_is_called_so_in_the_first_shard(tmp_path: Path) -> None:
    """Answers cut after five tokens: the warning comes while shards are still owed."""
    changes = {"sampling.max_new_tokens": 5, "shards.problems": 4, "corpus.generated.train": 16}
    given = settings(**{k.replace(".", "__"): v for k, v in changes.items()})
    command = ("run", "--store", str(tmp_path), "--run", "endless", *given)
    lbt = Lbt.start(tmp_path / "log", *command)
    try:
        lbt.wait_for(lambda: "sampling.max_new_tokens=5" in lbt.said(), "the warning")
        # by the order of the log, and not of the files: this process may look late
        said = lbt.said()
        assert "prefer" not in said[: said.index("sampling.max_new_tokens=5")]
    finally:
        lbt.clean_up()


def test_a_line_says_rate_and_cost_against_the_forecast() -> None:
    progress = Progress()
    progress.plan("sample", 4)
    progress.forecast = {"sample": 4000}
    progress.finish("sample", rows=10, seconds=9.0, stored=True)
    progress.finish("sample", rows=30, seconds=10.0, tokens=200, prompt_tokens=100)
    line = describe_progress(progress, {}, 0.0)
    assert "sample 2/4 (3.0 rows/s)" in line
    assert "300 tokens of at most about 3,000 forecast" in line


def test_a_shard_wakes_whoever_waits_for_it() -> None:
    progress, woken = Progress(), []
    progress.watchers.append(lambda: woken.append(len(progress.tallies())))
    progress.finish("sample", rows=1)
    assert woken == [1]


def test_a_reading_comes_at_once_when_asked_for_and_one_at_the_end() -> None:
    seen: list[int] = []
    came = threading.Event()

    def listen(progress: Progress, *_: object) -> None:
        seen.append(sum(s.done for s in progress.stages()))
        came.set()

    progress = Progress()
    with Reporter(progress, dict, [listen]) as reporter:
        progress.finish("sample", rows=1)
        reporter.poke()
        assert came.wait(4.0)  # far below LOG_SECONDS
        progress.finish("sample", rows=1)
    assert seen[0] == 1 and seen[-1] == 2
