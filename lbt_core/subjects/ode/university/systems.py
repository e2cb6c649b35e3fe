"""Linear systems with constant coefficients."""

import itertools
import random
from collections.abc import Callable

import sympy as sp

from lbt_core.subjects.ode import proof
from lbt_core.subjects.ode.university import tex as t
from lbt_core.subjects.ode.university.family import (
    C1,
    C2,
    Exercise,
    Question,
    Registry,
    listed,
    nonzero,
)

registry = Registry("Systems of equations", "linear systems")

_NAMES = (("x", "y"), ("x_1", "x_2"), ("u", "v"), ("y_1", "y_2"), ("p", "q"))
T = sp.Symbol("t")
NONE = (sp.S(0), sp.S(0))

Matrix = tuple[tuple[int, int], tuple[int, int]]
Vector = tuple[sp.Expr, sp.Expr]


def _similar(rng: random.Random, diagonal: Matrix) -> tuple[Matrix, tuple[Vector, Vector]]:
    """An integer matrix P D P^-1 with small entries that couples both unknowns, and the columns of
    P."""
    for attempt in itertools.count():
        a, b, c, d = (rng.randint(-2, 3) for _ in range(4))
        if a * d - b * c not in (1, -1):
            continue
        p = sp.Matrix([[a, b], [c, d]])
        m = p * sp.Matrix(diagonal) * p.inv()
        if max(abs(e) for e in m) <= 9 + attempt // 20 and m[0, 1] != 0 and m[1, 0] != 0:
            rows = tuple(tuple(int(m[i, j]) for j in (0, 1)) for i in (0, 1))
            return rows, ((sp.Integer(a), sp.Integer(c)), (sp.Integer(b), sp.Integer(d)))  # type: ignore[return-value]
    raise AssertionError("unreachable")


def _question(
    rng: random.Random,
    names: tuple[str, str],
    matrix: Matrix,
    solution: Vector,
    steps: list[str],
    start: Vector | None = None,
    forcing: Vector = NONE,
) -> Question:
    """The question for a system's general solution, or the one with the given start."""
    functions = tuple(sp.Function(n)(T) for n in names)
    plain = [t.name(n) for n in names]
    sides = [
        sum((m * f for m, f in zip(row, functions, strict=True)), sp.S(0)) + g
        for row, g in zip(matrix, forcing, strict=True)
    ]
    shown = [
        t.join(
            [
                s
                for s in (t.combination(*zip(row, plain, strict=True)), t.tex(g) if g else "")
                if s and s != "0"
            ]
        )
        for row, g in zip(matrix, forcing, strict=True)
    ]
    equations = tuple(
        sp.Eq(sp.Derivative(f, T), side) for f, side in zip(functions, sides, strict=True)
    )
    text = ", ".join(f"${_primed(p)} = {s}$" for p, s in zip(plain, shown, strict=True))
    conditions: tuple[tuple[int, sp.Expr, Vector], ...] = ()
    if start is not None:
        conditions = ((0, sp.S(0), start),)
        text += ", " + ", ".join(
            f"${p}(0) = {t.tex(v)}$" for p, v in zip(plain, start, strict=True)
        )
    claim = proof.OdeClaim(
        solution, equations, functions, T, conditions, 0 if start is not None else 2
    )
    form = f"${plain[0]}(t) = <0>$, ${plain[1]}(t) = <1>$"
    return Question(text, form, steps, "system", claim)


def _primed(name: str) -> str:
    return name.replace("_", "'_") if "_" in name else name + "'"


def _array(matrix: Matrix) -> str:
    rows = " \\\\ ".join(" & ".join(str(e) for e in row) for row in matrix)
    return f"\\begin{{pmatrix}} {rows} \\end{{pmatrix}}"


def _vector(vector: Vector) -> str:
    return f"({t.tex(vector[0])}, {t.tex(vector[1])})"


def _listed(
    rng: random.Random, names: tuple[str, str], make: Callable[[], Question], goal: str
) -> Exercise:
    both = f"${t.name(names[0])}(t)$ and ${t.name(names[1])}(t)$"
    return listed(
        rng,
        make,
        single=(
            f"Find {goal} {both} of the system <q>.",
            f"Solve the system <q> for {both}.",
            (
                "Use eigenvalues and eigenvectors to solve <q>, with the primes denoting"
                " derivatives with respect to $t$."
            ),
        ),
        several=(
            f"Find {goal} {both} of each system.",
            f"Solve each system for {both} by the eigenvalue method.",
        ),
        most=2,
    )


