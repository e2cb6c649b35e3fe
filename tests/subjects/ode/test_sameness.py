"""When two problems are the same: keys of texts and of equations."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbt_core.method.sameness import letters_key, question_key
from lbt_core.subjects.ode.equation_key import exact_ode_key, ode_key
from lbt_core.subjects.ode.problem import Condition, OdeProblem
from lbt_core.subjects.ode.same_problem import leak_keys, merge_keys

SAME_EQUATION = [
    ("Eq(Derivative(y(x), x), 8*y(x))", "Eq(-8*phi(s) + Derivative(phi(s), s), 0)"),
    ("Eq(Derivative(y(x), x), 8*y(x))", "Eq(2*Derivative(y(x), x) - 16*y(x), 0)"),
    ("Eq(Derivative(y(t), t), a*y(t) + b)", "Eq(Derivative(P(x), x) - q*P(x) - r, 0)"),
    ("Eq(Derivative(y(x), x, x), sin(x)/2)", "Eq(Derivative(y(x), (x, 2)), Rational(1, 2)*sin(x))"),
    ("Eq(Derivative(y(x), x), (x + 1)**2)", "Eq(Derivative(y(x), x), x**2 + 2*x + 1)"),
    ("Eq(Derivative(y(x), x), 1/sqrt(x))", "Eq(Derivative(y(x), x), x**(-1/2))"),
    (
        "[Eq(Derivative(x(t), t), y(t)), Eq(Derivative(y(t), t), -x(t))]",
        "[Eq(Derivative(v(s), s), -u(s)), Eq(Derivative(u(s), s), v(s))]",
    ),
]
OTHER_EQUATION = [
    ("Eq(Derivative(y(x), x), 8*y(x))", "Eq(Derivative(y(x), x), 9*y(x))"),
    ("Eq(Derivative(y(x), x), 8*y(x))", "Eq(Derivative(y(x), x), 8*x)"),
    ("Eq(Derivative(y(x), x), a*y(x) + b)", "Eq(Derivative(y(x), x), a*y(x) + a)"),
    ("Eq(Derivative(y(x), x), pi*y(x))", "Eq(Derivative(y(x), x), k*y(x))"),
    ("Eq(Derivative(y(x), x), sin(x))", "Eq(Derivative(y(x), x), cos(x))"),
]


@pytest.mark.parametrize(("one", "other"), SAME_EQUATION)
def test_rearranged_scaled_and_renamed_equations_have_one_key(one: str, other: str) -> None:
    assert ode_key(one) == ode_key(other) is not None


@pytest.mark.parametrize(("one", "other"), OTHER_EQUATION)
def test_different_equations_have_different_keys(one: str, other: str) -> None:
    assert ode_key(one) != ode_key(other)


def test_conditions_count_only_when_asked() -> None:
    ode = "Eq(Derivative(y(x), x), y(x))"
    one, other = (Condition(0, "0", "1"),), (Condition(0, "0", "2"),)
    assert ode_key(ode, one) != ode_key(ode, other)
    assert ode_key(ode, one) != ode_key(ode, ())
    assert ode_key(ode, ()) != ode_key(ode)


def test_the_exact_key_ignores_order_but_not_names() -> None:
    key = exact_ode_key("Eq(Derivative(y(x), x), y(x))", (), "y(x)")
    assert key == exact_ode_key("Eq(Derivative(y(x), x) - y(x), 0)", (), "y( x )")
    assert key != exact_ode_key("Eq(Derivative(z(x), x), z(x))", (), "z(x)")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch owned')",
        "(lambda: 1)()",
        "'a'*9",
        "Eq(y(x))",
        "Eq(1/0, y(x))",
        "9" * 5000,
        "(" * 3000,
        "Symbol('x')",
        "1e999",
        "y(x",
    ],
)
def test_what_is_no_equation_has_no_key(text: str) -> None:
    assert ode_key(text) is None


def test_a_tower_of_powers_is_not_computed() -> None:
    assert ode_key("Eq(y(x), 9**9**9**9)") is not None


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(exclude_characters="\\"), max_size=60))
def test_space_around_a_text_does_not_count(text: str) -> None:
    assert question_key(text) == question_key(f"  {text} ")


LETTERS = st.permutations(["y", "x", "a", "b"])


@settings(deadline=None, max_examples=50)
@given(LETTERS, LETTERS)
def test_the_key_does_not_depend_on_the_letters(one: list[str], other: list[str]) -> None:
    def equation(names: list[str]) -> str:
        f, v, p, q = names
        return f"Eq(Derivative({f}({v}), ({v}, 2)) + {p}*{f}({v})**2, {q}*exp({p}*{v}))"

    assert ode_key(equation(one)) == ode_key(equation(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Solve $y' = \\dfrac{1}{x}$.", "solve  \\(y^{\\prime}=\\frac{1}{x}\\)"),
        ("Solve $y''=0$", "Solve \\begin{equation*} y^{''} = 0. \\end{equation*}"),
        ("Find $x \\cdot y$.", "Find $x * y$"),
    ],
)
def test_markup_does_not_count(one: str, other: str) -> None:
    assert question_key(one) == question_key(other)


def test_letters_of_formulas_count_only_for_the_strict_key() -> None:
    one, other = "Solve $y'=3xy$ with $y(0)=A$.", "Solve $x'=3tx$ with $x(0)=B$."
    assert letters_key(one) == letters_key(other)
    assert question_key(one) != question_key(other)
    assert letters_key(one) != letters_key("Solve $y'=4xy$ with $y(0)=A$.")


def test_merging_needs_the_same_conditions_and_a_leak_does_not() -> None:
    one = OdeProblem(
        "1",
        "Solve A.",
        "1",
        ode="Eq(Derivative(y(x), x), y(x))",
        ics=(Condition(0, "0", "1"),),
        kind="ivp",
        func="y(x)",
    )
    other = OdeProblem(
        "2",
        "Find B.",
        "1",
        ode="Eq(Derivative(u(t), t), u(t))",
        ics=(Condition(0, "0", "2"),),
        kind="ivp",
        func="u(t)",
    )
    assert not set(merge_keys(one)) & set(merge_keys(other))
    assert set(leak_keys(one)) & set(leak_keys(other))
