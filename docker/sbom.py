"""What is in the image, as CycloneDX 1.5 JSON: ``python sbom.py FILE``."""

import json
import subprocess
import sys
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any


def python_packages() -> list[dict[str, Any]]:
    """Every installed distribution, once, with its licence where it names one."""
    found: dict[str, dict[str, Any]] = {}
    for one in metadata.distributions():
        name, version = one.metadata["Name"], one.version
        normal = name.lower().replace("_", "-")
        component = {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{normal}@{version}",
        }
        licence = one.metadata.get("License-Expression")
        if licence:
            component["licenses"] = [{"expression": licence}]
        found[normal] = component
    return [found[name] for name in sorted(found)]


def debian_packages() -> list[dict[str, Any]]:
    """Every installed Debian package."""
    command = ["dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}\\n"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [line.split() for line in lines if line.strip()]
    return [
        {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:deb/debian/{name}@{version}?arch={architecture}",
        }
        for name, version, architecture in rows
    ]


def main() -> None:
    """Write the file."""
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": "lbt"}},
        "components": python_packages() + debian_packages(),
    }
    Path(sys.argv[1]).write_text(json.dumps(document, indent=1), "utf-8")


if __name__ == "__main__":
    main()