def _real(rng: random.Random) -> tuple[Matrix, tuple[int, int], tuple[Vector, Vector]]:
    r = rng.randint(-5, 4)
    s = rng.choice([s for s in range(-4, 6) if s != r])
    matrix, columns = _similar(rng, ((r, 0), (0, s)))
    return matrix, (r, s), columns


def _real_steps(
    matrix: Matrix, roots: tuple[int, int], columns: tuple[Vector, Vector]
) -> list[str]:
    trace, det = (
        matrix[0][0] + matrix[1][1],
        matrix[0][0] * matrix[1][1] - matrix[0][1] * matrix[1][0],
    )
    polynomial = t.join(
        [s for s in ("\\lambda^2", t.term(-trace, "\\lambda"), str(det) if det else "") if s]
    )
    return [
        (
            f"The matrix ${_array(matrix)}$ has the characteristic equation ${polynomial} = 0$ with"
            f" roots $\\lambda = {roots[0]}$ and $\\lambda = {roots[1]}$."
        ),
        (
            f"Eigenvectors are ${_vector(columns[0])}$ for ${roots[0]}$ and ${_vector(columns[1])}$"
            f" for ${roots[1]}$."
        ),
    ]


@registry.family("system")
def system_real(rng: random.Random) -> Exercise:
    """Two real eigenvalues, the general solution."""
    names = rng.choice(_NAMES)

    def make() -> Question:
        matrix, roots, columns = _real(rng)
        solution = tuple(
            columns[0][i] * C1 * sp.exp(roots[0] * T) + columns[1][i] * C2 * sp.exp(roots[1] * T)
            for i in (0, 1)
        )
        steps = [
            *_real_steps(matrix, roots, columns),
            "The general solution combines both with constants $C_1$, $C_2$.",
        ]
        return _question(rng, names, matrix, solution, steps)

    return _listed(rng, names, make, "the general solution")


@registry.family("system")
def system_ivp(rng: random.Random) -> Exercise:
    """Two real eigenvalues and initial values."""
    names = rng.choice(_NAMES)

    def make() -> Question:
        matrix, roots, columns = _real(rng)
        c, d = nonzero(rng, -3, 3), nonzero(rng, -3, 3)
        solution = tuple(
            columns[0][i] * c * sp.exp(roots[0] * T) + columns[1][i] * d * sp.exp(roots[1] * T)
            for i in (0, 1)
        )
        start = tuple(s.subs(T, 0) for s in solution)
        steps = [
            *_real_steps(matrix, roots, columns),
            f"The initial values give $C_1 = {c}$ and $C_2 = {d}$.",
        ]
        return _question(rng, names, matrix, solution, steps, start)

    return _listed(rng, names, make, "the solution")


@registry.family("system")
def system_complex(rng: random.Random) -> Exercise:
    """Complex eigenvalues."""
    names = rng.choice(_NAMES)
    with_start = rng.random() < 0.5

    def make() -> Question:
        a, b = rng.randint(-3, 3), rng.randint(1, 4)
        matrix, (p, q) = _similar(rng, ((a, b), (-b, a)))
        # columns p, q: x = e^{at}[(p cos - q sin) c1 + (p sin + q cos) c2]
        cosine, sine = sp.cos(b * T), sp.sin(b * T)
        growth = sp.exp(a * T)
        c1, c2 = (
            (sp.Integer(nonzero(rng, -3, 3)), sp.Integer(rng.randint(-2, 2)))
            if with_start
            else (C1, C2)
        )
        solution = tuple(
            growth * ((p[i] * c1 + q[i] * c2) * cosine + (p[i] * c2 - q[i] * c1) * sine)
            for i in (0, 1)
        )
        root = f"{a or ''} \\pm {t.term(b, 'i')}".strip()
        steps = [
            f"The matrix ${_array(matrix)}$ has the eigenvalues $\\lambda = {root}$.",
            (
                "An eigenvector for $\\lambda ="
                f" {t.join([str(a) if a else '', t.term(b, 'i')]).removeprefix(' + ')}$ is"
                f" ${_vector(p)} + i{_vector(q)}$; real and imaginary parts of its solution are two"
                " real solutions."
            ),
        ]
        if not with_start:
            return _question(rng, names, matrix, solution, steps)
        start = tuple(s.subs(T, 0) for s in solution)
        steps.append(f"Fitting the initial values gives the constants ${c1}$ and ${c2}$.")
        return _question(rng, names, matrix, solution, steps, start)

    return _listed(rng, names, make, "the solution" if with_start else "the general solution")


