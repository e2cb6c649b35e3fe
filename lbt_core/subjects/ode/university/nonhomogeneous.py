"""Nonhomogeneous linear equations: undetermined coefficients and variation of parameters."""

import random

import sympy as sp

from lbt_core.subjects.ode.university import tex as t
from lbt_core.subjects.ode.university.constant_coefficients import (
    characteristic,
    operator,
    quadratic,
    written,
)
from lbt_core.subjects.ode.university.family import (
    C1,
    C2,
    Exercise,
    Letters,
    Question,
    Registry,
    explicit,
    letters,
    listed,
    nonzero,
    starts,
)

registry = Registry("Linear equations of higher order", "nonhomogeneous linear equations")

CASES = ("distinct", "repeated", "complex")


def _applied(coefficients: list[sp.Expr], function: sp.Expr, x: sp.Symbol) -> sp.Expr:
    order = len(coefficients) - 1
    return sp.expand(sum(c * sp.diff(function, x, order - k) for k, c in enumerate(coefficients)))


def _asked(
    rng: random.Random,
    at: Letters,
    coefficients: list[sp.Expr],
    basis: list[sp.Expr],
    particular: sp.Expr,
    right: sp.Expr,
    steps: list[str],
    want: str,
) -> Question:
    """The question for a general, a particular, or the one solution."""
    equation = sp.Eq(operator(at, coefficients), right)
    text = f"${written(at, coefficients)} = {t.tex(right)}$"
    if want == "particular":
        return explicit(at, text, equation, particular, steps, "particular")
    homogeneous = C1 * basis[0] + C2 * basis[1]
    steps = [
        *steps,
        (
            f"The associated homogeneous equation has the general solution ${t.tex(homogeneous)}$;"
            " add the particular solution."
        ),
    ]
    if want == "general":
        return explicit(at, text, equation, homogeneous + particular, steps, "general", constants=2)
    a, b = rng.randint(-2, 3), nonzero(rng, -3, 3)
    solution = a * basis[0] + b * basis[1] + particular
    values = [sp.expand(sp.diff(solution, at.v, k).subs(at.v, 0)) for k in (0, 1)]
    steps.append(f"The initial conditions lead to $C_1 = {a}$ and $C_2 = {b}$.")
    return explicit(
        at, f"{text}, {at.conditions(values)}", equation, solution, steps, "ivp", starts(values)
    )


def _exercise(rng: random.Random, at: Letters, make: object, want: str, method: str) -> Exercise:
    goal = {
        "general": f"the general solution ${at.yx}$",
        "particular": f"a particular solution ${at.yx}$",
        "ivp": f"the solution ${at.yx}$",
    }[want]
    equation = "initial value problem" if want == "ivp" else "equation"
    return listed(
        rng,
        make,  # type: ignore[arg-type]
        single=(
            f"Find {goal} of <q> {method}.",
            f"Use the method of {method.removeprefix('by ')} to find {goal} of <q>.",
        ),
        several=(
            f"Find {goal} of each {equation} {method}.",
            f"Apply the method of {method.removeprefix('by ')} to find {goal}.",
        ),
    )


def _basis(at: Letters, basis: list[sp.Expr]) -> list[sp.Expr]:
    return [b.subs(sp.Symbol("x"), at.v) for b in basis]


@registry.family("general")
def undetermined_polynomial(rng: random.Random) -> Exercise:
    """Polynomial forcing."""
    at = letters(rng)
    want = rng.choice(["general", "general", "particular", "ivp"])

    def make() -> Question:
        coefficients, basis, roots = quadratic(rng, rng.choice(CASES))
        while coefficients[2] == 0:
            coefficients, basis, roots = quadratic(rng, rng.choice(CASES))
        x = at.v
        particular = nonzero(rng, -3, 3) * x ** rng.choice([1, 2, 2]) + rng.randint(-4, 4)
        right = _applied(coefficients, particular, x)
        degree = sp.degree(right, x)
        guess = ["B", f"A{at.x} + B", f"A{at.x}^2 + B{at.x} + D"][degree]
        steps = [
            (
                f"The characteristic equation ${characteristic(coefficients)} = 0$ {roots}; zero is"
                " not a root."
            ),
            (
                f"So try ${at.y}_p = {guess}$. Substituting and comparing coefficients gives"
                f" ${at.y}_p = {t.tex(particular)}$."
            ),
        ]
        return _asked(rng, at, coefficients, _basis(at, basis), particular, right, steps, want)

    return _exercise(rng, at, make, want, "by undetermined coefficients")


