"""Generated cases for the grader: near misses, which are wrong, and rewrites, which are right.

Problems come from the built-in families, university and tiny, made with the seed. A near miss
changes one number, exponent, sign, mode or constant of the reference as a sympy expression; it
counts only where the family's own proof by substitution (sympy and mpmath, nothing of the grader)
refutes it. A rewrite changes the expression by algebra, which the same proof confirms, then its
notation, the Markdown around it and the words.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.polys.polyerrors import BasePolynomialError

from lbt_core.subjects.labelled import Pair
from lbt_core.subjects.ode.problem import Condition, OdeProblem
from lbt_core.subjects.ode.proof import OdeClaim, vanishes, with_answer
from lbt_core.subjects.ode.tiny import solves as tiny_proof
from lbt_core.subjects.ode.tiny.pools import FAMILIES, draft
from lbt_core.subjects.ode.university import tex
from lbt_core.subjects.ode.university.exercises import exercises

Answer = tuple[sp.Expr, ...]
# what sympy raises on expressions that a claim's proof does not reach: nothing is made of them
_UNPROVEN = (
    ArithmeticError, ValueError, TypeError, AttributeError, NotImplementedError,
    BasePolynomialError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """One built-in problem with its claim and the way its answer is written."""

    problem: OdeProblem
    claim: Any
    form: str
    decimals: int = 0

    def written(self, answer: Answer, write: Callable[[sp.Expr], str] = tex.tex) -> str:
        """An answer as text, in the form of the reference."""
        out = self.form
        for k, part in enumerate(answer):
            shown = tex.decimal(part, self.decimals) if self.decimals else write(part)
            out = out.replace(f"<{k}>", shown)
        return out


def sources(seed: int, university: int, tiny: int) -> list[Source]:
    """That many questions of the university families and drafts of the tiny ones."""
    found = []
    for placed in exercises(seed, university, max(1, university // 5)):
        for question in placed.exercise.questions:
            text = f"{placed.exercise.stem} {question.text}".strip()
            problem = OdeProblem(
                f"{placed.family.name}-{placed.number}", text, question.answer, kind=question.kind,
                ode=question.ode, ics=question.ics, func=question.func,
            )  # fmt: skip
            found.append(Source(problem, question.claim, question.form, question.decimals))
    rng = random.Random(seed)
    names = sorted(FAMILIES)
    for k in range(tiny):
        found.append(_tiny(names[k % len(names)], rng))
    return found


def _tiny(family: str, rng: random.Random) -> Source:
    made = draft(family, rng, False, from_held_out=True)
    right = made.ways["D"]
    unknown = tiny_proof._read(made.func)
    equation = tiny_proof._read(made.ode)
    formula = tiny_proof._read(right.solution)
    conditions = tuple(
        (c.order, tiny_proof._read(c.at), (tiny_proof._read(c.value),)) for c in made.ics
    )
    constants = len(formula.free_symbols - {unknown.args[0]})
    claim = OdeClaim((formula,), (equation,), (unknown,), unknown.args[0], conditions, constants)
    ics = tuple(Condition(c.order, c.at, c.value) for c in made.ics)
    problem = OdeProblem(
        f"tiny-{family}", made.question, right.answer, kind=made.kind, ode=made.ode, ics=ics,
        func=made.func,
    )  # fmt: skip
    return Source(problem, claim, f"${unknown.func} = <0>$")


# near misses


def near_misses(found: Sequence[Source], count: int, seed: int) -> Iterator[Pair]:
    """Wrong answers, each one small change away from the reference, at most ``count`` of them."""
    rng = random.Random(f"misses-{seed}")
    made, tries = 0, 0
    seen: set[tuple[str, str]] = set()
    while made < count and tries < 4 * count:
        source = found[tries % len(found)]
        tries += 1
        change = rng.choice(CHANGES)
        answer = _changed(source, change, rng)
        if answer is None or not _refuted(source, answer):
            continue
        text = source.written(answer)
        if (source.problem.question, text) in seen:
            continue
        seen.add((source.problem.question, text))
        made += 1
        name = change.__name__.strip("_")
        yield Pair(f"miss_{made}", source.problem, text, False, f"{name} {source.problem.kind}")


def _changed(source: Source, change: "Change", rng: random.Random) -> Answer | None:
    answer = list(source.claim.answer)
    k = rng.choice(range(len(answer)))
    changed = change(sp.sympify(answer[k], strict=True), rng)
    if changed is None or changed.has(sp.zoo, sp.nan, sp.oo):
        return None
    answer[k] = changed
    return tuple(answer)


def _refuted(source: Source, answer: Answer) -> bool:
    """Whether the claim's own proof says that the answer is wrong, and not only rounded."""
    try:
        if source.decimals and any(sp.im(sp.N(a)) != 0 for a in answer):
            return False
        difference = [a - b for a, b in zip(answer, source.claim.answer, strict=True)]
        if all(vanishes(d) for d in difference):
            return False
        if source.decimals or all(sp.sympify(a, strict=True).is_number for a in answer):
            # decimals may be off by 1 %
            sizes = [(abs(sp.N(d)), abs(sp.N(a))) for d, a in
                     zip(difference, source.claim.answer, strict=True)]  # fmt: skip
            if source.decimals and not any(d > 0.03 * a for d, a in sizes):
                return False
        return not with_answer(source.claim, answer).holds()
    except _UNPROVEN:
        return False


