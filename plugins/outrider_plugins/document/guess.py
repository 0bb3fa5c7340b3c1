"""Read settings out of sentences: exactly where Outrider wrote them, as well as can be where a person did."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from outrider.config.call import Call
from outrider.on import DEFAULTS

from .model import Section

_NUMBER = r"(\d[\d,]*(?:\.\d+)?)"
_TIME = re.compile(rf"{_NUMBER} ?(ms|minutes?|min|m|seconds?|sec|s|hours?|h|days?|d)\b")
_RATE = re.compile(
    rf"{_NUMBER} ?(?:calls|requests|req|messages|emails)? ?(?:/|per |an? ) ?"
    r"(second|sec|s|minute|min|m|hour|h|day|d)\b"
)
_CODE = re.compile(r"`([^`]+)`")
_TOKEN = re.compile(r"[\w.-]+", re.ASCII)
#: `Authorization: Token <key>`; what follows a Basic is known by that word alone.
_SCHEME = re.compile(r"\bAuthorization: *([A-Za-z][\w-]*) +\S")
#: A word that names an action, and the action; in the order in which actions are done.
_ACTIONS = (
    ("refresh", r"refresh|renew"),
    ("retry", r"retr(?:y|ies|ied)|try again|backoff"),
    ("failover", r"fail(?:s|ing)? ?over|secondary|switch|fall back"),
    ("alert", r"alert|notif|page |investigate"),
    ("queue", r"queue"),
    ("message", r"message of|display a message"),
)


def auth(section: Section, name: str) -> dict[str, Any]:
    """Give the `auth` table that is described; where no secret is named, the usual environment variable."""
    kind = section.get("Authentication").lower()
    method = section.get("Authentication Method")
    said = f"{kind} {method.lower()}"
    codes = _CODE.findall(method)
    secrets = list(_secrets(section.get("Secret"))) or [f"env:{env_name(name, 'API_KEY')}"]
    if not kind or kind.startswith("none") or "no credential" in said:
        return {"type": "none"} if said.strip() else {"type": "bearer", "token": secrets[0]}
    if "own credential" in kind or "unchanged" in said:
        return {"type": "pass"}
    field = next(_names(codes), "")
    for word, table in _elsewhere(name, secrets, field).items():
        if word in said:
            return table
    if "basic" in said:
        given = secrets if len(secrets) > 1 else [name, *secrets]
        return {"type": "basic", "username": given[0], "password": given[-1]}
    if "query" in said or any(code.startswith("?") for code in codes):
        return {"type": "query", "name": field or "api_key", "value": secrets[0]}
    field = field or (found[1] if (found := re.search(r"\b([Xx]-[\w-]+)\b", method)) else "Authorization")
    dressed = next((one for one in codes if "{secret}" in one), "")
    if (scheme := _SCHEME.search(method)) and scheme[1].lower() != "bearer":
        dressed = f"{scheme[1]} {{secret}}"
    if field.lower() == "authorization" and not dressed:
        return {"type": "bearer", "token": secrets[0] if len(secrets) == 1 else secrets}
    made = {"type": "header", "name": field, "value": secrets[0] if len(secrets) == 1 else secrets}
    return {**made, "format": dressed} if dressed else made


def _names(codes: Iterable[str]) -> Iterator[str]:
    """Give the names of fields and parameters: `X-Key`, and also of `X-Key: <key>` and `?key=`."""
    for code in codes:
        name = re.split("[:=]", code.lstrip("?&"))[0].strip()
        if _TOKEN.fullmatch(name) and name.lower() not in ("bearer", "basic"):
            yield name


def _elsewhere(name: str, secrets: list[str], field: str) -> Mapping[str, dict[str, Any]]:
    """Give what needs more than a key, with names to be filled in."""
    return {
        "oauth": {
            "type": "oauth2",
            "token_url": f"https://{name.replace('_', '-')}.invalid/oauth/token",
            "client_id": name,
            "client_secret": secrets[-1],
        },
        "signature version 4": {"type": "sigv4", "region": "us-east-1", "service": name},
        "hmac": {"type": "hmac", "secret": secrets[0], **({"header": field} if field else {})},
    }


def _secrets(text: str) -> Iterator[str]:
    for kind, where in re.findall(r"(environment variable|file|keyring entry) `([^`]+)`", text):
        yield f"{ {'environment variable': 'env', 'keyring entry': 'keyring'}.get(kind, kind) }:{where}"


def env_name(name: str, what: str) -> str:
    """Name an environment variable after an integration."""
    return re.sub(r"[^A-Z0-9]+", "_", f"{name}_{what}".upper())


def limits(text: str) -> list[dict[str, Any]]:
    """Give the `limits` tables of "Our Strategy"."""
    found = []
    for part in text.split(";"):
        made: dict[str, Any] = {}
        if rate := _RATE.search(part):
            made["rate"] = f"{_plain(rate[1])}/{rate[2][0]}"
        if burst := re.search(r"burst (\d+)", part):
            made["burst"] = int(burst[1])
        if many := re.search(r"(\d+) (?:at once|concurrent)", part):
            made["concurrency"] = int(many[1])
        if wait := re.search(r"waits up to (.*)", part):
            made["wait"] = duration(wait[1]) or "5s"
        elif "never waits" in part:
            made["wait"] = 0
        if "observed only" in part:
            made["observe"] = True
        if "for each key" in part:
            made["scope"] = "key"
        calls = [code for code in _CODE.findall(part) if _is_call(code)]
        if calls:
            made["endpoints"] = calls
        if "rate" in made or "concurrency" in made:
            if made.get("wait") == "5s":
                del made["wait"]
            found.append(made)
    return found


def retry(text: str) -> dict[str, Any]:
    """Give what the `retry` table says otherwise than the defaults."""
    if re.search(r"\bno retries\b", text, re.IGNORECASE):
        return {"attempts": 1}
    made: dict[str, Any] = {}
    if tries := re.search(r"(\d+) attempts", text):
        made["attempts"] = int(tries[1])
    elif tries := re.search(r"(\d+) (?:retries|times)", text):
        made["attempts"] = int(tries[1]) + 1
    if (waits := re.search(r"waiting up to (.+?) at first and (.+?) at most", text)) is not None:
        made |= {"base": duration(waits[1]), "cap": duration(waits[2])}
    if share := re.search(r"at most (\d+)% of the calls", text):
        made["budget"] = int(share[1]) / 100
    usual = {"attempts": 4, "base": "250ms", "cap": "8s", "budget": 0.2}
    return {key: value for key, value in made.items() if value != usual[key]}


def breaker(text: str) -> dict[str, Any] | None:
    """Give the `breaker` table; None where there is none."""
    made: dict[str, Any] = {}
    if many := re.search(r"after (\d+) (?:consecutive )?failures", text, re.IGNORECASE):
        made["failures"] = int(many[1])
    if alone := re.search(r"left alone for (.*)", text):
        made["open"] = duration(alone[1])
    if share := re.search(r"when (\d+)% of at least (\d+) calls in (.*?) fail", text):
        made |= {"rate": int(share[1]) / 100, "minimum": int(share[2]), "window": duration(share[3])}
    return made or ({} if "circuit breaker" in text.lower() else None)


def timeout(text: str) -> dict[str, str]:
    """Give the `timeout` table of our own sentence, without the defaults."""
    keys = ("connect", "response", "idle", "total")
    usual = {"connect": "5s", "response": "60s", "idle": "60s", "total": "2m"}
    times = [_written(one) for one in _TIME.finditer(text)]
    return {key: time for key, time in zip(keys, times, strict=False) if time != usual[key]}


def on(section: Section, *, targets: bool, message: bool) -> dict[str, list[str]]:
    """Give the `on` table: the actions that are named for each error, where they are not the defaults.

    A person says what holds for every error under Strategy and Fallback Strategy; we say it for each.
    """
    found = {}
    able = {"failover": targets, "message": message}
    for error in section.errors:
        key = error.label.split()[0]
        if not re.fullmatch(r"[45](?:\d\d|xx)|unreachable|timeout|limited", key):
            continue
        named = [name for name, words in _ACTIONS if re.search(words, error.text.lower())]
        if key == "limited":
            named = [name for name in named if name not in ("refresh", "retry")]
        actions = [name for name in named if able.get(name, True)]
        if named and not actions:
            continue  # what it names needs more than the document says
        if {"queue", "message"} <= set(actions):
            actions.remove("message")
        usual = {
            name
            for name in DEFAULTS.get(key) or DEFAULTS.get(f"{key[0]}xx", ())
            if name != "pass" and able.get(name, name != "refresh" or name in actions)
        }
        if set(actions) != usual or key not in DEFAULTS:
            found[key] = actions or ["pass"]
    if not any(error.label == "unreachable" for error in section.errors):
        _add(found, section, able)
    return found


def _add(found: dict[str, list[str]], section: Section, able: Mapping[str, bool]) -> None:
    """Add what a person says of every failure: that it is tried again, that it is queued."""
    strategy = section.get("Strategy").lower()
    retries = re.search(dict(_ACTIONS)["retry"], strategy) and "no retries" not in strategy
    queues = "queue" in section.get("If Service is Unavailable").lower()
    for key in ("5xx", "unreachable", "timeout"):
        usual = [name for name in DEFAULTS[key] if able.get(name, True)]
        actions = {*found.get(key, usual)}
        if retries:
            actions = {*actions, "retry"} - {"pass"}
        if queues:
            actions = {*actions, "queue"} - {"pass", "message"}
        if actions != {*found.get(key, usual)}:
            found[key] = [name for name, _ in _ACTIONS if name in actions]


def jobs(section: Section) -> dict[str, Any]:
    """Give what the `jobs` table says otherwise than the defaults."""
    texts = (section.get("If Service is Unavailable"), *(error.text for error in section.errors))
    said = next(filter(None, (re.search(r"up to (\d+) attempts within (.*)", text) for text in texts)), None)
    if said is None:
        return {}
    made = {"attempts": int(said[1]), "keep": duration(said[2])}
    usual = {"attempts": 20, "keep": "24h"}
    return {key: value for key, value in made.items() if value != usual[key]}


def fallback(text: str, names: Collection[str]) -> dict[str, Any]:
    """Give the `fallback` table: the integrations of this document that are named, and a message."""
    made: dict[str, Any] = {}
    targets = [code for code in _CODE.findall(text) if code in names]
    if targets:
        made["targets"] = targets
    if said := re.search(r"display a message: (\d{3})(?: `(.*)`)?", text, re.IGNORECASE):
        made["message"] = {"status": int(said[1])}
        if said[2]:
            made["message"]["body"] = _body(said[2])
    return made


def names_fallback(text: str) -> bool:
    """Whether it speaks of something that stands in: another service, a message."""
    return re.search(rf"{dict(_ACTIONS)['failover']}|message", text.lower()) is not None


def _body(text: str) -> Any:
    try:
        body = json.loads(text)
    except ValueError:
        return text
    return body if isinstance(body, dict) else text


def duration(text: str) -> str:
    """Give the first time of a text as the file writes it; "" where there is none."""
    found = _TIME.search(text)
    return _written(found) if found else ""


def _written(time: re.Match[str]) -> str:
    return _plain(time[1]) + ("ms" if time[2] == "ms" else time[2][0])


def _plain(number: str) -> str:
    return number.replace(",", "")


def _is_call(text: str) -> bool:
    try:
        Call.parse(text)
    except ValueError:
        return False
    return True
