"""The sentences follow the figures, whichever model is ahead."""

from dataclasses import replace

import pytest

from lbt_core.method.subject import TIME_LIMIT
from lbt_core.reporting.inputs import ReportInputs
from lbt_core.reporting.plain import visible
from lbt_core.reporting.wording import (
    duration,
    headline,
    limits,
    p_value,
    percent,
    points,
)


def with_right(run: ReportInputs, **right: int) -> ReportInputs:
    """The run with evaluations in which each arm has its first so many of 150 answers right."""
    names = {"base": "base", "tuned": "tuned", "control": "control:correctness"}
    rows = run.evaluations["base"]
    return replace(
        run,
        evaluations={
            names[arm]: [replace(row, correct=i < n) for i, row in enumerate(rows)]
            for arm, n in right.items()
        },
    )


def sentences(run: ReportInputs, **right: int) -> list[str]:
    return [text.replace("\u00a0", " ") for text in headline(with_right(run, **right))]


def test_tuned_ahead_of_both(run: ReportInputs) -> None:
    assert sentences(run, base=45, tuned=90, control=60) == [
        "Training improved the model by 30.0 points of Pass@1 (p < 0.001).",
        "Tuned (combined) beats Control (correctness) by 20.0 points (p < 0.001).",
    ]


def test_control_ahead_of_tuned(run: ReportInputs) -> None:
    assert sentences(run, base=90, tuned=45, control=60) == [
        "Training worsened the model by 30.0 points of Pass@1 (p < 0.001).",
        "Control (correctness) beats Tuned (combined) by 10.0 points (p < 0.001).",
    ]


def test_no_difference_is_not_called_one(run: ReportInputs) -> None:
    assert sentences(run, base=50, tuned=53, control=53) == [
        "No difference between the tuned and the base model is shown (p = 0.25).",
        "No difference between Tuned (combined) and Control (correctness) is shown (p = 1.00).",
    ]


def test_without_a_control_the_question_stays_open(run: ReportInputs) -> None:
    assert "No control was trained" in sentences(run, base=45, tuned=90)[-1]


def test_base_alone(run: ReportInputs) -> None:
    assert sentences(run, base=45) == ["Only Base was evaluated, so nothing can be compared."]


def test_nothing_evaluated() -> None:
    assert "no result yet" in headline(ReportInputs(run="x"))[0]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (percent(0.3424), "34.2 %"),
        (points(0.0449), "+4.5 points"),
        (points(-0.0449), "−4.5 points"),
        (points(-0.0001), "0.0 points"),
        (p_value(0.00099), "p < 0.001"),
        (p_value(0.034), "p = 0.034"),
        (p_value(0.5), "p = 0.50"),
        (duration(41.26), "41.3 s"),
        (duration(725), "12 min 5 s"),
        (duration(12_000), "3 h 20 min"),
        (visible("a\u202eb\x07\n\t\ud800é"), "a⟨U+202E⟩b⟨U+0007⟩\n\t⟨U+D800⟩é"),
    ],
)
def test_figures_as_text(shown: str, expected: str) -> None:
    assert shown.replace("\u00a0", " ") == expected


@pytest.mark.parametrize(("mode", "said"), [(True, "reproducible mode"), (False, "fast mode")])
def test_limits_say_which_mode_made_the_rows(run: ReportInputs, mode: bool, said: str) -> None:
    told = limits(replace(run, config={**run.config, "reproducible": mode}))
    assert [line for line in told if "mode" in line and said in line]


def test_limits_count_the_rows_at_the_graders_time_limit(run: ReportInputs) -> None:
    assert not [line for line in limits(run) if "time limit" in line]
    late = replace(run.rationales[0], verdict="undecided", method=TIME_LIMIT)
    told = limits(replace(run, rationales=[late, *run.rationales[1:]]))
    assert [line for line in told if line.startswith("Grading of 1 of ")]
