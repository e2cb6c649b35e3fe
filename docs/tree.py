"""Writes docs/layout.md: one line per file, from each module's first sentence.

``python docs/tree.py`` rewrites the page; ``--check`` exits 1 where it is out of date.
"""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """# Layout

One line per file, from each module's first sentence; written by `python docs/tree.py`.

"""
PACKAGES = ("flows", "tasks", "lbt_core", "benchmarks")
OTHERS = {
    "prefect.yaml": "the deployments: schedules, work pools, parameters",
    "deployments/": "work-pool manifests, the automation for crashed runs, dashboards",
    "docker/": "images and the compose file",
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
    """Rewrite or check the page."""
    page = ROOT / "docs" / "layout.md"
    renewed = f"{HEAD}{tree()}\n"
    if "--check" in sys.argv:
        if not page.exists() or page.read_text("utf-8") != renewed:
            sys.exit("docs/layout.md is out of date; run python docs/tree.py")
        return
    page.write_text(renewed, "utf-8")


if __name__ == "__main__":
    main()
