"""Claims hold for right answers and fail for each way of being wrong; equal statements have equal
identities."""

from dataclasses import replace

import pytest
import sympy as sp

from lbt_core.subjects.ode import proof
from lbt_core.subjects.ode.proof import OdeClaim, with_answer
from lbt_core.subjects.ode.proof_operators import (
    EigenClaim,
    PdeClaim,
    PiecewiseClaim,
    SeriesClaim,
    TransformClaim,
)

X, T, S, N = sp.symbols("x t s n")
C, C1, C2 = sp.symbols("C C1 C2")
Y = sp.Function("y")(X)


def oscillator(answer: sp.Expr, constants: int = 2) -> OdeClaim:
    equation = sp.Eq(sp.Derivative(Y, (X, 2)) + 4 * Y, 0)
    return OdeClaim((answer,), (equation,), (Y,), X, (), constants)


def test_a_general_solution_holds() -> None:
    assert oscillator(C1 * sp.cos(2 * X) + C2 * sp.sin(2 * X)).holds()


@pytest.mark.parametrize(
    "answer",
    [
        C1 * sp.cos(2 * X),
        C1 * sp.cos(2 * X) + C2 * sp.sin(3 * X),
        (C1 + C2) * sp.cos(2 * X),
        C1 * sp.cos(2 * X) + C2 * sp.sin(2 * X) + 1,
    ],
    ids=["constant missing", "wrong frequency", "dependent constants", "constant term"],
)
def test_a_wrong_general_solution_does_not(answer: sp.Expr) -> None:
    assert not oscillator(answer).holds()


def test_an_initial_value_counts() -> None:
    claim = OdeClaim(
        (3 * sp.exp(2 * X),),
        (sp.Eq(sp.Derivative(Y, X), 2 * Y),),
        (Y,),
        X,
        ((0, sp.S(0), (sp.S(3),)),),
    )
    assert claim.holds()
    assert not with_answer(claim, [2 * sp.exp(2 * X)]).holds()
    assert not with_answer(claim, [C * sp.exp(2 * X)]).holds()


def test_an_implicit_relation_needs_the_right_level() -> None:
    y = sp.Symbol("y")
    claim = proof.ImplicitClaim(
        (X**2 + y**2, sp.Integer(5)),
        (sp.Eq(X + Y * sp.Derivative(Y, X), 0),),
        (Y,),
        X,
        ((0, sp.S(1), (sp.S(2),)),),
    )
    assert claim.holds()
    assert not with_answer(claim, [X**2 + y**2, sp.Integer(4)]).holds()
    assert not with_answer(claim, [X**2 + 2 * y**2, sp.Integer(9)]).holds()


def test_stability_is_told_apart() -> None:
    w = proof.TARGET
    rate = sp.expand(w * (w - 2) * (w + 1))
    assert proof.EquilibriumClaim((sp.S(0),), rate, "stable").holds()
    assert proof.EquilibriumClaim((sp.S(-1), sp.S(2)), rate, "unstable").holds()
    assert not proof.EquilibriumClaim((sp.S(0), sp.S(2)), rate).holds()


def test_a_limit_is_the_next_equilibrium_downstream() -> None:
    w = proof.TARGET
    rate = sp.expand(w * (w - 2) * (w + 1))
    assert proof.LimitClaim((sp.S(0),), rate, sp.S(1)).holds()
    assert not proof.LimitClaim((sp.S(2),), rate, sp.S(1)).holds()
    assert not proof.LimitClaim((sp.S(-1),), rate, sp.S(1)).holds()


def test_a_transform_is_checked_by_its_integral() -> None:
    claim = TransformClaim((2 / (S**2 + 4),), sp.sin(2 * T), None, T, S)
    assert claim.holds()
    assert not with_answer(claim, [1 / (S**2 + 4)]).holds()


def test_a_blow_leaves_its_jump() -> None:
    after = 3 * sp.sin(T - 1)
    claim = PiecewiseClaim(
        (after,),
        (sp.S(1), sp.S(0), sp.S(1)),
        T,
        (sp.S(1),),
        (sp.S(0), sp.S(0)),
        (sp.S(0), after),
        (sp.S(3),),
        (sp.S(0), sp.S(0)),
        (1,),
    )
    assert claim.holds()
    assert not replace(claim, impulses=(sp.S(2),)).holds()
    assert not with_answer(claim, [3 * sp.cos(T - 1)]).holds()


def test_a_taylor_polynomial_is_checked_to_its_degree() -> None:
    claim = SeriesClaim(
        (1 + X**2 / 2 + X**4 / 8,), sp.Eq(sp.Derivative(Y, X) - X * Y, 0), Y, X, (sp.S(1),), 4
    )
    assert claim.holds()
    assert not with_answer(claim, [1 + X**2 / 2 + X**4 / 4]).holds()
    assert not with_answer(claim, [1 + X**2 / 2]).holds()


def test_a_pde_needs_its_data() -> None:
    u = sp.Function("u")(X, T)
    right = sp.exp(-4 * T) * sp.sin(2 * X)
    equation = sp.Derivative(u, T) - sp.Derivative(u, (X, 2))
    data = ((None, X, sp.S(0), sp.S(0)), (None, T, sp.S(0), sp.sin(2 * X)))
    assert PdeClaim((right,), equation, u, data).holds()
    assert not PdeClaim((2 * right,), equation, u, data).holds()
    assert not PdeClaim((sp.exp(-2 * T) * sp.sin(2 * X),), equation, u, data).holds()


@pytest.mark.parametrize(("values", "holds"), [(N**2, True), (4 * N**2, False), (N, False)])
def test_no_eigenvalue_may_be_left_out(values: sp.Expr, holds: bool) -> None:
    functions = sp.sin(sp.sqrt(values) * X)
    claim = EigenClaim((values,), sp.pi, "DD", N, X, values, functions, True)
    assert claim.holds() is holds


def test_notation_does_not_change_an_identity() -> None:
    one = oscillator(C1 * sp.cos(2 * X) + C2 * sp.sin(2 * X))
    q = sp.Function("q")(T)
    other = OdeClaim((sp.cos(2 * T),), (sp.Eq(3 * sp.Derivative(q, (T, 2)), -12 * q),), (q,), T)
    assert one.identity() == other.identity()


def test_another_equation_has_another_identity() -> None:
    equation = sp.Eq(sp.Derivative(Y, (X, 2)) + 5 * Y, 0)
    assert replace(oscillator(C1), equations=(equation,)).identity() != oscillator(C1).identity()


def test_exchanged_unknowns_are_the_same_system() -> None:
    x, y = sp.Function("x")(T), sp.Function("y")(T)
    first = (sp.Eq(sp.Derivative(x, T), 2 * y), sp.Eq(sp.Derivative(y, T), x - y))
    second = (sp.Eq(sp.Derivative(y, T), 2 * x), sp.Eq(sp.Derivative(x, T), y - x))
    claims = [OdeClaim((x, y), equations, (x, y), T) for equations in (first, second)]
    assert claims[0].identity() == claims[1].identity()
