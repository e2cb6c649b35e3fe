"""What ``lbt up`` says of its services: whether they ask for a password among it."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from flows.cli.services import _new_services, _say


@pytest.mark.parametrize("auth", [None, "somebody:secret"])
def test_a_ui_without_a_password_is_called_so(
    auth: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    services = _new_services(tmp_path, "127.0.0.1", 4200, auth, None, "127.0.0.1:6379", 8265)
    out = io.StringIO()
    _say(services, tmp_path, Console(file=out, width=300), [], 0.0)
    said = out.getvalue()
    assert ("No password: whoever has an account on this machine" in said) == (auth is None)
    assert "secret" not in said
