"""The final answer out of a rationale, and the reasoning before it."""

import re
from dataclasses import dataclass

from lbt_core.method.markdown import (
    is_check,
    is_polite,
    plain,
    tagged_answer,
    unquoted,
    without_thoughts,
)

# More than ten times the longest rationale (1,024 tokens), so that no answer is lost and no pattern
# meets a hostile megabyte; of a longer text the end is read, where the answer is
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
_LABEL = re.compile(
    r"^[ \t]*(?:\\(?:text|textbf|mathbf)\s*\{\s*)?"
    r"(?:(?:so|thus|therefore|hence),?\s+)?(?:the\s+|my\s+)?"
    r"(?:final\s+|correct\s+)?(?:answers?|solution|result)[ \t]*(?:\}[ \t]*)?"
    r"(?:[:=][ \t]*\}?|(?:is|are)\b[ \t]*:?|$)(?!=)",
    re.I | re.M,
)
_CLAIM = re.compile(r"(?<![A-Za-z])the\s+(?:final\s+|correct\s+)?answer\s+is\b[ \t]*:?", re.I)
_HASHES = re.compile(r"^[ \t]*####[ \t]+(?![A-Za-z]{3,})", re.M)
_MATHEMATICS = re.compile(r"[$=\d\\^]")
_NAMED = re.compile(
    r"\s*(?:\$\$?|\\\[|\\\()?\s*([A-Za-z]\w*)(?:\([a-z]\))?\s*=[^$]*(?:\$\$?|\\\]|\\\))?[\s.,]*$"
)
_CONTINUED = re.compile(r"\s*(?:where|with|here|for\s+(?:some|any|all))\b", re.I)
_ANNOUNCED = re.compile(r"[A-Za-z][A-Za-z ,'\-]{7,80}:\s+([^$:]*=[^$:]*)")
_TOLD = re.compile(r"[A-Za-z][^$=\\:]{3,200}:\s*(\$[^$]+\$)\s*\.?")
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
    visible = without_thoughts(text)
    headers = list(_HEADER.finditer(visible))
    if headers:
        return _from_blocks(text, visible, headers)
    reasoning = text.rstrip()
    tagged = tagged_answer(visible)
    if tagged is not None and "\\boxed" not in visible[tagged[0] + len(tagged[1]) :]:
        visible = tagged[1]
    body = plain(_HASHES.sub("Answer: ", visible))
    boxed, at = _last_boxed(body)
    label = _labelled(body)
    if label is not None and label[0] > at:
        return _checked(label[1], reasoning, "label")
    if boxed is not None:
        answer, reason = boxed
        return Extraction(answer, reasoning, reason)
    if cut:
        return Extraction(None, reasoning, "too long")
    answer = _last_mathematics(_without_remarks(body))
    if answer is None:
        return Extraction(None, reasoning, "no answer")
    return _checked(answer, reasoning, "text")


def _labelled(body: str, inner: bool = False) -> tuple[int, str] | None:
    """Where the last labelled answer ("Answer: …") stands, and its text; None without one."""
    if body.count("$") > 2000:
        return None
    for match in reversed([*_LABEL.finditer(body), *_CLAIM.finditer(body)][-40:]):
        content = body[match.end() :].lstrip(" \t:")
        paragraphs = [p for p in re.split(r"\n\s*\n", content) if p.strip(" \n.:;*")]
        if not paragraphs:
            continue
        claim = not match.group().strip().endswith((":", "=", "}")) and "\n" not in content[:1]
        if claim and any(_MATHEMATICS.search(p) and not is_check(p) for p in paragraphs[1:]):
            continue
        start = len(body) - len(content)
        text = _sentences_of_answer(_joined(paragraphs))
        if claim and not _MATHEMATICS.search(text) and len(text.split()) > 6:
            continue
        if not inner and (again := _labelled(text, True)):
            text = again[1]
        return start, text
    return None


def _joined(paragraphs: list[str]) -> str:
    """The first paragraph, with those that it needs: an open display, "where …"."""
    head = paragraphs[0]
    for extra in paragraphs[1:]:
        if head.count("$$") % 2 or _CONTINUED.match(extra) or head.rstrip().endswith((":", ";")):
            head += "\n" + extra
        else:
            break
    return head


def _sentences_of_answer(paragraph: str) -> str:
    """A paragraph without what follows the answer in it: checks and polite sentences."""
    lines = paragraph.strip().split("\n")
    kept = [lines[0]]
    for line in lines[1:]:
        if is_check(line) or is_polite(line):
            break
        kept.append(line)
    sentences = _SENTENCE_END.split("\n".join(kept))
    while len(sentences) > 1 and (is_polite(sentences[-1]) or is_check(sentences[-1])):
        sentences.pop()
    return ". ".join(sentences)


