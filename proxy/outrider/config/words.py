"""Pydantic's errors in our words: what is wrong, and what to write instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from .lines import KeyPath
from .problems import did_you_mean, unknown_key

_THEIRS = frozenset(get_args(ErrorType))  # every other type of error is a plugin author's own
_WHAT = {
    "bool": "true or false",
    "date": "a date",
    "datetime": "a date and time",
    "decimal": "a number",
    "dict": "a table",
    "float": "a number",
    "frozen_set": "a list",
    "int": "a whole number",
    "iterable": "a list",
    "list": "a list",
    "mapping": "a table",
    "model": "a table",
    "model_attributes": "a table",
    "dataclass": "a table",
    "none": "left out",
    "set": "a list",
    "string": "a text in quotes",
    "time": "a time",
    "time_delta": "a duration in seconds",
    "tuple": "a list",
    "url": "a URL",
    "uuid": "a UUID",
}
_KIND = re.compile(rf"({'|'.join(sorted(_WHAT, key=len, reverse=True))})_(?:type|required|parsing|from)")
_BOUNDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "too_long": "must have at most {max_length} entries",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "string_not_ascii": "must be ASCII text",
}


def in_words(error: ValidationError, model: type[BaseModel], raw: object) -> Iterator[tuple[KeyPath, str]]:
    """Give each error as the path of its key, from the table on, and a text that repeats no value.

    `raw` is what the table said: a path that leads out of it is pydantic's own (a branch of a union, the
    key of a mapping) and is cut off there. The branches of a union become one text.
    """
    texts: dict[KeyPath, list[str]] = {}
    errors = error.errors(include_url=False)
    paths = [_in_file(each["loc"], raw, missing=each["type"] == "missing") for each in errors]
    for details, path in zip(errors, paths, strict=True):
        if details["type"] == "too_short" and any(path == each[:-1] for each in paths):
            continue  # an entry with an error of its own is not counted, and its list looks empty
        text = _text(details, model, path)
        texts.setdefault(path, [])
        if text not in texts[path]:
            texts[path].append(text)
    for path, said in texts.items():
        if len(said) > 1 and all(text.startswith("must be ") for text in said):
            said[1:] = [text.removeprefix("must be ") for text in said[1:]]
            yield path, " or ".join(said)
        else:
            yield from ((path, text) for text in said)


def _in_file(loc: KeyPath, raw: object, *, missing: bool) -> KeyPath:
    path: KeyPath = ()
    for part in loc:
        if (isinstance(raw, dict) and part in raw) or (
            isinstance(raw, list) and isinstance(part, int) and part < len(raw)
        ):
            path, raw = (*path, part), raw[part]  # type: ignore[index]
        else:
            break
    return (*path, loc[-1]) if missing else path


def _text(details: ErrorDetails, model: type[BaseModel], path: KeyPath) -> str:
    kind, context = details["type"], details.get("ctx", {})
    holder, field = _find(model, path)
    if kind == "extra_forbidden":
        return unknown_key(str(path[-1]), _keys(holder)) if holder else "unknown key"
    if kind == "missing":
        example = _example(field)
        return f"is missing; write {path[-1]} = {'...' if example is None else toml(example)}"
    if kind in ("too_short", "string_too_short"):
        least = context.get("min_length", 1)
        return "must not be empty" if least == 1 else f"must have at least {least} entries or characters"
    if kind in ("literal_error", "enum"):
        known = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        near = did_you_mean(details["input"], known)
        return f"must be one of {', '.join(map(toml, known))}{near}"
    if kind in ("value_error", "assertion_error"):
        error = context.get("error", "")
        return _own_words(str(error), None if _is_ours(error) else details["input"])
    if kind in _BOUNDS:
        return _BOUNDS[kind].format_map({key: toml(value) for key, value in context.items()})
    if match := _KIND.match(kind):
        example = _example(field) if path and isinstance(path[-1], str) else None
        what = _WHAT[match[1]]
        if example is None or match[1] == "bool":
            return 'must be a list, e.g. ["..."]' if what == "a list" else f"must be {what}"
        return f"must be {what}, e.g. {path[-1]} = {toml(example)}"
    if kind not in _THEIRS:
        return _own_words(details["msg"], details["input"])
    return "is not what belongs here"


def _own_words(text: str, given: object) -> str:
    """Make a validator's words one line, without the value: a library's ValueError may repeat it."""
    if isinstance(given, str) and len(given) > 3:
        text = text.replace(given, "***").replace(repr(given)[1:-1], "***")
    return " ".join(text.split()) or "is not what belongs here"


def _is_ours(error: object) -> bool:
    """Whether a line of ours raised it: our words never repeat a value, but may have it in an example."""
    trace = getattr(error, "__traceback__", None)
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
    return str(name).partition(".")[0] in ("outrider", "outrider_plugins")


def _find(model: type[BaseModel], path: KeyPath) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """Find the model that has the last key of a path, and the key's field."""
    holder: type[BaseModel] | None = model
    field: FieldInfo | None = None
    for part in path:
        if isinstance(part, int):
            continue
        if field is not None:
            holder = _model_in(field.annotation)
        field = _keys(holder).get(part) if holder else None
        if field is None:
            break
    return holder, field


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each))), None)


def _keys(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _example(field: FieldInfo | None) -> Any:
    """Find what one could write: the field's example, its type's, or its default."""
    if field is None:
        return None
    if field.examples:
        return field.examples[0]
    facts = [each.json_schema for each in field.metadata if isinstance(each, WithJsonSchema)]
    for each in (field.annotation, *get_args(field.annotation)):
        facts.append(getattr(each, "json_schema", None))
    for schema in facts:
        if isinstance(schema, dict) and "examples" in schema:
            return schema["examples"][0]
    if field.annotation is str and field.is_required():
        return "..."
    default = field.default
    return default if isinstance(default, str | int | float) and default != "" else None


def toml(value: Any) -> str:
    """Write a value as TOML does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        pairs = ", ".join(
            f"{json.dumps(key) if key[0].isdigit() else key} = {toml(each)}" for key, each in value.items()
        )
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)
