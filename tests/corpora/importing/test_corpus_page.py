"""docs/corpus.md says what the importer does."""

from pathlib import Path

from lbt_core.corpora.importing.checks import REASONS

PAGE = Path(__file__).parents[3] / "docs/corpus.md"


def test_every_reason_is_on_the_page_in_its_own_words() -> None:
    text = PAGE.read_text("utf-8")
    assert [
        name for name, meaning in REASONS.items() if f"| {name} | {meaning} |" not in text
    ] == []
