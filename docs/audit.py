"""Known vulnerabilities of the locked packages, looked up by pip-audit; fails where no advisory
service can be asked.

``python docs/audit.py requirements/cpu.txt`` needs a network and pip-audit (``pip install
pip-audit``, or --pip-audit with its path). Exit status 0: every package was looked up and none is
known to be vulnerable. 1: some are, named. 2: they could not be looked up. pip-audit itself ends
with 0 where an index answers without advisories, so each service is first asked about a release
that is known to be vulnerable.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SERVICES = ("osv", "pypi")
# CVE-2019-11324, fixed in 1.24.2
KNOWN = "urllib3==1.24.1"
PATIENCE_S = 600

Look = Callable[[Path, str], list[dict[str, Any]] | str]


def looker(command: str) -> Look:
    """Asks pip-audit about the pins of a file: its packages, or in words why it could not."""

    def look(pins: Path, service: str) -> list[dict[str, Any]] | str:
        asked = [command, "-r", str(pins), "--no-deps", "--disable-pip", "-f", "json"]
        try:
            done = subprocess.run(
                [*asked, "-s", service], capture_output=True, text=True, timeout=PATIENCE_S
            )
            found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
        except FileNotFoundError:
            return f"{command} is not installed: pip install pip-audit"
        except subprocess.TimeoutExpired:
            return f"no answer within {PATIENCE_S} s"
        except (ValueError, KeyError):
            return (done.stderr.strip().splitlines() or ["no answer"])[-1][:300]
        return found

    return look


def audit(pins: Path, look: Look, say: Callable[[str], None]) -> int:
    """Look the pins up at the first service that knows what is known; the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known.txt"
        known.write_text(f"{KNOWN}\n")
        for service in SERVICES:
            found = look(known, service)
            if isinstance(found, str):
                say(f"{service}: {found}")
            elif not any(one.get("vulns") for one in found):
                say(f"{service}: answers, but knows nothing of {KNOWN}, which is vulnerable")
            else:
                return _judge(look(pins, service), service, say)
    say(f"NOT LOOKED UP: no advisory service can be asked from here about {pins}")
    return 2


def _judge(found: list[dict[str, Any]] | str, service: str, say: Callable[[str], None]) -> int:
    if isinstance(found, str):
        say(f"NOT LOOKED UP: {service}: {found}")
        return 2
    skipped = [one for one in found if "skip_reason" in one]
    for one in skipped:
        say(f"NOT LOOKED UP: {one['name']}: {one['skip_reason']}")
    vulnerable = [one for one in found if one.get("vulns")]
    for one in vulnerable:
        for vuln in one["vulns"]:
            fixed = ", ".join(vuln.get("fix_versions") or ()) or "no release"
            say(f"{one['name']} {one['version']}: {vuln['id']}, fixed in {fixed}")
    say(f"{service}: {len(found) - len(skipped)} packages looked up, {len(vulnerable)} vulnerable")
    if skipped or not found:
        return 2
    return 1 if vulnerable else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Look up, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pins", type=Path, help="a file of name==version lines")
    parser.add_argument("--pip-audit", default="pip-audit", help="its command")
    options = parser.parse_args(arguments)
    return audit(options.pins, looker(options.pip_audit), print)


if __name__ == "__main__":
    sys.exit(main())
