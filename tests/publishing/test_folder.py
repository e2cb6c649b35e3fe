"""The published folder is read by the tools that people load such things with, unchanged."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from made_run import Made

from flows.server_process import free_port
from lbt_core import UserError
from lbt_core.reporting.publishing.folder import Published, write_folder
from lbt_core.run.record import RunStore


def stored(made: Made, pattern: str) -> list[dict]:
    paths = sorted(Path(made.store.files.root).glob(pattern))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def test_datasets_loads_every_table(
    published: Published, finished: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets import load_dataset  # noqa: PLC0415 - heavy

    def load(name: str | None, split: str) -> list[dict]:
        return list(load_dataset(str(published.folder), name, split=split, cache_dir=str(tmp_path)))

    pairs = [r for r in stored(finished, "preferences.parquet") if r["arm"] == "combined"]
    assert load(None, "train") == pairs != []
    assert load("rationales", "train") == stored(finished, "rationales/*.parquet")
    assert load("exams", "train") == stored(finished, "exams/part-*.parquet")
    assert load("scores", "train") == stored(finished, "scores.parquet")
    for split in ("train", "exam", "test"):
        rows = load("problems", split)
        assert rows == stored(finished, f"problems/{split}.parquet")
    tests = load("evaluation", "test")
    assert {r["arm"] for r in tests} == {"base", "tuned", "control-correctness"}
    assert len(tests) == len(stored(finished, "evaluation/*/*.parquet"))


@pytest.mark.slow
def test_trl_trains_on_the_pairs_as_they_are(published: Published, tmp_path: Path) -> None:
    from datasets import load_dataset  # noqa: PLC0415 - heavy
    from transformers import AutoTokenizer  # noqa: PLC0415 - heavy
    from trl import DPOConfig, DPOTrainer  # noqa: PLC0415 - heavy

    data = load_dataset(str(published.folder), split="train", cache_dir=str(tmp_path))
    model = str(published.folder / "model")
    options = DPOConfig(
        str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=2, use_cpu=True, bf16=False,
        report_to=[], save_strategy="no",
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(model)
    trainer = DPOTrainer(model, args=options, train_dataset=data, processing_class=tokenizer)
    first = trainer.train_dataset[0]
    prompt = tokenizer(data[0]["prompt"], add_special_tokens=False)["input_ids"]
    assert first["prompt_ids"] == prompt
    assert trainer.train().global_step == 1


@pytest.mark.slow
def test_peft_puts_the_adapter_on_its_base(published: Published) -> None:
    from peft import PeftModel  # noqa: PLC0415 - heavy
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - heavy

    base = AutoModelForCausalLM.from_pretrained(str(published.folder / "model"))
    adapted = PeftModel.from_pretrained(base, str(published.folder / "adapter"))
    assert adapted.peft_config["default"].base_model_name_or_path == "embedded"


@pytest.mark.slow
def test_vllm_serves_the_merged_model(published: Published, tmp_path: Path) -> None:
    port = free_port()
    # what `vllm serve` starts; the CPU build's own command looks for a package called vllm
    vllm = (sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model")
    options = ("--port", str(port), "--dtype", "bfloat16", "--enforce-eager", "--max-num-seqs", "2")
    log = tmp_path / "vllm.log"
    with log.open("wb") as output:
        command = [*vllm, str(published.folder / "model"), *options]
        # else the CPU build takes its share of all memory, which others may hold
        given = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1"}
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=given)
    try:
        body = {
            "model": str(published.folder / "model"),
            "prompt": "Solve y' = 2y",
            "max_tokens": 4,
        }
        address = f"http://127.0.0.1:{port}/v1/completions"
        request = urllib.request.Request(
            address, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        deadline = time.monotonic() + 500
        while True:
            try:
                with urllib.request.urlopen(request) as answer:
                    told = json.loads(answer.read())
                break
            except urllib.error.HTTPError as error:
                raise AssertionError(error.read()) from error
            except OSError:
                assert server.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(1)
        assert told["usage"]["completion_tokens"] == 4
    finally:
        server.terminate()
        server.wait(timeout=60)


def front(path: Path) -> dict:
    return yaml.safe_load(path.read_text().split("---")[1])


def test_cards_name_sources_licences_and_figures(published: Published, finished: Made) -> None:
    card = (published.folder / "README.md").read_text()
    meta = front(published.folder / "README.md")
    assert meta["license"] == "apache-2.0"
    defaults = [c["config_name"] for c in meta["configs"] if c.get("default")]
    assert defaults == ["preferences"]
    assert "| corpus tiny | apache-2.0 | generated by this package |" in card
    assert "| base model embedded | apache-2.0 | its model card |" in card
    tests = stored(finished, "evaluation/base/*.parquet")
    right = sum(r["correct"] for r in tests)
    row = next(line for line in card.splitlines() if line.startswith("| Base |"))
    assert f"{100 * right / len(tests):.1f}" in row and "[" in row
    assert f"| {right} | {len(tests)} |" in row
    for value in finished.plan.identities.values():
        assert value.replace("_", "\\_") in card
    for model in ("model", "adapter"):
        assert front(published.folder / model / "README.md")["license"] == "apache-2.0"


def test_nothing_of_the_machine_and_nothing_pickled_is_published(
    published: Published, finished: Made
) -> None:
    files = [p for p in published.folder.rglob("*") if p.is_file()]
    assert {p.suffix for p in files} <= {".md", ".parquet", ".json", ".safetensors", ".html"} | {
        ".jinja"
    }
    places = (finished.store.files.root, str(Path(__file__).parents[2]), str(Path.home()) + "/")
    for path in files:
        if path.suffix in (".md", ".json", ".html"):
            text = path.read_text()
            assert not [place for place in places if place in text], path


def test_what_is_there_is_not_written_over(finished: Made, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="something already"):
        write_folder(finished.store, tmp_path, [])
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "lost", ["exams/part-00001.parquet", "model/tuned/merged", "scores.parquet"]
)
def test_a_run_that_is_not_whole_leaves_nothing(finished: Made, tmp_path: Path, lost: str) -> None:
    root = Path(finished.store.files.root)
    (root / lost).rename(tmp_path / "aside")
    try:
        with pytest.raises(UserError, match=r"lbt (status|run)"):
            write_folder(RunStore.open(str(root)), tmp_path / "out", [])
    finally:
        (tmp_path / "aside").rename(root / lost)
    assert [p.name for p in tmp_path.iterdir()] == []
