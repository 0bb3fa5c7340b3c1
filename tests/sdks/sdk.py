"""What is claimed of every SDK: subclass `Sdk`, say how its provider answers and how the app calls.

The client is made by `sdk_setup` of the provider, word for word as the documentation has it, and with what else is
the SDK's default. A class that also inherits `Pages` or `Streams` claims that too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import pytest

from outrider.config import Call
from outrider.provider import Provider
from outrider.testing import ReceivedRequest, Script, Step, raw, reply
from sdks.running import ATTEMPTS, POLICY, SECRET, Running

Answer = Script | dict[str, Any] | list[Any] | Callable[[ReceivedRequest], Any]
"""JSON, a script, or a function that gives one of them."""


class Sdk:
    """One SDK with its provider. `call` is one call that reads; the claims below are made of it."""

    provider: ClassVar[str]
    integration: ClassVar[str]
    """Its name in the file: the provider's, unless several classes are of one."""
    auth: ClassVar[str] = ""
    """The integration's `auth` table as TOML, without its braces, where the provider's `secrets` do not make it."""
    policy: ClassVar[str] = POLICY
    """What else is in its table."""
    own_listener: ClassVar[bool] = False
    """For an SDK that drops a path prefix: what `{own_url}` stands for."""
    names: ClassVar[Mapping[str, Any]] = {}
    """What the line in `sdk_setup` needs: the names that an app imports."""
    errors: ClassVar[tuple[type[Exception], ...]]
    """What the SDK makes of a failure."""
    limit: ClassVar[Script] = reply(429, {}, {"Retry-After": "0"})
    """How the API says "slow down"."""
    failure: ClassVar[Script] = reply(500, {})
    tries: ClassVar[int] = ATTEMPTS
    """How often the provider sees `call` while it fails: once where a second time could do harm."""
    limit_tries: ClassVar[int] = ATTEMPTS
    """How often it does while it says "slow down"."""

    running: Running
    facts: Provider
    known: ClassVar[list[type[Sdk]]] = []

    def __init_subclass__(cls) -> None:
        if "provider" in vars(cls):
            cls.integration = vars(cls).get("integration", cls.provider)
            cls.known.append(cls)

    # What a subclass says

    def routes(self) -> Mapping[str, Answer]:
        """Say how the provider answers, by its calls: `"GET /v1/things/{id}"`."""
        raise NotImplementedError

    def connect(self, line: str) -> Any:
        """Make the client as the documentation says: what the line gives, or what it calls `client`."""
        names = dict(self.names)
        try:
            code = compile(line, self.provider, "eval")
        except SyntaxError:
            exec(line, names)
            return names.get("client")
        return eval(code, names)

    def close(self, client: Any) -> None:
        """Let go of what the client holds."""

    def call(self, client: Any) -> None:
        """Call the API once, and look at what comes back."""
        raise NotImplementedError

    def fail(self, client: Any) -> None:
        """Call it while the provider fails; the app is told by an exception of the SDK."""
        with pytest.raises(self.errors):
            self.call(client)

    def credential(self, request: ReceivedRequest) -> str:
        """Give what stands where our credential is to stand."""
        value = request.header("Authorization") or ""
        kind, _, rest = value.partition(" ")
        return base64.b64decode(rest).decode() if kind.lower() == "basic" else rest

    @property
    def host(self) -> str:
        """Where the provider really is: the URLs in its answers begin so."""
        return self.running.fake.url

    def further(self, name: str) -> str:
        """Give where one of its further origins really is."""
        return f"{self.running.further.url}/{name}"

    @property
    def requests(self) -> list[ReceivedRequest]:
        """What the provider has seen, its further origins included."""
        return sorted(
            (*self.running.fake.requests, *self.running.further.requests), key=lambda each: each.received
        )

    # The claims

    @pytest.fixture
    def client(self, running: Running) -> Iterator[Any]:
        """The SDK, connected; afterwards: all that the provider saw came through us, with our credential."""
        self.running, self.facts = running, running.facts(self.provider)
        running.clear(self._answer)
        client = self.connect(
            self.facts.point_sdk(running.url(self.integration), running.own_url(self.integration))
        )
        yield client
        self.close(client)
        problems = running.fake.problems + running.further.problems
        assert problems == [], problems
        assert {self.credential(request) for request in self.requests} == {self.secret}

    secret: ClassVar[str] = SECRET

    def test_a_call(self, client: Any) -> None:
        """It goes through, once."""
        self.call(client)

    def test_a_limit_and_then_an_answer(self, client: Any) -> None:
        """The SDK does not notice: it was waited for here."""
        self.running.fake.answer(self.limit)
        self.call(client)
        assert len(self.running.fake.requests) >= 2, self.requests

    def test_a_limit_that_stays(self, client: Any) -> None:
        """The provider sees our attempts, and not ours times the SDK's."""
        self._always(self.limit)
        self.fail(client)
        assert len(self.requests) == self.limit_tries, self.requests

    def test_a_failure_that_stays(self, client: Any) -> None:
        """Likewise; what may do harm a second time is sent once."""
        self._always(self.failure)
        self.fail(client)
        assert len(self.requests) == self.tries, self.requests

    def test_an_answer_of_ours(self, client: Any) -> None:
        """A 502 of Outrider's own is an error of the SDK, in the provider's envelope."""
        self._always(raw(b"rubbish\r\n\r\n", Step.CLOSE))
        self.fail(client)
        assert len(self.requests) == self.tries, self.requests

    def _always(self, script: Script) -> None:
        for fake in (self.running.fake, self.running.further):
            fake.handler = lambda request: script

    def _answer(self, request: ReceivedRequest) -> Script:
        path = request.target.partition("?")[0]
        for call, answer in self.routes().items():
            if Call.parse(call).matches(request.method, path):
                given: Any = answer
                while callable(given):
                    given = given(request)
                return given if isinstance(given, Script) else reply(200, given)
        raise AssertionError(f"no route for {request.method} {request.target}")


class Pages:
    """An SDK that turns pages."""

    def page(self, client: Any) -> None:
        """Read a page and the next one, and look at both."""
        raise NotImplementedError

    def test_pages(self, client: Any) -> None:
        """The next page is asked for through us too."""
        self.page(client)


class Streams:
    """An SDK that reads server-sent events."""

    def stream(self, client: Any) -> None:
        """Read a stream; call `release()` of the fake after the first event."""
        raise NotImplementedError

    def test_a_stream(self, client: Any) -> None:
        """Each event reaches the SDK while the provider still writes."""
        self.stream(client)


def query_of(request: ReceivedRequest) -> dict[str, str]:
    """Give the parameters of a request's query."""
    from urllib.parse import parse_qsl

    return dict(parse_qsl(request.target.partition("?")[2]))


def paged(parameter: str, pages: Mapping[str, Answer]) -> Answer:
    """Answer by a parameter of the query; "" is the page without it."""
    return lambda request: pages[query_of(request).get(parameter, "")]


def by_body(parameter: str, answers: Mapping[Any, Answer]) -> Answer:
    """Answer by a member of the JSON body; None is the request without it."""
    return lambda request: answers[json.loads(request.body or b"{}").get(parameter)]
