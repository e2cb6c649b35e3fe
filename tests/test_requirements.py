"""The locked requirements: what one Python fetches, another one installs."""

from pathlib import Path

import pytest

LOCKS = sorted(
    path
    for path in Path(__file__).parents[1].glob("requirements/*.txt")
    if path.name != "cpu-excludes.txt"  # names alone
)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_no_line_depends_on_which_python_reads_it(lock: Path) -> None:
    """Debian's 3.11.2 installs the wheels that a 3.11.7 has fetched; a marker such as
    ``python_full_version < '3.11.3'`` would leave a wheel out that it needs."""
    lines = lock.read_text("utf-8").splitlines()
    pinned = [line for line in lines if "==" in line and not line.lstrip().startswith(("#", "--"))]
    assert pinned and [line for line in pinned if ";" in line] == []


def test_each_pin_has_a_hash() -> None:
    for lock in LOCKS:
        entries = lock.read_text("utf-8").replace("\\\n", " ").splitlines()
        pinned = [entry for entry in entries if "==" in entry and not entry.startswith("#")]
        assert [entry[:60] for entry in pinned if "--hash=sha256:" not in entry] == [], lock.name
