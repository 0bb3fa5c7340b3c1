"""The JSON Schema of `config.toml`, for editors."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from .alerts import Alerts
from .integration import MADE_BY_US, IntegrationConfig
from .parsed import Parsed
from .server import Client, Document, Server
from .traces import Traces
from .vocabulary import Vocabulary


class _Generator(GenerateJsonSchema):
    """Writes the default of a Parsed value as the file would, and closes tables whose keys have a pattern."""

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, Parsed):
            return str(dft)
        if isinstance(dft, tuple) and any(isinstance(each, Parsed) for each in dft):
            return [str(each) for each in dft]
        return super().encode_default(dft)


def json_schema(vocabulary: Vocabulary) -> dict[str, Any]:
    """Give a JSON Schema (draft 2020-12) of the whole file, with what the plugins claim."""
    auth_types = vocabulary.auth_types
    models: list[type[BaseModel]] = [Server, Document, Alerts, Traces, Client, IntegrationConfig]
    models += {*auth_types.values(), *vocabulary.tables.values()}
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in models]
    places, whole = models_json_schema(wanted, schema_generator=_Generator)
    definitions: dict[str, Any] = whole["$defs"]

    def name_of(model: type[BaseModel]) -> str:
        return str(places[model, "validation"]["$ref"]).removeprefix("#/$defs/")

    integration = definitions[name_of(IntegrationConfig)]
    for key in MADE_BY_US:
        del integration["properties"][key]
    integration["properties"]["auth"] = {
        "oneOf": [
            *(_of_type(name, definitions[name_of(options)]) for name, options in sorted(auth_types.items())),
            {"type": "object", "not": {"required": ["type"]}, "title": "the provider's usual auth type"},
        ]
    }
    # Only a provider has a usual type.
    integration |= {
        "if": {"not": {"required": ["provider"]}},
        "then": {"properties": {"auth": {"required": ["type"]}}},
    }
    for key, table in sorted(vocabulary.tables.items()):
        integration["properties"][key] = places[table, "validation"]
    integration["properties"]["provider"] |= {"enum": sorted(vocabulary.providers)}
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "config.toml of Outrider",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "server": places[Server, "validation"],
            "document": places[Document, "validation"],
            "alerts": places[Alerts, "validation"],
            "traces": places[Traces, "validation"],
            "clients": _table_of("[A-Za-z0-9][A-Za-z0-9_.-]*", places[Client, "validation"]),
            "integrations": _table_of("[a-z0-9][a-z0-9_-]*", places[IntegrationConfig, "validation"]),
        },
        "$defs": definitions,
    }


def _of_type(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Give the schema of one auth type: its options, and the `type` that names it."""
    schema = deepcopy(options)
    schema["properties"] = {"type": {"const": name}, **schema.get("properties", {})}
    schema["required"] = ["type", *schema.get("required", [])]
    schema["title"] = f'auth type "{name}"'
    return schema


def _table_of(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "propertyNames": {"pattern": f"^{name}$"}, "additionalProperties": schema}
