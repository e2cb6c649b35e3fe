"""What models wrap around an answer: reasoning tags, Markdown, colours, labels, polite words.

Text only: nothing here knows what an answer means. All patterns are linear in the text.
"""

# Patterns read better in one line.
# ruff: noqa: E501

import re

_TAGS = r"(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad)"
_THOUGHT_TAG = re.compile(rf"<\s*(/?)\s*\|?(?:{_TAGS})\|?\s*>|\[\s*(/?)THINK\s*\]", re.I)
_ANSWER_TAG = re.compile(r"<\s*answer\s*>(.*?)(?:<\s*/\s*answer\s*>|\Z)", re.I | re.S)
_HTML = re.compile(
    r"</?(?:b|i|u|em|strong|p|div|span|br|center|font|code|pre|math|mark|sup|sub|h[1-6])\b[^<>]{0,200}>",
    re.I,
)
_LINE_START = re.compile(r"^[ \t]*(?:>[ \t]*)*(?:#{1,6}[ \t]+)?", re.M)
_RULE = re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$", re.M)
# A dash or star that starts a line is a bullet where something else than a bare number follows
_BULLET = re.compile(
    r"^[ \t]*(?:[-*+•‣◦▪–—][ \t]+(?=\$|\\[(\[]|\\(?:boxed|text)|\*\*|__|`|[A-Za-z][A-Za-z_0-9{}\\]*(?:\s*\([^()\n]{1,20}\))?\s*=|[A-Za-z]{2,}[ :])"
    r"|\(?(?:\d{1,2}|[a-h]|[ivx]{1,4})[.)][ \t]+(?=\$|\\[(\[]|\*\*))",
    re.M,
)
_STAR_BULLET = re.compile(r"^[ \t]*[*•‣◦▪][ \t]+(?=\S)", re.M)
_STRONG = re.compile(
    r"(?<![\w*)\]}^])(\*{2,3}|__)(?=\S)((?:(?!\n\s*\n).){1,4000}?)(?<=\S)\1(?![\w*(])", re.S
)
_EMPHASIS = re.compile(
    r"(?:^|(?<=\s))\*(?=[^\s*])([^*\n$=]{1,200}?)(?<=[^\s*])\*(?=[\s:.,;!]|$)", re.M
)
_TICKS = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]{1,2000})\1(?!`)")
_FENCED = re.compile(r"(```|~~~)[ \t]*[A-Za-z]{0,12}[ \t]*\n(.*?)(?:\1|\Z)", re.S)
_COLOUR = re.compile(
    r"\\(?:textcolor|colorbox)\s*(?:\[[^\[\]]{0,20}\])?\s*\{[^{}]{0,40}\}"
    r"|\\color\s*(?:\[[^\[\]]{0,20}\])?\s*\{[^{}]{0,40}\}"
    r"|\\(?:bbox|colorbox)\s*\[[^\[\]]{0,80}\]|\\(?:large|Large|LARGE|huge|Huge|small|normalsize|bf|tiny)(?![A-Za-z])"
)
_PICTURES = re.compile(
    "[\u2190-\u2191\u2600-\u27bf\u2b50\u2b55\u25a0-\u25ff\ufe0f\U0001f000-\U0001faff\u220e]"
)
_QUOTED = re.compile(r"\s*(?:'([^']*)'|\"([^\"]*)\"|“([^”]*)”|‘([^’]*)’|«([^»]*)»)\s*\.?\s*", re.S)
_POLITE = re.compile(
    r"(?:i\s+hope|hope\s+(?:this|that|it)|let\s+me\s+know|please\s+(?:let|feel)|thank|feel\s+free|"
    r"if\s+you\s+(?:have|need|want|would)|good\s+luck|happy\s+to|is\s+there\s+anything|cheers|glad\s+to|"
    r"this\s+(?:is\s+the\s+(?:final|required|desired|requested)|completes|concludes)|q\.?e\.?d|"
    r"we\s+are\s+done|done\b|as\s+(?:required|desired|requested)|would\s+you\s+like|you're\s+welcome)",
    re.I,
)
_CHECK = re.compile(
    r"(?:check(?:ing|ed)?|verif(?:y|ication|ying|ied)|proof|remark|note|explanation|justification|"
    r"sanity\s+check|quick\s+check|comment|reason(?:ing)?|indeed|(?:this|it)\s+(?:function|solution|"
    r"indeed|satisfies|decays|grows|tends|is\s+valid|holds|agrees|matches)|"
    r"we\s+(?:can\s+)?(?:check|verify)|(?:to|let\s+us|let's|you\s+can)\s+(?:check|verify)|"
    r"(?:as\s+)?(?:t|x)\s*(?:\\to|->))\b",
    re.I,
)
_CORRECTION = re.compile(
    r"\b(?:fails?|wrong|actually|instead|incorrect|corrected|correction|should\s+be|mistake|error|"
    r"wait|rather|no,|not\s+(?:satisfy|satisfied|hold|right))\b",
    re.I,
)


