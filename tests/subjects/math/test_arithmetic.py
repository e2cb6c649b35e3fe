"""The generated corpus: its answers computed anew, its levels, its splits, its options."""

import ast
import operator
import re
from collections import Counter
from fractions import Fraction

import pytest

from lbt_core import UserError
from lbt_core.method.similarity import SimilaritySpec, build_index, exams_of, neighbours
from lbt_core.method.subject import CorpusRequest
from lbt_core.run.config import load_config
from lbt_core.run.preparation import check_corpus
from lbt_core.subjects import load_subject
from lbt_core.subjects.math.arithmetic.corpus import SOURCE
from lbt_core.subjects.math.arithmetic.options import LEVELS

MATH = load_subject("math")
SIZES = {"train": 60, "exam": 30, "validation": 12, "test": 30}
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
SIGNS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}


def made(seed=0, sizes=SIZES, **options):
    return MATH.problems("arithmetic", CorpusRequest(seed=seed, sizes=sizes, options=options))


def computed(formula: str) -> tuple[Fraction, list[Fraction], list[str]]:
    """Value, every number on the way, and the operations, by a parser that is not the program's."""
    numbers, operations = [], []

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.Constant):
            found = Fraction(node.value)
        else:
            assert isinstance(node, ast.BinOp)
            left, right = value(node.left), value(node.right)
            found = OPERATORS[type(node.op)](left, right)
            operations.append(type(node.op).__name__)
        numbers.append(found)
        return found

    return value(ast.parse(formula, mode="eval").body), numbers, operations


@pytest.mark.parametrize("style", ["story", "plain"])
@pytest.mark.parametrize("seed", [0, 7])
def test_every_answer_is_right(seed, style):
    for problem in made(seed, difficulty="3-6", style=style):
        formula = problem.source.removeprefix(SOURCE)
        found, numbers, _ = computed(formula)
        assert problem.answer == str(found)
        assert all(n.denominator == 1 and n >= 1 for n in numbers)
        if style == "plain":
            assert problem.question == f"What is {formula}?"
        else:  # the story holds the numbers of the formula, in any order
            told = sorted(re.findall(r"\d+", problem.question))
            assert told == sorted(re.findall(r"\d+", formula))
        assert problem.solution.endswith(f"= {problem.answer}")


@pytest.mark.parametrize("level", sorted(LEVELS))
def test_levels(level):
    bounds = LEVELS[level]
    for problem in made(difficulty=level):
        _, numbers, operations = computed(problem.source.removeprefix(SOURCE))
        assert problem.topic == f"level {level}"
        assert len(operations) == bounds.steps
        assert max(numbers) <= max(bounds.within, bounds.factor**2)
        if not bounds.factor:
            assert set(operations) <= {"Add", "Sub"}


def test_levels_come_in_equal_parts():
    problems = made()
    for split in SIZES:
        counts = Counter(p.topic for p in problems if p.split == split)
        assert set(counts) == {f"level {n}" for n in range(1, 5)}
        assert max(counts.values()) - min(counts.values()) <= 1


def test_operations_and_largest_number():
    for problem in made(difficulty="2-5", operations="add, multiply", max_number=15):
        _, numbers, operations = computed(problem.source.removeprefix(SOURCE))
        assert set(operations) <= {"Add", "Mult"}
        assert max(numbers) <= 15


def test_the_same_request_gives_the_same_problems_and_another_seed_others():
    assert made(seed=3) == made(seed=3)
    questions = {p.question for p in made(seed=3)}
    assert len(questions & {p.question for p in made(seed=4)}) < len(questions) / 4


def test_sizes_and_no_question_twice():
    problems = made()
    assert {s: sum(p.split == s for p in problems) for s in SIZES} == SIZES
    assert len({p.id for p in problems}) == len(problems)
    keys = [key for p in problems for key in set(MATH.keys(p, "leak"))]
    assert len(keys) == len(set(keys))


def test_an_exam_never_asks_for_the_same_computation():
    problems = made(difficulty="1-2")
    taught = [p for p in problems if p.split == "train"]
    bank = [p for p in problems if p.split == "exam"]
    by_id = {p.id: p for p in problems}
    exams = exams_of(neighbours(taught, build_index(bank, MATH, SimilaritySpec()), 3))
    assert set(exams) == {p.id for p in taught}
    for problem_id, exam in exams.items():
        assert by_id[problem_id].source not in {by_id[e].source for e in exam}


def test_an_exam_is_near_in_kind():
    problems = made(difficulty="1-4")
    taught = [p for p in problems if p.split == "train"]
    bank = [p for p in problems if p.split == "exam"]
    by_id = {p.id: p for p in problems}
    exams = exams_of(neighbours(taught, build_index(bank, MATH, SimilaritySpec()), 1))
    first = [
        by_id[p].family.split(", ")[0] == by_id[e[0]].family.split(", ")[0]
        for p, e in exams.items()
    ]
    chance = sum(
        sum(b.family.split(", ")[0] == t.family.split(", ")[0] for b in bank) / len(bank)
        for t in taught
    ) / len(taught)
    assert sum(first) / len(first) > chance


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("dificulty", 3, "difficulty, operations, max_number, style"),
        ("difficulty", 0, "from 1 to 6"),
        ("difficulty", "2-9", "from 1 to 6"),
        ("difficulty", "4-2", "from 1 to 6"),
        ("difficulty", True, "from 1 to 6"),
        ("operations", "add,power", "add, subtract, multiply, divide"),
        ("operations", "add,add", "add, subtract, multiply, divide"),
        ("max_number", 4, "from 5 to 10000"),
        ("max_number", "many", "from 5 to 10000"),
        ("max_number", 7.5, "from 5 to 10000"),
        ("style", "poem", "story or plain"),
    ],
)
def test_options_that_are_wrong(name, value, allowed):
    with pytest.raises(UserError) as refusal:
        MATH.check_request("arithmetic", CorpusRequest(sizes=SIZES, options={name: value}))
    message = str(refusal.value)
    assert message.startswith(f"corpus.generated.options.{name}: ")
    assert allowed in message
    assert "\n" not in message


def test_operations_that_a_level_does_not_have():
    with pytest.raises(UserError, match=r"options\.operations.*level 1"):
        made(difficulty="1-3", operations="multiply,divide")


def test_more_problems_than_there_are_different_ones():
    with pytest.raises(UserError, match=r"corpus\.generated\.(train|exam).*max_number"):
        made(difficulty=1, style="plain", operations="add")


def test_a_run_refuses_wrong_options_before_it_starts():
    given = ["subject=math", "corpus.source=arithmetic", "corpus.generated.options={steps: 3}"]
    with pytest.raises(UserError, match=r"corpus\.generated\.options\.steps"):
        check_corpus(load_config("demo", given))


def test_other_corpora_take_no_options():
    with pytest.raises(UserError, match=r"corpus\.generated\.options\.difficulty"):
        check_corpus(load_config("demo", ["corpus.generated.options={difficulty: 3}"]))
