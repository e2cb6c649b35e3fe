"""An answer text as statements: what it asserts, what it defines on the side, and whether it
hedges.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lbt_core.subjects.ode.answers.expr import (
    Node,
    ParseError,
    components,
    has_op,
    rebuild,
    substitute,
    symbols,
    walk,
)
from lbt_core.subjects.ode.answers.parser import RELATIONS, Context, parse_tokens
from lbt_core.subjects.ode.answers.tokens import Token, tokenize

HEDGES = frozenset(
    {
        "otherwise",
        "maybe",
        "perhaps",
        "probably",
        "possibly",
        "either",
        "unless",
        "else",
        "depending",
    }
    | {"depends", "unsure", "not", "if", "could", "might", "guess"}
)
_CONDITION_WORDS = frozenset(
    {"for", "when", "if", "provided", "on", "since", "as", "because", "assuming", "valid", "while"}
)
_ASIDE = frozenset({"where", "with", "here", "let", "so", "using", "given"})
_BRACED_LIST = re.compile(
    r"(?:\\left\s*)?\\(?:\{|lbrace)\s*\\begin\{(array|aligned|align|matrix|gathered|split)\*?\}"
    r"(?:\s*\{[lcr |]*\})?(.*?)\\end\{\1\*?\}\s*(?:\\right\s*\.)?",
    re.S,
)
_PARTS = re.compile(r"_(?:h|p|c|H|P|hom|part|homogeneous|particular)$")
_CONTINUED_CHAIN = re.compile(r"\\\\\s*(?:\[[^\]]{0,12}\])?\s*&?\s*=")
_NEXT_LINE = re.compile(r"\n+")
_MULTIPLICITY = re.compile(
    r"\(?\s*(?:with\s+)?(?:algebraic\s+)?multiplicity\s*\$?\s*(?:=|of)?\s*(\d)\s*\$?\)?|\(\s*(double|twice|triple)\s*(?:root)?\)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One assertion: ``node`` is a value or a relation; ``units`` the words right after it;
    ``times`` its multiplicity.
    """

    node: Node
    units: tuple[str, ...] = ()
    times: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer taken apart.

    ``statements``: what is asserted, definitions substituted in. ``alternatives``: joined by "or".
    ``hedged``: says "if",
    "otherwise", "maybe". ``words``: the prose, lower case. ``failed``: why parts could not be
    parsed.
    """

    statements: tuple[Statement, ...] = ()
    alternatives: bool = False
    hedged: bool = False
    words: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    definitions: dict[str, Node] = field(default_factory=dict)


@dataclass(slots=True)
class _Piece:
    tokens: list[Token]
    joined: str = ""  # the word before it
    words: list[str] = field(default_factory=list)  # the words after it
    times: int = 1


def read_answer(text: str, context: Context) -> Answer:
    """Takes an answer text apart; raises ParseError where nothing in it can be read."""
    text = _one_line(text)
    tokens = tokenize(text, context.multi)
    pieces, words = _split(tokens)
    answer = _classify(pieces, words, context)
    if not answer.statements and not answer.words:
        raise ParseError(answer.failed[0] if answer.failed else "nothing to read")
    return answer


def _one_line(text: str) -> str:
    """Dollars and environments that only arrange lines taken away; lines that are equations of
    their own separated.
    """
    text = _BRACED_LIST.sub(lambda m: f"\\begin{{cases}}{m.group(2)}\\end{{cases}}", text)
    text = re.sub(
        r"\\(begin|end)\{(equation|align|aligned|gather|gathered|split|eqnarray|displaymath)\*?\}",
        " ; ",
        text,
    )
    text = _MULTIPLICITY.sub(
        lambda m: f" @{m.group(1) or ('3' if m.group(2).lower() == 'triple' else '2')} ", text
    )
    text = _CONTINUED_CHAIN.sub(" =", text)
    text = _prose_marked(text)
    text = (
        re.sub(r"\$\s*\$", " ; ", text) if re.search(r"[^$\s]\s*\$\s+\$\s*[^$\s]", text) else text
    )
    text = (
        text.replace("$", " ")
        .replace("\\(", " ")
        .replace("\\)", " ")
        .replace("\\[", " ")
        .replace("\\]", " ")
    )
    lines = [line.strip() for line in _NEXT_LINE.split(text) if line.strip()]
    out = ""
    for line in lines:
        fresh = (
            out.count("=") > out.count(";")
            and "=" in line
            and not re.search(r"[-+*/=,;&\\]$", out)
            and not re.match(r"[-+*/=,;&]", line)
        )
        out += (" ; " if fresh else " ") + line if out else line
    return out


def _prose_marked(text: str) -> str:
    """Where dollars mark the mathematics, words between them marked as words, and their numbers
    left out.
    """
    if "$" not in text or text.count("$") % 2 or "$$" in text:
        return text
    parts = text.split("$")
    for k in range(0, len(parts), 2):
        outside = parts[k]
        if re.search(r"[A-Za-z]{2,}", outside) and not re.search(r"[=^\\@]", outside):
            words = re.findall(r"[A-Za-z]+(?:['’][A-Za-z]+)?|[,;]", outside)
            parts[k] = " ".join(
                w if w in ",;" else f"\\text{{{re.sub('[^A-Za-z]', '', w)}}}" for w in words
            )
    return "$".join(parts)


def _split(tokens: Sequence[Token]) -> tuple[list[_Piece], list[str]]:
    """Cuts tokens at commas, semicolons, line ends and words outside of brackets."""
    pieces: list[_Piece] = [_Piece([])]
    words: list[str] = []
    level = environments = 0
    k = 0
    while k < len(tokens):
        token = tokens[k]
        k += 1
        if token.kind == "k" and token.val in ("begin", "end"):
            environments += 1 if token.val == "begin" else -1
        if (
            token.kind == "o"
            and token.val == "("
            and not environments
            and (end := _remark(tokens, k))
        ):
            words += [t.val.lower().strip(".,;:") for t in tokens[k:end] if t.kind == "w"]
            k = end
            continue
        if token.kind == "o" and token.val in ("(", "[", "{", "\\{"):
            level += 1
        elif token.kind == "o" and token.val in (")", "]", "}", "\\}"):
            level -= 1
        if environments or (level > 0 and token.kind != "w"):
            pieces[-1].tokens.append(token)
            continue
        if token.kind == "o" and token.val == "@" and k < len(tokens) and tokens[k].kind == "n":
            pieces[-1].times = int(tokens[k].num or 1)
            k += 1
        elif token.kind == "w":
            word = token.val.lower().strip(".,;:")
            words.append(word)
            if pieces[-1].tokens:
                pieces[-1].words.append(word)
                pieces.append(_Piece([], word))
            else:
                pieces[-1].joined = word
                if len(pieces) > 1:
                    pieces[-2].words.append(word)
        elif token.kind == "o" and token.val in (
            ",",
            ";",
            "\\\\",
            "quad",
            "=>",
            "&",
            ".",
            ":",
            '"',
            "...",
            "`",
        ):
            if token.val == "&":
                continue
            if pieces[-1].tokens:
                pieces.append(
                    _Piece(
                        [],
                        ","
                        if pieces[-1].joined not in _ASIDE | _CONDITION_WORDS
                        else pieces[-1].joined,
                    )
                )
        else:
            pieces[-1].tokens.append(token)
    return [p for p in pieces if p.tokens and not _article(p)], words


def _article(piece: _Piece) -> bool:
    """ "a" or "I" between words."""
    return (
        len(piece.tokens) == 1
        and piece.tokens[0].val in ("a", "A", "I")
        and bool(piece.words)
        and piece.joined not in ("", ",")
    )


def pieces_of(tokens: Sequence[Token]) -> list[list[Token]]:
    """Tokens cut at commas, line ends and words outside of brackets: what may be statements."""
    return [piece.tokens for piece in _split(tokens)[0]]


def _remark(tokens: Sequence[Token], start: int) -> int:
    """Where a bracketed remark in words ends that opened before ``start``; 0 where the bracket
    holds mathematics.
    """
    level, worded = 1, False
    for k in range(start, len(tokens)):
        token = tokens[k]
        worded = worded or token.kind == "w"
        if token.kind == "k" and token.val == "begin":
            return 0
        if token.kind == "o" and token.val == "(":
            level += 1
        elif token.kind == "o" and token.val == ")":
            level -= 1
            if not level:
                return k + 1 if worded else 0
    return 0


def _classify(pieces: list[_Piece], words: list[str], context: Context) -> Answer:
    statements: list[Statement] = []
    definitions: dict[str, Node] = {}
    failed: list[str] = []
    unfinished = ""
    hedged = bool(HEDGES & set(words))
    for piece in pieces:
        try:
            node = _settled(parse_tokens(piece.tokens, context), context)
        except ParseError as error:
            if piece.joined not in _CONDITION_WORDS:
                failed.append(str(error))
            continue
        if node.op == "list":
            statements += [Statement(row) for row in node.args]
            continue
        if has_op(node, "antiderivative"):
            unfinished = "indefinite integral"
            continue
        if (_is_condition(node) and len(pieces) > 1) or (
            piece.joined in _CONDITION_WORDS and statements
        ):
            continue
        if _is_remark(node, piece, bool(statements)):
            continue
        defined = _definition(node, context)
        aside = bool(statements) or piece.joined in _ASIDE or _is_constant(defined, context)
        if defined and aside and defined[0] not in definitions:
            definitions[defined[0]] = defined[1]
        statements.append(Statement(node, tuple(piece.words), piece.times))
    if unfinished and not statements:
        failed.append(unfinished)
    answer = Answer(
        tuple(statements), "or" in words, hedged, tuple(words), tuple(failed), definitions
    )
    return answer


def _settled(node: Node, context: Context) -> Node:
    """A statement without the links of its chain that only lead to the later ones (an indefinite
    integral, ``y_h + y_p``), and with ``dx`` as d times x where nothing is integrated.
    """
    if node.op == "rel" and set(node.val) == {"="}:
        sides = [
            s
            for k, s in enumerate(node.args)
            if not has_op(s, "antiderivative")
            and not (k < len(node.args) - 1 and _is_sum_of_parts(s) and (k or s.op == "add"))
        ]
        if has_op(node.args[-1], "antiderivative"):
            return Node("antiderivative", (node,))
        if len(sides) < len(node.args):
            node = Node("rel", tuple(sides), ("=",) * (len(sides) - 1)) if sides[1:] else sides[0]
    differentials = {n.val for n in walk(node) if n.op == "differential"}
    if differentials and not differentials & set(context.unknowns) and not has_op(node, "deriv"):
        node = rebuild(node, _constant_d)
    return node


def _is_sum_of_parts(node: Node) -> bool:
    if node.op == "add":
        return all(_is_sum_of_parts(a) for a in node.args)
    return node.op == "sym" and bool(_PARTS.search(node.val))


def _constant_d(node: Node) -> Node | None:
    """``dx`` and ``dx^2`` as a constant d times a power of x."""
    if node.op == "differential":
        return Node("mul", (Node("sym", (), "d"), Node("sym", (), node.val)))
    if node.op == "pow" and node.args[0].op == "differential":
        power = Node("pow", (Node("sym", (), node.args[0].val), node.args[1]))
        return Node("mul", (Node("sym", (), "d"), power))
    return None


def _is_condition(node: Node) -> bool:
    """x > 0, C in R, t -> oo: says where an answer holds, not what it is."""
    return (
        node.op == "rel"
        and all(op in ("<", ">", "<=", ">=", "!=", "in", "->") for op in node.val)
        and not (node.val == ("in",) and node.args[1].op in ("set", "tuple"))
    )


def _is_remark(node: Node, piece: _Piece, later: bool) -> bool:
    """A lone symbol in a side remark ("where C is arbitrary", "C_1, C_2 constants")."""
    if not later or node.op != "sym":
        return False
    return piece.joined in _ASIDE or any(
        w.startswith(("constant", "arbitrary", "real", "any")) for w in (*piece.words, piece.joined)
    )


def _is_constant(defined: tuple[str, Node] | None, context: Context) -> bool:
    """Whether a first statement gives a constant its number ("C_1 = 1, so y = ...")."""
    if defined is None or not context.unknowns or symbols(defined[1]) or components(defined[1]):
        return False
    return not any(defined[0].startswith(f"{unknown}_") for unknown in context.unknowns)


def _definition(node: Node, context: Context) -> tuple[str, Node] | None:
    """``name = value`` for a name that is neither an unknown nor a variable, with a value free of
    unknowns.
    """
    if node.op != "rel" or set(node.val) != {"="} or node.args[0].op != "sym":
        return None
    name, value = node.args[0].val, node.args[-1]
    if name in context.unknowns or name in context.variables:
        return None
    if (
        symbols(value) & set(context.unknowns)
        or name in symbols(value)
        or has_op(value, "at", "deriv")
    ):
        return None
    return name, value


def resolve(answer: Answer, keep: frozenset[str] = frozenset()) -> Answer:
    """Definitions on the side substituted into the other statements and dropped (names in ``keep``
    are left alone).

    Raises ParseError where definitions are circular or the result is too large.
    """
    values = {n: v for n, v in answer.definitions.items() if n not in keep}
    if not values:
        return answer
    for _ in range(3):
        values = {
            n: substitute(v, {m: w for m, w in values.items() if m != n}) for n, v in values.items()
        }
    if any(symbols(v) & set(values) for v in values.values()):
        raise ParseError("circular definitions")
    rest = []
    for statement in answer.statements:
        node = statement.node
        if node.op == "rel" and node.args[0].op == "sym" and node.args[0].val in values:
            continue
        rest.append(replace(statement, node=substitute(node, values)))
    return replace(answer, statements=tuple(rest))


def relation_sides(node: Node) -> tuple[Node, ...] | None:
    """The sides of a chain of equalities, None for anything else."""
    if node.op == "rel" and all(op in ("=", "~") for op in node.val):
        rounded = node.val.index("~") if "~" in node.val else 0
        return node.args[: rounded + 1] if rounded else node.args
    return None


def size(node: Node) -> int:
    """Number of nodes."""
    return sum(1 for _ in walk(node))


__all__ = [
    "HEDGES",
    "RELATIONS",
    "Answer",
    "Statement",
    "read_answer",
    "relation_sides",
    "resolve",
    "size",
]
