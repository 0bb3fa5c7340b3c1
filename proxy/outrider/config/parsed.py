"""What the values of `config.toml` that are written as one text have in common."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Parsed:
    """A value that is written as one text, e.g. `"25/s"`: a subclass can be a field of any `Options`.

    `parse` raises ValueError in words that name the remedy, and never repeats the text it was given:
    a secret may have been pasted there.
    """

    __slots__ = ()

    json_schema: ClassVar[dict[str, Any]] = {"type": "string"}

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read what the file says."""
        raise NotImplementedError

    @classmethod
    def _accept(cls, value: object) -> Self:
        return value if isinstance(value, cls) else cls.parse(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._accept, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(cls.json_schema)


def as_list(value: object) -> object:
    """Let one value stand for a list of it."""
    return value if isinstance(value, list | tuple) else [value]
