"""The packaged corpus: exact size, no duplicates, no leak, readable; and building it is a function
of the seed."""

import json
import re
import subprocess
import sys
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from lbt_core.corpora.imported import load_corpus
from lbt_core.subjects.ode import university
from lbt_core.subjects.ode.problem import OdeProblem
from lbt_core.subjects.ode.same_problem import duplicate_keys, leak_keys
from lbt_core.subjects.ode.university import exercises as corpus
from lbt_core.subjects.ode.university.build import build, packed
from lbt_core.subjects.ode.university.catalogue import as_markdown
from lbt_core.subjects.ode.university.families import FAMILIES

ROOT = Path(__file__).parents[4]
SMALL = (7, 90, 18)
AWKWARD = re.compile(
    r"\+ ?-|- ?- |\+ ?\+|(?<![\d.}_])1[a-z](?!\w*\{)|(?<![\d.])0[a-zA-Z]|\^1(?!\d)|\^\{1\}"
    r"|\+ 0(?![.\d])|= \+|\$\$|None|<\w>|(?<![_\d])1\\(?:sin|cos|ln|pi|sqrt|left|frac)"
)


@pytest.fixture(scope="module")
def problems() -> list[OdeProblem]:
    return university.load()


def test_exact_size_and_split(problems: list[OdeProblem]) -> None:
    assert Counter(p.split for p in problems) == {"train": 1200, "test": 305}


def test_every_family_is_in_the_corpus(problems: list[OdeProblem]) -> None:
    assert {p.family for p in problems} == {f.name for f in FAMILIES}


def test_every_topic_is_in_both_splits_in_proportion(problems: list[OdeProblem]) -> None:
    everywhere = Counter(p.topic for p in problems)
    tested = Counter(p.topic for p in problems if p.split == "test")
    for topic, count in everywhere.items():
        assert abs(tested[topic] - count * 305 / 1505) <= 4, topic


def test_no_two_problems_are_duplicates(problems: list[OdeProblem]) -> None:
    seen: dict[str, str] = {}
    for problem in problems:
        for key in duplicate_keys(problem):
            assert seen.setdefault(key, problem.id) == problem.id


def test_nothing_leaks_from_training_into_test(problems: list[OdeProblem]) -> None:
    sides: dict[str, set[str]] = {"train": set(), "test": set()}
    for problem in problems:
        sides[problem.split].update(leak_keys(problem))
    assert not sides["train"] & sides["test"]


def test_an_exercise_stays_on_one_side(problems: list[OdeProblem]) -> None:
    sides: dict[str, str] = {}
    for problem in problems:
        if problem.parent is not None:
            assert sides.setdefault(problem.parent, problem.split) == problem.split


def test_texts_read_like_a_textbook(problems: list[OdeProblem]) -> None:
    for problem in problems:
        for text in (problem.question, problem.answer, problem.solution or ""):
            found = AWKWARD.search(text)
            assert found is None, (problem.id, found, text)


def test_questions_stand_alone(problems: list[OdeProblem]) -> None:
    for problem in problems:
        assert "Part (" not in problem.question, problem.id
        assert problem.question.count("$") % 2 == 0, problem.id
        if problem.func is not None:
            variable = problem.func.split("(")[1].split(")")[0]
            assert variable in re.sub(r"\\[A-Za-z]+", "", problem.question), problem.id


def test_solutions_end_in_the_answer(problems: list[OdeProblem]) -> None:
    for problem in problems:
        assert problem.solution is not None and problem.solution.endswith(problem.answer)


def test_solvable_questions_have_machine_readable_equations(problems: list[OdeProblem]) -> None:
    solved = ("general", "ivp", "particular", "implicit", "system", "boundary")
    for problem in problems:
        assert (problem.ode is not None) == (problem.kind in solved), problem.id


def test_the_packaged_data_is_small() -> None:
    data = (
        resources.files("lbt_core.subjects.ode.university").joinpath(university.DATA).read_bytes()
    )
    assert len(data) < 2_000_000


def test_a_corpus_has_the_size_asked_for_and_proven_answers() -> None:
    placed = corpus.exercises(*SMALL)
    sizes = Counter(p.split for p in placed for _ in p.problems)
    assert sizes == {"train": SMALL[1] - SMALL[2], "test": SMALL[2]}
    assert all(q.claim.holds() for p in placed for q in p.exercise.questions)


def test_another_seed_gives_other_problems() -> None:
    one, two = (corpus.exercises(seed, 75, 15) for seed in (1, 2))
    texts = [{p.question for item in placed for p in item.problems} for placed in (one, two)]
    assert len(texts[0] & texts[1]) < 15


def test_building_does_not_depend_on_hash_seeds() -> None:
    script = (
        "import json; from lbt_core.subjects.ode.university import exercises as c;"
        "print(json.dumps(c.raw(c.exercises(3, 80, 16))))"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert made[0] == made[1]
    assert json.loads(made[0])["chapters"]


@pytest.mark.slow
def test_the_packaged_data_is_what_is_built(problems: list[OdeProblem], tmp_path: Path) -> None:
    summary = build(tmp_path / "corpus")
    assert (summary["items"], summary["imported"], summary["duplicates"]) == (1505, 1505, 0)
    data = (
        resources.files("lbt_core.subjects.ode.university").joinpath(university.DATA).read_bytes()
    )
    assert packed(load_corpus(tmp_path / "corpus", OdeProblem)) == data


def test_the_page_of_families_is_current() -> None:
    page = (ROOT / "docs" / "families.md").read_text("utf-8")
    assert page == as_markdown(), "run: lbt corpus families --markdown > docs/families.md"
