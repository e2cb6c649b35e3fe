"""Which questions can be asked and graded on their own; the others are set aside with one of a few
stated reasons.
"""

import re

from lbt_core.corpora.importing import latex

NO_QUESTION = "no question text"
NO_ANSWER = "no reference answer"
REFERS = "refers to another place in the source"
FIGURE = "needs a figure"
MISSING_PART = "needs a part that is not there"
PROOF = "asks for a proof or explanation, which has no answer to compare"
DRAWING = "asks for a drawing"
LONG_ANSWER = "reference answer is an explanation, not an answer to compare"
LONG_QUESTION = "question is too long"
WRONG = "reference answer proves wrong"
UNREADABLE = "unreadable record"
LEAK = "same text or equation as a test problem, but given another split"
TOO_DEEP = "nested too deep"

REASONS = {
    NO_QUESTION: "no text was found for the item: name its field with --map question=PATH",
    NO_ANSWER: "the source gives no answer to compare with, or leaves it to the reader",
    REFERS: "the text points to an equation, exercise, section or text that does not come with it",
    FIGURE: "the question or its answer is a figure",
    MISSING_PART: "the text names a part of the exercise that comes later or not at all",
    PROOF: "show, prove, verify or explain, with nothing to find: no answer could be graded",
    DRAWING: "sketch, draw or plot, with nothing else to find",
    LONG_ANSWER: "the answer holds more than 60 words beside its formulas",
    LONG_QUESTION: "the question is longer than 20,000 characters",
    WRONG: "substituting the reference answer into the equation or its conditions leaves "
    "a residual",
    UNREADABLE: "the line or record could not be read as a record",
    LEAK: "a split that the source gives would put a test problem into training",
    TOO_DEEP: "the record nests deeper than 40 levels",
}
"""Every reason and what it means, in the words that docs and ``lbt corpus import`` show."""

MAX_ANSWER_WORDS = 60
MAX_QUESTION = 20_000

_REFERENCE = re.compile(
    r"\\(?:[a-z]*ref|cite[a-z]*)\b\*?(?:\[[^\]]*\])?\{"
    r"|\b(?:Exercise|Problem|Example|Figure|Fig\.|Theorem|Lemma|Proposition"
    r"|Corollary|Definition|Section|Chapter|Table|Equation|Eq\.|Remark)"
    r"s?[~ ]\(?\d+(?:\.\d+)*\)?"
    r"|\b(?:exercise|problem|example|figure|theorem|section|chapter|table)s? \d+(?:\.\d+)*\b"
    r"|\b(?:previous|preceding|next|last|earlier|foregoing) (?:exercise|problem"
    r"|example|section|chapter|question|page|theorem)s?\b"
    r"|\b(?:exercise|problem|example|section|chapter|page|theorem)s? (?:above|below|before)\b"
    r"|\b(?:in|of|from|throughout) this (?:section|chapter|book|text)\b|\bthe (?:text|textbook)\b"
    r"|\bon page \d+",
)
_ABOVE = re.compile(
    r"\b(?:equation|system|method|result|formula|solution|procedure|expression"
    r"|function|matrix|case|one|part|graph|condition)s? above\b"
    r"|\babove (?:equation|system|method|result|formula|solution|procedure"
    r"|expression|function|matrix|case|condition)s?\b"
    r"|\b(?:as|see|given|shown|described|stated|from|mentioned|defined|derived|found"
    r"|discussed|used) above\b|\bthe above\b",
    re.IGNORECASE,
)
_SHOWN = re.compile(
    r"\b(?:figure|graph|diagram|picture|plot|sketch|drawing|image|circuit|(?:vector"
    r"|slope|direction) fields?)s? "
    r"(?:below|above|shown|given|at (?:the )?(?:left|right)|on the (?:left|right))\b"
    r"|\b(?:following|accompanying|adjacent|below|above) (?:figure|graph|diagram"
    r"|picture|plot|drawing|image)s?\b"
    r"|\b(?:in|from|see|using|use) the (?:figure|diagram|picture)\b|\bshown in (?:figure|fig\.)",
    re.IGNORECASE,
)
_REF = (
    r"(?:\\[A-Za-z]*ref\*?(?:\[[^\]]*\])?\{[^{}]*\}|above|below|(?:Exercise|Example"
    r"|Figure|Theorem|Section|Chapter|Table|Problem)s?[~ ]\(?[\d.]+\)?)"
)
_ASIDES = (
    re.compile(rf"\s*\((?:see|cf\.?|compare|as in|recall)\s[^()]*?{_REF}[^()]*\)", re.IGNORECASE),
    re.compile(
        r"\s*(?:(?<=[.?!])|^|\n)\s*(?:Hint:\s*)?(?:See|Compare with|Compare to|Compare"
        rf"|Cf\.?|Recall)\s(?:also\s)?(?:the\s)?{_REF}\s*\.",
        re.IGNORECASE,
    ),
    re.compile(rf",\s*(?:see|cf\.?)\s(?:also\s)?{_REF}(?=\s*[.,;])", re.IGNORECASE),
    re.compile(r"\s*Hint:\s*see\s*\.", re.IGNORECASE),
)
_PROOF_TASK = re.compile(
    r"\b(?:show|prove|verify|check|confirm|demonstrate|justify|explain|why|discuss"
    r"|argue|convince yourself|derive why|prove or disprove)\b",
    re.IGNORECASE,
)
_FIND_TASK = re.compile(
    r"\b(?:find|solve|compute|calculate|determine|what|which|how|when|where|evaluate"
    r"|approximate|estimate|classify|write|set up|give|"
    r"obtain|express|identify|is there|is it|is the|are the|are there|does|do|will"
    r"|can you|guess|state|convert|transform|rewrite|"
    r"integrate|differentiate|simplify|construct|derive|put|match|describe|list"
    r"|expand|sum|use|try)\b|^(?:is|are|do|does|can|let|will)\b",
    re.IGNORECASE,
)
_THEN_FIND = re.compile(
    r"\b(?:and|then)\s+(?:find|solve|compute|calculate|determine|evaluate|give"
    r"|classify|what|which)\b",
    re.IGNORECASE,
)
_DRAW_TASK = re.compile(r"\b(?:sketch|draw|plot|graph)\b", re.IGNORECASE)
_TYPICAL_FIND = re.compile(
    r"\b(?:find|solve|compute|calculate|determine|what|which|how|evaluate"
    r"|approximate|estimate|classify|write|set up|give|obtain|guess|"
    r"express|identify|construct|rewrite|derive)\b|\?",
    re.IGNORECASE,
)


