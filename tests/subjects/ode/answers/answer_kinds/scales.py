# ruff: noqa: E501
"""Fast and slow, small and large terms; implicit curves with more branches than the right one."""

from answer_kinds import DECAY, Group, asked, general, ivp

CIRCUIT = ivp(
    "An RL circuit obeys $i' + 1000i = 100$, $i(0) = 0$. Find $i(t)$.",
    "Eq(Derivative(i(t), t) + 1000*i(t), 100)", [(0, "0", "0")],
    "$i = 0.1\\left(1 - e^{-1000t}\\right)$", "i(t)",
)  # fmt: skip
CIRCUIT_GENERAL = general(
    "Solve $i' + 1000i = 100$.", "Eq(Derivative(i(t), t) + 1000*i(t), 100)",
    "$i = 0.1 + Ce^{-1000t}$", "i(t)",
)  # fmt: skip
FAST = general(
    "Solve $y' + 30y = 30$.", "Eq(Derivative(y(x), x) + 30*y(x), 30)", "$y = 1 + Ce^{-30x}$",
)  # fmt: skip
STIFF = ivp(
    "Solve $y'' + 101y' + 100y = 0$, $y(0) = 2$, $y'(0) = -101$.",
    "Eq(Derivative(y(x), (x, 2)) + 101*Derivative(y(x), x) + 100*y(x), 0)",
    [(0, "0", "2"), (1, "0", "-101")], "$y = e^{-x} + e^{-100x}$",
)  # fmt: skip
SMALL = ivp(
    "Solve $q' = -q$, $q(0) = 1.6\\times10^{-19}$.", "Eq(Derivative(q(t), t) + q(t), 0)",
    [(0, "0", "1.6e-19")], "$q = 1.6\\times10^{-19}e^{-t}$", "q(t)",
)  # fmt: skip
REST = ivp(
    "Solve $y'' + y = 0$, $y(0) = 0$, $y'(0) = 10^{-9}$.",
    "Eq(Derivative(y(x), (x, 2)) + y(x), 0)", [(0, "0", "0"), (1, "0", "10**(-9)")],
    "$y = 10^{-9}\\sin x$",
)  # fmt: skip
HEAT = asked(
    "Solve $u_t = 2u_{xx}$, $u(0,t)=u(1,t)=0$, $u(x,0)=2\\sin\\pi x+\\sin 3\\pi x$.",
    "$u = 2e^{-2\\pi^2t}\\sin\\pi x + e^{-18\\pi^2t}\\sin 3\\pi x$", "pde",
)  # fmt: skip
LONG_ROD = asked(
    "Solve $u_t = 10^{-4}u_{xx}$, $u(0,t) = u(100,t) = 0$, $u(x,0) = \\sin\\frac{\\pi x}{100} + "
    "\\sin\\frac{\\pi x}{50}$.",
    "$u = e^{-10^{-8}\\pi^2t}\\sin\\frac{\\pi x}{100} + e^{-4\\cdot10^{-8}\\pi^2t}\\sin\\frac{\\pi x}{50}$",
    "pde",
)  # fmt: skip
HYPERBOLIC = asked("Write $\\frac{e^{30x}+e^{-30x}}{2}$ as one function.", "$\\cosh 30x$")
GROWTH = ivp(
    "Solve $y' = y$, $y(0) = 1$.", "Eq(Derivative(y(x), x), y(x))", [(0, "0", "1")], "$y = e^x$",
)  # fmt: skip
ELLIPSE = ivp(
    "Solve $4y\\,y' + 3x = 0$ with $y(0) = \\sqrt3$.", "Eq(4*y(x)*Derivative(y(x), x) + 3*x, 0)",
    [(0, "0", "sqrt(3)")], "$\\frac{x^2}{4} + \\frac{y^2}{3} = 1$",
)  # fmt: skip
ROOT = ivp(
    "Solve $y' = \\frac{2}{y}$, $y(0) = -3$.", "Eq(Derivative(y(x), x), 2/y(x))",
    [(0, "0", "-3")], "$y = -\\sqrt{4x+9}$",
)  # fmt: skip
BEAM = ivp(
    "Solve $y'' = y$, $y(0) = 0$, $y(40) = \\sinh 40$.",
    "Eq(Derivative(y(x), (x, 2)), y(x))", [(0, "0", "0"), (0, "40", "sinh(40)")], "$y = \\sinh x$",
    kind="boundary",
)  # fmt: skip
LONG_TIME = ivp(
    "Solve $N' = -0.0001N$, $N(0) = 5000$.", "Eq(Derivative(N(t), t), -0.0001*N(t))",
    [(0, "0", "5000")], "$N = 5000e^{-0.0001t}$", "N(t)",
)  # fmt: skip
OFFSET = general(
    "Solve $y' + 50y = 50x + 1$.", "Eq(Derivative(y(x), x) + 50*y(x), 50*x + 1)",
    "$y = x + Ce^{-50x}$",
)  # fmt: skip

