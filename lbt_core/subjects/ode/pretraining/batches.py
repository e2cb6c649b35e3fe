"""Batches of token ids. Each is a pure function of the recipe and the step, so training can be
resumed at any step and batches can be prepared ahead.
"""

from random import Random
from typing import Any

from lbt_core.subjects.ode.pretraining.documents import Document, chat, series, text_of
from lbt_core.subjects.ode.pretraining.recipe import Phase, Recipe
from lbt_core.subjects.ode.pretraining.vocabulary import PAD_ID

IGNORED = -100
Row = tuple[list[int], list[int]]
Batch = tuple[list[list[int]], list[list[int]]]  # ids and labels, each rows x length


def encode(tokenizer: Any, documents: list[Document]) -> list[Row]:
    """Token ids and labels of documents; unsupervised tokens have the label -100."""
    backend = tokenizer.backend_tokenizer
    backend.no_padding()  # a tokenizer that has padded once goes on padding
    encodings = backend.encode_batch(list(map(text_of, documents)), add_special_tokens=False)
    rows = []
    for document, encoding in zip(documents, encodings, strict=True):
        spans, start = [], 0
        for text, supervised in document:
            spans.append((start + len(text), supervised))
            start += len(text)
        labels, place = [], 0
        for token, (begin, _) in zip(encoding.ids, encoding.offsets, strict=True):
            while begin >= spans[place][0] and place + 1 < len(spans):
                place += 1
            labels.append(token if spans[place][1] else IGNORED)
        rows.append((encoding.ids, labels))
    return rows


def _pad(rows: list[Row], length: int) -> Batch:
    ids = [(row[:length] + [PAD_ID] * (length - len(row))) for row, _ in rows]
    labels = [(row[:length] + [IGNORED] * (length - len(row))) for _, row in rows]
    return ids, labels


def _packed(rng: Random, recipe: Recipe, phase: Phase, tokenizer: Any) -> list[Row]:
    rows = []
    for _ in range(recipe.rows):
        ids: list[int] = []
        labels: list[int] = []
        while len(ids) < recipe.length:
            for row_ids, row_labels in encode(tokenizer, [series(rng, phase.mix)]):
                ids += row_ids
                labels += row_labels
        rows.append((ids, labels))
    return rows


def make_batch(recipe: Recipe, step: int, tokenizer: Any) -> Batch:
    """Ids and labels of one step, each rows x length."""
    rng, phase = Random(f"{recipe.seed}:{step}"), recipe.phase_at(step)
    if phase.form == "series":
        return _pad(_packed(rng, recipe, phase, tokenizer), recipe.length)
    one_shot = rng.random() < phase.mix.one_shot
    length = recipe.one_shot_length if one_shot else recipe.zero_shot_length
    documents = [
        chat(rng, phase.mix, one_shot=one_shot) for _ in range(recipe.batch_tokens // length)
    ]
    return _pad(encode(tokenizer, documents), length)
