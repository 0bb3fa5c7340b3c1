"""References to secrets: the file never holds a secret itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from .base_url import Url
from .parsed import Parsed, as_list

_REFERENCE = re.compile(r"(env|file|cmd|keyring):(.*)", re.DOTALL)
_ENV_NAME = re.compile(r"[^\s=\0]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class SecretRef(Parsed):
    """Where a secret is found: `"env:NAME"`, `"file:/path"`, `"cmd:a command"` or `"keyring:service/name"`.

    A reference is not a secret, so `str` and `repr` give it. A relative path of a `file:` is kept as it is;
    it is relative to the folder of the configuration. No error of `parse` repeats what was given.
    """

    kind: Literal["env", "file", "cmd", "keyring"]
    name: str

    json_schema: ClassVar[dict[str, Any]] = {
        "type": "string",
        "pattern": "^(env|file|cmd|keyring):.+$",
        "examples": ["env:NAME"],
    }
    multiline: ClassVar[bool] = False
    """Whether the secret may have line breaks in it: not where it stands in a header."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a reference; a literal secret is refused."""
        match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError('a literal secret is refused; write "env:NAME", "file:/path" or "cmd:..."')
        kind, name = match.groups()
        if kind == "env":
            if not _ENV_NAME.fullmatch(name):
                raise ValueError('"env:" needs the name of an environment variable, e.g. "env:API_KEY"')
            return cls("env", name)
        if kind == "keyring":
            service, _, user = name.rpartition("/")
            if not service or not user or _CONTROL.search(name):
                raise ValueError('"keyring:" needs a service and a name in it, e.g. "keyring:stripe/live"')
            return cls("keyring", name)
        if not name.strip() or _CONTROL.search(name):
            example = "file:/run/secrets/api-key" if kind == "file" else "cmd:pass show api-key"
            what = "the path of a file" if kind == "file" else "a command"
            raise ValueError(f'"{kind}:" needs {what} on one line, e.g. "{example}"')
        return cls("file", name) if kind == "file" else cls("cmd", name)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    def __repr__(self) -> str:
        return f"SecretRef({str(self)!r})"


class DocumentRef(SecretRef):
    """A reference to a secret of several lines: a key in PEM, a file of JSON."""

    __slots__ = ()
    multiline = True


class UrlRef(SecretRef):
    """A reference to a URL that is a secret as a whole: whoever knows it may use it."""

    __slots__ = ()

    @staticmethod
    def split(value: str) -> tuple[Url, str]:
        """Take such a URL apart: what to ask, and its query with the question mark. ValueError in words."""
        where, mark, query = value.strip().partition("?")
        url = Url.parse(where)
        if not query.isascii() or not query.isprintable() or " " in query or "#" in query:
            raise ValueError("the query of a URL has no spaces, control characters or fragment")
        return url, ("" if url.path else "/") + mark + query


SecretRefs = Annotated[
    tuple[SecretRef, ...],
    BeforeValidator(as_list),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                SecretRef.json_schema,
                {"type": "array", "items": SecretRef.json_schema, "minItems": 1},
            ],
            "examples": ["env:NAME"],
        }
    ),
]
"""One reference, or a list of them: a key pool. Always a tuple of at least one."""


def parse_name_or_secret(value: object) -> str | SecretRef:
    """Read a name, which may be literal, or a reference to it; a number is a name too (GitHub's ids are)."""
    if isinstance(value, SecretRef):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if not isinstance(value, str) or not value or _CONTROL.search(value):
        raise ValueError('must be a text in quotes: the name itself, "env:NAME", "file:/path" or "cmd:..."')
    return SecretRef.parse(value) if _REFERENCE.fullmatch(value) else value


NameOrSecretRef = Annotated[
    str | SecretRef,
    PlainValidator(parse_name_or_secret),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["env:NAME"]}),
]
"""What is a name rather than a secret (`client_id`, `username`, ...): a literal, or a SecretRef."""
