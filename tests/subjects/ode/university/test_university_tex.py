"""Expressions are printed as a textbook prints them."""

import pytest
import sympy as sp

from lbt_core.subjects.ode.university.tex import (
    combination,
    decimal,
    differential,
    leibniz,
    prime,
    tex,
)

X, T, C, C1, C2 = sp.symbols("x t C C1 C2")


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        (C1 * sp.exp(-2 * X) + C2 * X * sp.exp(3 * X), "C_1e^{-2x} + C_2xe^{3x}"),
        (1 - sp.exp(-X), "1 - e^{-x}"),
        (5 - 3 * X**2, "5 - 3x^2"),
        (C / X**2 + X**3 / 5, "\\frac{C}{x^2} + \\frac{x^3}{5}"),
        (100 / (1 + 9 * sp.exp(-T / 3)), "\\frac{100}{1 + 9e^{-t/3}}"),
        (-1 / (X - 5), "\\frac{1}{5 - x}"),
        (X**2 * sp.log(X) / 3, "\\frac{1}{3}x^2\\ln x"),
        (sp.cos(2 * X) ** 2, "\\cos^2(2x)"),
        (3 * sp.pi * X / 2, "\\frac{3\\pi x}{2}"),
        (sp.sqrt(7) * X / 2, "\\frac{\\sqrt{7}x}{2}"),
        (sp.exp(-(sp.pi**2) * T) * sp.sin(sp.pi * X), "e^{-\\pi^2t}\\sin(\\pi x)"),
    ],
)
def test_expressions(expression: sp.Expr, printed: str) -> None:
    assert tex(expression) == printed


@pytest.mark.parametrize(
    ("terms", "printed"),
    [
        (((1, "y''"), (-3, "y'"), (0, "y")), "y'' - 3y'"),
        (((-1, "y'"), (X**2 + 1, "y")), "-y' + (x^2 + 1)y"),
        (((X, "y''"), (-X - 1, "y'")), "xy'' - (x + 1)y'"),
        (((1, "y'"), (sp.sin(2 * X), "y")), "y' + \\sin(2x)\\,y"),
    ],
)
def test_combinations(terms: tuple[tuple[sp.Expr, str], ...], printed: str) -> None:
    assert combination(*terms) == printed


def test_derivatives() -> None:
    assert prime("theta", 2) == "\\theta''"
    assert prime("y", 4) == "y^{(4)}"
    assert leibniz("u", "t", 2) == "\\frac{d^2u}{dt^2}"


def test_differentials_and_decimals() -> None:
    assert differential(1, "x") == "dx"
    assert differential(X + 1, "x") == "(x + 1)\\,dx"
    assert decimal(sp.log(3) * 10) == "10.99"
    assert decimal(sp.Integer(125000), 4) == "125000"
