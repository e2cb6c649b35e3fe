"""The whitelist: every name, command, character and word that the tokenizer knows."""

# Tables read better as rows of words.
# ruff: noqa: E501, SIM905

GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Sigma Upsilon Phi Psi Omega"
).split()
GREEK_ALIASES = {
    "varphi": "phi",
    "varepsilon": "epsilon",
    "vartheta": "theta",
    "varrho": "rho",
    "ell": "ell",
    "hbar": "hbar",
}

FUNCTIONS = {name: name for name in (
    "sin cos tan cot sec csc sinh cosh tanh coth sech csch asin acos atan acot asec acsc asinh acosh atanh acoth exp ln sqrt "
    "cbrt abs re im erf erfc erfi gamma factorial Heaviside DiracDelta sign Si Ci Ei li LambertW besselj bessely besseli besselk "
    "airyai airybi conjugate arg"
).split()}  # fmt: skip
FUNCTIONS |= {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "arcsec": "asec", "arccsc": "acsc",
    "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "arccoth": "acoth", "arsinh": "asinh", "arcosh": "acosh",
    "artanh": "atanh", "arcoth": "acoth", "arctg": "atan", "arcctg": "acot", "tg": "tan", "ctg": "cot", "cotan": "cot", "cosec": "csc",
    "sh": "sinh", "ch": "cosh", "th": "tanh", "cth": "coth", "log": "ln", "Log": "ln", "Ln": "ln", "lg": "log10", "log10": "log10",
    "Abs": "abs", "Re": "re", "Im": "im", "heaviside": "Heaviside", "Gamma": "gamma", "sgn": "sign", "Sqrt": "sqrt", "Exp": "exp",
    "Sin": "sin", "Cos": "cos", "Tan": "tan", "erfinv": "erfinv", "Ai": "airyai", "Bi": "airybi", "lambertw": "LambertW", "Shi": "Shi", "Chi": "Chi",
}  # fmt: skip
SYMPY_ONLY = frozenset(
    "Eq Derivative Rational Piecewise Function Symbol Integral Integer Float Matrix And Ne Gt Lt Ge Le".split()
)

DROP = set(
    "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr middle displaystyle textstyle scriptstyle limits "
    "nolimits , : ; ! > thinspace medspace thickspace negthinspace space hfill hfil noindent phantom null mathstrut strut "
    "blacksquare square Box qed qedhere checkmark "
    "pagebreak leavevmode centering @ / nonumber boldmath bf rm it".split()
)
SEPARATORS = {"quad", "qquad", "enspace", "hspace", "\\", "newline", "cr", "par", "item", "hline"}
WRAPPERS = set("mathrm mathbf mathit mathcal mathbb mathsf boldsymbol bm vec overrightarrow overline bar hat tilde widehat "
                "boxed ensuremath mbox0 underline displaylimits fbox0 mathop operatorname operatorname* text0".split())  # fmt: skip
TEXTS = {
    "text",
    "textbf",
    "textit",
    "textrm",
    "mbox",
    "hbox",
    "textnormal",
    "textsf",
    "texttt",
    "fbox",
    "emph",
    "textup",
    "unit",
}
OPERATORS = {
    "cdot": "*", "times": "*", "ast": "*", "star": "*", "div": "/", "pm": "pm", "mp": "mp", "le": "<=", "leq": "<=", "leqslant": "<=",
    "ge": ">=", "geq": ">=", "geqslant": ">=", "lt": "<", "gt": ">", "ne": "!=", "neq": "!=", "approx": "~", "sim": "~", "simeq": "~",
    "equiv": "=", "{": "\\{", "}": "\\}", "lbrace": "\\{", "rbrace": "\\}", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|",
    "lbrack": "[", "rbrack": "]", "|": "|", "lVert": "|", "rVert": "|", "Vert": "|", "prime": "'", "in": "in", "to": "->",
    "rightarrow": "->", "Rightarrow": "=>", "implies": "=>", "Longrightarrow": "=>", "iff": "=>", "Leftrightarrow": "=>",
    "therefore": "=>", "cup": "cup", "colon": ":", "%": "%", "$": "$", "&": "&", "#": "#", "_": "_", "ldots": "...", "dots": "...", "cdots": "...",
    "land": "and", "wedge": "and", "setminus": "setminus", "langle": "(", "rangle": ")", "longrightarrow": "->", "mapsto": "->",
    "lfloor": "?", "rfloor": "?", "propto": "?", "circ": "?", "notin": "?", "forall": "?", "exists": "?", "lor": "or", "vee": "or",
}  # fmt: skip
COMMANDS = {"frac", "sqrt", "int", "sum", "prod", "lim", "binom", "dot", "ddot", "dddot", "partial", "usqrt",
             "smallint", "not", "nabla", "substack", "underbrace", "iint", "oint"}  # fmt: skip

