"""``docs/audit.py``: it cannot pass where nothing was looked up."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

_spec = importlib.util.spec_from_file_location("audit", Path(__file__).parents[1] / "docs/audit.py")
assert _spec is not None and _spec.loader is not None
audit = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(audit)

VULNERABLE = {"name": "p", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
SOUND = {"name": "p", "version": "2", "vulns": []}
SKIPPED = {"name": "p", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("of_known", "of_pins", "status", "said"),
    [
        ([VULNERABLE], [SOUND], 0, "1 packages looked up, 0 vulnerable"),
        ([VULNERABLE], [SOUND, VULNERABLE], 1, "p 1: CVE-1, fixed in 2"),
        ([VULNERABLE], [SOUND, SKIPPED], 2, "NOT LOOKED UP: p: not found"),
        ([VULNERABLE], [], 2, "0 packages looked up"),
        ([VULNERABLE], "no route", 2, "NOT LOOKED UP: osv: no route"),
        ([SOUND], [SOUND], 2, "NOT LOOKED UP: no advisory service"),
        ([SKIPPED], [SOUND], 2, "knows nothing of urllib3==1.24.1"),
        ("no route", [SOUND], 2, "osv: no route"),
    ],
)
def test_status_is_what_was_found(of_known: Any, of_pins: Any, status: int, said: str) -> None:
    lines: list[str] = []
    pins = Path("pins.txt")
    look = lambda path, _: of_pins if path == pins else of_known  # noqa: E731
    assert audit.audit(pins, look, lines.append) == status
    assert said in "\n".join(lines)


def test_the_second_service_is_asked_where_the_first_does_not_answer() -> None:
    def look(path: Path, service: str) -> Any:
        if service == "osv":
            return "no route"
        return [VULNERABLE] if path.name == "known.txt" else [SOUND]

    assert audit.audit(Path("pins.txt"), look, print) == 0


def test_without_pip_audit_nothing_passes(tmp_path: Path, capsys: Any) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("p==1\n")
    assert audit.main([str(pins), "--pip-audit", str(tmp_path / "nothing")]) == 2
    assert "is not installed: pip install pip-audit" in capsys.readouterr().out
