"""The final answer out of a rationale, and the reasoning before it."""

import re
from dataclasses import dataclass

MAX_TEXT = 60_000
MAX_ANSWER = 6_000

_HEADER = re.compile(r"\[{1,2}\s*final[\s_]*answer\s*\]{1,2}\s*:?", re.I)
_NEXT_BLOCK = re.compile(r"\[\[\s*(?:question|solution)\s*\]\]|<\|[a-z_]+\|>", re.I)
_FENCE = re.compile(r"'''|```|\"\"\"")
_OPENING_FENCE = re.compile(r"(?:'''|```|\"\"\")[A-Za-z]*\s*$")
_TEMPLATE = re.compile(
    r"\$*\s*\\?(?:text\{)?\s*(?:ANSWER|\{answer\}|<answer>|\.\.\.)\s*\}?\s*\$*", re.I
)
_LEAD_IN = re.compile(r"(?:final\s+)?answer\s*(?:is)?\s*[:=]", re.I)
_ANNOUNCED = re.compile(r"[A-Za-z][A-Za-z ,'\-]{7,80}:\s+([^$:]*=[^$:]*)")
_DISPLAY = re.compile(
    r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\begin\{(equation|align|gather)\*?\}(.+?)\\end\{\3\*?\}", re.S
)
_INLINE = re.compile(r"\$([^$]+)\$|\\\((.+?)\\\)", re.S)
_SENTENCE_END = re.compile(r"[.!?]\s+(?=[A-Z\\$])")


@dataclass(frozen=True, slots=True)
class Extraction:
    """``answer``: the final answer without the dollars around it, None where there is none;
    ``reason`` says where it was found or
    why it is missing. ``reasoning``: the text before the final-answer block, without the opening
    fence and trailing whitespace.
    """

    answer: str | None
    reasoning: str
    reason: str

    @property
    def marked(self) -> bool:
        """Whether the text marks the answer as final; else it is a guess at its last line."""
        return self.answer is not None and self.reason != "text"


def extract(text: str) -> Extraction:
    """The final answer of a rationale or of a bare answer text.

    In this order: the last ``[[Final Answer]]:`` block, the last ``\\boxed{}``, the last line with
    mathematics. An echoed
    template, an empty block, different final answers and a cut-off one give ``answer=None`` with
    the reason.
    """
    if len(text) > MAX_TEXT:
        text, cut = text[-MAX_TEXT:], True
    else:
        cut = False
    headers = list(_HEADER.finditer(text))
    if headers:
        return _from_blocks(text, headers)
    reasoning = text.rstrip()
    boxed = _last_boxed(text)
    if boxed is not None:
        answer, reason = boxed
        return Extraction(answer, reasoning, reason)
    if cut:
        return Extraction(None, reasoning, "too long")
    answer = _last_mathematics(text)
    if answer is None:
        return Extraction(None, reasoning, "no answer")
    return _checked(answer, reasoning, "text")


def _checked(answer: str, reasoning: str, reason: str) -> Extraction:
    answer = strip_dollars(answer)
    if answer.startswith("**") and answer.endswith("**"):
        answer = strip_dollars(answer.strip("*"))
    if not answer:
        return Extraction(None, reasoning, "empty answer")
    if _TEMPLATE.fullmatch(answer):
        return Extraction(None, reasoning, "echoed template")
    if len(answer) > MAX_ANSWER:
        return Extraction(None, reasoning, "answer too long")
    return Extraction(answer, reasoning, reason)


def _from_blocks(text: str, headers: list[re.Match[str]]) -> Extraction:
    first = headers[0]
    stop = _NEXT_BLOCK.search(text, first.end())
    end = stop.start() if stop else len(text)
    headers = [h for h in headers if h.start() < end]
    contents = []
    for k, header in enumerate(headers):
        limit = headers[k + 1].start() if k + 1 < len(headers) else end
        contents.append(_block(text[header.end() : limit]))
    reasoning = _OPENING_FENCE.sub("", text[: headers[-1].start()].rstrip()).rstrip()
    real = [c for c in contents if c and not _TEMPLATE.fullmatch(c)]
    if len({re.sub(r"[\s$]", "", c) for c in real}) > 1:
        return Extraction(None, reasoning, "several different answers")
    if not real:
        return Extraction(None, reasoning, "echoed template" if any(contents) else "empty answer")
    content = real[-1]
    if content.count("$") % 2:
        return Extraction(None, reasoning, "truncated answer")
    if (boxed := _last_boxed(content)) is not None:
        if boxed[0] is None:
            return Extraction(None, reasoning, boxed[1])
        content = boxed[0]
    return _checked(content, reasoning, "final answer block")


