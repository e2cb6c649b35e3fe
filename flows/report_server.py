"""Serves the reports of runs, and nothing else of them, to browsers on this machine.

``python -m flows.report_server PORT FOLDER``: ``http://127.0.0.1:PORT/<run>/report/index.html`` is
``FOLDER/<run>/report/index.html``, at whatever depth the run lies.
"""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class ReportHandler(SimpleHTTPRequestHandler):
    """GET and HEAD of files in a folder called ``report``; no listings."""

    def translate_path(self, path: str) -> str:
        """The file asked for, or one that does not exist where it is none of a report's."""
        file = Path(super().translate_path(path)).resolve()
        served = file.parent.name == "report" and (file.parent.parent / "run.json").is_file()
        inside = file.is_relative_to(Path(self.directory).resolve())
        return str(file) if served and inside and file.is_file() else "/nonexistent"


def main() -> None:
    """Serve until ended."""
    handler = partial(ReportHandler, directory=sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()


if __name__ == "__main__":
    main()
