"""Writes the layout tree into README.md: one line per file, from each module's first sentence.

``python docs/tree.py`` rewrites the block between the two markers; ``--check`` exits 1 where the
block is out of date.
"""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START, END = "<!-- tree:start -->", "<!-- tree:end -->"
PACKAGES = ("flows", "tasks", "lbt_core", "benchmarks")
OTHERS = {
    "prefect.yaml": "the deployments: schedules, work pools, parameters",
    "deployments/": "work-pool manifests, the automation for crashed runs, dashboards",
    "docker/": "images (not there yet)",
    "requirements/": "what is asked for (*.in) and what is installed (*.txt), for CPU and GPU",
    "tests/": "mirrors the packages; integration/ with real servers, faults/ with kills, browser/",
    "docs/": "how it works, for the person who carries on",
}


def first_sentence(path: Path) -> str:
    """The first line of a module's docstring, without its full stop."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0].removesuffix(".")


def tree() -> str:
    """The tree as Markdown."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGES],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    ).stdout.split()
    lines = []
    folder = ""
    for name in sorted(listed, key=lambda n: (n.rsplit("/", 1)[0], n)):
        path = ROOT / name
        if path.suffix != ".py" or not path.exists():
            continue
        parent, file = name.rsplit("/", 1)
        if parent != folder:
            folder = parent
            lines.append(f"{parent}/")
        sentence = first_sentence(path)
        if file == "__init__.py":
            lines[-1] = f"{parent + '/':<36}{sentence}".rstrip()
        else:
            lines.append(f"  {file:<34}{sentence}".rstrip())
    lines += [f"{name:<36}{what}" for name, what in OTHERS.items() if (ROOT / name).exists()]
    return "```\n" + "\n".join(lines) + "\n```"


def main() -> None:
    """Rewrite or check the block."""
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    before, rest = text.split(START)
    _, after = rest.split(END)
    renewed = f"{before}{START}\n{tree()}\n{END}{after}"
    if "--check" in sys.argv:
        if renewed != text:
            sys.exit("README.md: the layout tree is out of date; run python docs/tree.py")
        return
    readme.write_text(renewed, "utf-8")


if __name__ == "__main__":
    main()
