"""Options: the base of every table of `config.toml`, ours and the plugins'."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema

# What is not schema in a core schema: values, functions and classes of the model's author.
_NOT_SCHEMA = frozenset({"cls", "config", "default", "function", "metadata", "serialization"})


class Options(BaseModel):
    """A table of `config.toml`, checked: frozen, and an unknown key is a problem.

    A number must be a number and a boolean a boolean: TOML has types, so `"4"` is not 4 and 1 is not true.
    A tuple is written as TOML's list. An error never repeats the value that was given.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        # A table that no file uses costs no memory.
        defer_build=True,
    )

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        _refuse_coercion(schema)
        return schema


def _refuse_coercion(schema: Any) -> None:
    """Make numbers and booleans strict, wherever they stand.

    `ConfigDict(strict=True)` would also refuse a list for a tuple and a text for an enum or a path.
    """
    if isinstance(schema, dict):
        if schema.get("type") in ("int", "float", "bool"):
            schema.setdefault("strict", True)
        for key, value in schema.items():
            if key not in _NOT_SCHEMA:
                _refuse_coercion(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            _refuse_coercion(value)
