# ruff: noqa: E501
"""Coefficients, exponents and conditions that are off by 1e-7 to 1e-10, wherever they can stand."""

from answer_kinds import DECAY, Group, asked, general, ivp
from answer_kinds.further import ERF, EX
from answer_kinds.scales import ELLIPSE
from lbt_core.subjects.ode.problem import OdeProblem

SIZES = ("0.0000001", "10^{-10}")


def _off(name: str, problem: OdeProblem, *forms: str) -> Group:
    """A problem whose every form is wrong with every size put in, and right with zero."""
    wrong = tuple(form.replace("@", size) for form in forms for size in SIZES)
    return Group(name, problem, tuple(form.replace("@", "0") for form in forms), wrong)


GROUPS = [
    _off("curves", asked("Find the orthogonal trajectories of $y = 3\\ln x + c$.", "$\\frac{x^2}{6} + y = C$"),
         "$\\frac{x^2}{6} + (1+@)y = C$", "$\\frac{x^2}{6} + y + @x^4 = C$"),
    _off("ellipses", asked("Find the orthogonal trajectories of $y^2=Cx^3$.", "$2x^2 + 3y^2 = k^2$"),
         "$2x^2 + (3+@)y^2 = C$", "$y=\\pm\\sqrt{C-(2/3+@)x^2}$"),
    _off("family", asked("Give the family.", "$y = C_1x^2 + C_2x^3$"), "$y = Ax^{2+@} + Bx^3$"),
    _off("exponentials", asked("Give the family.", "$y = Ce^{3x}$"), "$y = Ae^{(3+@)x}$", "$y = Ae^{3x}+@$"),
    _off("equation", asked("Find an equation of the curve.", "$x + y^3 = 5$"), "$x+(1+@)y^3=5$", "$x + y^3+@x^2=5$"),
    _off("condition in a limit", ivp("Solve.", "Eq(x*Derivative(y(x), x) + y(x), cos(x))", [(0, "0", "1")], "$y = \\frac{\\sin x}{x}$"),
         "$y = (1+@)\\frac{\\sin x}{x}$"),
    _off("condition", DECAY, "$y=(4+@)e^{-3t}$", "$y=4e^{-(3+@)t}$"),
    _off("implicit", EX, "$x^2 + 3xy - (1+@)y^2 + 4y = C$", "$x^2 + 3xy - y^2 + 4y +@x^9= C$"),
    _off("implicit, conditions", ELLIPSE, "$3x^2+4y^2=12+@$", "$(3+@)x^2+4y^2=12$"),
    _off("implicit, slope given",
         ivp("Solve.", "Eq(y(x)*Derivative(y(x),(x,2))+Derivative(y(x),x)**2, 1)", [(0, "0", "1"), (1, "0", "2")], "$y^2 = x^2+4x+1$"),
         "$y^2=x^2+(4+@)x+1$", "$y^2=x^2+4x+1+@x^8$"),
    _off("pieces", asked("Give $f$.", "$f(t) = \\begin{cases} t & t<2\\\\ t^2 & t\\ge 2\\end{cases}$"),
         "$\\begin{cases} t & t<2\\\\ (1+@)t^2 & t\\ge2\\end{cases}$", "$t+(t^2-t)u(t-2)+@u(t-3)$"),
    _off("steps", ivp("Solve.", "Eq(Derivative(y(t), t) + y(t), Heaviside(t-2))", [(0, "0", "0")], "$y = u(t-2)(1-e^{-(t-2)})$", "y(t)"),
         "$y = (1+@)u(t-2)(1-e^{-(t-2)})$", "$y=u(t-2-@)(1-e^{-(t-2)})$"),
    _off("eigenvalues", asked("Find the eigenvalues.", "$\\lambda_n = n^2\\pi^2$, $n = 1, 2, 3, \\ldots$"),
         "$\\lambda_n=(1+@)n^2\\pi^2$, $n=1,2,\\ldots$", "$\\lambda_n=n^2\\pi^2+@$, $n\\ge1$"),
    _off("ends", asked("On which largest interval is the solution defined?", "$(-\\infty, 4)$"), "$(-\\infty, 4+@)$", "$x<4+@$"),
    _off("equation solved", asked("State the equation for $H(x)$ solved for $H''$: $TH''+R=0$.", "$H'' = -\\frac{R}{T}$"),
         "$TH''+(1+@)R=0$", "$H''=-\\frac{R}{T}+@$"),
    _off("recurrence", asked("Find the recurrence.", "$a_{n+2} = \\frac{2a_n}{n+1}$"), "$(n+1)a_{n+2}=(2+@)a_n$"),
    _off("differentials", asked("Separate $y'=5y$.", "$\\frac{dy}{y} = 5dx$"), "$dy=(5+@)y dx$"),
    _off("quadrature", general("Solve $y'+2xy=1$.", "Eq(Derivative(y(x), x)+2*x*y(x), 1)", "$y = e^{-x^2}\\int_0^x e^{t^2}dt + Ce^{-x^2}$"),
         "$y = (1+@)e^{-x^2}\\int_0^x e^{t^2}dt + Ce^{-x^2}$", "$y = e^{-x^2}\\int_0^x e^{t^2}dt + Ce^{-(1+@)x^2}$"),
    _off("quadrature, condition", ERF, "$y = 1 + (1+@)\\int_0^x e^{-t^2}\\,dt$", "$y = 1 + \\int_{@}^x e^{-t^2}\\,dt$"),
    Group("an exponent that cancels twice",
          general("Solve.", "Eq(9*y(x) - 6*Derivative(y(x), x) + Derivative(y(x), (x, 2)), 4*exp(3*x)/x**3)", "$y = C_1e^{3x} + C_2xe^{3x} + \\frac{2e^{3x}}{x}$"),
          wrong=("$y = C_1e^{3x} + C_2xe^{3x} + \\frac{2e^{30003x/10000}}{x}$",)),
    Group("digits lost to cancellation", asked("Solve.", "$u(x,t) = (5t + x)e^{-2t}e^{-20t - 4x}$", "pde"),
          right=("$(\\cosh(2t) - \\sinh(2t))(\\cosh(20t + 4x) - \\sinh(20t + 4x))(5t + x)$",)),
    Group("units, exact", asked("What is the speed?", "$4900$ m/s", "numeric"), wrong=("$\\frac{49000000001}{10000000000}$ km/s",)),
    Group("percent, exact", asked("What is left?", "$28\\%$", "numeric"), wrong=("$\\frac{2800000001}{10000000000}$",)),
]  # fmt: skip