STOP_WORDS = set(
    "and or with where if otherwise is are the for any all some constant constants arbitrary real number numbers thus therefore hence "
    "we get so answer answers solution solutions general particular final when then either maybe perhaps possibly probably an that this "
    "which gives given by be as of on at to it its has have no not only equal equals than via using let here such such both "
    "respectively each every one two three four integer integers positive negative nonzero multiplicity yes true false none nan "
    "in is was from after before see sol ans else depending can could may might would should there because since but also "
    "implicit explicit form unknown you they them however unless until between value values obtain find found".split()
)

SUPER = dict(
    zip(
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱˣʸᵗᵃᵇᶜᵈᵉᵏᵐᵖʳˢᵘᵛʷᶻ˙·ᐟ⸍",
        "0123456789+-=()nixytabcdekmprsuvwz**//",
        strict=True,
    )
)
SUPER.pop("·")
SUB = dict(zip("₀₁₂₃₄₅₆₇₈₉ₐₑₒₓₕₖₗₘₙₚₛₜ₊₋", "0123456789aeoxhklmnpst+-", strict=True))
UNICODE = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "－": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*", "•": "*", "∗": "*", "＊": "*", "÷": "/",
    "⁄": "/", "∕": "/", "＝": "=", "＋": "+", "√": " \\usqrt ", "∛": " \\ucbrt ", "∞": " \\infty ", "±": " \\pm ", "∓": " \\mp ", "≤": " \\le ", "≥": " \\ge ",
    "≠": " \\ne ", "≈": " \\approx ", "≡": "=", "∈": " \\in ", "→": " \\to ", "⇒": " \\Rightarrow ", "∪": " \\cup ", "′": "'", "″": "''", "‴": "'''", "’": "'", "‘": "'",
    "ʹ": "'", "´": "'", "“": '"', "”": '"', "∫": " \\int ", "∑": " \\sum ", "∏": " \\prod ", "∂": " \\partial ", "ℝ": "R", "ℯ": "e", "ⅈ": "i", "ⅇ": "e", "ℓ": "l",
    "½": "(1/2)", "⅓": "(1/3)", "⅔": "(2/3)", "¼": "(1/4)", "¾": "(3/4)", "⅕": "(1/5)", "⅙": "(1/6)", "⅛": "(1/8)", "°": " degrees ", "…": "...", "∣": "|", "⟨": "(", "⟩": ")",
    "（": "(", "）": ")", "，": ",", "。": ".", "：": ":", "ℒ": "L", "⟹": " \\Rightarrow ", "∴": " ", "∧": " and ", "∨": " or ", "ϕ": " \\phi ", "ϑ": " \\theta ", "ε": " \\epsilon ",
    "µ": " \\mu ", "ẏ": "\\dot{y}", "ẋ": "\\dot{x}", "ÿ": "\\ddot{y}", "ẍ": "\\ddot{x}",
}  # fmt: skip
GREEK_UNICODE = dict(zip("αβγδζηθικλμνξρστυφχψωΓΔΘΛΞΣΥΦΨΩπ",
    "alpha beta gamma delta zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega Gamma Delta Theta Lambda "
    "Xi Sigma Upsilon Phi Psi Omega pi".split(), strict=True))  # fmt: skip
INVISIBLE = dict.fromkeys(
    map(ord, "\u200b\u200c\u200d\u2060\u2061\u2063\u2064\ufeff\u00ad"), None
) | {0x2062: "*"}

# Words that decide a classification: one more or less of them is another answer.
DECISIVE = frozenset(
    "not no yes none never stable unstable asymptotically semistable saddle node center centre spiral source sink focus degenerate "
    "linear nonlinear homogeneous nonhomogeneous autonomous ordinary regular singular exact separable periodic bounded unbounded "
    "converges diverges convergent divergent true false first second third fourth overdamped underdamped critically undamped even odd neither both".split()
)
FILLERS = frozenset(
    "the a an is are it this that of to and so therefore thus we have get answer equation solution point system critical".split()
)
