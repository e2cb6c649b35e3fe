# ruff: noqa: E501
"""Further cases, written after the kinds were mended: what else people report about graders."""

from answer_kinds import DECAY, Group, asked, general, ivp
from answer_kinds.notation import OSCILLATOR, SYSTEM

EX = general(
    "Solve the exact equation $(2x + 3y)\\,dx + (3x - 2y + 4)\\,dy = 0$.",
    "Eq(2*x + 3*y(x) + (3*x - 2*y(x) + 4)*Derivative(y(x), x), 0)",
    "$x^2 + 3xy - y^2 + 4y = C$",
    kind="implicit",
)
SEP = general(
    "Solve $(x - y)\\,dx + (x + y)\\,dy = 0$ for $x,y>0$.",
    "Eq(x - y(x) + (x + y(x))*Derivative(y(x), x), 0)",
    "$\\frac12\\ln(x^2+y^2) + \\arctan\\frac{y}{x} = C$",
    kind="implicit",
)
XC = general(
    "Find the general solution of $y' = x\\cos x$.",
    "Eq(Derivative(y(x), x), x*cos(x))",
    "$y = x\\sin x + \\cos x + C$",
)
LOGI = general(
    "Solve $y' = \\frac{3}{x}$ for $x > 0$.", "Eq(Derivative(y(x), x), 3/x)", "$y = 3\\ln x + C$"
)
ERF = ivp(
    "Solve $y' = e^{-x^2}$, $y(0) = 1$.",
    "Eq(Derivative(y(x), x), exp(-x**2))",
    [(0, "0", "1")],
    "$y = 1 + \\int_0^x e^{-t^2}\\,dt$",
)
RES = general(
    "Find the general solution of $u'' + \\omega^2u = \\omega^2\\cos^3(\\omega t)$, $\\omega>0$.",
    "Eq(Derivative(u(t), (t, 2)) + omega**2*u(t), omega**2*cos(omega*t)**3)",
    "$u = C_1\\cos\\omega t + C_2\\sin\\omega t + \\frac38\\omega t\\sin\\omega t - \\frac1{32}\\cos3\\omega t$",
    "u(t)",
)
SER = ivp(
    "Find the power series solution of $y' = xy$ about $0$ with $y(0) = a_0$.",
    "Eq(Derivative(y(x), x), x*y(x))",
    [(0, "0", "a_0")],
    "$y = a_0\\sum_{n=0}^{\\infty}\\frac{x^{2n}}{2^n n!}$",
)
TAN = ivp(
    "Solve $y' = 2\\sec^2x\\tan x$ with $y(0)=0$.",
    "Eq(Derivative(y(x), x), 2*sec(x)**2*tan(x))",
    [(0, "0", "0")],
    "$y = \\tan^2x$",
)
LOG = ivp(
    "Solve $P' = 0.5P(1-P/100)$, $P(0) = 10$.",
    "Eq(Derivative(P(t), t), 0.5*P(t)*(1 - P(t)/100))",
    [(0, "0", "10")],
    "$P = \\frac{100}{1+9e^{-t/2}}$",
    "P(t)",
)
RK = asked("Solve $(y')^2 = 4y$.", "$y = (x+C)^2$ or $y = 0$")
COSH = asked("Simplify.", "$\\sinh 40x + \\cosh 40x$")
SQ = general(
    "Find all solutions of $(y')^2 = 1$.",
    "Eq(Derivative(y(t), t)**2, 1)",
    "$y = t + C$ or $y = -t + C$",
    "y(t)",
)
RIC = general(
    "Solve $xy' = y^2 - 1$.",
    "Eq(x*Derivative(y(x), x), y(x)**2 - 1)",
    "$y = \\frac{1 + Cx^2}{1 - Cx^2}$",
)

