"""The `auth` table of an integration, whose `type` decides what else is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .lines import KeyPath
from .options import Options
from .problems import Report, did_you_mean
from .read import read_table
from .vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Auth:
    """What an `auth` table says; `options` is None when they have a problem."""

    type: str
    options: Options | None


def read_auth(
    raw: object, path: KeyPath, vocabulary: Vocabulary, report: Report, usual: Mapping[str, Any]
) -> Auth | None:
    """Check an `auth` table; None when its type cannot be told. No text repeats a value of it.

    `usual` is the provider's own table: it fills in what the file leaves out, while the type is the same.
    """
    if not isinstance(raw, dict):
        report.problem(path, 'must be a table, e.g. auth = { type = "bearer", token = "env:NAME" }')
        return None
    if usual and raw.get("type", usual["type"]) == usual["type"]:
        raw = {**usual, **raw}
    types = vocabulary.auth_types
    known = ", ".join(sorted(types))
    if "type" not in raw:
        report.problem((*path, "type"), f"is missing; write one of {known}")
        return None
    type_ = raw["type"]
    if not isinstance(type_, str) or type_ not in types:
        near = did_you_mean(type_, types)
        report.problem(
            (*path, "type"), f"no installed plugin gives this auth type{near or ';'} known are {known}"
        )
        return None
    options = read_table(types[type_], {key: raw[key] for key in raw if key != "type"}, path, report)
    good = options is not None and path not in report.bad
    return Auth(type_, options if good else None)
