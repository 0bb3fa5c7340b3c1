"""The way of a call through what is compiled, as a sequence diagram: Mermaid and SVG are drawn of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from outrider.plugin import Stage

from . import words

if TYPE_CHECKING:
    from outrider.plugin import Integration, Target

APP, US, PROVIDER = "app", "outrider", "provider"


@dataclass(frozen=True, slots=True)
class Arrow:
    """What one says to another; `back`: an answer."""

    origin: str
    to: str
    text: str
    back: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """What one does by itself."""

    over: str
    text: str


@dataclass(frozen=True, slots=True)
class Loop:
    """Steps that may come several times."""

    label: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Cases:
    """One of several ways on, each with its name."""

    ways: tuple[tuple[str, tuple[Step, ...]], ...]


Step: TypeAlias = "Arrow | Note | Loop | Cases"


@dataclass(frozen=True, slots=True)
class Flow:
    """Who takes part, by id and name in the order of their columns, and what happens."""

    actors: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]


def flow_of(integration: Integration) -> Flow:
    """Make the diagram of one integration: a call, a 401, a 429, an outage."""
    fallbacks = [(f"fallback{number}", one.name) for number, one in enumerate(integration.fallbacks, 1)]
    actors = ((APP, "Application"), (US, "Outrider"), (PROVIDER, words.title(integration.target)), *fallbacks)
    call = integration.config.endpoints[0].call if integration.config.endpoints else None
    method, path = (call.method, call.template) if call is not None else ("GET", "/...")
    begin: list[Step] = [Arrow(APP, US, f"{method} /{integration.name}{path}")]
    begin += [Note(US, text) for text in _admitted(integration)]
    credential = words.credential_kind(integration.target)
    sent = Arrow(US, PROVIDER, f"{method} {path}, {credential}" if credential else f"{method} {path}")
    cases = Cases(
        (
            ("a call", (Arrow(PROVIDER, US, "2xx", back=True), Arrow(US, APP, "2xx, as it came", back=True))),
            ("401 Unauthorized", _failing(integration, "401", "401")),
            ("429 Too Many Requests", _failing(integration, "429", "429 with Retry-After")),
            ("an outage: 5xx, no answer, too slow", _failing(integration, "5xx", "5xx or nothing")),
        )
    )
    return Flow(actors, (*begin, sent, cases))


def _admitted(integration: Integration) -> list[str]:
    """Say what a call passes before it is sent, in the order of the stack."""
    stages = [placed.layer.stage for placed in (*integration.stack, *integration.target.stack)]
    passed = []
    if integration.config.endpoints_only:
        passed.append("refuse what is not listed")
    if Stage.BREAK in stages:
        passed.append("breaker: refuse while it is open")
    for limit in integration.target.config.limits or ():
        if not limit.observe:
            passed.append(f"wait for a turn: {words.limit(limit)}")
    if Stage.AUTH in stages:
        passed.append("take the app's credential off, put ours on")
    return passed


def _refreshed(target: Target) -> tuple[str, str]:
    """Say what is done about a credential that was refused, and with which one the call is sent again."""
    if words.keys_of(target):
        return "leave the key out", "with another key"
    if words.is_static(target):
        return "read the key again", "if the key was replaced"
    return "renew the token", "with the new token"


def _failing(integration: Integration, key: str, answer: str) -> tuple[Step, ...]:
    """Draw what is done on an error, action by action."""
    target = integration.target
    actions = words.actions(integration, key)
    steps: list[Step] = [Arrow(PROVIDER, US, answer, back=True)]
    if key == "429":
        held = "rest the key" if words.keys_of(target) else "hold every call"
        steps.append(Note(US, f"{held} until Retry-After is over"))
    for action in actions:
        match action:
            case "refresh":
                done, outcome = _refreshed(target)
                steps.append(Note(US, done))
                steps.append(Arrow(US, PROVIDER, f"the same call, {outcome}"))
            case "retry":
                attempts = words.attempts(target)
                where = "" if key == "429" else ", where a repeat does no harm"
                wait = Note(US, "wait: Retry-After, or backoff" if key == "429" else "wait: backoff")
                again = Arrow(US, PROVIDER, f"the same call{where}")
                steps.append(Loop(f"up to {attempts - 1} more times", (wait, again)))
            case "failover":
                for number, _ in enumerate(integration.fallbacks, 1):
                    steps.append(Arrow(US, f"fallback{number}", "the call, with its own credential"))
            case "alert":
                steps.append(Note(US, "alert, once while it lasts"))
            case _:
                pass
    if key == "5xx" and (breaker := words.breaker(target)):
        steps.append(Note(US, f"breaker: {breaker}"))
    steps.append(Arrow(US, APP, words.last_answer(integration, key), back=True))
    return tuple(steps)
