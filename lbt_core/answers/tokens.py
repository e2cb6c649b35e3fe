"""Text to tokens: LaTeX as models write it, plain text, unicode and the sympy dialect, over one whitelist.

Nothing here evaluates anything; an unknown command, a control character or a cap exceeded raises ParseError.
"""

import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

from lbt_core.answers.expr import ParseError

MAX_CHARS = 6000
MAX_TOKENS = 2500
MAX_DIGITS = 60
MAX_NESTING = 40


class Token(NamedTuple):
    """``kind``: n number, s symbol, f function, c constant, o operator or bracket, k command, w word; ``glued``: no space before."""

    kind: str
    val: str
    glued: bool = False
    num: Fraction | None = None


GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Sigma Upsilon Phi Psi Omega"
).split()
_GREEK_ALIASES = {
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

_DROP = set(
    "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr middle displaystyle textstyle scriptstyle limits "
    "nolimits , : ; ! > thinspace medspace thickspace negthinspace space hfill hfil noindent phantom null mathstrut strut "
    "pagebreak leavevmode centering @ / nonumber boldmath bf rm it".split()
)
_SEPARATORS = {"quad", "qquad", "enspace", "hspace", "\\", "newline", "cr", "par", "item", "hline"}
_WRAPPERS = set("mathrm mathbf mathit mathcal mathbb mathsf boldsymbol bm vec overrightarrow overline bar hat tilde widehat "
                "boxed ensuremath mbox0 underline displaylimits fbox0 mathop operatorname operatorname* text0".split())  # fmt: skip
_TEXTS = {
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
_OPERATORS = {
    "cdot": "*", "times": "*", "ast": "*", "star": "*", "div": "/", "pm": "pm", "mp": "mp", "le": "<=", "leq": "<=", "leqslant": "<=",
    "ge": ">=", "geq": ">=", "geqslant": ">=", "lt": "<", "gt": ">", "ne": "!=", "neq": "!=", "approx": "~", "sim": "~", "simeq": "~",
    "equiv": "=", "{": "\\{", "}": "\\}", "lbrace": "\\{", "rbrace": "\\}", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|",
    "lbrack": "[", "rbrack": "]", "|": "|", "lVert": "|", "rVert": "|", "Vert": "|", "prime": "'", "in": "in", "to": "->",
    "rightarrow": "->", "Rightarrow": "=>", "implies": "=>", "Longrightarrow": "=>", "iff": "=>", "Leftrightarrow": "=>",
    "therefore": "=>", "cup": "cup", "colon": ":", "%": "%", "$": "$", "&": "&", "#": "#", "_": "_", "ldots": "...", "dots": "...", "cdots": "...",
    "land": "and", "wedge": "and", "setminus": "setminus", "langle": "(", "rangle": ")", "longrightarrow": "->", "mapsto": "->",
    "lfloor": "?", "rfloor": "?", "propto": "?", "circ": "?", "notin": "?", "forall": "?", "exists": "?", "lor": "or", "vee": "or",
}  # fmt: skip
_COMMANDS = {"frac", "sqrt", "int", "sum", "prod", "lim", "binom", "dot", "ddot", "dddot", "partial", "usqrt",
             "smallint", "not", "nabla", "substack", "underbrace", "iint", "oint"}  # fmt: skip

STOP_WORDS = set(
    "and or with where if otherwise is are the for any all some constant constants arbitrary real number numbers thus therefore hence "
    "we get so answer answers solution solutions general particular final when then either maybe perhaps possibly probably an that this "
    "which gives given by be as of on at to it its has have no not only equal equals than via using let here such such both "
    "respectively each every one two three four integer integers positive negative nonzero multiplicity yes true false none nan "
    "in is was from after before see sol ans else depending can could may might would should there because since but also "
    "implicit explicit form unknown you they them however unless until between value values obtain find found".split()
)

_SUPER = dict(
    zip(
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱˣʸᵗᵃᵇᶜᵈᵉᵏᵐᵖʳˢᵘᵛʷᶻ˙·ᐟ⸍",
        "0123456789+-=()nixytabcdekmprsuvwz**//",
        strict=True,
    )
)
_SUPER.pop("·")
_SUB = dict(zip("₀₁₂₃₄₅₆₇₈₉ₐₑₒₓₕₖₗₘₙₚₛₜ₊₋", "0123456789aeoxhklmnpst+-", strict=True))
_UNICODE = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "－": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*", "•": "*", "∗": "*", "＊": "*", "÷": "/",
    "⁄": "/", "∕": "/", "＝": "=", "＋": "+", "√": " \\usqrt ", "∛": " \\ucbrt ", "∞": " \\infty ", "±": " \\pm ", "∓": " \\mp ", "≤": " \\le ", "≥": " \\ge ",
    "≠": " \\ne ", "≈": " \\approx ", "≡": "=", "∈": " \\in ", "→": " \\to ", "⇒": " \\Rightarrow ", "∪": " \\cup ", "′": "'", "″": "''", "‴": "'''", "’": "'", "‘": "'",
    "ʹ": "'", "´": "'", "“": '"', "”": '"', "∫": " \\int ", "∑": " \\sum ", "∏": " \\prod ", "∂": " \\partial ", "ℝ": "R", "ℯ": "e", "ⅈ": "i", "ⅇ": "e", "ℓ": "l",
    "½": "(1/2)", "⅓": "(1/3)", "⅔": "(2/3)", "¼": "(1/4)", "¾": "(3/4)", "⅕": "(1/5)", "⅙": "(1/6)", "⅛": "(1/8)", "°": " degrees ", "…": "...", "∣": "|", "⟨": "(", "⟩": ")",
    "（": "(", "）": ")", "，": ",", "。": ".", "：": ":", "ℒ": "L", "⟹": " \\Rightarrow ", "∴": " ", "∧": " and ", "∨": " or ", "ϕ": " \\phi ", "ϑ": " \\theta ", "ε": " \\epsilon ",
    "µ": " \\mu ", "ẏ": "\\dot{y}", "ẋ": "\\dot{x}", "ÿ": "\\ddot{y}", "ẍ": "\\ddot{x}",
}  # fmt: skip
_GREEK_UNICODE = dict(zip("αβγδζηθικλμνξρστυφχψωΓΔΘΛΞΣΥΦΨΩπ",
    "alpha beta gamma delta zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega Gamma Delta Theta Lambda "
    "Xi Sigma Upsilon Phi Psi Omega pi".split(), strict=True))  # fmt: skip
_INVISIBLE = dict.fromkeys(
    map(ord, "\u200b\u200c\u200d\u2060\u2061\u2063\u2064\ufeff\u00ad"), None
) | {0x2062: "*"}
_SUPER_RUN = re.compile("[" + re.escape("".join(_SUPER)) + "]+")
_SUB_RUN = re.compile("[" + re.escape("".join(_SUB)) + "]+")
_NONASCII = re.compile(r"[^\x00-\x7f]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def normalise(text: str) -> str:
    """Unicode notation as ASCII and LaTeX commands; raises ParseError for control, bidi and surrogate characters."""
    if _CONTROL.search(text):
        raise ParseError("control character")
    if not _NONASCII.search(text):
        return text
    text = text.translate(_INVISIBLE)
    text = _SUPER_RUN.sub(lambda m: "^{" + "".join(_SUPER[c] for c in m.group()) + "}", text)
    text = _SUB_RUN.sub(lambda m: "_{" + "".join(_SUB[c] for c in m.group()) + "}", text)
    out = []
    for char in text:
        if char < "\x80":
            out.append(char)
        elif char in _UNICODE:
            out.append(_UNICODE[char])
        elif char in _GREEK_UNICODE:
            out.append(f" \\{_GREEK_UNICODE[char]} ")
        elif unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn"):
            raise ParseError("control character")
        elif char.isspace():
            out.append(" ")
        else:
            folded = unicodedata.normalize("NFKC", char)
            out.append(folded if folded.isascii() else " ? ")
    return "".join(out)


_SCAN = re.compile(
    r"(?P<space>(?:\s|~)+)"
    r"|(?P<cmd>\\(?:[A-Za-z]+\*?|.))"
    r"|(?P<num>(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+\.\d+|\d+\.(?![A-Za-z.])|\d+|\.\d+)(?:[eE][+-]?\d+(?![\dA-Za-z.{(]))?)"
    r"|(?P<word>[A-Za-z]+)"
    r"|(?P<op>\*\*|<=|>=|!=|==|:=|->|=>|\.\.\.|[-+*/^=<>!|,;:(){}\[\]'&_%$?.#\"@`\\])",
    re.S,
)
_CARET_CONTROL = {"^": "^", "**": "^", "==": "=", ":=": "="}
_TEXT_GROUP = re.compile(r"\s*\{([^{}]*)\}")
_SUBSCRIPT = re.compile(
    r"\s*_\s*(?:\{\s*\\(?:text|mathrm|rm|mathit)\s*\{([A-Za-z0-9 ]*)\}\s*\}|\{\s*([A-Za-z0-9+\-,\s]*)\}|([A-Za-z0-9]))"
)
_TRAILING_DIGITS = re.compile(r"\d+(?![\d.])")


def tokenize(text: str, names: frozenset[str] = frozenset()) -> list[Token]:
    """Tokens of a text; ``names`` are the multi-letter symbols that the problem defines.

    Raises ParseError on unknown commands or characters and where a cap is exceeded.
    """
    if len(text) > MAX_CHARS:
        raise ParseError("text too long")
    return _Scanner(normalise(text), names).run()


class _Scanner:
    def __init__(self, text: str, names: frozenset[str]):
        self.text = text
        self.names = names
        self.pos = 0
        self.out: list[Token] = []
        self.pending: list[
            list[int]
        ] = []  # [nesting, arguments owed] of \frac and \sqrt, where "12" means 1 and 2
        self.nesting = 0

    def run(self) -> list[Token]:
        glued = False
        text = self.text
        while self.pos < len(text):
            match = _SCAN.match(text, self.pos)
            if not match:
                raise ParseError(f"character {text[self.pos]!r}")
            kind = match.lastgroup
            if kind == "space":
                self.pos = match.end()
                glued = False
                continue
            if kind == "num":
                self.number(match, glued)
            elif kind == "word":
                self.pos = match.end()
                self.word(match.group(), glued)
            elif kind == "cmd":
                self.pos = match.end()
                self.command(match.group()[1:], glued)
            else:
                self.pos = match.end()
                self.operator(match.group(), glued)
            if len(self.out) > MAX_TOKENS:
                raise ParseError("too many tokens")
            glued = True
        return self.out

    def emit(self, kind: str, val: str, glued: bool, number: Fraction | None = None) -> None:
        self.out.append(Token(kind, val, glued, number))
        while self.pending and self.pending[-1][0] > self.nesting:
            self.pending.pop()
        if self.pending and self.pending[-1][0] == self.nesting:
            self.pending[-1][1] -= 1
            if not self.pending[-1][1]:
                self.pending.pop()

    def number(self, match: re.Match[str], glued: bool) -> None:
        text = match.group()
        if self.pending and self.pending[-1][0] == self.nesting and text[0].isdigit():
            self.pos += 1
            self.emit("n", text[0], glued, Fraction(int(text[0])))
            return
        self.pos = match.end()
        if len(text) > MAX_DIGITS:
            raise ParseError("number too long")
        body, _, exponent = text.replace(",", "").lower().partition("e")
        if exponent and abs(int(exponent)) > 300:
            raise ParseError("exponent too large")
        value = Fraction(body.rstrip(".") or "0") * (Fraction(10) ** int(exponent or 0))
        self.emit("n", text, glued, value)

    def operator(self, text: str, glued: bool) -> None:
        if text in "([{":
            self.nesting += 1
            if self.nesting > MAX_NESTING:
                raise ParseError("nested too deep")
        elif text in ")]}":
            self.nesting -= 1
        text = _CARET_CONTROL.get(text, text)
        self.emit("o", text, glued)

    def command(self, name: str, glued: bool) -> None:
        bare = name.rstrip("*")
        if name in _DROP or bare in _DROP:
            if bare in ("left", "right") and self.text[self.pos : self.pos + 1] == ".":
                self.pos += 1
            return
        if name.isspace():
            return
        if bare in _SEPARATORS:
            if bare == "hspace" and (m := _TEXT_GROUP.match(self.text, self.pos)):
                self.pos = m.end()
            if bare == "\\" and (
                m := re.compile(r"\s*\[[^\]]{0,12}(?:pt|em|ex|cm|mm)\]").match(self.text, self.pos)
            ):
                self.pos = m.end()
            self.out.append(
                Token("o", "\\\\" if bare in ("\\", "newline", "cr") else "quad", glued)
            )
            return
        if bare in _TEXTS:
            self.text_group(glued)
        elif bare in ("operatorname", "mathrm", "mathit", "mathop", "rm"):
            self.named_group(glued)
        elif bare in _WRAPPERS:
            self.lone_letter(glued)
        elif bare in ("frac", "dfrac", "tfrac", "cfrac", "sfrac", "nicefrac", "flatfrac"):
            self.out.append(Token("k", "frac", glued))
            self.pending.append([self.nesting, 2])
        elif bare in ("sqrt", "usqrt", "ucbrt"):
            self.out.append(Token("k", bare, glued))
            if bare == "sqrt" and self.text[self.pos : self.pos + 1] != "[":
                self.pending.append([self.nesting, 1])
        elif name in _OPERATORS:
            op = _OPERATORS[name]
            self.emit("w" if op in ("and", "or") else "o", op, glued)
        elif bare in ("delta",) or bare in GREEK or bare in _GREEK_ALIASES:
            self.symbol(_GREEK_ALIASES.get(bare, bare), glued)
        elif bare in FUNCTIONS:
            self.function(FUNCTIONS[bare], glued)
        elif bare == "pi":
            self.emit("c", "pi", glued)
        elif bare == "infty":
            self.emit("c", "inf", glued)
        elif bare in ("imath", "jmath"):
            self.emit("c", "i", glued)
        elif bare in ("begin", "end"):
            match = _TEXT_GROUP.match(self.text, self.pos)
            if not match:
                raise ParseError("environment without a name")
            self.pos = match.end()
            self.emit("k", bare, glued)
            self.out.append(Token("env", match.group(1).strip().rstrip("*")))
        elif bare in _COMMANDS:
            self.emit("k", bare, glued)
        else:
            raise ParseError(f"command \\{name[:20]}")

    def text_group(self, glued: bool) -> None:
        match = _TEXT_GROUP.match(self.text, self.pos)
        if not match:
            return
        self.pos = match.end()
        content = match.group(1).strip()
        if len(content) == 1 and content.isalpha():
            self.symbol(content, glued)
        elif content in FUNCTIONS:
            self.function(FUNCTIONS[content], glued)
        else:
            for word in content.replace("$", " ").split():
                if word.rstrip(".,;:") in ("or", "and"):
                    word = word.rstrip(".,;:")
                self.out.append(Token("w", word, False))

    def named_group(self, glued: bool) -> None:
        match = _TEXT_GROUP.match(self.text, self.pos)
        if not match:
            return
        content = match.group(1).strip()
        if content in FUNCTIONS:
            self.pos = match.end()
            self.function(FUNCTIONS[content], glued)
        elif content in ("and", "or") or (
            len(content) > 3 and content.isalpha() and content not in GREEK
        ):
            self.pos = match.end()
            self.out.append(Token("w", content, False))
        elif len(content) == 1 and content.isalpha():
            self.pos = match.end()
            self.word(content, glued)

    def lone_letter(self, glued: bool) -> None:
        """A wrapped single letter is that letter; other wrapped content stays as it is."""
        match = _TEXT_GROUP.match(self.text, self.pos)
        if match and len(match.group(1).strip()) == 1 and match.group(1).strip().isalpha():
            self.pos = match.end()
            self.word(match.group(1).strip(), glued)

    def function(self, name: str, glued: bool) -> None:
        if name == "ln" and (
            m := re.compile(r"\s*_\s*\{?\s*(\d+|e)\s*\}?").match(self.text, self.pos)
        ):
            self.pos = m.end()
            name = "ln" if m.group(1) == "e" else f"log{int(m.group(1)[:4])}"
        self.emit("f", name, glued)

    def word(self, word: str, glued: bool) -> None:
        """A run of letters: a known name, a prose word, or a product of known names and single letters."""
        if word in self.names:
            self.symbol(word, glued)
            return
        nxt = self.text[self.pos : self.pos + 1]
        if word in SYMPY_ONLY and nxt and nxt in "([":
            self.emit("f", word, glued)
            return
        if word == "True" and self.nesting:
            self.emit("c", "true", glued)
            return
        if word.lower() in STOP_WORDS and len(word) > 1 and self.is_prose(word, glued, nxt):
            self.emit("w", word, glued)
            return
        parts = self.split(word)
        loose = sum(1 for p in parts if len(p) == 1)
        if loose > 3 or (
            loose == len(parts) == 3 and not glued and word.islower() and nxt in " .\n"
        ):
            self.emit("w", word, glued)
            return
        for k, part in enumerate(parts):
            first = glued if k == 0 else True
            last = k == len(parts) - 1
            if part in FUNCTIONS and not (
                part in ("Re", "Im", "Gamma", "Chi", "Ai", "Bi", "W") and not (last and nxt in "([{\\")
            ):
                self.function(FUNCTIONS[part], first)
            elif part in ("pi", "Pi"):
                self.emit("c", "pi", first)
            elif part in ("infinity", "oo", "inf"):
                self.emit("c", "inf", first)
            elif part == "e" and "e" not in self.names and not (last and nxt == "_"):
                self.emit("c", "e", first)
            elif last:
                self.symbol(part, first)
            else:
                self.emit("s", part, first)

    def is_prose(self, word: str, glued: bool, nxt: str) -> bool:
        """Whether a word of the list is meant as one: ``at`` in ``e^{at}`` is a product."""
        if len(word) > 2 or word == "or":
            return True
        after_function = bool(self.out) and self.out[-1].kind == "f"
        return (
            not self.nesting and not glued and not after_function and (not nxt or nxt in " \n.,;:$")
        )

    def split(self, word: str) -> list[str]:
        parts, k = [], 0
        while k < len(word):
            for size in range(min(9, len(word) - k), 1, -1):
                piece = word[k : k + size]
                if (
                    piece in self.names
                    or piece in _KNOWN
                    or (piece in ("sh", "ch", "th", "tg") and len(word) == 2)
                ):
                    break
            else:
                piece = word[k]
            parts.append(piece)
            k += len(piece)
        return parts

    def symbol(self, name: str, glued: bool) -> None:
        """A symbol with what follows it: a subscript, or digits glued to it in plain text."""
        if m := _SUBSCRIPT.match(self.text, self.pos):
            self.pos = m.end()
            tail = re.sub(r"[\s,]", "", m.group(1) or m.group(2) or m.group(3) or "")
            if tail:
                name = f"{name}_{tail[:12]}"
        elif m := _TRAILING_DIGITS.match(self.text, self.pos):
            self.pos = m.end()
            name = f"{name}_{m.group()[:4]}"
        self.emit("s", name, glued)


_KNOWN = {n for n in FUNCTIONS if len(n) > 2} | set(GREEK) | {"pi", "Pi", "oo", "inf", "infinity", "ln", "li", "Si", "Ci", "Ei", "Re", "Im", "lg", "Ai", "Bi"}  # fmt: skip
_KNOWN -= {"li", "im", "arg", "sec"} | {"li"}
_KNOWN |= {"sec"}
