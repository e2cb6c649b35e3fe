"""Notation: different spellings of one expression give the same value; what is not on the whitelist
is refused.
"""

import numpy as np
import pytest

from lbt_core.subjects.ode.answers.arithmetic import DOUBLES
from lbt_core.subjects.ode.answers.expr import ParseError
from lbt_core.subjects.ode.answers.parser import Context, parse
from lbt_core.subjects.ode.answers.points import constant_values
from lbt_core.subjects.ode.answers.printing import to_sympy
from lbt_core.subjects.ode.answers.taylor import Evaluator

NAMES = {"x": 1, "y": 2, "t": 3, "C_1": 4, "C_2": 5, "a": 6, "omega": 7, "C": 8, "s": 9, "c_1": 10}


def value(text: str) -> complex:
    env = {name: [constant_values(row, 1)] for name, row in NAMES.items()}
    return complex(np.ravel(Evaluator(DOUBLES, 0, env).value(parse(text)))[0])


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (r"\dfrac{1}{2}x", "x/2"),
        (r"\frac12 x", "x/2"),
        (r"\frac1{x}", "1/x"),
        (r"\sqrt2x", "sqrt(2)*x"),
        (r"\sqrt[3]{x}", "x**(1/3)"),
        (r"e^{-2x}", "exp(-2*x)"),
        ("e^x^2", "exp(x**2)"),
        (r"\exp\left(-x\right)", "1/exp(x)"),
        (r"\sin 2x\cos x", "sin(2*x)*cos(x)"),
        (r"\sin^2 x", "sin(x)**2"),
        (r"\tan^{-1} x", "atan(x)"),
        (r"\ln x - 1", "log(x) - 1"),
        (r"\log_{10} x", "log(x)/log(10)"),
        (r"\ln|x|", "log(x)"),
        ("2xy", "2*x*y"),
        ("x(x+1)", "x**2 + x"),
        ("c₁ − x²", "c_1 - x^2"),
        ("-x^2", "-(x*x)"),
        ("1/2x", "x/2"),
        ("x√2", "x*sqrt(2)"),
        ("e⁻²ˣ", "exp(-2*x)"),
        (r"C_{1}e^{at}", "C_1*exp(a*t)"),
        (r"\omega t", "omega*t"),
        (r"\cos\sqrt2x", "cos(sqrt(2)*x)"),
        (r"\left(\frac{x}{2}\right)^{3}", "x**3/8"),
        (r"2\cdot 3^{x}", "2*3**x"),
        ("sin(x)^2", "sin(x)*sin(x)"),
        ("3!", "6"),
        ("1,000", "1000"),
        ("0.25", "1/4"),
        (r"\operatorname{sh}(x)", "(exp(x) - exp(-x))/2"),
        (r"\int_0^x 2s\,ds", "x**2"),
        (r"\sum_{n=0}^{3} n x", "6*x"),
    ],
)
def test_spellings_agree(text: str, same: str) -> None:
    assert value(text) == pytest.approx(value(same), rel=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x +",
        "(x",
        "x)",
        r"\input{a}",
        r"\write18{ls}",
        "2 3",
        "x\x00",
        "\u202ex",
        "(" * 60 + ")" * 60,
        "9" * 100,
        "1e999999",
        r"\frac{1}",
        "__import__('os')",
        r"\sqrt",
        "x" * 7000,
        "-" * 3000 + "x",
        r"\ud800",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("y''", 2),
        (r"\frac{d^3y}{dx^3}", 3),
        ("dy/dx", 1),
        (r"y^{(5)}", 5),
        (r"\dot{y}", 1),
        (r"\frac{d}{dx}y", 1),
        (r"y^{\prime\prime}", 2),
    ],
)
def test_derivatives(text: str, order: int) -> None:
    assert parse(text, Context(("y",), ("x",))).val == ("y", (("x", order),))


def test_condition_is_a_value_at_a_point() -> None:
    node = parse("y'(0) = 3", Context(("y",), ("x",)))
    assert (node.args[0].op, node.args[0].val) == ("at", ("y", 1))


@pytest.mark.parametrize(
    "text",
    ["x - (y - 2)", "x/(y*2)", "-(x + y)", "(x + 1)**2/3", "exp(-x)*log(y)", "x**(-2)", "2 - -x"],
)
def test_printed_text_reads_back(text: str) -> None:
    printed = to_sympy(parse(text), "t", ())
    assert value(printed) == pytest.approx(value(text), rel=1e-12)