@registry.family("system")
def system_defective(rng: random.Random) -> Exercise:
    """A double eigenvalue with one eigenvector."""
    names = rng.choice(_NAMES)
    with_start = rng.random() < 0.4

    def make() -> Question:
        r = rng.randint(-4, 4)
        matrix, (p, q) = _similar(rng, ((r, 1), (0, r)))
        growth = sp.exp(r * T)
        c1, c2 = (
            (sp.Integer(rng.randint(-3, 3)), sp.Integer(nonzero(rng, -3, 3)))
            if with_start
            else (C1, C2)
        )
        solution = tuple(sp.expand(growth * (c1 * p[i] + c2 * (q[i] + T * p[i]))) for i in (0, 1))
        steps = [
            (
                f"The matrix ${_array(matrix)}$ has the double eigenvalue $\\lambda = {r}$ with the"
                f" single eigenvector $v = {_vector(p)}$."
            ),
            f"A generalised eigenvector is $w = {_vector(q)}$, since $(A - \\lambda I)w = v$. The"
            f" solutions are ${'' if r == 0 else t.tex(growth)}v$ and"
            f" ${'' if r == 0 else t.tex(growth)}(w + tv)$.".replace("$v$", "$v$"),
        ]
        if not with_start:
            return _question(rng, names, matrix, solution, steps)
        start = tuple(s.subs(T, 0) for s in solution)
        steps.append(f"The initial values give $C_1 = {c1}$ and $C_2 = {c2}$.")
        return _question(rng, names, matrix, solution, steps, start)

    return _listed(rng, names, make, "the solution" if with_start else "the general solution")


@registry.family("system")
def system_forced(rng: random.Random) -> Exercise:
    """Real eigenvalues and constant forcing."""
    names = rng.choice(_NAMES)

    def make() -> Question:
        matrix, roots, columns = _real(rng)
        while 0 in roots:
            matrix, roots, columns = _real(rng)
        rest = (sp.Integer(nonzero(rng, -3, 3)), sp.Integer(rng.randint(-3, 3)))
        forcing = tuple(-(row[0] * rest[0] + row[1] * rest[1]) for row in matrix)
        solution = tuple(
            columns[0][i] * C1 * sp.exp(roots[0] * T)
            + columns[1][i] * C2 * sp.exp(roots[1] * T)
            + rest[i]
            for i in (0, 1)
        )
        steps = [
            *_real_steps(matrix, roots, columns),
            (
                f"A constant particular solution makes both right sides vanish: ${_vector(rest)}$."
                " Add it to the homogeneous solutions."
            ),
        ]
        return _question(rng, names, matrix, solution, steps, forcing=forcing)

    return _listed(rng, names, make, "the general solution")


@registry.family("numeric")
def system_eigenvalues(rng: random.Random) -> Exercise:
    """Eigenvalues of the matrix, with the type of the critical point as a remark in the
    solution."""
    names = rng.choice(_NAMES)
    matrix, roots, _ = _real(rng)
    low, high = sorted(map(sp.Integer, roots))
    plain = [t.name(n) for n in names]
    system = ", ".join(
        f"${_primed(p)} = {t.combination(*zip(row, plain, strict=True))}$"
        for p, row in zip(plain, matrix, strict=True)
    )
    rate = sp.expand((proof.TARGET - low) * (proof.TARGET - high))
    kind = (
        "a saddle"
        if low * high < 0
        else "a stable node"
        if high < 0
        else "an unstable node"
        if low > 0
        else "not isolated"
    )
    question = Question(
        rng.choice(
            [
                f"Find the eigenvalues $\\lambda$ of the matrix of the system {system}.",
                (
                    f"For which numbers $\\lambda$ does the system {system} have nonzero"
                    " solutions of the form $e^{\\lambda t}v$ with a constant vector $v$?"
                ),
            ]
        ),
        "$\\lambda = <0>, <1>$",
        [
            (
                f"The characteristic polynomial of ${_array(matrix)}$ is"
                f" ${t.tex(rate.subs(proof.TARGET, sp.Symbol('lambda')))}$."
            ),
            f"Its zeros are ${low}$ and ${high}$; the origin is {kind}.",
        ],
        "numeric",
        proof.EigenvalueClaim((low, high), sp.ImmutableMatrix(matrix)),
        machine=False,
    )
    return Exercise("", (question,))
