"""A prompt that could not be run is no answer: it is counted, left out of the scores, and a shard
of too many of them is not stored."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from lbt_core import DataError
from lbt_core.method.exams import score
from lbt_core.method.preferences import PreferenceSpec, build_pairs
from lbt_core.run.config import RunConfig, load_config
from lbt_core.run.results import exam_results
from lbt_core.store import Files, Shard
from lbt_core.store.rows import ExamAnswer, Rationale, Score, text_key, to_table
from tasks.steps import _checked
from tasks.tuning import training_spec

TOO_LONG = "error:prompt of 900 tokens, context of 512"


def answer(text: str, question: str, finish: str, correct: bool, student: str = "s") -> ExamAnswer:
    verdict = "correct" if correct else "incorrect"
    key = text_key(text)
    return ExamAnswer(
        "p0", key, student, question, 0, "", finish, 9, 9, verdict, "t", None, correct
    )


def rationale(sample: int, text: str, correct: bool = True) -> Rationale:
    verdict = "correct" if correct else "incorrect"
    return Rationale("p0", sample, text, text_key(text), "stop", 5, 5, verdict, "t", None, correct)


def scores(folder: Path, students: list[str], answers: list[ExamAnswer]) -> list[Score]:
    """The scores of the rationales "one" and "two" from stored exam answers."""
    shard = folder / "exams.parquet"
    pq.write_table(to_table(answers, ExamAnswer), shard)
    plan: Any = SimpleNamespace(
        config=RunConfig(),
        files=Files(str(folder)),
        sample_shards=[None],
        exam_paths=lambda index: [shard.name],
    )
    return score(
        [rationale(0, "one"), rationale(1, "two", correct=False)],
        exam_results(plan),
        students=students,
        deduplicate=True,
        spec=PreferenceSpec(),
    )


def test_lbt_score_is_the_share_of_what_was_answered(tmp_path: Path) -> None:
    one, two = scores(
        tmp_path,
        ["s"],
        [
            answer("one", "q1", "stop", True),
            answer("one", "q2", TOO_LONG, False),
            answer("two", "q1", "stop", True),
            answer("two", "q2", "length", False),
        ],
    )
    assert (one.lbt, one.exam_answers) == (1.0, 1)
    assert (two.lbt, two.exam_answers) == (0.5, 2)


def test_student_that_answered_nothing_is_no_part_of_the_mean(tmp_path: Path) -> None:
    one, _ = scores(
        tmp_path,
        ["a", "b"],
        [
            answer("one", "q1", "stop", True, student="a"),
            answer("one", "q1", TOO_LONG, False, student="b"),
        ],
    )
    assert (one.lbt, one.exam_answers) == (1.0, 1)


def test_rationale_of_unknown_score_is_in_no_pair_and_counted(tmp_path: Path) -> None:
    answers = [answer("one", "q1", TOO_LONG, False), answer("two", "q1", "stop", True)]
    found = scores(tmp_path, ["s"], answers)
    rows = [rationale(0, "one"), rationale(1, "two", correct=False)]
    pairs = build_pairs(found, rows, {"p0": "prompt"}, PreferenceSpec(min_gap=0), "random")
    assert (pairs.pairs, pairs.unexamined, pairs.unfinished) == ((), 1, 0)


def checked(reasons: list[str], share: float) -> dict[str, Any]:
    shard = Shard("sample", 0, "rationales/part-00000.parquet", Rationale, ("problem_id",), "m")
    config = RunConfig.model_validate({"shards": {"max_error_share": share}})
    rows = [SimpleNamespace(finish_reason=reason, verdict="incorrect") for reason in reasons]
    return _checked(SimpleNamespace(config=config), shard, rows)  # type: ignore[arg-type]


def test_few_failed_prompts_are_counted() -> None:
    counts = checked([TOO_LONG] + ["stop"] * 9, 0.1)
    assert counts["finish_reasons"] == {"error": 1, "stop": 9}


def test_shard_of_too_many_is_refused_with_the_reason() -> None:
    with pytest.raises(DataError, match=r"2 of 10 prompts of .*\(most often, 2 times: prompt"):
        checked([TOO_LONG] * 2 + ["stop"] * 8, 0.1)
    assert checked([TOO_LONG] * 2 + ["stop"] * 8, 0.2)


@pytest.mark.parametrize(
    ("profile", "overrides", "longest"),
    [
        ("llama3-8b", [], 1024),
        ("llama3-8b", ["sampling.max_new_tokens=3000"], 3000),
        ("llama3-8b", ["training.guards.max_new_tokens=64"], 64),
        ("demo", [], 160),
    ],
)
def test_format_guard_lets_answers_be_as_long_as_rationales(
    profile: str, overrides: list[str], longest: int
) -> None:
    assert training_spec(load_config(profile, overrides)).guards.max_new_tokens == longest