@registry.family("general")
def undetermined_exponential(rng: random.Random) -> Exercise:
    """Exponential forcing, in resonance or not."""
    at = letters(rng)
    want = rng.choice(["general", "general", "particular", "ivp"])

    def make() -> Question:
        case = rng.choice(CASES)
        coefficients, basis, roots = quadratic(rng, case)
        x = at.v
        basis = _basis(at, basis)
        k, a = nonzero(rng, -4, 4), nonzero(rng, -3, 3)
        exponential = sp.exp(a * x)
        power = 0
        if case != "complex":
            exponents = [f.subs(x, 1) for f in basis]
            if case == "repeated":
                power = 2 if rng.random() < 0.3 else 0
                exponential = basis[0] if power else exponential
            elif rng.random() < 0.4:
                power, exponential = 1, rng.choice([f for f in basis if f != 1])
            if power == 0 and exponential.subs(x, 1) in exponents:
                power = 2 if case == "repeated" else 1
        particular = k * x**power * exponential
        right = _applied(coefficients, particular, x)
        why = {
            0: (
                f"${t.tex(exponential)}$ does not solve the homogeneous equation, so try ${at.y}_p"
                f" = A{t.tex(exponential)}$."
            ),
            1: (
                f"${t.tex(exponential)}$ solves the homogeneous equation (resonance), so try "
                f"${at.y}_p = A{t.tex(x * exponential)}$."
            ),
            2: (
                f"${t.tex(exponential)}$ and ${t.tex(x * exponential)}$ solve the homogeneous"
                f" equation, so try ${at.y}_p = A{t.tex(x**2 * exponential)}$."
            ),
        }[power]
        steps = [
            f"The characteristic equation ${characteristic(coefficients)} = 0$ {roots}.",
            f"The function {why} Substituting gives $A = {k}$.",
        ]
        return _asked(rng, at, coefficients, basis, particular, right, steps, want)

    return _exercise(rng, at, make, want, "by undetermined coefficients")


@registry.family("particular")
def undetermined_trigonometric(rng: random.Random) -> Exercise:
    """Sine or cosine forcing."""
    at = letters(rng)
    want = rng.choice(["particular", "particular", "general", "ivp"])

    def make() -> Question:
        x, w = at.v, rng.randint(1, 3)
        coefficients, basis, roots = quadratic(rng, rng.choice(CASES))
        while coefficients[1] == 0:
            coefficients, basis, roots = quadratic(rng, rng.choice(CASES))
        level = coefficients[2] - coefficients[0] * w**2
        drag = coefficients[1] * w
        # a y'' + b y' + c y = F cos(w x) has y_p = F (level cos + drag sin) / (level^2 + drag^2)
        size = level**2 + drag**2
        force = (
            size / sp.gcd_list([level, drag, size])
            if rng.random() < 0.6
            else sp.Integer(rng.randint(1, 6))
        )
        if force.q != 1 or force > 60:
            force = sp.Integer(rng.randint(1, 6))
        cosine, sine = sp.cos(w * x), sp.sin(w * x)
        if rng.random() < 0.5:
            right, particular = force * cosine, force * (level * cosine + drag * sine) / size
        else:
            right, particular = force * sine, force * (level * sine - drag * cosine) / size
        particular = sp.expand(particular)
        steps = [
            (
                f"The characteristic equation ${characteristic(coefficients)} = 0$ {roots}, so "
                f"$\\pm {t.term(w, 'i')}$ are not roots."
            ),
            (
                f"Try ${at.y}_p = A{t.tex(cosine)} + B{t.tex(sine)}$. Comparing coefficients gives"
                f" $A = {t.tex(particular.coeff(cosine))}$ and $B ="
                f" {t.tex(particular.coeff(sine))}$."
            ),
        ]
        return _asked(rng, at, coefficients, _basis(at, basis), particular, right, steps, want)

    return _exercise(rng, at, make, want, "by undetermined coefficients")


@registry.family("ivp")
def undamped_resonance(rng: random.Random) -> Exercise:
    """x'' + w^2 x forced at its own frequency."""
    at = letters(rng, time=True)
    want = rng.choice(["general", "ivp"])

    def make() -> Question:
        x, w = at.v, rng.randint(1, 6)
        k = nonzero(rng, -5, 5)
        coefficients, basis = (
            [sp.Integer(1), sp.Integer(0), sp.Integer(w**2)],
            [sp.cos(w * x), sp.sin(w * x)],
        )
        if rng.random() < 0.5:
            right, particular = k * sp.cos(w * x), sp.Rational(k, 2 * w) * x * sp.sin(w * x)
        else:
            right, particular = k * sp.sin(w * x), -sp.Rational(k, 2 * w) * x * sp.cos(w * x)
        steps = [
            f"The forcing has the natural frequency ${w}$: the equation is in resonance.",
            (
                f"Try ${at.y}_p = {at.x}(A{t.tex(basis[0])} + B{t.tex(basis[1])})$. Comparing"
                f" coefficients, ${at.y}_p = {t.tex(particular)}$."
            ),
        ]
        return _asked(rng, at, coefficients, basis, particular, right, steps, want)

    return _exercise(rng, at, make, want, "by undetermined coefficients")


