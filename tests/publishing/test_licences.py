"""Licences are taken from where they are stated; one that forbids or is not known stops it all."""

import json
from pathlib import Path

import pytest

from lbt_core import UserError
from lbt_core.reporting.publishing.licences import Licence, card_licence, joint, licences_of
from lbt_core.run.config import load_config


def corpus(folder: Path, *licence: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "import.json").write_text(json.dumps({"licence": licence}))
    return str(folder)


def model(folder: Path, front: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(f"---\n{front}\n---\n# A model")
    (folder / "config.json").write_text("{}")
    return str(folder)


def test_stated_licences_are_found(tmp_path: Path) -> None:
    source = corpus(tmp_path / "calculus", "CC BY-SA 4.0")
    base = model(tmp_path / "base", "license: llama3")
    config = load_config("demo", [f"corpus.source={source}", f"teacher.path={base}"])
    found = licences_of(config, None, None)
    assert [(one.of, one.name) for one in found] == [
        ("corpus calculus", "CC BY-SA 4.0"),
        ("base model base", "llama3"),
    ]
    assert "same licence" in found[0].condition
    assert "Llama 3" in found[1].condition
    assert joint(found) == "other"


def test_every_one_that_does_not_allow_it_is_named(tmp_path: Path) -> None:
    source = corpus(tmp_path / "course", "CC BY-NC-ND 4.0")
    config = load_config("demo", [f"corpus.source={source}", f"teacher.path={tmp_path / 'none'}"])
    with pytest.raises(UserError) as refused:
        licences_of(config, None, None)
    said = str(refused.value)
    assert "corpus course: its licence, CC BY-NC-ND 4.0" in said
    assert "base model none: its licence is not known" in said and "--base-licence" in said
    assert licences_of(config, "permission of the author", "apache-2.0")[0].source.startswith(
        "stated"
    )


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("apache-2.0", True),
        ("MIT", True),
        ("CC BY 4.0", True),
        ("cc-by-nc-sa-4.0", True),
        ("cc-by-nd-4.0", False),
        ("CC BY-NC-ND 3.0", False),
        ("All rights reserved", False),
        ("Attribution-NoDerivatives", False),
        ("proprietary", False),
        ("", False),
        ("unknown", False),
        ("other", False),
        ("GFDL; standard terms", True),
    ],
)
def test_what_allows_publishing(name: str, allowed: bool) -> None:
    assert (Licence("corpus x", name, "somewhere").refusal("--corpus-licence") is None) == allowed


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: mit\n---\ntext", "mit"),
        ("---\nlicense: other\nlicense_name: tongyi\n---\n", "tongyi"),
        ("---\nlicense: [mit, apache-2.0]\n---\n", "mit; apache-2.0"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\n: [broken\n---\n", ""),
        ("# license: mit", ""),
        ("", ""),
    ],
)
def test_a_cards_front_matter(card: str, licence: str) -> None:
    assert card_licence(card) == licence
