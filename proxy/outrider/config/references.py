"""Find the references to secrets in a table that was checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from .integration import IntegrationConfig
from .lines import KeyPath
from .secret import SecretRef


def secret_refs(table: BaseModel) -> Iterator[tuple[KeyPath, SecretRef]]:
    """Give every reference in a table with the path of its key: `(("auth", "token"), SecretRef(...))`.

    The path starts below the table; the index of a key pool is in it, that of a single secret is not.
    """
    for path, refs in _groups(table, ()):
        if len(refs) == 1:
            yield path, refs[0]
        else:
            yield from (((*path, index), ref) for index, ref in enumerate(refs))


def _groups(value: object, path: KeyPath) -> Iterator[tuple[KeyPath, tuple[SecretRef, ...]]]:
    match value:
        case SecretRef():
            yield path, (value,)
        case IntegrationConfig():
            for key in type(value).model_fields:
                # A plugin's table is a key of the integration, not of something named "tables".
                yield from _groups(getattr(value, key), path if key == "tables" else (*path, key))
        case BaseModel():
            for key, field in type(value).model_fields.items():
                yield from _groups(getattr(value, key), (*path, field.alias or key))
        case Mapping():
            for key, each in value.items():
                yield from _groups(each, (*path, str(key)))
        case list() | tuple():
            if value and all(isinstance(each, SecretRef) for each in value):
                yield path, tuple(value)
            else:
                for index, each in enumerate(value):
                    yield from _groups(each, (*path, index))
