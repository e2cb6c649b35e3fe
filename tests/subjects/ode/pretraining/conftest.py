"""The recipe's tokenizer, learnt once for all tests of the package."""

from typing import Any

import pytest

from lbt_core.subjects.ode.pretraining.optimisation import tokenizer_for
from lbt_core.subjects.ode.pretraining.recipe import Recipe


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return tokenizer_for(Recipe())
