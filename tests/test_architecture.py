"""Rules about the code itself, read from its syntax trees and from fresh interpreters."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("lbt_core", "tasks", "flows")
TEXTS = {".py", ".yaml", ".json", ".j2", ".md"}
HEAVY = ("prefect", "ray", "vllm", "torch", "transformers")


def sources(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every import in a file, those inside functions too."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(path.relative_to(ROOT).with_suffix("").parts[: -node.level or None])
            prefix = f"{package}." if node.level else ""
            yield node.lineno, f"{prefix}{node.module or ''}"
        elif isinstance(node, ast.Call) and name_of(node.func).endswith("import_module"):
            for argument in node.args[:1]:
                yield node.lineno, ast.unparse(argument).strip("'f\"")


def name_of(node: ast.expr) -> str:
    """The dotted name of an expression, "" where it is none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return ""


def places(found: Iterator[tuple[Path, int]]) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{line}" for path, line in found]


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("lbt_core", ("prefect", "ray", "tasks", "flows")),
        ("tasks", ("flows",)),
    ],
)
def test_package_does_not_import(package, forbidden):
    found = (
        (path, line)
        for path in sources(package)
        for line, name in imported(path)
        if name.split(".")[0] in forbidden
    )
    assert places(found) == []


ORDER = {
    # who may import whom within lbt_core, besides its root (versions and errors)
    "generation": set(),
    "embedded": set(),
    "store": set(),
    "method": {"store", "generation"},
    "training": {"method", "store", "generation"},
    "measurement": {"method", "store"},
    "corpora": {"method", "store"},
    "subjects": {"corpora", "method", "store"},
    "run": {
        *("subjects", "corpora", "measurement", "method", "store"),
        *("training", "generation", "embedded"),
    },
    "reporting": {
        *("run", "subjects", "corpora", "measurement", "training"),
        *("method", "generation", "embedded", "store"),
    },
}


def package_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "lbt_core").parts
    return parts[0] if len(parts) > 1 else ""


