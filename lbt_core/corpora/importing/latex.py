"""Textbook LaTeX as plain questions: layout and book macros out, units written out, figures and
references found.
"""

import re
from collections.abc import Callable

_MATH = re.compile(
    r"(\$\$.*?\$\$|(?<!\\)\$.*?(?<!\\)\$|\\\(.*?\\\)|\\\[.*?\\\]"
    r"|\\begin\{(equation|align|displaymath|gather|multline)(\*?)\}.*?\\end\{\2\3\})",
    re.DOTALL,
)
_LOST_ESCAPES = (
    (
        re.compile(r"\x0c(?=[a-z])"),
        r"\\f",
    ),  # "\frac" in JSON with a single backslash is a form feed and "rac"
    (re.compile(r"\x08(?=[a-z])"), r"\\b"),
    (re.compile(r"\t(?=(?:heta|imes|ext|frac|au|an|anh)(?![a-z])|o(?=[ \\]))"), r"\\t"),
    (re.compile(r"\r(?=(?:ight|ho|angle|vert)(?![a-z]))"), r"\\r"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\u200b-\u200f\u2028\u2029]")
_WRAPPED = re.compile(r"(?<![.:;?!\\\n])[ \t]*\n(?=[a-z$])")  # a line that goes on in the next
_LAYOUT = re.compile(
    r"\\(?:leavevmode|allowbreak|noindent|displaystyle|textstyle|bigskip|medskip"
    r"|smallskip|newline|par|centering)(?![A-Za-z]) ?"
    r"|\\(?:pagebreak|nopagebreak|linebreak|vspace\*?|hspace\*?|vskip|label|index"
    r"|myindex)(?:\[[^\]]*\]|\{[^{}]*\})+"
    r"|\\pagebreak(?![A-Za-z])|\\@"
)
_PLAIN_COMMANDS = frozenset(
    {"emph", "textbf", "textit", "textrm", "textsf", "underline", "mbox", "text"}
)
_DROPPED_COMMANDS = frozenset({"footnote", "footnotetext", "label", "index", "caption"})
FIGURE = re.compile(
    r"\\[A-Za-z]*includegraphics|\\begin\{(?:figure|tikzpicture|picture)\}"
    r"|\\inputpdft|!\[[^\]]*\]\([^)]*\)|<img\b"
)
_FIGURE_BOXES = ("vtop", "vbox", "hbox", "parbox", "diffyincludegraphics", "includegraphics")
_TASK = re.compile(r"\\begin\{tasks\}(\[[^\]]*\])?(?:\(\d+\))?(.*?)\\end\{tasks\}", re.DOTALL)


def balanced(text: str, start: int) -> int:
    """Index just after the brace group that opens at ``start``; the end of the text where it is
    never closed.
    """
    depth = 0
    for i in range(start, len(text)):
        if text[i] == "{" and text[i - 1 : i] != "\\":
            depth += 1
        elif text[i] == "}" and text[i - 1 : i] != "\\":
            depth -= 1
            if depth == 0:
                return i + 1
    return len(text)


def replace_command(text: str, name: str, write: Callable[[str | None, list[str]], str]) -> str:
    """Every ``\\name[option]{argument}{argument}`` replaced by ``write(option, arguments)``, braces
    balanced; ``write`` must not return the command.
    """
    if f"\\{name}" not in text:
        return text
    pattern = re.compile(rf"\\{name}(?![A-Za-z])\*?\s*(\[[^\]]*\])?\s*(?=\{{)")
    position = 0
    while match := pattern.search(text, position):
        arguments = []
        end = match.end()
        while end < len(text) and text[end] == "{":
            close = balanced(text, end)
            arguments.append(text[end + 1 : close - 1])
            end = close
        option = match.group(1)
        written = write(option[1:-1] if option else None, arguments)
        text = text[: match.start()] + written + text[end:]
        position = match.start()
    return text


def split_math(text: str) -> list[tuple[bool, str]]:
    """The text as (is math, piece) in order; delimiters stay with the math."""
    out: list[tuple[bool, str]] = []
    position = 0
    for match in _MATH.finditer(text):
        if match.start() > position:
            out.append((False, text[position : match.start()]))
        out.append((True, match.group(0)))
        position = match.end()
    if position < len(text):
        out.append((False, text[position:]))
    return out


def without_math(text: str) -> str:
    """The prose alone, each formula replaced by a space."""
    return "".join(" " if is_math else piece for is_math, piece in split_math(text))


def formulas(text: str) -> list[str]:
    """The formulas of a text, delimiters included."""
    return [piece for is_math, piece in split_math(text) if is_math]


def repair(text: str) -> str:
    """Undo lost escapes (a JSON "\\frac" read as form feed), drop control characters, unify line
    ends.
    """
    for pattern, replacement in _LOST_ESCAPES:
        text = pattern.sub(replacement, text)
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def clean(text: str) -> str:
    """The text without book macros and layout; formulas keep their LaTeX."""
    text = _WRAPPED.sub(" ", repair(text))
    if "\\" in text or "~" in text:
        text = _LAYOUT.sub("", text)
        text = _matrices(text)
        for name in _DROPPED_COMMANDS:
            text = replace_command(text, name, lambda option, arguments: "")
        for name, arity in (("unitfrac", 2), ("unit", 1), ("SI", 2)):
            text = _units(text, name, arity)
        text = "".join(_math(p) if is_math else _prose(p) for is_math, p in split_math(text))
    lines = [re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def clean_answer(text: str) -> str:
    """A reference answer without layout, figures, closing punctuation and remarks that leave the
    rest to the reader.
    """
    text = clean(drop_figures(text))
    text = re.sub(r"[^.$]*\bleft to (?:the )?reader\.?", "", text, flags=re.IGNORECASE)
    text = re.sub(r"(?:\\q?quad|\\\\|\s)+$", "", text.strip())
    return re.sub(r"(?<=[^.])[.,;]$", "", text).strip()


def drop_figures(text: str) -> str:
    """The text without boxes that hold a figure."""
    if not FIGURE.search(text):
        return text
    for name in _FIGURE_BOXES:
        text = replace_command(
            text,
            name,
            lambda option, arguments, name=name: (  # type: ignore[misc]
                ""
                if "graphics" in name or any(FIGURE.search(a) for a in arguments)
                else " ".join(arguments)
            ),
        )
    return re.sub(r"^\s*(?:\\q?quad|\\\\(?:\[[^\]]*\])?|\s)+", "", text)


def tasks_of(text: str) -> tuple[str, list[str]]:
    """Text and items of a resumed ``tasks`` list, the way a book continues (a) with (b), (c) after
    some words.

    Without such a list the text comes back with no items.
    """
    match = _TASK.search(text)
    if match is None or "resume" not in (match.group(1) or ""):
        return text, []
    items = [item.strip() for item in re.split(r"\\task(?![A-Za-z])", match.group(2))[1:]]
    return (text[: match.start()] + text[match.end() :]).strip(), items


def boxed(text: str) -> str | None:
    """The argument of the last ``\\boxed{…}``, or None."""
    start = max(text.rfind(r"\boxed{"), text.rfind(r"\fbox{"))
    if start < 0:
        return None
    brace = text.index("{", start)
    return text[brace + 1 : balanced(text, brace) - 1].strip()


def _matrices(text: str) -> str:
    text = re.sub(r"\\left\s*\[\s*\\begin\{smallmatrix\}", r"\\begin{bmatrix}", text)
    text = re.sub(r"\\end\{smallmatrix\}\s*\\right\s*\]", r"\\end{bmatrix}", text)
    text = re.sub(r"\\left\s*\(\s*\\begin\{smallmatrix\}", r"\\begin{pmatrix}", text)
    text = re.sub(r"\\end\{smallmatrix\}\s*\\right\s*\)", r"\\end{pmatrix}", text)
    return text.replace("{smallmatrix}", "{matrix}")


def _units(text: str, name: str, arity: int) -> str:
    """``\\unitfrac[5]{m}{s}`` as "5 m/s" in prose and with an upright unit in formulas; a value may
    hold its own $.
    """

    def write(in_math: bool) -> Callable[[str | None, list[str]], str]:
        def written(option: str | None, arguments: list[str]) -> str:
            value, units = (arguments[0], arguments[1:]) if name == "SI" else (option, arguments)
            unit = "/".join(units[:2] if arity == 2 and name != "SI" else units[:1])
            if not in_math:
                return f"{value} {unit}" if value else unit
            unit = rf"\mathrm{{{unit}}}"
            return rf"{value}\,{unit}" if value else unit

        return written

    pieces = _pieces_outside_options(text)
    return "".join(replace_command(p, name, write(is_math)) for is_math, p in pieces)


def _pieces_outside_options(text: str) -> list[tuple[bool, str]]:
    """Like ``split_math``, but a $ inside a macro's option does not open a formula."""
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(match.group(0))
        return f"\x00{len(held) - 1}\x01"

    guarded = re.sub(r"\\unit(?:frac)?\[\$[^\]]*\$\]", hold, text)
    out = []
    for is_math, piece in split_math(guarded):
        out.append((is_math, re.sub(r"\x00(\d+)\x01", lambda m: held[int(m.group(1))], piece)))
    return out


def _math(text: str) -> str:
    text = re.sub(r"\\enspace(?![A-Za-z])", r"\\;", text)
    return re.sub(r"\\(?:d|t)frac(?![A-Za-z])", r"\\frac", text)


def _prose(text: str) -> str:
    for name in _PLAIN_COMMANDS:
        text = replace_command(text, name, lambda option, arguments: "".join(arguments))
    text = replace_command(text, "myquote", lambda option, arguments: f'"{"".join(arguments)}"')
    text = re.sub(r"\\\\(?:\[[^\]]*\])?", "\n", text)
    text = re.sub(r"\\(?:q?quad|enspace|,|;|:|!| )(?![A-Za-z])", " ", text)
    text = re.sub(r"\\phantom\{[^{}]*\}", "", text)
    text = text.replace("~", " ").replace("\\%", "%").replace("\\&", "&").replace("\\$", "$")
    return text.replace("\\'e", "é").replace("``", '"')
