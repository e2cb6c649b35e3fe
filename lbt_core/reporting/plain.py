"""Text from models and strangers as text that can stand anywhere: in a page, in a terminal."""

import unicodedata


def visible(text: str) -> str:
    """Text that can stand in a page or terminal and shows what it holds: invisible characters are
    written out as ⟨U+202E⟩.

    Control characters, unpaired surrogates, and format characters (which reorder or hide text) are;
    newlines and tabs stay.
    """
    return "".join(
        c
        if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs")
        else f"⟨U+{ord(c):04X}⟩"
        for c in text
    )