def _without_remarks(text: str) -> str:
    """The text without closing paragraphs that only check or are polite."""
    paragraphs = [p for p in re.split(r"\n\s*\n", text.strip()) if p.strip()]
    while len(paragraphs) > 1:
        last = paragraphs[-1]
        earlier = any(_MATHEMATICS.search(p) for p in paragraphs[:-1])
        if not (earlier and (is_polite(last) or is_check(last))):
            break
        paragraphs.pop()
    if not paragraphs:
        return text
    paragraphs[-1] = _sentences_of_answer(paragraphs[-1])
    if len(paragraphs) > 1 and _CONTINUED.match(paragraphs[-1]):
        paragraphs[-2:] = [paragraphs[-2] + "\n" + paragraphs[-1]]
    names = _NAMED.match(paragraphs[-1])
    before = _NAMED.match(paragraphs[-2]) if len(paragraphs) > 1 else None
    if names and before and names.group(1) != before.group(1):  # components of one answer
        paragraphs[-2:] = [paragraphs[-2] + "\n" + paragraphs[-1]]
    return "\n\n".join(paragraphs)


def _checked(answer: str, reasoning: str, reason: str) -> Extraction:
    answer = strip_dollars(unquoted(strip_dollars(plain(answer))))
    if not answer:
        return Extraction(None, reasoning, "empty answer")
    if _TEMPLATE.fullmatch(answer):
        return Extraction(None, reasoning, "echoed template")
    if len(answer) > MAX_ANSWER:
        return Extraction(None, reasoning, "answer too long")
    return Extraction(answer, reasoning, reason)


def _from_blocks(text: str, visible: str, headers: list[re.Match[str]]) -> Extraction:
    first = headers[0]
    stop = _NEXT_BLOCK.search(visible, first.end())
    end = stop.start() if stop else len(text)
    headers = [h for h in headers if h.start() < end]
    contents = []
    for k, header in enumerate(headers):
        limit = headers[k + 1].start() if k + 1 < len(headers) else end
        contents.append(_block(visible[header.end() : limit].lstrip(" *_:")))
    reasoning = _OPENING_FENCE.sub("", text[: headers[-1].start()].rstrip()).rstrip()
    real = [c for c in contents if c and not _TEMPLATE.fullmatch(c)]
    if len({re.sub(r"[\s$]", "", c) for c in real}) > 1:
        return Extraction(None, reasoning, "several different answers")
    if not real:
        return Extraction(None, reasoning, "echoed template" if any(contents) else "empty answer")
    content = real[-1]
    if content.count("$") % 2:
        return Extraction(None, reasoning, "truncated answer")
    if (boxed := _last_boxed(content)[0]) is not None:
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


def _last_boxed(text: str) -> tuple[tuple[str | None, str] | None, int]:
    r"""The content of the last ``\boxed{}`` (None where there is none) and where it starts. Boxes
    joined by "or" or "and" are taken together.
    """
    spans: list[tuple[int, int, str]] = []
    for match in re.finditer(r"\\(?:boxed|fbox)\s*\{", text):
        if spans and match.start() < spans[-1][1]:
            continue
        if len(spans) > 50:
            return (None, "too many boxes"), match.start()
        level, at = 1, match.end()
        limit = min(len(text), at + MAX_ANSWER + 2)
        while at < limit and level:
            level += (text[at] == "{") - (text[at] == "}")
            at += 1 + (text[at] == "\\")
        if level:
            return (None, "truncated answer"), match.start()
        spans.append((match.start(), at, text[match.end() : at - 1]))
    if not spans:
        return None, -1
    return _content_of_box(text, spans), spans[-1][0]


def _content_of_box(text: str, spans: list[tuple[int, int, str]]) -> tuple[str | None, str]:
    answer = spans[-1][2].strip()
    for before, after in zip(reversed(spans[:-1]), reversed(spans), strict=False):
        between = re.sub(r"[\s$,.;\\]|quad|text|\{|\}", " ", text[before[1] : after[0]]).split()
        if len(between) > 1 or (between and between[0].lower() not in ("or", "and")):
            break
        answer = f"{before[2].strip()} {between[0] if between else ','} {answer}"
    if answer.startswith("\\boxed"):
        inner = _last_boxed(answer)[0]
        answer = (inner[0] or "") if inner else answer
    answer = unquoted(plain(answer, bullets=False))
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
    if told := _TOLD.fullmatch(last.splitlines()[-1]):
        return told.group(1)
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
