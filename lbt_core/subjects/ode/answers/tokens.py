"""Text to tokens: LaTeX as models write it, plain text, unicode and the sympy dialect, over one
whitelist.

Nothing here evaluates anything; an unknown command, a control character or a cap exceeded raises
ParseError.
"""

import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

from lbt_core.subjects.ode.answers.expr import ParseError
from lbt_core.subjects.ode.answers.vocabulary import (
    COMMANDS,
    DROP,
    FUNCTIONS,
    GREEK,
    GREEK_ALIASES,
    GREEK_UNICODE,
    INVISIBLE,
    OPERATORS,
    SEPARATORS,
    STOP_WORDS,
    SUB,
    SUPER,
    SYMPY_ONLY,
    TEXTS,
    UNICODE,
    WRAPPERS,
)

MAX_CHARS = 6000
MAX_TOKENS = 2500
MAX_DIGITS = 60
MAX_NESTING = 40


class Token(NamedTuple):
    """``kind``: n number, s symbol, f function, c constant, o operator or bracket, k command, w
    word; ``glued``: no space before.
    """

    kind: str
    val: str
    glued: bool = False
    num: Fraction | None = None


_SUPER_RUN = re.compile("[" + re.escape("".join(SUPER)) + "]+")
_SUB_RUN = re.compile("[" + re.escape("".join(SUB)) + "]+")
_NONASCII = re.compile(r"[^\x00-\x7f]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def normalise(text: str) -> str:
    """Unicode notation as ASCII and LaTeX commands, separators of thousands and lone braces taken
    away; raises ParseError for control, bidi and surrogate characters.
    """
    if _CONTROL.search(text):
        raise ParseError("control character")
    if "{" in text or "\\" in text:
        text = _THOUSANDS.sub(lambda m: re.sub(r"[^\d]", "", m.group()), text)
        text = _DECIMAL_COMMA.sub(".", text)
        text = _LONE_BASE.sub(r"\1", text)
        text = _DEGREE.sub(" degrees ", text)
    if not _NONASCII.search(text):
        return text
    text = text.translate(INVISIBLE)
    text = _SUPER_RUN.sub(lambda m: "^{" + "".join(SUPER[c] for c in m.group()) + "}", text)
    text = _SUB_RUN.sub(lambda m: "_{" + "".join(SUB[c] for c in m.group()) + "}", text)
    out = []
    for char in text:
        if char < "\x80":
            out.append(char)
        elif char in UNICODE:
            known = UNICODE[char]
            mixed = known.startswith("(1/") or known in ("(2/3)", "(3/4)")
            if mixed and out and out[-1][-1:].isdigit():  # a mixed number
                known = " " + known.strip("()")
            out.append(known)
        elif char in GREEK_UNICODE:
            out.append(f" \\{GREEK_UNICODE[char]} ")
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
_THOUSANDS = re.compile(r"(?<![\d.,}])\d{1,3}(?:(?:\{,\}|,\\!|\\,|\{,\\!\})\d{3})+(?![\d])")
_DECIMAL_COMMA = re.compile(r"(?<=\d)\{,\}(?=\d)")
_LONE_BASE = re.compile(r"(?<![A-Za-z])\{\s*([A-Za-z])\s*\}(?=\s*_)")
_DEGREE = re.compile(r"\^\s*\{?\s*\\circ\b\s*\}?|\\(?:degree|textdegree)\b")
_PLAIN_NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)")
_CARET_CONTROL = {"^": "^", "**": "^", "==": "=", ":=": "="}
_TEXT_GROUP = re.compile(r"\s*\{([^{}]*)\}")
_SUBSCRIPT = re.compile(
    r"\s*_\s*(?:\{\s*\\(?:text|mathrm|rm|mathit)\s*\{([A-Za-z0-9 ]*)\}\s*\}"
    r"|\{\s*([A-Za-z0-9+\-,\s]*)\}|([A-Za-z0-9]))"
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
        if name in DROP or bare in DROP:
            if bare in ("left", "right") and self.text[self.pos : self.pos + 1] == ".":
                self.pos += 1
            return
        if name.isspace():
            return
        if bare in SEPARATORS:
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
        if bare in TEXTS:
            self.text_group(glued)
        elif bare in ("operatorname", "mathrm", "mathit", "mathop", "rm"):
            self.named_group(glued)
        elif bare in WRAPPERS:
            self.lone_letter(glued)
        elif bare in ("frac", "dfrac", "tfrac", "cfrac", "sfrac", "nicefrac", "flatfrac"):
            self.out.append(Token("k", "frac", glued))
            self.pending.append([self.nesting, 2])
        elif bare in ("sqrt", "usqrt", "ucbrt"):
            self.out.append(Token("k", bare, glued))
            if bare == "sqrt" and self.text[self.pos : self.pos + 1] != "[":
                self.pending.append([self.nesting, 1])
        elif name in OPERATORS:
            op = OPERATORS[name]
            self.emit("w" if op in ("and", "or") else "o", op, glued)
        elif bare in ("delta",) or bare in GREEK or bare in GREEK_ALIASES:
            self.symbol(GREEK_ALIASES.get(bare, bare), glued)
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
        elif bare in COMMANDS:
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
            self.word(content, glued)
        elif _PLAIN_NUMBER.fullmatch(content):
            self.out += tokenize(content)
        elif content in FUNCTIONS:
            self.function(FUNCTIONS[content], glued)
        elif content == "const" or (content == "constant" and self.follows("=")):
            self.emit("s", "C_const", glued)
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
        """A run of letters: a known name, a prose word, or a product of known names and single
        letters.
        """
        if word in self.names:
            self.symbol(word, glued)
            return
        nxt = self.text[self.pos : self.pos + 1]
        if word == "const":
            self.emit("s", "C_const", glued)
            return
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
                part in ("Re", "Im", "Gamma", "Chi", "Ai", "Bi", "W")
                and not (last and nxt in "([{\\")
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
        elif (m := _TRAILING_DIGITS.match(self.text, self.pos)) and not self.in_exponent(name):
            self.pos = m.end()
            name = f"{name}_{m.group()[:4]}"
        self.emit("s", name, glued)

    def follows(self, operator: str) -> bool:
        """Whether the last token is this operator."""
        return bool(self.out) and self.out[-1].val == operator

    def in_exponent(self, name: str) -> bool:
        """Whether a letter is the whole of an unbraced exponent: ``2^n3`` is 2^n times 3."""
        return bool(self.out) and self.out[-1].val == "^" and name not in ("C", "c", "K", "k")


_KNOWN = {n for n in FUNCTIONS if len(n) > 2} | set(GREEK)
_KNOWN |= {"pi", "Pi", "oo", "inf", "infinity", "ln", "lg"}
_KNOWN |= {"Si", "Ci", "Ei", "Re", "Im", "Ai", "Bi"}
_KNOWN -= {"li", "im", "arg"}  # more often products of letters
