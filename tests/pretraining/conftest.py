"""The recipe's tokenizer, learnt once for all tests of the package."""

from typing import Any

import pytest

from lbt_core.pretraining.recipe import Recipe
from lbt_core.pretraining.training import tokenizer_for


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return tokenizer_for(Recipe())
