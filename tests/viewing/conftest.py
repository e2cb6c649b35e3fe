"""Small made runs, and a client of the page over one of them."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from made_run import Made, config_of, make_run
from view_client import HOSTILE, client_of


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("view") / "made"
    config = config_of()
    first = make_run(str(folder), config).plan.problems["train"][0].id
    return make_run(str(folder), config, texts={first: HOSTILE})


@pytest.fixture(scope="session")
def get(made: Made) -> Callable[..., str]:
    client = client_of(made.store.files.uri)

    def read(path: str, status: int = 200, **asked: object) -> str:
        answer = client.get(path, params={k: str(v) for k, v in asked.items()} or None)
        assert answer.status_code == status, answer.text
        return answer.text

    return read
