"""Commands that this subject adds to ``lbt``: its built-in corpus, and its embedded model."""
