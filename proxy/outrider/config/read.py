"""Read one table by its model, reporting each problem in words."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeGuard, TypeVar

from pydantic import BaseModel, ValidationError

from .lines import KeyPath
from .problems import Report, dotted
from .words import in_words

_Table = TypeVar("_Table", bound=BaseModel)


def read_table(
    model: type[_Table],
    raw: object,
    path: KeyPath,
    report: Report,
    *,
    made: Mapping[str, Any] | None = None,
    stand_ins: Mapping[str, Any] | None = None,
) -> _Table | None:
    """Check a table, with the fields `made` by us.

    Where it has problems, what comes back lacks the keys that have them, so that the checks between tables
    see the rest; required keys get their `stand_ins`. None when there is nothing to see.
    """
    if not is_table(raw, path, report):
        return None
    made = made or {}
    try:
        return model.model_validate({**raw, **made})
    except ValidationError as error:
        bad = list(in_words(error, model, raw))
    for where, text in bad:
        report.problem((*path, *where), text)
    keys = [where for where, _ in bad if where]
    rest = _without_all(keys, raw)
    try:
        return model.model_validate({**(stand_ins or {}), **rest, **made})
    except ValidationError as error:
        # What stands in a table beside a bad key may be wrong by that: such tables are left out as a whole.
        keys += [where for where, _ in in_words(error, model, rest)]
    for left_out in (keys, [where[:1] for where in keys]):
        with suppress(ValidationError):
            rest = _without_all([where for where in left_out if where], raw)
            return model.model_validate({**(stand_ins or {}), **rest, **made})
    return None


def _without_all(paths: list[KeyPath], table: dict[Any, Any]) -> dict[Any, Any]:
    for path in paths:
        table = _without(path, table)
    return table


def _without(path: KeyPath, table: dict[Any, Any]) -> dict[Any, Any]:
    """Copy a table without one key below it; a list with something bad in it goes as a whole."""
    key, *rest = path
    if rest and isinstance(inner := table.get(key), dict):
        return {**table, key: _without(tuple(rest), inner)}
    return {each: value for each, value in table.items() if each != key}


def is_table(raw: object, path: KeyPath, report: Report) -> TypeGuard[dict[str, Any]]:
    """Tell whether it is a table, and report it when it is not."""
    if isinstance(raw, dict):
        return True
    text = f"must be a table; write [{dotted(path)}]"
    report.problem(path, f"{text} in single brackets" if isinstance(raw, list) else text)
    return False
