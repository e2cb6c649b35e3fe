from lbt_core.generation import Completion, Settings
from lbt_core.method.prompts import Renderer
from lbt_core.method.sampling import sample
from lbt_core.store.rows import text_key
from lbt_core.subjects.ode.answers import Grade
from lbt_core.subjects.ode.problem import OdeProblem

SETTINGS = Settings(temperature=0.7, top_k=20, top_p=1.0, max_new_tokens=64)
PROBLEMS = [OdeProblem(f"p{i}", f"Solve y' = {i}.", f"y = {i}x + C") for i in range(3)]


class Recorder:
    """A generator that answers with the request's id, and remembers what it was asked."""

    def __init__(self, broken=()):
        self.requests = []
        self.broken = set(broken)

    def __call__(self, requests):
        self.requests += requests
        return [
            Completion(r.id, "", "error:prompt of 9 tokens, context of 8", 9, 0)
            if r.id in self.broken
            else Completion(r.id, f"answer {r.id}", "stop", 7, 5)
            for r in requests
        ]


def grade_by(rule):
    """A grader that calls a text right where the rule says so, and remembers its items."""

    def grade(items):
        grade.items += items
        verdicts = ["correct" if rule(problem, text) else "incorrect" for problem, text in items]
        return [Grade(v, "test", "1", 0.0) for v in verdicts]

    grade.items = []
    return grade


def run(generate, grade, *, problems=PROBLEMS, samples=2, seed=0):
    return sample(
        problems,
        samples=samples,
        settings=SETTINGS,
        renderer=Renderer(),
        seed=seed,
        generate=generate,
        grade=grade,
    )


def test_rows_come_by_problem_and_sample_with_their_own_completions():
    rows = run(Recorder(), grade_by(lambda *_: True))
    assert [(r.problem_id, r.sample, r.text) for r in rows] == [
        ("p0", 0, "answer p0/0"),
        ("p0", 1, "answer p0/1"),
        ("p1", 0, "answer p1/0"),
        ("p1", 1, "answer p1/1"),
        ("p2", 0, "answer p2/0"),
        ("p2", 1, "answer p2/1"),
    ]
    assert {r.text_key for r in rows} == {text_key(r.text) for r in rows}
    assert {(r.prompt_tokens, r.tokens, r.finish_reason) for r in rows} == {(7, 5, "stop")}


def test_every_sample_of_a_problem_is_asked_with_its_prompt_and_a_seed_of_its_own():
    generate = Recorder()
    run(generate, grade_by(lambda *_: True))
    prompts = [Renderer().question(p.question) for p in PROBLEMS for _ in range(2)]
    assert [r.prompt for r in generate.requests] == prompts
    assert len({r.seed for r in generate.requests}) == 6
    assert {r.settings for r in generate.requests} == {SETTINGS}


def test_a_rows_seed_does_not_depend_on_the_shard_that_it_is_in():
    together, alone, other = Recorder(), Recorder(), Recorder()
    run(together, grade_by(lambda *_: True))
    run(alone, grade_by(lambda *_: True), problems=PROBLEMS[2:])
    run(other, grade_by(lambda *_: True), problems=PROBLEMS[2:], seed=1)
    assert [r.seed for r in alone.requests] == [r.seed for r in together.requests[4:]]
    assert {r.seed for r in alone.requests}.isdisjoint(r.seed for r in other.requests)


def test_each_text_is_graded_against_its_own_problem():
    grade = grade_by(lambda problem, text: text.startswith(f"answer {problem.id}/1"))
    rows = run(Recorder(), grade)
    assert [p.id for p, _ in grade.items] == ["p0", "p0", "p1", "p1", "p2", "p2"]
    assert [r.correct for r in rows] == [False, True] * 3
    assert [r.verdict for r in rows] == ["incorrect", "correct"] * 3


def test_prompt_that_could_not_be_run_is_a_row_and_the_others_go_on():
    rows = run(Recorder(broken=["p1/0"]), grade_by(lambda _, text: bool(text)))
    assert [r.finish_reason[:6] for r in rows] == ["stop", "stop", "error:", "stop", "stop", "stop"]
    assert [r.text for r in rows if not r.correct] == [""]


def test_no_problems_give_no_rows():
    assert run(Recorder(), grade_by(lambda *_: True), problems=[]) == []
