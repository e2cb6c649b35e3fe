"""Corpora: importing and flattening them, splits, and a corpus on disk."""

from lbt_core.corpora.imported import load_corpus as load_corpus
from lbt_core.corpora.imported import load_summary as load_summary
