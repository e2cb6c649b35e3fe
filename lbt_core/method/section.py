"""What every section of a configuration has in common: unknown fields are refused, values never
change after loading, and yes is not the number 1.
"""

import typing
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """A part of the configuration."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic reads true as 1, YAML reads yes and on as true
        if isinstance(value, bool) and info.field_name is not None:
            annotation = cls.model_fields[info.field_name].annotation
            allowed = {annotation, *typing.get_args(annotation)}
            if bool not in allowed and allowed & {int, float}:
                raise ValueError(f"expected a number, got {str(value).lower()}")
        return value