def without_thoughts(text: str) -> str:
    """The text with everything inside reasoning tags blanked out, at the same length.

    A tag that is never closed hides the rest; a closing tag without an opening one hides what
    stands before it (chat templates open the tag in the prompt).
    """
    if "<" not in text and "[" not in text:
        return text
    out = list(text)
    level = start = done = 0
    for match in _THOUGHT_TAG.finditer(text):
        closing = bool(match.group(1) or match.group(2))
        if closing:
            _blank(out, max(done, start) if level else done, match.end())
            level, done = 0, match.end()
        else:
            if not level:
                start = match.start()
            level = 1
    if level:
        _blank(out, start, len(text))
    return "".join(out)


def _blank(out: list[str], start: int, end: int) -> None:
    for k in range(start, end):
        if out[k] != "\n":
            out[k] = " "


def tagged_answer(text: str) -> tuple[int, str] | None:
    """Where the last ``<answer>`` stands and what it holds; None without one that holds
    anything."""
    found = None
    for match in _ANSWER_TAG.finditer(text):
        if match.group(1).strip():
            found = (match.start(), match.group(1))
    return found


def plain(text: str, bullets: bool = True) -> str:
    """The text without Markdown and colours: emphasis, headings, quotes, bullets, fences, ticks.

    ``bullets`` is False where the text is known to be a formula, whose first dash is a minus.
    Mathematics stays as it is: ``2**x``, ``a*b``, ``-4`` are no Markdown.
    """
    text = _COLOUR.sub("", text)
    text = _FENCED.sub(lambda m: f"\n{m.group(2)}\n", text)
    text = _HTML.sub(" ", text)
    text = _PICTURES.sub(" ", text)
    text = _RULE.sub("", text)
    text = _LINE_START.sub("", text)
    for _ in range(2):
        text = _unbulleted(text) if bullets else text
        text = _STRONG.sub(lambda m: m.group(2), text)
    text = _EMPHASIS.sub(lambda m: m.group(1), text)
    text = _TICKS.sub(lambda m: m.group(2), text)
    return text


def _unbulleted(text: str) -> str:
    """Bullets taken away; items of a list of several stay apart by semicolons."""
    marks = list(_BULLET.finditer(text)) or [
        m for m in _STAR_BULLET.finditer(text) if not text[m.end() :].startswith("*")
    ]
    if not marks:
        return text
    pieces, at = [], 0
    for k, match in enumerate(marks):
        pieces.append(text[at : match.start()])
        before = text[at : match.start()].rstrip()
        if k and before and not before.endswith((";", ",")):
            pieces[-1] = before + " ; "
        at = match.end()
    return "".join(pieces) + text[at:]


def unquoted(text: str) -> str:
    """The text without quotation marks or ticks around the whole of it."""
    match = _QUOTED.fullmatch(text)
    inner = next((g for g in match.groups() if g), None) if match else None
    return inner if inner is not None and inner.strip() else text


def is_polite(sentence: str) -> bool:
    """Whether a sentence says nothing about the answer ("I hope it is correct.")."""
    plain_text = sentence.strip(" \n*_.!")
    return bool(_POLITE.match(plain_text)) and not re.search(r"[=$\\]|\d", plain_text)


def is_check(paragraph: str) -> bool:
    """Whether a paragraph only comments on an answer given before ("Check: y(0) = 4")."""
    text = paragraph.strip(" \n*_#>(-✓✔✅")
    return bool(_CHECK.match(text)) and not _CORRECTION.search(text)
