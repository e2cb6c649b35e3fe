"""The data set's card holds what models and strangers wrote as text, never as markup."""

from dataclasses import replace
from pathlib import Path

from made_run import config_of, make_run

from lbt_core.reporting.gather import gather
from lbt_core.reporting.publishing.cards import dataset_card
from lbt_core.reporting.publishing.licences import Licence
from lbt_core.run.results import pairs_by_arm
from lbt_core.store.rows import Preference, from_table
from lbt_core.store.shards import read_table

HOSTILE = "<script>|x|\n---\n# [a](//evil.example) \u202e\x1b[2J"


def test_hostile_text_is_no_markup(tmp_path: Path) -> None:
    made = make_run(str(tmp_path / "r"), config_of())
    rows = from_table(read_table(made.store.files, "preferences.parquet"), Preference)
    pairs = pairs_by_arm(rows)
    inputs = gather(made.store, made.plan, pairs)
    problems = [replace(p, topic=HOSTILE, source=HOSTILE) for p in inputs.problems]
    hostile = replace(inputs, run=HOSTILE, base_model=HOSTILE, problems=problems, created=HOSTILE)
    made.plan.identities["corpus"] = HOSTILE
    licences = [Licence(HOSTILE, HOSTILE, HOSTILE)]
    card = dataset_card(hostile, made.plan, [], licences, [])
    front, body = card.removeprefix("---\n").split("\n---\n\n", 1)
    assert "\n---\n" not in front
    for text in (front, body):
        assert not {"\u202e", "\x1b"} & set(text)
    assert "<script>" not in body
    assert "[a](" not in body
