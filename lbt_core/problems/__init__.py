"""Problems: importing and flattening corpora, the built-in families, splits, and when two problems
are the same.
"""

from lbt_core.problems.corpus import load_corpus as load_corpus
from lbt_core.problems.corpus import load_summary as load_summary