def without_asides(text: str) -> str:
    """The question without remarks that only point elsewhere, "(see above)" or "Compare with Figure
    3.".
    """
    for pattern in _ASIDES:
        text = pattern.sub("", text)
    return text.strip()


def reason_against(question: str, answer: str) -> tuple[str, str] | None:
    """(reason, detail) why a question cannot be asked and graded on its own, or None.

    Reasons are keys of REASONS.
    """
    if not question.strip():
        return NO_QUESTION, ""
    if len(question) > MAX_QUESTION:
        return LONG_QUESTION, f"{len(question)} characters"
    if found := latex.FIGURE.search(question):
        return FIGURE, found.group(0)
    if found := _SHOWN.search(latex.without_math(question)):
        return FIGURE, found.group(0)
    if not answer.strip():
        return NO_ANSWER, ""
    if detail := outside_reference(question):
        return REFERS, detail
    return _not_gradable(question, answer)


def outside_reference(question: str) -> str | None:
    """What the question points to outside itself, or None; "the equation above" is inside when an
    equation comes before.
    """
    prose = latex.without_math(question)
    if found := _REFERENCE.search(prose):
        return _around(prose, found)
    for found in _ABOVE.finditer(prose):
        if not _equation_before(question, found.group(0)):
            return _around(prose, found)
    return None


def _around(text: str, match: re.Match[str]) -> str:
    return " ".join(text[max(0, match.start() - 20) : match.end() + 30].split())


def _equation_before(question: str, phrase: str) -> bool:
    before = question[: question.find(phrase)] if phrase in question else question
    return any("=" in formula for formula in latex.formulas(before)) or (
        "$" not in question and "=" in before
    )


def _not_gradable(question: str, answer: str) -> tuple[str, str] | None:
    last = question.rsplit("\nIts answer: ", 1)[-1]  # an earlier part's task is not this one's
    prose = " ".join(latex.without_math(last).split())
    if latex.FIGURE.search(answer):
        return FIGURE, "the answer is a figure"
    proof = _PROOF_TASK.search(prose)
    if proof and not _FIND_TASK.search(_without_proof_sentences(prose)):
        return PROOF, proof.group(0)
    if (drawing := _DRAW_TASK.search(prose)) and not _TYPICAL_FIND.search(prose):
        return DRAWING, drawing.group(0)
    words = len(latex.without_math(answer).split())
    if words > MAX_ANSWER_WORDS:
        return LONG_ANSWER, f"{words} words"
    return None


def _without_proof_sentences(prose: str) -> str:
    """The sentences that ask for something else than a proof; "Justify." after a question leaves
    the question.
    """
    sentences = re.split(r"(?<=[.?!:;])\s+", prose)
    kept = [s for s in sentences if not re.match(r"(?:\(?hint|note)", s, re.IGNORECASE)]
    return " ".join(
        s
        for s in kept
        if not (found := _PROOF_TASK.search(s))
        or _FIND_TASK.search(s[: found.start()])
        or _THEN_FIND.search(s, found.end())
    )
