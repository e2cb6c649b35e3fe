"""Similarity-based exams: near, never the problem itself, the same whatever the block size."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbt_core.method import similarity
from lbt_core.method.similarity import SCHEMA, SimilaritySpec, build_index, exams_of, neighbours
from lbt_core.subjects.ode import subject as ODE
from lbt_core.subjects.ode.features import math_tokens
from lbt_core.subjects.ode.problem import Condition, OdeProblem

TEXTS = {
    "decay": "Solve $y' = -{0}y$ with $y(0) = {1}$.",
    "spring": "A spring obeys $x'' + {0}x = 0$ with $x(0)={1}$, $x'(0)=0$. Find $x(t)$.",
    "laplace": "Find the Laplace transform $\\mathcal{{L}}\\{{ {0}t^2 e^{{ {1}t }} \\}}$.",
    "euler": "Solve the Cauchy-Euler equation $x^2y'' + {0}xy' + {1}y = 0$.",
}


def problems(count: int = 10) -> list[OdeProblem]:
    return [
        OdeProblem(f"{topic}{i}", text.format(i + 2, 3 * i + 1), "1", topic=topic)
        for topic, text in TEXTS.items()
        for i in range(count)
    ]


def test_the_nearest_problems_are_of_the_same_topic() -> None:
    bank = problems()
    exams = exams_of(neighbours(bank, build_index(bank, ODE), 3))
    topic = {p.id: p.topic for p in bank}
    assert [(p, n) for p, near in exams.items() for n in near if topic[p] != topic[n]] == []


def test_topic_and_answer_do_not_count() -> None:
    bank = problems()
    blind = [replace(p, topic="", family="", answer="?") for p in bank]
    assert neighbours(blind, build_index(blind, ODE), 3).equals(
        neighbours(bank, build_index(bank, ODE), 3)
    )


def test_a_problem_is_never_in_its_own_exam_nor_are_its_duplicates() -> None:
    ode = {"ode": "Eq(Derivative(y(x), x), 2*y(x))", "ics": (Condition(0, "0", "1"),)}
    same = [
        OdeProblem("a", "Solve $y'=2y$, $y(0)=1$.", "1", **ode),
        OdeProblem("b", "solve $y' = 2y$ ,  $y(0) = 1$", "1"),
        OdeProblem("c", "Solve $u'=2u$, $u(0)=1$.", "1"),
        OdeProblem(
            "d",
            "A colony doubles from 1, $P'=2P$.",
            "1",
            ode="Eq(Derivative(P(t), t) - 2*P(t), 0)",
            ics=ode["ics"],
        ),
    ]
    bank = same + problems(3)
    exams = exams_of(neighbours(bank, build_index(bank, ODE), len(bank)))
    assert not set(exams["a"]) & {"a", "b", "c", "d"}
    assert len(exams["a"]) == len(bank) - 4


def test_exams_can_come_from_a_bank_of_their_own() -> None:
    bank, queries = problems(6), [OdeProblem("q", "Solve $y' = -9y$ with $y(0) = 44$.", "1")]
    (exam,) = exams_of(neighbours(queries, build_index(bank, ODE), 3)).values()
    assert {name[:5] for name in exam} == {"decay"}


def test_a_duplicate_in_the_bank_of_a_problem_outside_is_left_out() -> None:
    bank = problems(6)
    query = OdeProblem("q", bank[0].question, "1")
    assert bank[0].id not in exams_of(neighbours([query], build_index(bank, ODE), 3))["q"]


def test_the_table_has_its_schema_and_ranks() -> None:
    bank = problems(3)
    table = neighbours(bank, build_index(bank, ODE), 2)
    assert table.schema.equals(SCHEMA)
    assert sorted(set(table["rank"].to_pylist())) == [0, 1]
    by_rank = table.to_pandas().pivot(index="problem_id", columns="rank", values="similarity")
    assert (by_rank[0] >= by_rank[1]).all()


def test_block_size_does_not_change_exams(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = problems(20)
    index = build_index(bank, ODE)
    whole = neighbours(bank, index, 5)
    monkeypatch.setattr(similarity, "BLOCK_FLOATS", 3 * len(bank))
    assert exams_of(neighbours(bank, index, 5)) == exams_of(whole)


def test_spread_exams_start_with_the_nearest_and_vary_more() -> None:
    bank = problems(20)
    near, spread = (
        exams_of(
            neighbours(
                bank, build_index(bank, ODE, SimilaritySpec(selection=mode, spread_over=15)), 4
            )
        )
        for mode in ("nearest", "spread")
    )
    index = build_index(bank, ODE)

    def closeness(exams: dict[str, list[str]]) -> float:
        inner = []
        for names in exams.values():
            rows = index.vectors[[index.numbers[n] for n in names]]
            inner.append((rows @ rows.T).mean())
        return float(np.mean(inner))

    assert {p: names[0] for p, names in near.items()} == {
        p: names[0] for p, names in spread.items()
    }
    assert closeness(spread) < closeness(near)
    assert all(len(set(names)) == 4 for names in spread.values())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_small_bank_gives_what_it_has(count: int) -> None:
    bank = [OdeProblem(str(i), f"word{i} other{i}", "1") for i in range(count)]
    assert neighbours(bank, build_index(bank, ODE), 5).num_rows == count * (count - 1)


def test_an_empty_bank_is_refused() -> None:
    with pytest.raises(ValueError, match="no problems"):
        build_index([], ODE)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 5), st.integers(1, 200), st.integers(1, 7), st.integers(0, 1000))
def test_the_best_rows_are_those_of_a_full_sort(
    queries: int, width: int, k: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    bank = similarity.unit(random.integers(-2, 3, (width, 4)).astype(np.float32))
    rows = bank[random.integers(0, width, queries)]
    banned = [sorted(set(random.integers(0, width, 2).tolist())) for _ in range(queries)]
    found, values = similarity._top(rows, bank, banned, k)
    for row in range(queries):
        allowed = [n for n in range(width) if n not in banned[row]]
        cosines = np.round(bank[allowed] @ rows[row], similarity.DECIMALS)
        best = np.sort(cosines)[::-1][:k]
        real = found[row] >= 0
        assert np.allclose(values[row][real], best, atol=2e-5)
        assert set(found[row][real]) <= set(allowed)


def test_a_sentence_model_is_used_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import types  # noqa: PLC0415 - only this test needs a stand-in module

    asked = []

    class Model:
        def __init__(self, name: str, device: str | None) -> None:
            asked.append(name)

        def encode(self, texts: list[str], **_: object) -> np.ndarray:
            return np.array([[len(t), t.count("y"), 1.0] for t in texts])

    stand_in = types.ModuleType("sentence_transformers")
    stand_in.SentenceTransformer = Model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", stand_in)
    index = build_index(problems(3), ODE, SimilaritySpec(embedder="some/model"))
    assert asked == ["some/model"]
    assert np.allclose(np.linalg.norm(index.vectors, axis=1), 1)


def test_tokens_are_about_structure() -> None:
    assert math_tokens("Solve $y''+4y'=0$") == math_tokens("Solve $x''+7x' = 0$")
    assert math_tokens("$y''=y$") != math_tokens("$y'=y$")
    assert "secondorder" in math_tokens("$\\frac{d^2 x}{dt^2} = 1$")
