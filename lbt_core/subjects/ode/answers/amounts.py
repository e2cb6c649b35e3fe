"""Several amounts named in words: "9 kg in A, 18 kg in B"."""

import re

from lbt_core.subjects.ode.answers.quantities import (
    TEXT_GROUP,
    Quantity,
    agree,
    quantities,
    without_dollars,
)
from lbt_core.subjects.ode.answers.unit_phrases import units_of


def by_amounts(_question: str, reference: str, answer: str) -> tuple[str, str, str] | None:
    """The verdict where the reference names several amounts in words ("9 kg in A, 18 kg in B"):
    each amount must stand with its own name. None where the reference is nothing of the kind.
    """
    wanted = None if "=" in reference else _amounts(reference)
    if wanted is None or len(wanted) < 2:
        return None
    names = _names_of(wanted)
    if names is None:
        return None
    given = _amounts(answer)
    if given is None or len(given) != len(wanted):
        return "incorrect", "amounts", "other amounts"
    pairs: dict[str, Quantity] = {}
    for quantity, words in given:
        own = [n for n in names if n in words]
        if len(own) != 1 or own[0] in pairs:
            if not any(n in w for _, w in given for n in names):
                pairs = {n: q for n, (q, _) in zip(names, given, strict=True)}
                break
            return "incorrect", "amounts", "an amount without its name"
        pairs[own[0]] = quantity
    same = all(
        name in pairs and agree(quantity, pairs[name], "")
        for name, (quantity, _) in zip(names, wanted, strict=True)
    )
    return ("correct" if same else "incorrect"), "amounts", "" if same else "amounts differ"


def _amounts(text: str) -> list[tuple[Quantity, set[str]]] | None:
    """Clauses with one amount each, and the words of each; None where a clause holds several."""
    plain = TEXT_GROUP.sub(lambda m: f" {m.group(1)} ", without_dollars(text))
    plain = re.sub(r"\(\s*([A-Za-z]\w*)\s*\)", r" for \1 ", plain)
    clauses = [
        c for c in re.split(r"[;\n]|,(?!\d)|(?<![A-Za-z])and(?![A-Za-z])|\.\s", plain) if c.strip()
    ]
    out = []
    for clause in clauses:
        found = quantities(clause)
        if not found:
            continue
        if len(found) > 1:
            return None
        out.append((found[0], set(re.findall(r"[A-Za-z]+", clause))))
    return out


def _names_of(amounts: list[tuple[Quantity, set[str]]]) -> list[str] | None:
    """The word of each clause that no other clause has; None where one has none."""
    names = []
    for k, (_, words) in enumerate(amounts):
        others = set().union(*(w for j, (_, w) in enumerate(amounts) if j != k))
        own = sorted(words - others, key=lambda w: (not (len(w) == 1 and w.isupper()), w))
        own = [w for w in own if not units_of(w) or (len(w) == 1 and w.isupper())]
        if not own:
            return None
        names.append(own[0])
    return names