def core_imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and package of every import from lbt_core in a file; the root is ""."""
    for line, name in imported(path):
        parts = name.split(".")
        if parts[0] == "lbt_core":
            yield line, parts[1] if len(parts) > 1 else ""


def test_every_package_has_its_place_in_the_order():
    assert {package_of(path) for path in sources("lbt_core")} == {"", *ORDER}


@pytest.mark.parametrize("package", sorted(ORDER))
def test_arrows_between_packages_go_one_way(package):
    found = (
        (path, line)
        for path in sources(f"lbt_core/{package}")
        for line, other in core_imports(path)
        if other not in {"", package, *ORDER[package]}
    )
    assert places(found) == []


def test_the_order_has_no_circle():
    left = dict(ORDER)
    while left:
        free = {p for p, others in left.items() if not others & set(left)}
        assert free, left
        left = {p: others for p, others in left.items() if p not in free}


@pytest.mark.parametrize("subject", ["ode", "math"])
def test_nothing_outside_a_subject_imports_it(subject):
    """The registry names its module in a string; nothing else does."""
    home = f"lbt_core.subjects.{subject}"
    found = (
        (path, line)
        for path in sources(*PACKAGES)
        if not path.is_relative_to(ROOT / home.replace(".", "/"))
        for line, name in full_names(path)
        if name == home or name.startswith(f"{home}.")
    )
    assert places(found) == []
    strings = [
        path.relative_to(ROOT).as_posix()
        for path in sources(*PACKAGES)
        if not path.is_relative_to(ROOT / home.replace(".", "/"))
        and home in path.read_text("utf-8")
    ]
    assert strings == ["lbt_core/subjects/registry.py"]


def full_names(path: Path) -> Iterator[tuple[int, str]]:
    """Like ``imported``, with what is imported from a module as a name of its own."""
    yield from imported(path)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


SUBJECT_WORDS = re.compile(r"\b(?:odes?|differential equations?|constants? of integration)\b", re.I)
GENERAL = (
    *("lbt_core/method", "lbt_core/run", "lbt_core/store"),
    *("lbt_core/generation", "lbt_core/training", "tasks"),
)


def test_no_word_of_the_default_subject_stands_outside_it():
    files = [p for folder in GENERAL for p in (ROOT / folder).rglob("*") if p.suffix in TEXTS]
    assert len(files) > 50
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if SUBJECT_WORDS.search(line)
    ]
    assert found == []


def calls(*packages: str) -> Iterator[tuple[Path, ast.Call]]:
    for path in sources(*packages):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call):
                yield path, node


BUILTINS = {"eval", "exec", "compile", "__import__"}
EVALUATING = {
    *("sympify", "parse_expr", "parse_latex", "lambdify"),
    *("pickle.load", "pickle.loads", "torch.load", "os.system", "os.popen"),
}
# Files and folders in which a call is in order, and why.
ALLOWED = {
    # the generators prove their own problems: the expressions are built by this code
    "lbt_core/subjects/ode/proof.py": {"sympify", "lambdify"},
    "lbt_core/subjects/ode/proof_operators.py": {"sympify", "lambdify"},
    "lbt_core/subjects/ode/tiny/": {"parse_expr"},
    "lbt_core/subjects/ode/university/": {"sympify"},
    # checkpoints that this program wrote, read with weights_only
    "lbt_core/subjects/ode/pretraining/optimisation.py": {"torch.load"},
}


def test_nothing_evaluates_text():
    found = []
    for path, call in calls(*PACKAGES):
        name, where = name_of(call.func), path.relative_to(ROOT).as_posix()
        hits = {d for d in EVALUATING if name == d or name.endswith(f".{d}")}
        hits |= {name} & BUILTINS
        for place, allowed in ALLOWED.items():
            if where.startswith(place):
                hits -= allowed
        found += [f"{where}:{call.lineno} {hit}" for hit in hits]
    assert found == []


def test_no_module_imports_pickle():
    found = (
        (path, line)
        for path in sources(*PACKAGES)
        for line, name in imported(path)
        if name.split(".")[0] in ("pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal")
    )
    assert places(found) == []


def test_no_remote_code_is_trusted():
    found = (
        (path, call.lineno)
        for path, call in calls(*PACKAGES)
        for keyword in call.keywords
        if keyword.arg == "trust_remote_code"
        and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
    )
    assert places(found) == []


def test_no_yaml_is_loaded_unsafely():
    found = (
        (path, call.lineno)
        for path, call in calls(*PACKAGES)
        if name_of(call.func) in ("yaml.load", "yaml.full_load", "yaml.unsafe_load")
    )
    assert places(found) == []


def environment_reads(path: Path) -> Iterator[int]:
    """Lines that read an environment variable. Setting one, and handing the whole environment on
    to a process (``env=``), is no reading."""
    tree = tree_of(path)
    fine = set()
    for node in ast.walk(tree):
        targets = []
        if isinstance(node, ast.Assign | ast.Delete):
            targets = node.targets
        elif isinstance(node, ast.AugAssign):
            targets = [node.target]
        fine |= {id(t.value if isinstance(t, ast.Subscript) else t) for t in targets}
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("pop", "update"):
                fine.add(id(node.func.value))
            for keyword in node.keywords:
                if keyword.arg == "env":
                    fine |= {id(inner) for inner in ast.walk(keyword.value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and name_of(node) in ("os.environ", "os.getenv"):
            if id(node) not in fine:
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            taken = {"environ", "getenv"} & {alias.name for alias in node.names}
            yield from (node.lineno for _ in taken)


# One read each that is no knob of ours, and why.
OTHER_READS = {
    # the grading worker's module path is put in front of the one that this process was given
    "lbt_core/subjects/pool.py": 1,
}


def test_the_environment_is_read_in_the_configuration_only():
    found = {}
    for path in sources(*PACKAGES):
        where = path.relative_to(ROOT).as_posix()
        lines = list(environment_reads(path))
        if where != "lbt_core/run/config.py" and len(lines) > OTHER_READS.get(where, 0):
            found[where] = lines
    assert found == {}


def loaded_by(module: str) -> set[str]:
    """Heavy packages that a fresh interpreter holds after importing a module."""
    program = f"import sys, {module}; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "lbt_core",
        "lbt_core.run.config",
        "lbt_core.run.plan",
        "lbt_core.store",
        "lbt_core.method.prompts",
        "lbt_core.subjects.ode.answers",
        "lbt_core.generation",
        "lbt_core.method.exams",
        "lbt_core.method.preferences",
        "lbt_core.measurement.estimators",
        "lbt_core.run.status",
    ],
)
def test_importing_loads_nothing_heavy(module):
    assert loaded_by(module) == set()


def test_importing_the_package_takes_less_than_a_second():
    program = (
        "import time; s = time.process_time(); import lbt_core; print(time.process_time() - s)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert float(done.stdout) < 1.0


def test_the_readme_is_short():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 120
    assert [line for line in lines if len(line) > 120] == []
