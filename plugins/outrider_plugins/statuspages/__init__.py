"""Status pages: what a provider says of itself is looked at when its calls fail, and never before.

A look is one request without a credential, beside the calls, which do not wait for it. It is good for a
minute. While there is an incident the page is looked at once a minute, until it is over. What it says
is at `target.incident`: the breaker, answers of Outrider's own, alerts, pages and metrics tell it.

A page is about the provider's own hosts: where `base_url` leads elsewhere it is not looked at.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from time import monotonic, time
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from outrider.config import BaseUrl, Url
from outrider.plugin import (
    BreakerOpened,
    Events,
    Incident,
    OutriderError,
    Provider,
    Target,
    TargetFailed,
    fetch,
    hookimpl,
    spawn,
)

from .read import Unreadable, read

LOG = logging.getLogger("outrider")

#: Seconds for which a look is good, also one that found nothing out.
FRESH_S = 60.0
#: Google Cloud's feed is the longest; it has every incident of a year.
MAX_BYTES = 4 * 2**20
TIMEOUT_S = 5.0
#: Looks in a row that found nothing out, after which what was said before is no longer believed.
_BELIEVED = 5

_FIELDS = [(b"Accept", b"application/json, application/xml;q=0.9, */*;q=0.1"), (b"User-Agent", b"outrider")]


class Page:
    """One feed, for every target whose provider it is about."""

    def __init__(
        self,
        url: Url,
        shape: str,
        *,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = url
        self._shape = shape
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self.targets: WeakSet[Target] = WeakSet()
        self.incident: Incident | None = None
        self._asked_at = -FRESH_S
        self._unread = 0
        self._asking: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Page {self._url}: {self.incident or 'nothing said'}>"

    def look(self) -> asyncio.Task[None] | None:
        """See to it that what is known is fresh: None when it is, else the look to wait for."""
        if self._asking is not None and not self._asking.done():
            return self._asking
        if self._clock() - self._asked_at < FRESH_S:
            return None
        self._asking = spawn(self._look(), name=f"status page {self._url.authority}")
        return self._asking

    async def _look(self) -> None:
        self._asked_at = self._clock()
        self._take(await self._ask())
        if self.incident is not None and (self._watching is None or self._watching.done()):
            self._watching = spawn(self._watch(), name=f"watch of status page {self._url.authority}")

    async def _watch(self) -> None:
        """Look again until it is over, or nobody calls this provider any more."""
        while self.incident is not None and self.targets:
            await self._sleep(FRESH_S)
            if (look := self.look()) is not None:
                await look

    async def _ask(self) -> Incident | None:
        """Give what the page says; what it said before, for a while, where it cannot be read."""
        try:
            answer = await fetch("GET", self._url, headers=_FIELDS, timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES)
            if answer.status != 200:
                raise Unreadable(f"it answered {answer.status}")
            incident = read(self._shape, answer.body, self._wall())
        except (OutriderError, Unreadable) as error:
            self._unread += 1
            LOG.info("the status page at %s cannot be read: %s", self._url.authority, error)
            return self.incident if self._unread < _BELIEVED else None
        self._unread = 0
        return incident

    def _take(self, incident: Incident | None) -> None:
        before, self.incident = self.incident, incident
        for target in self.targets:
            target.incident = incident
            if incident is not None and incident != before:
                LOG.warning("integration '%s': its provider says: %s", target.name, incident)
            elif incident is None and before is not None:
                LOG.warning("integration '%s': its provider says no more: %s", target.name, before)


class Pages:
    """The pages of the targets that are compiled, by feed: two integrations of one provider share one."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Target, Page] = WeakKeyDictionary()
        self._by_feed: WeakValueDictionary[tuple[Url, str], Page] = WeakValueDictionary()

    def watch(self, target: Target) -> None:
        """Know where the provider of a target says how it is; nothing is asked yet."""
        feed = feed_of(target)
        if feed is None:
            return
        page = self._by_feed.get(feed)
        if page is None:
            page = self._by_feed[feed] = Page(*feed)
        self._of[target] = page
        page.targets.add(target)
        target.incident = page.incident

    def look(self, target: Target) -> asyncio.Task[None] | None:
        """Look at the page of a target, beside the call; None where there is none, or it was just done."""
        page = self._of.get(target)
        return page.look() if page is not None else None


def feed_of(target: Target) -> tuple[Url, str] | None:
    """Say which feed to ask about a target, and its shape: the file's, else the provider's."""
    given, provider = target.config.status_page, target.provider
    if given is not None and (given.feed is not None or not given.ask):
        return (given.feed, given.shape) if given.feed is not None and given.ask else None
    page = provider.status_page if provider is not None else None
    if provider is None or page is None or not page.feed or not _is_own_place(target, provider):
        return None
    return Url.parse(page.feed), page.shape


def _is_own_place(target: Target, provider: Provider) -> bool:
    if target.config.base_url is None:
        return True
    host = target.base.host
    if provider.base_url is None:  # each customer has an own host: "https://{shop}.acme.example/v2"
        domain = provider.base_url_form.rpartition("}")[2].partition("/")[0]
        return bool(domain) and host.endswith(domain)
    return host in _hosts(provider)


def _hosts(provider: Provider) -> Iterator[str]:
    for url in (provider.base_url, *provider.regions.values()):
        if url is not None and "{" not in url:
            yield BaseUrl.parse(url).host


PAGES = Pages()
"""Across reloads, as long as a configuration names them."""


def failed(event: TargetFailed) -> None:
    """Look when the provider fails; not when it refuses what the app asks, nor for our own limit."""
    if event.reason in ("unreachable", "timeout") or event.reason.startswith("5"):
        PAGES.look(event.target)


def opened(event: BreakerOpened) -> None:
    """Look when a target is left alone."""
    PAGES.look(event.target)


@hookimpl
def outrider_target_layers(target: Target) -> None:
    """Know the page of a target. It needs no layer."""
    PAGES.watch(target)


@hookimpl
def outrider_subscribe(events: Events) -> None:
    """Look when something fails."""
    events.on(TargetFailed, failed)
    events.on(BreakerOpened, opened)
