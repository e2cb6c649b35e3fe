"""Fixtures that several packages' tests share: a tokenizer and a model of a few seconds' making."""

import pytest
from random_llama import build_llama3_tokenizer, save_random_llama


@pytest.fixture
def llama3_tokenizer():
    """A small byte-level tokenizer with Llama-3's special tokens, and no chat template."""
    return build_llama3_tokenizer()


@pytest.fixture(scope="session")
def random_llama(tmp_path_factory):
    """The folder of a random Llama."""
    return save_random_llama(tmp_path_factory.mktemp("random-llama"), seed=0)
