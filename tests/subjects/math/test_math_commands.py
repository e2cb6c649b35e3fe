"""``lbt grade`` and ``lbt evaluate`` with ``--subject math``."""

import json
import sys

import pytest

from flows.cli import main

PAIRS = [
    {"id": "1", "question": "6*7?", "reference": "42", "candidate": "#### 42", "label": True,
     "category": "number"},
    {"id": "2", "question": "6*7?", "reference": "42", "candidate": "#### 24", "label": False,
     "category": "number"},
    {"id": "3", "question": "?", "reference": "B", "candidate": "\\boxed{\\text{(B)}}",
     "label": True, "category": "choice"},
    {"id": "4", "question": "?", "reference": "x^2", "candidate": "\\boxed{x \\cdot x}",
     "label": True, "category": "expression"},
    {"id": "5", "question": "?", "reference": "7", "candidate": "\\boxed{7}", "label": False,
     "category": "mislabelled"},
]  # fmt: skip


@pytest.fixture
def call(monkeypatch, capfd):
    """Runs ``lbt``; its status, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lbt", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capfd.readouterr()
        return stop.value.code, said.out, said.err

    return run


def test_grade_gives_the_confusion_counts(call, tmp_path):
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(p) + "\n" for p in PAIRS))
    code, out, err = call(
        "grade", str(file), "--subject", "math", "--time-limit", "20", "--workers", "1", "--json"
    )
    assert code == 0, err
    summary = json.loads(out)
    assert [v["verdict"] for v in summary["grades"]] == [
        *("correct", "incorrect", "correct", "correct", "correct")
    ]
    assert (summary["false_accepts"], summary["false_rejects"]) == (1, 0)
    assert summary["categories"]["number"] == {"right": 2, "false_accepts": 0, "false_rejects": 0}
    assert summary["false_accept_ids"] == ["5"]


@pytest.mark.slow
def test_evaluate_reads_gsm8ks_shape(call, tmp_path, random_llama):
    file = tmp_path / "test.jsonl"
    rows = [{"question": f"What is {n}+{n}?", "answer": f"So.\n#### {2 * n}"} for n in (3, 4)]
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    code, out, err = call(
        *("evaluate", "--subject", "math", "--problems", str(file), "--model", random_llama),
        *("--engine", "transformers", "--max-new-tokens", "4", "--json"),
    )
    assert code == 0, err
    found = json.loads(out.splitlines()[-1])
    assert found["problems"] == 2
    assert found["pass_1"]["total"] == 2