@registry.family("general")
def variation_exponential(rng: random.Random) -> Exercise:
    """A double root and the forcing e^{ax} x^{-n}."""
    at = letters(rng)

    def make() -> Question:
        x, a, n, k = at.v, rng.randint(-4, 4), rng.randint(1, 4), nonzero(rng, -4, 4)
        growth = sp.exp(a * x)
        coefficients = [sp.Integer(1), sp.Integer(-2 * a), sp.Integer(a * a)]
        basis = [growth, x * growth]
        right = k * growth / x**n
        if n == 1:
            particular = k * x * sp.log(x) * growth
        elif n == 2:
            particular = -k * sp.log(x) * growth
        else:
            particular = sp.Rational(k, (n - 1) * (n - 2)) * growth * x ** (2 - n)
        first = sp.integrate(-k * x ** (1 - n), x)
        second = sp.integrate(k * x ** sp.Integer(-n), x)
        wronskian = sp.exp(2 * a * x)
        steps = [
            (
                f"The homogeneous solutions are ${at.y}_1 = {t.tex(basis[0])}$ and ${at.y}_2 ="
                f" {t.tex(basis[1])}$ with Wronskian ${t.tex(wronskian)}$."
            ),
            (
                f"Put ${at.y}_p = A{at.y}_1 + B{at.y}_2$ with $A' = {t.tex(-k * x ** (1 - n))}$ and"
                f" $B' = {t.tex(k * x ** sp.Integer(-n))}$."
            ),
            (
                f"Integrate: $A = {t.tex(first)}$, $B = {t.tex(second)}$. Multiples of ${at.y}_1$"
                f" and ${at.y}_2$ may be dropped, so ${at.y}_p = {t.tex(particular)}$."
            ),
        ]
        return _asked(rng, at, coefficients, basis, particular, right, steps, "general")

    return listed(
        rng,
        make,
        single=(
            f"Use variation of parameters to find the general solution of <q> for ${at.x} > 0$.",
            f"Find ${at.yx}$, ${at.x} > 0$, in general from <q> by variation of parameters.",
        ),
        several=(
            f"Use variation of parameters to find the general solution ${at.yx}$ for ${at.x} > 0$.",
            f"Find the general solution ${at.yx}$ on ${at.x} > 0$ by variation of parameters.",
        ),
    )


@registry.family("general")
def variation_trigonometric(rng: random.Random) -> Exercise:
    """y'' + a^2 y with secant, tangent or cosecant forcing."""
    at = letters(rng)

    def make() -> Question:
        x, a, k = at.v, rng.randint(1, 5), nonzero(rng, -5, 5)
        k *= rng.choice([1, a])
        sine, cosine = sp.sin(a * x), sp.cos(a * x)
        coefficients, basis = [sp.Integer(1), sp.Integer(0), sp.Integer(a * a)], [cosine, sine]
        if rng.random() < 0.5:
            right = k * sp.sec(a * x)
            particular = sp.Rational(k, a) * x * sine + sp.Rational(k, a * a) * cosine * sp.log(
                cosine
            )
            one, two = -sp.Rational(k, a) * sp.tan(a * x), sp.Rational(k, a) * sp.S(1)
            where = "where $\\cos" + (f"({t.tex(a * x)})" if a > 1 else f" {at.x}") + " > 0$"
        else:
            right = k * sp.csc(a * x)
            particular = -sp.Rational(k, a) * x * cosine + sp.Rational(k, a * a) * sine * sp.log(
                sine
            )
            one, two = -sp.Rational(k, a) * sp.S(1), sp.Rational(k, a) * sp.cot(a * x)
            where = "where $\\sin" + (f"({t.tex(a * x)})" if a > 1 else f" {at.x}") + " > 0$"
        steps = [
            (
                f"The homogeneous solutions are ${t.tex(cosine)}$ and ${t.tex(sine)}$ with"
                f" Wronskian ${a}$."
            ),
            (
                f"Put ${at.y}_p = A{t.tex(cosine)} + B{t.tex(sine)}$; then $A' = {t.tex(one)}$ and"
                f" $B' = {t.tex(two)}$."
            ),
            f"Integrating {where}, ${at.y}_p = {t.tex(particular)}$.",
        ]
        question = _asked(rng, at, coefficients, basis, particular, right, steps, "general")
        return Question(
            f"{question.text} ({where})", question.form, question.steps, "general", question.claim
        )

    return listed(
        rng,
        make,
        single=(
            "Find the general solution of <q> by variation of parameters.",
            f"Apply variation of parameters to find ${at.yx}$ in general: <q>.",
        ),
        several=(
            f"Find the general solution ${at.yx}$ by variation of parameters.",
            f"Use variation of parameters to find ${at.yx}$ in general.",
        ),
    )
