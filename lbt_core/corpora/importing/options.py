"""What the user can choose about an import, and what an import reports."""

from collections import Counter
from dataclasses import dataclass, field

from lbt_core.corpora.importing.fields import FieldMap
from lbt_core.corpora.splits import SplitSpec


@dataclass(frozen=True)
class ImportOptions:
    """``prove``: read equations and prove the reference answers; ``workers``: processes for that
    (0: in this one).
    """

    fields: FieldMap = field(default_factory=FieldMap)
    split: SplitSpec = field(default_factory=SplitSpec)
    encoding: str | None = None
    prove: bool = True
    workers: int = 0
    replace: bool = False


@dataclass
class Counts:
    """Running counts of an import; ``items`` must equal ``imported + duplicates + set_aside``.

    ``parts`` are those that the source lists, ``resumed_parts`` those found in the text after them,
    ``joined_parts`` how many items fewer there are because one answer stands for several parts.
    """

    records: int = 0
    exercises: int = 0
    parts: int = 0
    resumed_parts: int = 0
    joined_parts: int = 0
    items: int = 0
    imported: int = 0
    duplicates: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    proof: Counter[str] = field(default_factory=Counter)
    renamed_ids: int = 0
    unknown_splits: Counter[str] = field(default_factory=Counter)

    @property
    def set_aside(self) -> int:
        return sum(self.reasons.values())

    def check(self) -> None:
        """Raise RuntimeError where an item was lost or counted twice."""
        if self.items != self.imported + self.duplicates + self.set_aside:
            raise RuntimeError(
                f"{self.items} items, but {self.imported} imported + {self.duplicates} "
                f"duplicates + {self.set_aside} set aside"
            )