Change = Callable[[sp.Expr, random.Random], sp.Expr | None]


def _at(expression: sp.Expr, path: Sequence[int]) -> sp.Expr:
    for k in path:
        expression = expression.args[k]
    return expression


def _with(expression: sp.Expr, path: Sequence[int], new: sp.Expr) -> sp.Expr:
    if not path:
        return new
    args = list(expression.args)
    args[path[0]] = _with(args[path[0]], path[1:], new)
    return expression.func(*args)


def _paths(expression: sp.Expr, wanted: Callable[[sp.Expr], bool]) -> list[tuple[int, ...]]:
    found = [()] if wanted(expression) else []
    for k, arg in enumerate(expression.args):
        found += [(k, *rest) for rest in _paths(arg, wanted)]
    return found


def _somewhere(
    expression: sp.Expr, rng: random.Random, wanted: Callable[[sp.Expr], bool],
    new: Callable[[sp.Expr], sp.Expr],
) -> sp.Expr | None:  # fmt: skip
    paths = _paths(expression, wanted)
    if not paths:
        return None
    path = rng.choice(paths)
    return _with(expression, path, new(_at(expression, path)))


def _number_by_one(expression: sp.Expr, rng: random.Random) -> sp.Expr | None:
    """One number, a coefficient or an exponent, one more or less."""
    step = rng.choice((-1, 1))
    return _somewhere(expression, rng, lambda n: n.is_Rational, lambda n: n + step)


def _number_a_little(expression: sp.Expr, rng: random.Random) -> sp.Expr | None:
    """One number changed by a tenth, a hundredth or a ten-thousandth of it."""
    share = sp.Rational(1, rng.choice((10, 100, 10_000)))
    return _somewhere(
        expression, rng, lambda n: n.is_Rational and n != 0, lambda n: n * (1 + share)
    )


def _sign(expression: sp.Expr, rng: random.Random) -> sp.Expr | None:
    """The sign of one term, or of one number."""
    if isinstance(expression, sp.Add) and rng.random() < 0.6:
        k = rng.randrange(len(expression.args))
        return _with(expression, [k], -expression.args[k])
    return _somewhere(expression, rng, lambda n: n.is_Rational and n != 0, lambda n: -n)


def _coefficient(expression: sp.Expr, rng: random.Random) -> sp.Expr | None:
    """One term twice, half or three halves as large."""
    factor = rng.choice((sp.Integer(2), sp.Rational(1, 2), sp.Rational(3, 2)))
    if not isinstance(expression, sp.Add):
        return expression * factor
    k = rng.randrange(len(expression.args))
    return _with(expression, [k], factor * expression.args[k])


def _missing_term(expression: sp.Expr, rng: random.Random) -> sp.Expr | None:
    """One term left out."""
    if not isinstance(expression, sp.Add):
        return None
    k = rng.randrange(len(expression.args))
    return expression - expression.args[k]