ROWS = [
    (
        EX,
        [
            "$C = x^2+3xy-y^2+4y$",
            "$x^2 + 3xy - y^2 + 4y + C = 0$",
            "The solution is given implicitly by $x^2+3xy-y^2+4y=c$, where $c$ is a constant.",
            "$F(x,y) = x^2 + 3xy - y^2 + 4y = C$",
            "$\\frac{x^2}{2}+\\frac32xy-\\frac{y^2}{2}+2y=C_1$",
            "y^2 - 3xy - 4y = x^2 + C",
            "$\\psi(x,y)=x^2+3xy-y^2+4y=C$",
            "$x^2+3xy-y^2+4y=\\text{constant}$",
            "$x^2 + 3xy - y^2 + 4y = \\text{const}$",
        ],
        ["$x^2+3xy-y^2+4y=0$", "$x^2+3xy-y^2+4y$", "$x^2+3xy+y^2+4y=C$"],
    ),
    (
        SEP,
        [
            "$\\ln\\sqrt{x^2+y^2} + \\arctan(y/x) = C$",
            "$\\ln(x^2+y^2) = C - 2\\tan^{-1}(y/x)$",
            "$\\sqrt{x^2+y^2}=Ke^{-\\arctan(y/x)}$",
            "$(x^2+y^2)e^{2\\arctan(y/x)} = C$",
        ],
        ["$\\ln(x^2+y^2) + \\arctan\\frac{y}{x} = C$", "$\\ln(x^2+y^2)+2\\arctan\\frac{x}{y}=C$"],
    ),
    (
        asked("Find all equilibrium solutions of $y' = (y-2)(y-3)(y-4)$.", "$y = 2, 3, 4$"),
        [
            "$y = 2$, $y = 3$ and $y = 4$",
            "2, 3, 4",
            "$\\{2,3,4\\}$",
            "$y\\in\\{2,3,4\\}$",
            "$y_1=2, y_2=3, y_3=4$",
            "y=2,y=3,y=4",
            "\\boxed{2}, \\boxed{3}, \\boxed{4}",
            "\\boxed{y=2},\\quad\\boxed{y=3},\\quad\\boxed{y=4}",
            "The equilibria are 2, 3 and 4.",
            "$y=2,\\ 3,\\ 4$",
            "[2, 3, 4]",
            "(2, 3, 4)",
            "y = 2; y = 3; y = 4",
            "- $y=2$\n- $y=3$\n- $y=4$",
        ],
        ["$y=2, 3$", "$y=2,3,5$", "$y = 2,3,4,5$", "$y=2$", "$234$", "2 or 3", "$y=-2,-3,-4$"],
    ),
    (
        asked("Find all eigenvalues of the matrix.", "$2, 3$"),
        [
            "$\\lambda = 2, 3$",
            "$\\lambda_1 = 2$ and $\\lambda_2 = 3$",
            "$\\lambda_1=3,\\ \\lambda_2=2$",
            "2 and 3",
            "\\boxed{2} and \\boxed{3}",
            "$\\lambda=2$ or $\\lambda=3$",
            "\\boxed{\\lambda_1=2,\\lambda_2=3}",
            "Eigenvalues: 2, 3",
            "$\\boxed{2}$ and $\\boxed{3}$",
        ],
        ["2, 4", "2", "$\\{2\\}$", "$2,3,3$", "\\boxed{2} and \\boxed{4}"],
    ),
    (
        asked("Give the sum.", "$1.5$", "numeric"),
        ["3/2", "1.50", "$\\frac{3}{2}$", "\\dfrac32", "1½"],
        ["15", "$1.5\\%$", "1,5", "2/3"],
    ),
    (
        asked("Which multiple?", "$\\frac{1}{3}$", "numeric"),
        ["0.333", "0.3333", "$\\frac13$", "1/3", "33.3%", "$33\\frac13\\%$", "0.33"],
        ["0.3", "33.3", "3", "0.3%"],
    ),
    (
        asked("How large is it?", "$1000$", "numeric"),
        ["1,000", "1000.0", "$10^3$", "1e3", "1 000", "$1{,}000$"],
        ["1.000", "100", "10,00", "10^4", "1001"],
    ),
    (
        asked("Find the steady state temperature.", "$70\\,^\\circ\\mathrm{F}$", "numeric"),
        [
            "70 degrees Fahrenheit",
            "70°F",
            "70",
            "$70^\\circ F$",
            "$70^{\\circ}\\text{F}$",
            "$21.1^\\circ$C",
            "approximately $70^\\circ$F",
            "70 degrees F",
            "$T_\\infty = 70^\\circ\\mathrm{F}$",
        ],
        ["70°C", "7°F", "70 K"],
    ),
    (
        asked("Find the phase angle.", "$\\frac{\\pi}{6}$", "numeric"),
        [
            "30°",
            "$30^\\circ$",
            "0.5236",
            "$\\pi/6$ radians",
            "pi/6",
            "$\\frac{\\pi}{6}\\approx 0.524$",
            "$\\frac{1}{6}\\pi$",
            "$\\delta = \\frac{\\pi}{6}$",
        ],
        ["$60^\\circ$", "30", "$\\frac{\\pi}{3}$", "-π/6"],
    ),
    (
        asked("What is the velocity after 2 seconds?", "$19.6$ m/s", "numeric"),
        [
            "19.6 m/s downward",
            "$v(2) = 9.8 \\cdot 2 = 19.6$ m/s",
            "1960 cm/s",
            "$v(2)=19.6\\,\\text{m/s}$",
            "$19.6\\ \\mathrm{m/s}$",
            "The velocity after 2 seconds is 19.6 m/s.",
            "After 2 s, the velocity is 19.6 m/s",
            "19.6 metres/second",
            "v = 19.6",
            "$v = 19.6\\ \\text{m}\\,\\text{s}^{-1}$",
            "$19.6 \\ \\text{m s}^{-1}$",
            "70.56 km/h",
        ],
        ["19.6 km/h", "9.8 m/s", "-19.6 m/s", "19.6 cm/s", "2 s"],
    ),
    (
        asked("When is the tank empty?", "$t = 20\\ln 2$ minutes", "numeric"),
        [
            "$20\\ln 2$",
            "$t=20\\ln2\\approx13.86$ min",
            "13.86 minutes",
            "13.9 min",
            "about 13.86 minutes",
            "$20 \\ln(2)$ min",
            "$10\\ln 4$",
            "It is empty after $20\\ln 2 \\approx 13.86$ minutes.",
            "After about 13.9 minutes.",
        ],
        ["$20\\ln 2$ seconds", "$20\\log_{10}2$", "13.86 hours", "$2\\ln 20$", "20", "14"],
    ),
    (
        asked("Find the half-life in days.", "$\\frac{\\ln 2}{0.05}$", "numeric"),
        [
            "13.86",
            "13.9 days",
            "$20\\ln 2$ days",
            "$\\frac{\\ln 2}{0.05} \\approx 13.86$",
            "$T_{1/2} = \\frac{\\ln 2}{0.05} \\approx 13.86$ days",
            "$t_{1/2} \\approx 13.86\\text{ days}$",
            "332.7 hours",
        ],
        ["13.86 hours", "$\\frac{\\ln 2}{0.5}$", "13", "15"],
    ),
    (
        asked(
            "Solve $\\frac{dy}{dx}=5y$ by separating: write the separated equation.",
            "$\\frac{1}{y}\\,dy = 5\\,dx$",
        ),
        ["$\\frac{dy}{y}=5dx$", "dy/y = 5dx", "$\\frac{dy}{5y} = dx$"],
        ["$y\\,dy=5\\,dx$"],
    ),
    (
        asked("Give a differential equation for $y = Ce^{2x}$.", "$y' = 2y$"),
        [
            "$y' - 2y = 0$",
            "$\\frac{dy}{dx} = 2y$",
            "$\\frac{y'}{y} = 2$",
            "$\\frac{1}{2}y' = y$",
            "$2y = y'$",
            "dy/dx - 2y = 0",
            "$\\dot y = 2y$",
        ],
        ["$y' = -2y$", "$y'=2x$", "$y''=2y$", "$y = 2y'$"],
    ),
    (
        asked("Rewrite $y''+4y=0$ as a first-order system with $v = y'$.", "$y' = v$, $v' = -4y$"),
        [
            "$y'=v,\\ v'=-4y$",
            "$v' = -4y$, $y' = v$",
            "$\\begin{cases} y' = v \\\\ v' = -4y\\end{cases}$",
        ],
        ["$y'=v$, $v'=4y$", "$y' = -4v$, $v'=y$"],
    ),
    (
        asked("Find the integrating factor of $y' + 2xy = x$.", "$e^{x^2}$"),
        [
            "$\\mu(x) = e^{x^2}$",
            "$\\mu = e^{\\int 2x\\,dx} = e^{x^2}$",
            "exp(x^2)",
            "$e^{x^{2}}$",
            "$\\exp(x^2)$",
        ],
        ["$e^{-x^2}$", "$e^{2x}$", "$x^2$"],
    ),
    (
        asked("Find the Laplace transform of $t^2$.", "$\\frac{2}{s^3}$"),
        [
            "$F(s)=\\frac{2}{s^3}$",
            "$\\mathcal{L}\\{t^2\\} = \\frac{2}{s^3}$",
            "2/s^3",
            "$2s^{-3}$",
            "$\\frac{2!}{s^{3}}$",
            "$Y(s) = 2/s^3$",
            "$\\frac{2}{s^3}, s>0$",
            "$\\frac{2}{s^3}$ for $s > 0$",
        ],
        ["$\\frac{1}{s^3}$", "$\\frac{2}{s^2}$", "$2s^3$"],
    ),
    (
        asked("Find the inverse Laplace transform of $\\frac{e^{-3s}}{s}$.", "$u_3(t)$"),
        [
            "$u(t-3)$",
            "$H(t-3)$",
            "$\\mathcal{U}(t-3)$",
            "$u_{3}(t)$",
            "$\\theta(t-3)$",
            "$f(t) = u(t-3)$",
        ],
        ["$u(t+3)$", "$u_2(t)$", "$u(3-t)$", "$1$"],
    ),
    (
        asked(
            "Find the inverse Laplace transform of $\\frac{e^{-\\pi s}}{s^2+1}$.",
            "$u_\\pi(t)\\sin(t-\\pi)$",
        ),
        [
            "$u(t-\\pi)\\sin(t-\\pi)$",
            "$-u_\\pi(t)\\sin t$",
            "$-H(t-\\pi)\\sin(t)$",
            "$u_{\\pi}(t)\\sin(t-\\pi)$",
        ],
        ["$u_\\pi(t)\\sin t$", "$\\sin(t-\\pi)$", "$u_{2\\pi}(t)\\sin(t-\\pi)$"],
    ),
    (
        asked(
            "Find the general solution of the recurrence $a_{n+2} = a_{n+1} + 6a_n$.",
            "$a_n = C_1 3^n + C_2(-2)^n$",
        ),
        [
            "$a_n = A\\cdot3^n + B(-2)^n$",
            "$a_n=c_1 3^n+c_2(-2)^n$",
            "$a_{n} = C_1(-2)^n + C_2 3^n$",
            "$\\alpha 3^n + \\beta(-2)^n$",
        ],
        ["$a_n = C_1 3^n + C_2 2^n$", "$a_n = C_1 3^n$", "$a_n = C_1(-3)^n + C_2 2^n$"],
    ),
    (
        asked("Solve $a_{n+1}=2a_n+1$, $a_0 = 0$.", "$a_n = 2^n - 1$"),
        ["$2^n-1$", "$a_n=2^n-1$", "$a_{n+1} = 2^{n+1}-1$", "$a_k = 2^k-1$", "2**n - 1"],
        ["$2^{n-1}$", "$a_n = 2^{n+1}-1$", "$2^n+1$", "$a_{n+1}=2^n-1$"],
    ),
    (
        asked(
            "Find the eigenvalues of $y''+\\lambda y = 0$, $y(0)=y'(1)=0$.",
            "$\\lambda_n = \\left(\\frac{(2n-1)\\pi}{2}\\right)^2$, $n = 1, 2, \\ldots$",
        ),
        [
            "$\\lambda_n = \\frac{(2n-1)^2\\pi^2}{4}$, $n=1,2,3,\\dots$",
            "$\\lambda_n = \\left(n+\\frac12\\right)^2\\pi^2$, $n = 0, 1, 2, \\ldots$",
            "$\\lambda_n = \\left(n-\\tfrac12\\right)^2\\pi^2,\\quad n \\in \\mathbb{N}$",
            "$\\left(\\frac{(2k+1)\\pi}{2}\\right)^2$, $k = 0,1,2,\\dots$",
        ],
        [
            "$\\lambda_n = n^2\\pi^2$, $n=1,2,\\ldots$",
            "$\\lambda_n = \\left(\\frac{(2n+1)\\pi}{2}\\right)^2$, $n = 1, 2, \\ldots$",
        ],
    ),
    (
        asked("Which values of $x$?", "$x = n\\pi$, $n\\in\\mathbb{Z}$"),
        [
            "$x = k\\pi$, $k \\in \\mathbb{Z}$",
            "$x = \\pi n$ for any integer $n$",
            "$x=0,\\pm\\pi,\\pm2\\pi,\\ldots$",
            "$n\\pi$ where $n$ is an integer",
            "$x = n\\pi$, $n = 0, \\pm1, \\pm2, \\dots$",
        ],
        ["$x = n\\pi$, $n = 0,1,2,\\dots$", "$x = 2n\\pi$, $n\\in\\mathbb{Z}$", "$x=\\pi$"],
    ),
    (
        asked("Give the domain of $\\ln(x-1)$.", "$x > 1$"),
        ["$(1,\\infty)$", "$\\{x\\mid x>1\\}$", "$x\\in(1,\\infty)$", "$1 < x$", "$x > 1$"],
        ["$x\\ge1$", "$[1,\\infty)$", "$x<1$", "$x \\ne 1$"],
    ),
    (
        asked("Where does the series converge?", "$|x| < 2$"),
        ["$(-2,2)$", "$-2<x<2$", "$x\\in(-2,2)$"],
        ["$[-2,2]$", "$|x|\\le2$", "$|x|>2$", "$x<2$"],
    ),
    (
        asked("Find the radius of convergence.", "$2$", "numeric"),
        ["$R = 2$", "2", "$\\rho=2$", "The radius of convergence is 2."],
        ["$(-2,2)$", "$\\infty$", "1/2"],
    ),
    (
        asked("Find the radius of convergence.", "$\\infty$", "other"),
        ["$\\infty$", "$R=\\infty$", "infinite", "infinity", "oo", "$R = +\\infty$"],
        ["0", "1", "$-\\infty$"],
    ),
    (
        asked("Classify the critical point.", "stable spiral"),
        [
            "spiral, stable",
            "It is a stable spiral.",
            "Stable spiral",
            "**stable spiral**",
            "\\text{stable spiral}",
            "The origin is a stable spiral point",
        ],
        ["unstable spiral", "stable node", "spiral", "stable", "stable spiral or node"],
    ),
    (
        asked("Is the equation linear?", "Yes"),
        ["Yes", "yes.", "Yes, it is linear.", "**Yes**", "\\boxed{\\text{Yes}}"],
        ["No", "no", "not linear", "Yes and no"],
    ),
    (
        asked("Is it exact?", "not exact"),
        ["Not exact.", "It is not exact"],
        ["exact", "It is exact."],
    ),
    (
        asked(
            "Solve $u_t = u_{xx}$ with insulated ends.",
            "$u(x,t) = 3 + 2e^{-4\\pi^2t}\\cos(2\\pi x)$",
            "pde",
        ),
        [
            "$3+2e^{-4\\pi^2 t}\\cos 2\\pi x$",
            "u(x,t) = 3 + 2 exp(-4 pi^2 t) cos(2 pi x)",
            "$u = 2\\cos(2\\pi x)e^{-4\\pi^2t} + 3$",
        ],
        [
            "$3+2e^{-2\\pi^2t}\\cos2\\pi x$",
            "$3$",
            "$3+2e^{-4\\pi^2t}\\sin2\\pi x$",
            "$3+2e^{-4\\pi^2t}\\cos(\\pi x)$",
            "$3 - 2e^{-4\\pi^2t}\\cos 2\\pi x$",
        ],
    ),
    (
        asked(
            "Solve the wave equation $u_{tt} = 4u_{xx}$.",
            "$u = \\cos(2\\pi t)\\sin(\\pi x) + \\frac{1}{6\\pi}\\sin(6\\pi t)\\sin(3\\pi x)$",
            "pde",
        ),
        ["$\\sin\\pi x\\cos 2\\pi t + \\frac{\\sin 3\\pi x\\sin 6\\pi t}{6\\pi}$"],
        [
            "$\\cos(2\\pi t)\\sin(\\pi x)$",
            "$\\cos(2\\pi t)\\sin\\pi x + \\frac{1}{6\\pi}\\sin(3\\pi t)\\sin 3\\pi x$",
            "$\\cos(2\\pi t)\\sin\\pi x + \\frac{1}{3\\pi}\\sin(6\\pi t)\\sin 3\\pi x$",
        ],
    ),
    (
        asked(
            "Solve it as a Fourier series.",
            "$u = \\sum_{n=1}^{\\infty} \\frac{2(-1)^{n+1}}{n}e^{-n^2t}\\sin nx$",
            "pde",
        ),
        [
            "$u(x,t) = 2\\sum_{k=1}^\\infty \\frac{(-1)^{k+1}}{k} e^{-k^2 t}\\sin(kx)$",
            "$u=-2\\sum_{n=1}^{\\infty}\\frac{\\cos(n\\pi)}{n}e^{-n^2t}\\sin nx$",
            "$2\\sum_{n=1}^\\infty\\frac{(-1)^{n+1}}{n}e^{-n^2t}\\sin nx$",
        ],
        [
            "$u=\\sum_{n=1}^{\\infty}\\frac{2(-1)^{n}}{n}e^{-n^2t}\\sin nx$",
            "$u=\\sum_{n=1}^{\\infty}\\frac{2(-1)^{n+1}}{n}e^{-nt}\\sin nx$",
        ],
    ),
    (
        DECAY,
        [
            "y = 4e^(-3t)",
            "y=4*e^{-3*t}",
            "$y(t) = \\frac{4}{e^{3t}}$",
            "y(t) = 4 e^(-3 t)",
            "$$y=4\\exp(-3t)$$",
            "\\( y = 4e^{-3t} \\)",
            "\\[y = 4e^{-3t}\\]",
            "y = 4 / exp(3t)",
            "$y=4\\mathrm{e}^{-3 t}$",
            "$\\mathbf{y(t) = 4e^{-3t}}$",
            "$y(t)=4\\,e^{\\,-3\\,t}$",
            "The solution is $y(t)=4e^{-3t}$ for all $t$.",
            "Solution: y = 4e^{-3t}, valid for all real t.",
            "$y = 4e^{-3t}$ for $t\\ge 0$",
            "$y = 4\\cdot e^{-3t}$",
            "Therefore, $$y = 4e^{-3t}.$$",
            "$\\Rightarrow y = 4e^{-3t}$",
            "$\\therefore y=4e^{-3t}$",
            "$y = 4e^{-3t}\\quad\\blacksquare$",
            "$y=4e^{-3t}$ $\\square$",
            "Hence y(t) = 4e^{-3t}.",
            "I think the answer is \\boxed{y=4e^{-3t}}",
            "Answer\n\n$y=4e^{-3t}$",
            "# Answer\ny = 4e^{-3t}",
            "So, finally:\n\n**y(t) = 4e^(-3t)**",
            "final answer: y=4e^{-3t}",
            "\\textbf{Final Answer:} \\boxed{y=4e^{-3t}}",
        ],
        [
            "y = 4e^{-3}t",
            "$y = 4^{-3t}$",
            "$y = 4e^{-3x}$",
            "$y = Ce^{-3t}$",
            "$y' = -3y$",
            "$4$",
            "$y(0) = 4$",
            "$y = e^{-3t}$",
            "$y = 4e^{-3t} + C$",
            "$y = 4e^{-3t}$ or $y = 0$",
            "y = 4e^-3 t",
            "$y = 4\\exp(-3)t$",
            "(y = 4e^{-3t}",
        ],
    ),
    (
        OSCILLATOR,
        [
            "$y(x) = 2 + A\\sin(3x) + B\\cos(3x)$",
            "$y=2+C_1\\cos(3x)+C_2\\sin(3x)$, where $C_1, C_2 \\in \\mathbb{R}$",
            "$y = 2 + R\\cos(3x-\\delta)$",
            "$y=2+c_1\\cos3x+c_2\\sin3x$ for arbitrary constants $c_1,c_2$.",
            "$y_c + y_p = C_1\\cos 3x + C_2\\sin 3x + 2$",
        ],
        ["$y = 2 + C\\cos(3x)$", "$y = 2+C_1\\cos x+C_2\\sin x$", "$y=C_1\\cos3x+C_2\\sin3x+18$"],
    ),
    (
        SYSTEM,
        [
            "x(t) = 2e^{3t}, y(t) = 5e^{-t}",
            "$x=2e^{3t}$ and $y=5e^{-t}$",
            "\\boxed{x=2e^{3t},\\quad y=5e^{-t}}",
            "$\\mathbf{x}(t) = \\begin{bmatrix}2e^{3t}\\\\5e^{-t}\\end{bmatrix}$",
            "$\\binom{2e^{3t}}{5e^{-t}}$",
            "$\\langle 2e^{3t}, 5e^{-t}\\rangle$",
            "$\\vec{x} = 2e^{3t}\\begin{pmatrix}1\\\\0\\end{pmatrix} + 5e^{-t}\\begin{pmatrix}0\\\\1\\end{pmatrix}$",
            "$x(t)=2e^{3t}$;\n$y(t)=5e^{-t}$",
            "$\\left(2e^{3t},\\ 5e^{-t}\\right)$",
            "$x(t)=2e^{3t}$\n\n$y(t)=5e^{-t}$",
        ],
        ["$x = 2e^{3t}$", "$(5e^{-t},2e^{3t})$", "$x=2e^{-t}$, $y=5e^{3t}$"],
    ),
    (
        XC,
        [
            "$y = x\\sin x+\\cos x+C+500$",
            "$y=x\\sin x + \\cos x + K$",
            "$\\int x\\cos x\\,dx = x\\sin x+\\cos x+C$",
            "$y = \\int x\\cos x\\,dx = x\\sin x + \\cos x + C$",
            "y = x sin x + cos x + c",
            "$y = x \\sin(x) + \\cos(x) + \\mathrm{C}$",
            "$x \\sin x + \\cos x + C$",
        ],
        [
            "$500+C$",
            "$y=2000+C$",
            "$y=x\\sin x+\\cos x$",
            "$y=x\\sin x-\\cos x+C$",
            "$y = x\\cos x + C$",
            "$y=\\frac{x^2}{2}\\sin x + C$",
        ],
    ),
    (
        LOGI,
        [
            "$y = 3\\ln|kx|$",
            "$y=3\\ln(kx)$",
            "$y = \\ln(x^3) + C$",
            "$y = \\ln|x|^3 + C$",
            "$y = 3\\log x + C$",
            "$y=\\ln(Cx^3)$",
            "$y = 3(\\ln x + C)$",
        ],
        [
            "$y = 3\\ln x$",
            "$y = 3\\ln(x+C)$",
            "$y = k\\ln x$",
            "$y=3\\log_{10}x+C$",
            "$y = \\frac{-3}{x^2}+C$",
        ],
    ),
    (
        ERF,
        [
            "$y=1+\\frac{\\sqrt\\pi}{2}\\operatorname{erf}(x)$",
            "$y = \\int_0^x e^{-s^2} ds + 1$",
            "y = 1 + sqrt(pi)/2*erf(x)",
            "$y(x) = 1+\\int_{0}^{x}e^{-u^{2}}\\,du$",
        ],
        [
            "$y = 1+\\int_0^x e^{-t}\\,dt$",
            "$y = \\int_0^x e^{-t^2}dt$",
            "$y = 1+\\int_1^x e^{-t^2}dt$",
            "$y=1+\\operatorname{erf}(x)$",
            "$y = 1 + \\int e^{-x^2}dx$",
        ],
    ),
    (
        RES,
        [
            "$u = C_1\\cos(\\omega t+C_2)+\\frac{3\\omega t\\sin(\\omega t)}{8}-\\frac{\\cos(3\\omega t)}{32}$"
        ],
        [
            "$u = C_1\\cos(\\omega t)+\\frac38\\omega t\\sin\\omega t-\\frac1{32}\\cos3\\omega t$",
            "$u = C_1\\cos\\omega t + C_2\\sin\\omega t + \\frac38 t\\sin\\omega t - \\frac1{32}\\cos3\\omega t$",
        ],
    ),
    (
        SER,
        [
            "$y = a_0e^{x^2/2}$",
            "$y=\\sum_{n=0}^\\infty \\frac{a_0x^{2n}}{2^nn!}$",
            "$y = a_0\\sum_{k=0}^{\\infty}\\frac{(x^2/2)^k}{k!}$",
        ],
        [
            "$y = a_0e^{x^2}$",
            "$y=e^{x^2/2}$",
            "$y = a_0\\sum_{n=0}^{\\infty}\\frac{x^{2n}}{n!}$",
            "$y = Ce^{x^2/2}$",
            "$y = a_0\\left(1+\\frac{x^2}{2}+\\frac{x^4}{8}\\right)$",
        ],
    ),
    (
        TAN,
        [
            "$y=\\sec^2 x - 1$",
            "$y = \\frac{\\sin^2x}{\\cos^2x}$",
            "y = tan(x)^2",
            "$y=(\\tan x)^2$",
        ],
        ["$y=\\sec^2x$", "$y=\\tan x^2$", "$y = \\tan 2x$", "$y=\\tan^2x+1$"],
    ),
    (
        LOG,
        ["$P = \\frac{100e^{t/2}}{9+e^{t/2}}$", "$P(t)=\\frac{100}{1+9e^{-0.5t}}$"],
        [
            "$P=\\frac{100}{1+9e^{-0.05t}}$",
            "$P=\\frac{100}{1+10e^{-t/2}}$",
            "$P=\\frac{10}{1+9e^{-t/2}}$",
            "$P=\\frac{100}{1-9e^{-t/2}}$",
        ],
    ),
    (
        COSH,
        ["$e^{40x}$", "$\\exp(40x)$"],
        ["$2\\cosh40x$", "$2\\sinh 40x$", "$e^{39x}$", "$e^{40x}-e^{-40x}$"],
    ),
    (
        SQ,
        ["$y = C \\pm t$", "$y=\\pm t + C$", "$y = t + C_1$ or $y = -t + C_2$", "$y=C+t,\\ y=C-t$"],
        ["$y = t$", "$y = 2t+C$", "$y=Ct$"],
    ),
    (
        RIC,
        [
            "$y = \\frac{C + x^2}{C - x^2}$",
            "$y=-\\frac{x^2+C}{x^2-C}$",
            "$\\frac{y-1}{y+1} = Cx^2$",
            "$y=\\frac{1+kx^2}{1-kx^2}$",
        ],
        [
            "$y=1$",
            "$y=\\frac{1+Cx}{1-Cx}$",
            "$y = \\frac{C+x^2}{K-x^2}$",
            "$\\frac{y+1}{y-1}=Cx^2$",
            "$y = \\pm 1$",
        ],
    ),
    (
        asked("Simplify.", "$\\frac{\\pi}{8}+\\frac12$", "numeric"),
        ["$\\pi \\div 8 + 1 \\div 2$", "0.5 + \\frac{\\pi}{8}", "$\\frac{\\pi+4}{8}$", "0.893"],
        ["$\\frac{\\pi}{8}$", "$\\frac{\\pi}{4}+\\frac12$"],
    ),
    (
        asked("Find $m+n$.", "$293$", "numeric"),
        [
            "Answer: m+n = 256+37 = 293",
            "$m+n = 293$",
            "$\\boxed{293}$",
            "✅ Final Answer: **293**",
            "Thus, the number is **293**.\n\n---\n\n✅ Final Answer: **293**",
        ],
        ["Answer: m+n = 256+37 = 292", "256", "37"],
    ),
    (asked("Factor.", "$(x-1)(x+1)$"), ["$x^2-1$", "$(x+1)(x-1)$"], ["$(x-1)^2$", "$(x-1),(x+1)$"]),
    (
        asked("Give the amplitude.", "$5$ cm", "numeric"),
        [
            "5 cm",
            "0.05 m",
            "5",
            "$5\\,\\text{cm}$",
            "The amplitude is 5 cm.",
            "50 mm",
            "A = 5 cm",
            "amplitude = 5 cm",
        ],
        ["5 m", "50 cm", "0.5 cm", "5 mm"],
    ),
    (
        asked("How long does it take?", "$2.5$ hours", "numeric"),
        [
            "150 minutes",
            "2.5 h",
            "2 1/2 hours",
            "$2\\frac12$ hours",
            "2.5",
            "9000 s",
            "2.5 hrs",
            "150 min",
            "2 hours 30 minutes",
            "2 h 30 min",
        ],
        ["2.5 min", "2 hours", "25 hours", "3 hours"],
    ),
    (
        asked("What is the concentration?", "$0.5$ kg/L", "numeric"),
        [
            "500 g/L",
            "0.5 kg/L",
            "0.5 kg per liter",
            "$0.5\\ \\text{kg}/\\text{L}$",
            "500 grams per liter",
            "0.5",
        ],
        ["0.5 g/L", "0.5 kg", "5 kg/L"],
    ),
    (
        asked("Find the acceleration.", "$9.8$ m/s$^2$", "numeric"),
        [
            "9.8 m/s^2",
            "$9.8\\ \\text{m/s}^2$",
            "9.8 m/s²",
            "9.8",
            "$9.8\\,\\mathrm{m}\\,\\mathrm{s}^{-2}$",
            "9.8 meters per second squared",
            "980 cm/s^2",
            "9.81 m/s^2",
        ],
        ["9.8 m/s", "98 m/s^2"],
    ),
    (
        asked("State both: when does it peak and how high?", "2 s, 20 m"),
        ["2 s and 20 m", "$t = 2$ s, $h = 20$ m", "2 s, 20 m"],
        ["20 s, 2 m", "2 m, 20 s"],
    ),
    (
        asked("Which amounts remain in tanks X and Y?", "X: 5 L, Y: 10 L"),
        [
            "Y has 10 L, X has 5 L",
            "X: 5 L and Y: 10 L",
            "Tank X: 5 liters, tank Y: 10 liters",
            "X = 5 L, Y = 10 L",
        ],
        ["X: 10 L, Y: 5 L", "X: 5 L", "X: 5 L, Y: 1 L"],
    ),
    (
        asked("Find the sum of the angles.", "$180^\\circ$", "numeric"),
        ["180°", "$\\pi$", "π rad", "180 degrees", "$180$"],
        ["$\\pi^\\circ$", "180 rad", "$2\\pi$", "18°"],
    ),
    (
        asked("Evaluate.", "$12.5\\%$", "numeric"),
        ["0.125", "1/8", "12.5%", "$12\\frac12\\%$", "12.5 percent"],
        ["12.5", "1.25%", "0.125%"],
    ),
    (
        asked("Is the critical point a saddle?", "saddle point"),
        ["saddle", "It is a saddle point.", "a saddle"],
        ["node", "stable node", "center"],
    ),
    (
        asked("What kind of damping?", "underdamped"),
        ["Underdamped", "The system is underdamped.", "under-damped"],
        ["overdamped", "critically damped", "undamped"],
    ),
    (
        asked("Order and linearity?", "second order, nonlinear"),
        ["Second order and nonlinear", "second-order, nonlinear", "nonlinear, second order"],
        ["second order, linear", "first order, nonlinear"],
    ),
    (
        asked("Find the interval of convergence.", "$[-1, 1)$"),
        ["$-1\\le x<1$", "[-1,1)", "$x\\in[-1,1)$"],
        ["$(-1,1)$", "$[-1,1]$", "$(-1,1]$"],
    ),
    (
        asked("Find the point.", "$(2, -3)$"),
        [
            "(2,-3)",
            "$x=2, y=-3$",
            "$(x,y)=(2,-3)$",
            "$\\left(2,-3\\right)$",
            "$\\langle 2,-3\\rangle$",
        ],
        ["(-3,2)", "(2,3)", "2"],
    ),
    (
        asked("Find all critical points.", "$(0,0)$ and $(1,1)$"),
        ["$(1,1), (0,0)$", "(0,0), (1,1)", "$\\{(0,0),(1,1)\\}$", "$(0,0)$, $(1,1)$"],
        ["(0,0)", "$(0,1),(1,0)$", "(0,0),(1,-1)"],
    ),
]

GROUPS = [
    Group(f"{k}: {problem.answer}", problem, tuple(right), tuple(wrong))
    for k, (problem, right, wrong) in enumerate(ROWS)
]
