"""Importing a raw corpus: read any shape, flatten to self-contained questions, check, merge
duplicates, split, write.
"""