def _block(content: str) -> str:
    """A block's content: up to the closing fence or the first blank line after some content."""
    content = content.strip()
    content = (
        _FENCE.split(content, maxsplit=1)[0]
        if not content.startswith(("'''", "```"))
        else _FENCE.split(content)[1]
    )
    paragraphs = re.split(r"\n\s*\n", content.strip())
    head = paragraphs[0]
    for extra in paragraphs[1:]:
        if head.count("$$") % 2 or head.rstrip().endswith(("=", "+", "-", ",", "\\\\")):
            head += "\n" + extra
        else:
            break
    head = head.strip().strip("*").strip()
    first, _, rest = head.partition("\n")
    wrapped = (
        first.startswith("$") and first.rstrip(" .").endswith("$") and first.count("$") % 2 == 0
    )
    if (
        wrapped
        and first.strip("$ .")
        and rest[:1].isalpha()
        and "=" not in rest
        and "$" not in rest
    ):
        return first  # prose after the answer
    return head


def _last_boxed(text: str) -> tuple[str | None, str] | None:
    r"""The content of the last ``\boxed{}``; None where there is none. Boxes joined by "or" or
    "and" are taken together.
    """
    spans: list[tuple[int, int, str]] = []
    for match in re.finditer(r"\\(?:boxed|fbox)\s*\{", text):
        if spans and match.start() < spans[-1][1]:
            continue
        if len(spans) > 50:
            return None, "too many boxes"
        level, at = 1, match.end()
        limit = min(len(text), at + MAX_ANSWER + 2)
        while at < limit and level:
            level += (text[at] == "{") - (text[at] == "}")
            at += 1 + (text[at] == "\\")
        if level:
            return None, "truncated answer"
        spans.append((match.start(), at, text[match.end() : at - 1]))
    if not spans:
        return None
    answer = spans[-1][2].strip()
    for before, after in zip(reversed(spans[:-1]), reversed(spans), strict=False):
        between = re.sub(r"[\s$,.;\\]|quad|text|\{|\}", " ", text[before[1] : after[0]]).split()
        if len(between) > 1 or (between and between[0].lower() not in ("or", "and")):
            break
        answer = f"{before[2].strip()} {between[0] if between else ','} {answer}"
    if answer.startswith("\\boxed"):
        inner = _last_boxed(answer)
        answer = (inner[0] or "") if inner else answer
    if not strip_dollars(answer):
        return None, "empty answer"
    if _TEMPLATE.fullmatch(answer):
        return None, "echoed template"
    return (
        (strip_dollars(answer), "boxed") if len(answer) <= MAX_ANSWER else (None, "answer too long")
    )


def _last_mathematics(text: str) -> str | None:
    """The last line or sentence with mathematics in it, as text; None where there is nothing to
    read.
    """
    text = text.strip()
    if not text.strip("$ \n'\"`."):
        return None
    if text.count("$") > 200:
        return None
    paragraphs = [p.strip() for p in re.split(r"\n\s*\n", text) if p.strip()]
    last = paragraphs[-1]
    display = list(_DISPLAY.finditer(last))
    if display and not _INLINE.search(last, display[-1].end()):
        match = display[-1]
        return next(g for g in (match.group(1), match.group(2), match.group(4)) if g is not None)
    if announced := _ANNOUNCED.fullmatch(last.splitlines()[-1]):
        return announced.group(1)
    if lead := list(_LEAD_IN.finditer(last)):
        return last[lead[-1].end() :]
    if (
        len(text) < 400
        and "\n" in last
        and "=" in last.splitlines()[-1]
        and len(last.splitlines()) <= 4
    ):
        return last
    line = (
        last
        if last.count("$") % 2 == 0 and "$" in last and len(last) < 600
        else last.splitlines()[-1]
    )
    sentences = _SENTENCE_END.split(line)
    for sentence in reversed(sentences):
        if "$" in sentence or "\\(" in sentence or re.search(r"[=\d]", sentence):
            return sentence
    return sentences[-1]


def strip_dollars(answer: str) -> str:
    r"""The answer without surrounding whitespace, dollars, ``\( \)`` and a trailing full stop."""
    answer = answer.strip()
    while True:
        before = answer
        answer = answer.strip().rstrip("; ")
        if answer.endswith(".") and not answer.endswith("..."):
            answer = answer[:-1].rstrip()
        for left, right in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
            inner = answer[len(left) : len(answer) - len(right)]
            if (
                len(answer) >= len(left) + len(right)
                and answer.startswith(left)
                and answer.endswith(right)
                and "$" not in inner
            ):
                answer = inner.strip()
        if answer == before:
            return answer