def _further_term(expression: sp.Expr, rng: random.Random) -> sp.Expr | None:
    """A small constant or a small multiple of a symbol added."""
    size = sp.Rational(1, rng.choice((1, 10, 1000, 10**7)))
    symbols = sorted(expression.free_symbols, key=str)
    return expression + size * (rng.choice(symbols) if symbols and rng.random() < 0.5 else 1)


def _function(expression: sp.Expr, rng: random.Random) -> sp.Expr | None:
    """Sine for cosine, sinh for cosh, and the other way round."""
    swaps = {sp.sin: sp.cos, sp.cos: sp.sin, sp.sinh: sp.cosh, sp.cosh: sp.sinh}
    return _somewhere(expression, rng, lambda n: n.func in swaps, lambda n: swaps[n.func](*n.args))


def _rate(expression: sp.Expr, rng: random.Random) -> sp.Expr | None:
    """The rate of one exponential or the frequency of one oscillation a little off."""
    factor = rng.choice((sp.Rational(11, 10), sp.Rational(2), sp.Rational(1001, 1000)))
    kinds = (sp.exp, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tan)
    return _somewhere(
        expression, rng, lambda n: isinstance(n, kinds), lambda n: n.func(n.args[0] * factor)
    )


CHANGES: tuple[Change, ...] = (
    _number_by_one, _number_a_little, _sign, _coefficient, _missing_term, _further_term, _function,
    _rate,
)  # fmt: skip


# rewrites


def rewrites(found: Sequence[Source], count: int, seed: int) -> Iterator[Pair]:
    """Right answers: the reference in other algebra, notation, Markdown and words."""
    rng = random.Random(f"rewrites-{seed}")
    made, tries = 0, 0
    seen: set[tuple[str, str]] = set()
    while made < count and tries < 4 * count:
        source = found[tries % len(found)]
        tries += 1
        name, text = _rewritten(source, rng)
        text = rng.choice(WRAPPERS)(rng.choice(NOTATIONS)(text))
        if (source.problem.question, text) in seen:
            continue
        seen.add((source.problem.question, text))
        made += 1
        yield Pair(f"rewrite_{made}", source.problem, text, True, f"{name} {source.problem.kind}")


def _rewritten(source: Source, rng: random.Random) -> tuple[str, str]:
    """The answer after one algebraic change that the proof confirms, in one of three printers."""
    claim = source.claim
    answer: Answer = tuple(sp.sympify(a, strict=True) for a in claim.answer)
    name = "as printed"
    if not source.decimals:
        step = rng.choice(STEPS)
        try:
            changed = _renamed(answer, claim, rng) if step is None else tuple(map(step, answer))
            if _confirmed(source, answer, changed, step is None):
                answer, name = changed, "constants" if step is None else step.__name__.strip("_")
        except _UNPROVEN:
            pass
    printers = (tex.tex, tex.tex, _sympy_latex, _plain)
    return name, source.written(answer, rng.choice(printers))


def _confirmed(source: Source, old: Answer, new: Answer, renamed: bool) -> bool:
    if any(sp.sympify(a, strict=True).has(sp.I, sp.Piecewise, sp.zoo, sp.nan) for a in new):
        return False
    if sum(len(str(a)) for a in new) > 400:
        return False
    if renamed:
        return bool(with_answer(source.claim, new).holds())
    return all(vanishes(a - b) for a, b in zip(old, new, strict=True))


def _renamed(answer: Answer, claim: Any, rng: random.Random) -> Answer:
    """The arbitrary constants with other names, multiples or shifts."""
    constants = [s for s in sorted(set().union(*(a.free_symbols for a in answer)), key=str)
                 if re.fullmatch(r"C\d?", str(s))]  # fmt: skip
    if not constants or not isinstance(claim, OdeClaim):
        raise ValueError("no constants")
    names = rng.choice((("A", "B", "D", "K"), ("c_1", "c_2", "c_3", "c_4"), ("K", "L", "M", "N")))
    taken = {str(s) for a in answer for s in a.free_symbols}
    if taken & set(names):
        raise ValueError("a name that is taken")
    scale = rng.choice((1, 1, 2, -1, sp.Rational(1, 3)))
    values = {c: scale * sp.Symbol(n) for c, n in zip(constants, names, strict=False)}
    return tuple(a.subs(values, simultaneous=True) for a in answer)


def _expanded(expression: sp.Expr) -> sp.Expr:
    return sp.expand(expression)


