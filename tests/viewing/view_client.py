"""A client of the pages over a run, and a text that attacks them."""

from starlette.testclient import TestClient

from lbt_core.reporting.viewing.app import create_app
from lbt_core.reporting.viewing.index import RunIndex

HOSTILE = (
    "</pre></main><script>window.hacked = 1</script><img src=x onerror='window.hacked=2'>\n"
    "\x1b[31mred\x1b[0m \u202egnp.exe\u202c zero\u200bwidth \x00 {{ 7*7 }} "
    "$\\href{javascript:alert(1)}{x}$ $\\def\\a{\\a\\a}\\a$ &lt;b&gt;\n"
    "'''\n[[Final Answer]]:\n$1$\n'''"
)


def client_of(uri: str, refresh_s: float = 0.0) -> TestClient:
    app = create_app(RunIndex(uri, refresh_s))
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=True)