GROUPS = [
    Group("circuit", CIRCUIT,
          right=("$i = 0.1(1 - e^{-1000t})$", "$i = \\frac{1 - e^{-1000t}}{10}$",
                 "i(t) = 0.1 - 0.1 exp(-1000 t)", "$i(t) = \\frac{1}{10}-\\frac{1}{10e^{1000t}}$"),
          wrong=("$i = 0.1\\left(1 - e^{-500t}\\right)$", "$i = 0.1(1 - e^{-100t})$", "$i = 0.1$",
                 "$i = 0.1(1 - e^{-1001t})$", "$i = 0.1(1 - e^{1000t})$", "$i = 0.1 - e^{-1000t}$",
                 "$i = 0.1(1 - e^{-999t})$")),
    Group("circuit, general", CIRCUIT_GENERAL,
          right=("$i = 0.1 + Ce^{-1000t}$", "$i = \\frac{1}{10} + Ke^{-1000t}$",
                 "$i = \\frac{1 + Ae^{-1000t}}{10}$", "$i = 0.1(1 - e^{-1000(t - C)})$"),
          wrong=("$i = 0.1 + Ce^{-100t}$", "$i = 0.1 + C e^{-999t}$", "$i = 0.1 + Ce^{-500t}$",
                 "$i = 0.1 + Ce^{1000t}$", "$i = 0.1 + Ce^{-2000t}$", "$i = 0.1 + C$",
                 "$i = 0.1 + e^{-1000t}$", "$i = 0.1 + Cte^{-1000t}$")),
    Group("fast decay", FAST,
          right=("$y = 1 + Ce^{-30x}$", "$y = 1 + \\frac{C}{e^{30x}}$"),
          wrong=("$y = 1 + Ce^{-29x}$", "$y = 1 + Ce^{-31x}$", "$y = 1 + Ce^{-30.001x}$",
                 "$y = 1 + Cx e^{-30x}$", "$y = 1 + Ce^{-300x}$")),
    Group("stiff", STIFF,
          right=("$y = e^{-100x} + e^{-x}$", "$y = e^{-x}(1 + e^{-99x})$"),
          wrong=("$y = e^{-x}$", "$y = e^{-x} + e^{-99x}$", "$y = e^{-x} - e^{-100x}$",
                 "$y = 2e^{-x}$", "$y = e^{-x} + e^{-101x}$", "$y = 2e^{-100x}$",
                 "$y = 1.01e^{-x} + 0.99e^{-100x}$")),
    Group("small values", SMALL,
          right=("$q = 1.6\\cdot10^{-19}e^{-t}$", "q = 1.6e-19*exp(-t)",
                 "$q = \\frac{1.6e^{-t}}{10^{19}}$"),
          wrong=("$q = 9.1\\times10^{-31}e^{-t}$", "$q = 0$", "$q = 1.6\\times10^{-18}e^{-t}$",
                 "$q = -1.6\\times10^{-19}e^{-t}$", "$q = 1.7\\times10^{-19}e^{-t}$",
                 "$q = e^{-t}$")),
    Group("small slope", REST,
          right=("$y = 10^{-9}\\sin x$", "$y = \\frac{\\sin x}{10^9}$", "y = 1e-9*sin(x)",
                 "$y = 10^{-9}\\cos(x - \\frac{\\pi}{2})$"),
          wrong=("$y = 0$", "$y = 10^{-10}\\sin x$", "$y = 2\\cdot10^{-9}\\sin x$",
                 "$y = 10^{-9}\\cos x$", "$y = 10^{-9}(\\sin x + \\cos x)$",
                 "$y = 10^{-9}\\sin x + 10^{-15}\\cos x$")),
    Group("heat", HEAT,
          right=("$u(x,t) = e^{-18\\pi^2t}\\sin 3\\pi x + 2e^{-2\\pi^2t}\\sin\\pi x$",
                 "$2e^{-2\\pi^2 t}\\sin(\\pi x) + e^{-18\\pi^2 t}\\sin(3\\pi x)$",
                 "u(x,t) = 2*exp(-2*pi^2*t)*sin(pi*x) + exp(-18*pi^2*t)*sin(3*pi*x)"),
          wrong=("$u = 2e^{-2\\pi^2t}\\sin\\pi x$",
                 "$u = 2e^{-2\\pi^2t}\\sin\\pi x - e^{-18\\pi^2t}\\sin 3\\pi x$",
                 "$u = 2e^{-2\\pi^2t}\\sin\\pi x + e^{-6\\pi^2t}\\sin 3\\pi x$",
                 "$u = 2e^{-2\\pi^2t}\\sin\\pi x + e^{-9\\pi^2t}\\sin 3\\pi x$",
                 "$u = 2e^{-2\\pi^2t}\\sin\\pi x + e^{-18\\pi^2t}\\sin 2\\pi x$",
                 "$u = 2e^{-2\\pi^2t}\\sin\\pi x + e^{-18\\pi t}\\sin 3\\pi x$",
                 "$u = 2e^{-2\\pi^2t}\\sin\\pi x + 2e^{-18\\pi^2t}\\sin 3\\pi x$",
                 "$u = 2e^{-2\\pi^2x}\\sin\\pi t + e^{-18\\pi^2x}\\sin 3\\pi t$")),
    Group("a long rod", LONG_ROD,
          right=("$u = e^{-10^{-8}\\pi^2t}\\sin(\\pi x/100) + e^{-4\\times10^{-8}\\pi^2t}"
                 "\\sin(2\\pi x/100)$",),
          wrong=("$u = e^{-10^{-8}\\pi^2t}\\sin\\frac{\\pi x}{100} + e^{-2\\cdot10^{-8}\\pi^2t}"
                 "\\sin\\frac{\\pi x}{50}$",
                 "$u = \\sin\\frac{\\pi x}{100} + \\sin\\frac{\\pi x}{50}$",
                 "$u = e^{-10^{-8}\\pi^2t}\\sin\\frac{\\pi x}{100}$",
                 "$u = e^{-10^{-9}\\pi^2t}\\sin\\frac{\\pi x}{100} + e^{-4\\cdot10^{-8}\\pi^2t}"
                 "\\sin\\frac{\\pi x}{50}$")),
    Group("hyperbolic", HYPERBOLIC,
          right=("$\\cosh(30x)$", "$\\cosh(-30x)$", "$\\frac12(e^{30x} + e^{-30x})$"),
          wrong=("$\\sinh 30x$", "$\\frac{e^{30x}}{2}$", "$\\cosh 29x$", "$\\cosh 300x$")),
    Group("extra branches", GROWTH,
          right=("$y - e^x = 0$", "$ye^{-x} = 1$", "$\\ln y = x$", "$\\ln|y| = x$",
                 "$(y - e^x)(y^2 + 1) = 0$", "$e^y = e^{e^x}$"),
          wrong=("$(y - e^x)(y - 2) = 0$", "$(y - e^x)(y - 2e^x) = 0$", "$y(y - e^x) = 0$",
                 "$(y-e^x)(y-x)=0$", "$y^2 - (e^x + 2)y + 2e^x = 0$", "$(y-e^x)(y+e^x) = 0$",
                 "$y^2 = ye^x$", "$y = Ce^x$", "$\\ln y = x + C$", "$(y-e^x)(y-Ce^x)=0$")),
    Group("ellipse", ELLIPSE,
          right=("The solution curve is the ellipse $3x^2+4y^2=12$.", "$y = \\sqrt{3 - \\frac34x^2}$",
                 "$y^2 = 3 - \\frac{3x^2}{4}$", "$2y^2 + \\frac32x^2 = 6$"),
          wrong=("The solution curve is the ellipse $3x^2+4y^2=16$.", "$y = -\\sqrt{3-\\frac34x^2}$",
                 "$(3x^2+4y^2-12)(y-x)=0$", "$(3x^2+4y^2-12)(3x^2+4y^2-16)=0$",
                 "$3x^2+4y^2=C$", "$y = \\pm\\sqrt{3-\\frac34x^2}$")),
    Group("a decided sign", ROOT,
          right=("y = -(4x+9)^(1/2)", "$y = -\\sqrt{9+4x}$", "$y^2 = 4x+9$", "$y^2 = 4x + 9$, $y<0$"),
          wrong=("$y = \\pm\\sqrt{4x+9}$", "$y = \\sqrt{4x+9}$", "$y = -\\sqrt{4x+8}$",
                 "$(y + \\sqrt{4x+9})(y-1) = 0$", "$y^2 = 4x$")),
    Group("boundary", BEAM, right=("$y = \\sinh x$", "$y = \\frac{e^x - e^{-x}}{2}$"),
          wrong=("$y = \\cosh x$", "$y = \\frac{e^x}{2}$", "$y = \\sinh 2x$",
                 "$y = \\frac{e^x + e^{-x}}{2}$", "$y = \\frac{e^x - 2e^{-x}}{2}$")),
    Group("slow decay", LONG_TIME,
          right=("$N = 5000e^{-t/10000}$", "$N(t) = 5000e^{-10^{-4}t}$", "N = 5000*exp(-0.0001*t)"),
          wrong=("$N = 5000e^{-0.00011t}$", "$N = 5000e^{-0.001t}$", "$N = 5000$",
                 "$N = 5000e^{-0.0001000001t}$", "$N = 5000(1 - 0.0001t)$")),
    Group("slow beside fast", OFFSET, right=("$y = x + Ce^{-50x}$",),
          wrong=("$y = x + Ce^{-49x}$", "$y = x + Ce^{-5x}$", "$y = x + 0.0001 + Ce^{-50x}$",
                 "$y = x + Ce^{50x}$", "$y = 1.0001x + Ce^{-50x}$")),
    Group("decay, near misses", DECAY,
          right=("$4e^{-3t} + 0$", "$y = 4(e^{-t})^3$"),
          wrong=("$4e^{-3t} + 10^{-13}$", "$y = 4e^{-3.0000001t}$", "$y = 4.00001e^{-3t}$",
                 "$4e^{-3t} + 10^{-20}t$", "$4e^{-3t} + e^{-500}$")),
]  # fmt: skip