def _factored(expression: sp.Expr) -> sp.Expr:
    return sp.factor(expression)


def _over_one_denominator(expression: sp.Expr) -> sp.Expr:
    return sp.together(expression)


def _in_exponentials(expression: sp.Expr) -> sp.Expr:
    return expression.rewrite(sp.exp) if expression.has(sp.sinh, sp.cosh) else expression


def _in_sines(expression: sp.Expr) -> sp.Expr:
    return expression.rewrite(sp.sin).subs(sp.Integer(0), 0)


def _doubled(expression: sp.Expr) -> sp.Expr:
    """sin 2a as 2 sin a cos a, cos 2a likewise."""
    return sp.expand_trig(expression)


def _powers_apart(expression: sp.Expr) -> sp.Expr:
    return sp.expand_power_exp(expression)


STEPS: tuple[Callable[[sp.Expr], sp.Expr] | None, ...] = (
    None, None, _expanded, _factored, _over_one_denominator, _in_exponentials, _in_sines, _doubled,
    _powers_apart,
)  # fmt: skip


def _sympy_latex(expression: sp.Expr) -> str:
    named = {s: sp.Symbol(f"C_{str(s)[1:]}") for s in expression.free_symbols
             if re.fullmatch(r"C\d", str(s))}  # fmt: skip
    return str(sp.latex(expression.subs(named)))


def _plain(expression: sp.Expr) -> str:
    text = str(expression)
    return text if len(text) % 2 else text.replace("**", "^")


def _same(text: str) -> str:
    return text


def _exp_in_words(text: str) -> str:
    return re.sub(r"(?<![A-Za-z])e\^\{([^{}]*)\}", r"\\exp(\1)", text)


def _display_fractions(text: str) -> str:
    return text.replace("\\frac", "\\dfrac")


def _upright_e(text: str) -> str:
    return re.sub(r"(?<![A-Za-z\\])e\^", r"\\mathrm{e}^", text)


def _spaced(text: str) -> str:
    return text.replace(" + ", " \\,+\\, ").replace(" = ", "\\;=\\;")


def _stretched(text: str) -> str:
    return re.sub(r"(?<![A-Za-z])\(([^()$]*)\)", r"\\left(\1\\right)", text)


def _unicode(text: str) -> str:
    return text.replace(" - ", " − ").replace("\\cdot", "·")


def _inner_dollars(text: str) -> str:
    return re.sub(r"\$([^$]+)\$", r"\\(\1\\)", text)


NOTATIONS: tuple[Callable[[str], str], ...] = (
    _same, _same, _exp_in_words, _display_fractions, _upright_e, _spaced, _stretched, _unicode,
    _inner_dollars,
)  # fmt: skip


def _bare(text: str) -> str:
    """The content of the only formula; the text itself where there are several or words."""
    match = re.fullmatch(r"\$([^$]+)\$", text.strip())
    return match.group(1) if match else ""


def _boxed(text: str) -> str:
    inner = _bare(text)
    return f"Therefore \\[\\boxed{{{inner}}}\\]" if inner else text


def _fenced(text: str) -> str:
    inner = _bare(text)
    return f"The result:\n```latex\n{inner}\n```" if inner else text


def _ticked(text: str) -> str:
    inner = _bare(text)
    return f"**Final answer:** `{inner}`" if inner else text


WRAPPERS: tuple[Callable[[str], str], ...] = (
    _same, _boxed, _fenced, _ticked,
    lambda t: f"Some steps.\n\n'''\n[[Final Answer]]:\n{t}\n'''",
    lambda t: f"**Final Answer:** **{t}**",
    lambda t: f"### Answer\n\n{t}\n\nI hope this helps!",
    lambda t: f"<think>First I guess $7$.</think>\n\nThe final answer is {t}",
    lambda t: f"We integrate and use the data.\n\n**Answer: {t}**",
    lambda t: f"Reasoning in a few lines.\n\n- {t}",
    lambda t: f"> **Answer:** {t}",
    lambda t: f"Hence <answer>{t}</answer>",
    lambda t: f"Answer: {t}\n\nLet me know if anything is unclear.",
    lambda t: f"So we obtain {t}.",
    lambda t: f"Thus the answer is {t}",
)  # fmt: skip
