"""What happened, for those who listen: metrics, the access log, alerts.

Listeners are plain functions, bound when a configuration is loaded. They must not wait, and one
that raises is named in the log and never disturbs the exchange.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .exchange import Attempt, Exchange
    from .integration import Target

_log = logging.getLogger("outrider")

E = TypeVar("E")
Listener = Callable[[Any], None]


@dataclass(slots=True)
class ExchangeDone:
    """Fires exactly once for every exchange, refused ones too, after its last byte.

    `status` is what the app was sent, 0 if it left before. `broken`: the body did not arrive whole.
    """

    exchange: Exchange
    status: int
    broken: bool


@dataclass(slots=True)
class AttemptDone:
    """Fires once for every attempt, when its head or its failure is there.

    `result` is `2xx` to `5xx`, `unreachable`, `timeout`, `rubbish`, `cancelled` or `refused`.
    """

    attempt: Attempt
    result: str
    seconds: float


@dataclass(slots=True)
class BreakerOpened:
    """A target is left alone for so many seconds. Fires for each such period, `why` in words."""

    target: Target
    seconds: float
    why: str


@dataclass(slots=True)
class BreakerClosed:
    """A target that was left alone answered again. Fires once after one or more BreakerOpened."""

    target: Target


@dataclass(slots=True)
class Retrying:
    """Fires before each further attempt, when its wait begins. `reason` is a status, or a kind of failure."""

    exchange: Exchange
    target: Target
    reason: str
    delay_s: float


@dataclass(slots=True)
class FailedOver:
    """Fires when an exchange moves on to a fallback. `reason` as for Retrying."""

    exchange: Exchange
    origin: Target
    to: Target
    reason: str


@dataclass(slots=True)
class TargetFailed:
    """Fires when a target has failed an exchange for good: retries are used up, or would be pointless."""

    exchange: Exchange
    target: Target
    reason: str
    actions: frozenset[str]


@dataclass(slots=True)
class TargetRecovered:
    """Fires at the first exchange that a target answers well after it failed one."""

    target: Target


@dataclass(slots=True)
class CredentialRefreshed:
    """A token was asked for, by whichever target needed it. `result` is `ok`, `failed` or `refused`.

    `refused`: it is not asked for again until the credential is replaced. `why` tells no secret.
    """

    target: Target
    result: str
    why: str


@dataclass(slots=True)
class KeyChanged:
    """A key of a pool, by its position from 1, of so many: it rests, was taken out, or is back.

    `change` is `limited`, which fires for each 429, `refused` (it is not used until its secret changes) or
    `back`, which fire once.
    """

    target: Target
    position: int
    of: int
    change: str


@dataclass(slots=True)
class LimitWaited:
    """Fires when an attempt had to wait for its turn. `refused`: it was not sent."""

    attempt: Attempt
    seconds: float
    refused: bool


@dataclass(slots=True)
class LimitNearlyUsed:
    """A provider tells that little of a limit is left. Fires for each response that says so.

    `limit` is its name, `remaining` of `of` are left.
    """

    integration: str
    limit: str
    remaining: int
    of: int


@dataclass(slots=True)
class BudgetSpent:
    """A retry was wanted, and the target's budget has none left. Fires for each."""

    exchange: Exchange
    target: Target


@dataclass(slots=True)
class DeprecatedCall:
    """Somebody calls an integration with `status = "deprecated"`. Fires for each call, before it is sent."""

    exchange: Exchange


@dataclass(slots=True)
class JobAccepted:
    """Fires when a call has become a job, which is on disk."""

    integration: str
    id: str


@dataclass(slots=True)
class JobDelivered:
    """Fires for each delivery of a job, once what came of it is on disk.

    `state` is what the job is from then on: `done`, `failed`, or `queued` again. `status` is the response's,
    0 without one; `age_s` the seconds since the job was accepted.
    """

    integration: str
    id: str
    exchange_id: str
    state: str
    status: int
    reason: str
    age_s: float


@dataclass(slots=True)
class JobsGivenUp:
    """Fires when jobs have failed for good without a delivery: their time was over."""

    integration: str
    count: int


@dataclass(slots=True)
class PluginRaised:
    """A plugin raised where it must not."""

    plugin: str


@dataclass(slots=True)
class Reloaded:
    """The configuration was read again; when not `ok`, the old one stays."""

    ok: bool


class Events:
    """The listeners of one configuration."""

    def __init__(self, plugin_of: Callable[[str], str | None] = lambda module: module) -> None:
        self._listeners: dict[type[Any], list[Listener]] = {}
        self._plugin_of = plugin_of

    def plugin_of(self, listener: Listener) -> str:
        """Give the plugin whose code a listener is; the name of its module where there is none."""
        return self._plugin_of(listener.__module__) or listener.__module__

    def on(self, kind: type[E], listener: Callable[[E], None]) -> None:
        """Call `listener` for every event of this kind. TypeError for one that would have to be awaited."""
        if inspect.iscoroutinefunction(listener):
            raise TypeError(f"a listener for {kind.__name__} is awaited by nobody; make it a plain function")
        self._listeners.setdefault(kind, []).append(listener)

    def of(self, kind: type[Any]) -> tuple[Listener, ...]:
        """Give the listeners of a kind, to be bound at load."""
        return tuple(self._listeners.get(kind, ()))

    def emit(self, event: object) -> None:
        """Tell an event that is not on the hot path."""
        tell(self, self.of(type(event)), event)


def tell(events: Events, listeners: tuple[Listener, ...], event: object) -> None:
    """Tell an event to each listener; one that raises is named, and the others still hear of it."""
    for listener in listeners:
        try:
            listener(event)
        except Exception:  # noqa: BLE001 - whatever a plugin raises must not end an exchange
            kind = type(event).__name__
            plugin = events.plugin_of(listener)
            _log.exception("plugin '%s': its listener for %s raised", plugin, kind)
            if not isinstance(event, PluginRaised):
                events.emit(PluginRaised(plugin))
