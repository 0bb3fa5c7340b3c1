"""Add an integration to the text of `config.toml`; what stands there already is not touched."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import tomlkit

from outrider.config import Config, loads, secret_refs
from outrider.config.values import parse_name
from outrider.errors import StartError
from outrider.rewrite import rewrite

from .address import addresses, point

if TYPE_CHECKING:
    from outrider.config import SecretRef, Vocabulary
    from outrider.plugin import Provider

#: The order in which the keys stand in the file; others follow.
_FIRST = ("provider", "base_url", "status", "purpose", "plan")


class Adding:
    """One integration on its way into a file."""

    def __init__(self, vocabulary: Vocabulary, provider: type[Provider], name: str, path: Path) -> None:
        self._vocabulary = vocabulary
        self._provider = provider
        self._name = name
        self._path = path
        self._asks = sys.stdin.isatty() and sys.stdout.isatty()

    def add(self, given: Iterable[str]) -> Iterator[str]:
        """Write it, and give what is to be told. StartError where that cannot be; nothing is written then."""
        try:
            parse_name(self._name)
        except ValueError as error:
            raise StartError(f"{self._name!r} cannot name an integration: {error}") from None
        old = self._read()
        if self._name in _parsed(old, self._path).get("integrations", {}):
            raise StartError(
                f"{self._path} has an integration '{self._name}' already; give another name with --name"
            )
        table = self._table(given)
        text = self._with(old, table)
        config = self._checked(text)
        absent = _absent(config, self._name, self._path.parent)
        if absent and "status" not in table:
            text = self._with(old, {**table, "status": "draft"})
            self._checked(text)
        rewrite(self._path, text)
        yield from self._told(config, absent)

    def _read(self) -> str:
        try:
            return self._path.read_text("utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise StartError(f"{self._path} cannot be read: {(why or '').lower()}") from None

    def _table(self, given: Iterable[str]) -> dict[str, Any]:
        """Make the integration of what was given, what is asked for, and what is usual."""
        facts = self._provider
        values = dict(_split(one) for one in given)
        if facts.base_url is None and "base_url" not in values:
            values["base_url"] = self._base_url()
        for key, variable in facts.secrets.items():
            if f"auth.{key}" not in values:
                values[f"auth.{key}"] = self._ask(f"Where is auth.{key}?", f"env:{variable}")
        if (
            facts.plans
            and "plan" not in values
            and (plan := self._ask(f"Plan, for its published limits ({', '.join(facts.plans)})", ""))
        ):
            values["plan"] = plan
        if "purpose" not in values and (purpose := self._ask("What is it for?", "")):
            values["purpose"] = purpose
        table: dict[str, Any] = {"provider": facts.name}
        if facts.auth:
            table["auth"] = {"type": facts.auth["type"]}
        for key, value in values.items():
            _put(table, key.split("."), value)
        return table

    def _base_url(self) -> str:
        form = self._provider.base_url_form or "https://api.example.com"
        if not self._asks:
            raise StartError(
                f"{self._provider.title} has a base URL for each customer; give yours: --set base_url={form}"
            )
        return str(click.prompt(f"Base URL, {form}"))

    def _ask(self, question: str, default: str) -> str:
        return (
            str(click.prompt(question, default=default, show_default=bool(default)))
            if self._asks
            else default
        )

    def _with(self, old: str, table: Mapping[str, Any]) -> str:
        """Give the text with the integration at its end."""
        text = old.rstrip() + ("\n\n" if old.strip() else "") + _rendered(self._name, table)
        wanted = _parsed(old, self._path)
        wanted.setdefault("integrations", {})[self._name] = table
        try:
            good = tomllib.loads(text) == wanted
        except tomllib.TOMLDecodeError:
            good = False
        if not good:
            raise StartError(
                f"{self._path} is written in a way that an integration cannot be added to; add it by hand:\n"
                + _rendered(self._name, table)
            )
        return text

    def _checked(self, text: str) -> Config:
        """Check the integration as a load would; problems that others have are not its own."""
        loaded = loads(text, self._vocabulary, file=str(self._path))
        own = [one for one in loaded.problems if f"{one.where}.".startswith(f"integrations.{self._name}.")]
        if own:
            raise StartError("\n".join(f"{one.where}: {one.text}" for one in own) + "\nnothing was written")
        config = loaded.config or loaded.partial
        assert config is not None, "it was parsed"
        return config

    def _told(self, config: Config, absent: list[SecretRef]) -> Iterator[str]:
        url, _ = addresses(self._name, config.server)
        where = f" at {url}" if url else ""
        yield f"{self._path}: '{self._name}' is added; Outrider carries it{where}"
        for ref in absent:
            what = (
                f"set {ref.name} in its environment"
                if ref.kind == "env"
                else f"write the secret to {ref.name}"
            )
            yield f"{what}; until then the integration is a draft, and not routed"
        if line := point(self._provider, self._name, config.server):
            yield f"point {self._provider.sdk or 'the application'} at it: {line}"
            if self._provider.sdk_note:
                yield self._provider.sdk_note.replace("{url}", url)
        elif url:
            yield f"point the application at it: its base URL is {url}"


def _split(text: str) -> tuple[str, Any]:
    """Read `auth.token=file:/x`: the value as TOML where it is some, else as text."""
    key, equals, value = text.partition("=")
    if not equals or not all(key.split(".")):
        raise StartError(f"--set wants KEY=VALUE, e.g. --set plan=live; {key!r} is none")
    try:
        return key, tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        return key, value


def _put(table: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            raise StartError(f"--set {'.'.join(keys)}: {key} is no table")
        table = inner
    table[keys[-1]] = value


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StartError(f"{path} is no TOML, so nothing is added to it: {error}") from None


def _rendered(name: str, table: Mapping[str, Any]) -> str:
    """Write the integration as a person would: plain keys, then a table for each table."""
    lines = [f"[integrations.{name}]"]
    order = sorted(table, key=lambda key: _FIRST.index(key) if key in _FIRST else len(_FIRST))
    lines += [_line(key, table[key]) for key in order if not isinstance(table[key], dict)]
    for key in order:
        if isinstance(table[key], dict):
            lines += ["", f"[integrations.{name}.{key}]"]
            lines += [_line(inner, value) for inner, value in table[key].items()]
    return "\n".join(lines) + "\n"


def _line(key: str, value: Any) -> str:
    return f"{tomlkit.key(key).as_string()} = {_item(value).as_string()}"


def _item(value: Any) -> Any:
    """Give a value on one line, where tomlkit would begin a table."""
    if isinstance(value, list):
        array = tomlkit.array()
        array.extend(_item(inner) for inner in value)
        return array
    if not isinstance(value, dict):
        return tomlkit.item(value)
    table = tomlkit.inline_table()
    for key, inner in value.items():
        table.append(key, _item(inner))
    return table


def _absent(config: Config, name: str, folder: Path) -> list[SecretRef]:
    """Give the secrets that are not there yet, as far as that can be told without running anything."""
    return [
        ref
        for _, ref in secret_refs(config.integrations[name])
        if (ref.kind == "env" and ref.name not in os.environ)
        or (ref.kind == "file" and not (folder / ref.name).exists())
    ]
