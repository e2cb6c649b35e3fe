"""Counts, duplicates, proofs, splits and what a corpus remembers about its source."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lbt_core import UserError
from lbt_core.corpora import load_corpus
from lbt_core.corpora.importing.conversion import import_corpus
from lbt_core.corpora.importing.options import ImportOptions
from lbt_core.corpora.splits import SplitSpec, leaks
from lbt_core.subjects.ode import subject as ODE
from lbt_core.subjects.ode.problem import OdeProblem

RAW = Path(__file__).parents[4] / "shared/data/corpora/raw_diffyqs.json"
FLAT = RAW.with_name("diffyqs.jsonl")
needs_diffyqs = pytest.mark.skipif(
    not RAW.exists(), reason="the Diffy Qs corpus is not beside the repository"
)


def item(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "question": f"Solve $y' = {number} y$.",
        "answer": f"$y = C e^{{{number} x}}$",
        **more,
    }


def test_the_same_text_in_other_markup_is_one_problem(run: Any) -> None:
    again = {"id": "2", "question": "solve  \\(y'= 1\\,y\\)", "answer": "$C e^x$"}
    got = run([item(1), again])
    assert [(d["id"], d["duplicate_of"], d["by"]) for d in got.duplicates] == [("2", "1", "text")]


def test_the_same_equation_and_conditions_in_other_words_is_one_problem(run: Any) -> None:
    fields = {"func": "y(t)", "ics": [[0, "0", "1"]], "kind": "ivp"}
    one = {
        "question": "Solve $y'=2y$, $y(0)=1$.",
        "answer": "$e^{2t}$",
        "ode": "Eq(Derivative(y(t),t), 2*y(t))",
        **fields,
    }
    other = {
        "question": "A colony doubles so that $y'-2y=0$ from 1. Find $y$.",
        "answer": "$e^{2t}$",
        "ode": "Eq(Derivative(y(t),t) - 2*y(t), 0)",
        **fields,
    }
    later = {**other, "question": "From 5, find $y$ with $y'-2y=0$.", "ics": [[0, "0", "5"]]}
    got = run([one, other, later])
    assert [d["by"] for d in got.duplicates] == ["equation and conditions"]
    assert got.summary["imported"] == 2


def test_answers_are_proven_and_fields_filled(run: Any) -> None:
    got = run(
        [{"id": "1", "question": "Solve $y' = 2y$, $y(0) = 3$.", "answer": "$y = 3e^{2x}$"}],
        prove=True,
    )
    problem = got.problems["1"]
    assert problem.ode is not None and problem.kind == "ivp"
    assert [(c.order, c.at, c.value) for c in problem.ics] == [(0, "0", "3")]
    assert got.summary["proof"] == {"proven": 1}


@pytest.mark.parametrize(
    "record",
    [
        {"question": "Solve $y' = 2y$, $y(0) = 3$.", "answer": "$y = 3e^{3x}$"},
        {
            "question": "Solve this.",
            "answer": "$y = 3e^{3x}$",
            "ode": "Eq(Derivative(y(x), x), 2*y(x))",
            "func": "y(x)",
            "kind": "general",
        },
    ],
)
def test_a_wrong_reference_is_set_aside_with_its_residual(run: Any, record: dict[str, Any]) -> None:
    got = run([record, item(2)], prove=True)
    assert [(a["reason"], bool(a["detail"])) for a in got.aside] == [
        ("reference answer proves wrong", True)
    ]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Let $x' = 2t$, $x(0)=0$. Approximate $x(4)$ by Euler's method with step 1.", "12"),
        ("Find the critical points of $x' = x(x-1)$.", "$x=0$, $x=1$"),
        ("Find all equilibrium solutions of $y' = 2y(y-1)$.", "$y = 0, 1$"),
        ("Classify $y'' + 8y' = 1$: linear or not?", "linear"),
        ("Find $y(2)$ if $y' = y$ and $y(0) = 1$.", "$y = e^2$"),
        ("Write $x''' = x$ as a first-order system.", "$u' = v$, $v' = w$, $w' = u$"),
    ],
)
def test_an_answer_to_another_question_is_not_called_wrong(
    run: Any, question: str, answer: str
) -> None:
    got = run([{"id": "1", "question": question, "answer": answer}], prove=True)
    assert got.problems["1"].ode is None


def test_several_processes_give_the_same_corpus(run: Any, tmp_path: Path) -> None:
    source = [item(i) for i in range(1, 30)]
    alone = run(source, prove=True)
    together = run(source, prove=True, workers=2)
    assert together.problems == alone.problems


def test_the_split_has_the_asked_size_and_follows_the_seed(run: Any) -> None:
    source = [item(i, topic=f"t{i % 4}") for i in range(1, 101)]
    tests = []
    for seed in (0, 0, 1):
        got = run(source, split=SplitSpec(seed, 25)).problems.values()
        tests.append({p.id for p in got if p.split == "test"})
        assert {
            t: sum(p.topic == t and p.split == "test" for p in got)
            for t in ("t0", "t1", "t2", "t3")
        } == {
            "t0": 6,
            "t1": 7,
            "t2": 6,
            "t3": 6,
        }
    assert tests[0] == tests[1] != tests[2]


def test_given_splits_are_kept_and_a_leak_is_set_aside(run: Any) -> None:
    source = [
        item(1, split="train"),
        item(2, split="test"),
        {**item(3, split="train"), "question": "Solve $x' = 2 x$."},
        item(4, split="dev"),
        item(5),
    ]
    got = run(source)
    assert {n: p.split for n, p in got.problems.items()} == {
        "1": "train",
        "2": "test",
        "4": "validation",
        "5": "train",
    }
    assert [a["id"] for a in got.aside] == ["3"]


def test_a_split_of_an_unknown_name_is_chosen_by_seed_with_a_warning(run: Any) -> None:
    (warning,) = run([item(1, split="fold-7"), item(2)]).summary["warnings"]
    assert "'fold-7'" in warning


def test_licence_and_attribution_are_carried_over(run: Any) -> None:
    got = run(
        {"license": "CC-BY-4.0", "author": "A. Author", "exercises": [item(1, license="CC-BY-4.0")]}
    )
    assert (got.summary["licence"], got.summary["attribution"]) == (["CC-BY-4.0"], ["A. Author"])


def test_importing_twice_writes_the_same_bytes(run: Any) -> None:
    first = run([item(i) for i in range(1, 20)]).summary["files"]
    assert run([item(i) for i in range(1, 20)]).summary["files"] == first


def test_an_imported_corpus_is_replaced_only_when_asked(tmp_path: Path) -> None:
    source = tmp_path / "s.json"
    source.write_text(json.dumps([item(1)]))
    import_corpus(source, tmp_path / "c", ImportOptions(prove=False), ODE)
    with pytest.raises(UserError, match="--replace"):
        import_corpus(source, tmp_path / "c", ImportOptions(prove=False), ODE)


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    source = tmp_path / "s.json"
    source.write_text(json.dumps([item(1)]))
    with pytest.raises(UserError, match="no imported corpus"):
        import_corpus(source, tmp_path, ImportOptions(prove=False, replace=True), ODE)
    assert source.exists()


TEXTS = st.sampled_from(
    [
        "Solve $y'=y$.",
        "Solve $x'=x$.",
        "Show that $1=1$.",
        "",
        "Find the figure below.",
        "Find $y(1)$.",
        "Use part (a).",
    ]
)
ANSWERS = st.sampled_from([None, "", "$C$", "1", 2, "a) 1 b) 2"])
PART = st.fixed_dictionaries(
    {"text": TEXTS}, optional={"answer": ANSWERS, "label": st.sampled_from("abc")}
)
EXERCISE = st.fixed_dictionaries(
    {"stem": TEXTS},
    optional={"parts": st.lists(PART, max_size=3), "answer": ANSWERS, "id": st.integers(0, 2)},
)
SOURCE = st.recursive(
    EXERCISE,
    lambda inner: st.fixed_dictionaries(
        {"title": st.just("T"), "sections": st.lists(inner, max_size=3)}
    ),
    max_leaves=6,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
@given(st.lists(SOURCE, min_size=1, max_size=5))
def test_every_item_ends_in_exactly_one_place(run: Any, source: list[Any]) -> None:
    source.append({"id": "sure", "question": "Solve $z'=5z$.", "answer": "$C$"})
    got = run(source)
    counted = {
        "imported": len(got.problems),
        "duplicates": len(got.duplicates),
        "set_aside": len(got.aside),
    }
    assert counted == {key: got.summary[key] for key in counted}
    places = (
        [a["place"] for a in got.aside]
        + [d["place"] for d in got.duplicates]
        + [p.source for p in got.problems.values()]
    )
    assert len(places) == len(set(places)) == got.summary["items"]


@needs_diffyqs
def test_diffyqs_is_accounted_for(tmp_path: Path) -> None:
    summary = import_corpus(RAW, tmp_path / "c", ImportOptions(prove=False), ODE)
    exercises = json.loads(RAW.read_text())["exercises"]
    singles = sum(not e["parts"] for e in exercises)
    parts = sum(len(e["parts"]) for e in exercises)
    assert (summary["exercises"], summary["parts"]) == (len(exercises), parts) == (667, 421)
    assert summary["items"] == singles + parts + summary["resumed_parts"] - summary["joined_parts"]
    assert summary["items"] == summary["imported"] + summary["duplicates"] + summary["set_aside"]
    assert summary["imported"] >= 200


@needs_diffyqs
def test_no_imported_diffyqs_question_keeps_book_macros(tmp_path: Path) -> None:
    import_corpus(RAW, tmp_path / "c", ImportOptions(prove=False), ODE)
    macros = (
        "\\unit",
        "\\leavevmode",
        "\\pagebreak",
        "smallmatrix",
        "ref{",
        "includegraphics",
        "\\enspace",
        "\\myquote",
        "\\footnote",
    )
    found = [
        (p.id, m)
        for p in load_corpus(tmp_path / "c", OdeProblem)
        for m in macros
        if m in p.question + p.answer
    ]
    assert found == []


@needs_diffyqs
def test_the_flat_diffyqs_file_is_imported_too(tmp_path: Path) -> None:
    summary = import_corpus(FLAT, tmp_path / "c", ImportOptions(prove=False), ODE)
    assert summary["items"] == 305
    assert summary["imported"] >= 270
    train, test = (
        [p for p in load_corpus(tmp_path / "c", OdeProblem) if (p.split == "test") == t]
        for t in (False, True)
    )
    assert leaks(train, test, ODE) == []


def test_parts_that_ask_different_things_of_one_equation_are_not_duplicates(run: Any) -> None:
    parts = [
        {"text": "Find a particular solution to $y''+2y=e^x$.", "answer": "$y = e^x/3$"},
        {
            "text": "Find the general solution.",
            "answer": "$y = C_1\\cos(\\sqrt2 x) + C_2\\sin(\\sqrt2 x) + e^x/3$",
        },
    ]
    got = run([{"id": "e1", "stem": "", "parts": parts}], prove=True)
    assert {n: p.kind for n, p in got.problems.items()} == {"e1a": "particular", "e1b": "general"}


def test_a_number_that_happens_to_solve_the_equation_is_no_proof(run: Any) -> None:
    question = "Let $x' = x e^{t}$, $x(0)=0$. Approximate $x(4)$ using Euler's method."
    got = run([{"id": "1", "question": question, "answer": "0"}], prove=True)
    assert got.problems["1"].ode is None
