"""A stage's rate, time left and cost, from the footers of its shards."""

import math

from lbt_core.run.pace import Pace, pace_of
from lbt_core.run.status import StageStatus, describe_cost, with_forecast


def shard(finished, seconds, rows=10):
    return {
        "finished": finished, "seconds": seconds, "rows": rows, "tokens": 70, "prompt_tokens": 30
    }  # fmt: skip


def test_shards_side_by_side_take_their_span():
    pace = pace_of([shard(10, 10), shard(10, 10), shard(20, 10), shard(20, 10)], owed=2)
    assert pace.rows_per_second == 2 and pace.left_s == 10 and pace.spread_s == 0
    assert pace.tokens == 400


def test_the_spread_is_that_of_the_shards_and_wide_for_one():
    pace = pace_of([shard(8, 8), shard(20, 12)], owed=2)
    assert math.isclose(pace.spread_s, pace.left_s * math.sqrt(8) / 10)
    alone = pace_of([shard(10, 10)], owed=4)
    assert alone.left_s == 40 and alone.spread_s > 40


def test_nothing_known_and_nothing_owed():
    assert pace_of([], 3) == Pace()
    assert pace_of([{"rows": 4}], 3) == Pace()
    assert pace_of([shard(10, 10)], 0).left_s is None


def test_cost_is_held_against_the_forecast():
    stages = [StageStatus("sample", 4, 1, 40, 10, pace=Pace(tokens=100))]
    assert describe_cost(stages) == ""
    said = describe_cost(with_forecast(stages, {"sample": 400}))
    assert said == "cost so far: 100 tokens of at most about 400 forecast (25%)"
    done = [StageStatus("sample", 4, 4, 40, 40, pace=Pace(tokens=100))]
    said = describe_cost(with_forecast(done, {"sample": 400}))
    assert said == "cost: 100 tokens of at most about 400 forecast (25%)"
