"""What every provider plugin keeps to, as tests: subclass `Conformance`, and pytest runs them.

    from outrider.testing.conformance import Conformance

    class TestAcme(Conformance):
        provider = "acme"

The plugin must be installed (`pip install --editable .`). One sidecar and one fake provider are started for
the class; each test says in its docstring what it claims.
"""

import base64
import http.client
import json
import re
import secrets
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from outrider.compile import Compiler
from outrider.config import loads
from outrider.facts import Sign
from outrider.headers import Headers, field
from outrider.integration import Target
from outrider.problem import PROBLEM_JSON, Problem
from outrider.provider import Provider
from outrider.registry import Registry, load_plugins
from outrider.response import Response, Whole
from outrider.testing.provider import FakeProvider
from outrider.testing.request import ReceivedRequest
from outrider.testing.script import reply
from outrider.testing.sidecar import Sidecar

#: What the app sends in every place of a credential: a dummy, as the README says.
_APPS_OWN = "the-apps-own-dummy"
#: Nothing listens there: an unprivileged user cannot.
_NOBODY = "http://127.0.0.1:9"


class Conformance:
    """The tests of one provider, by its name in `config.toml`."""

    provider: ClassVar[str] = ""
    auth: ClassVar[str] = ""
    """Its `auth` table as TOML, without the braces, where the class's own facts do not make one; secrets are
    `"env:KIT_SECRET"` and `"env:KIT_OTHER_SECRET"`."""
    path: ClassVar[str] = "/conformance"
    """A path of the API that may be called with any method."""

    registry: ClassVar[Registry]
    facts: ClassVar[Provider]
    fake: ClassVar[FakeProvider]
    sidecar: ClassVar[Sidecar]
    secrets: ClassVar[dict[str, str]]

    @classmethod
    def setup_class(cls) -> None:
        """Start a fake provider, and a sidecar in front of it."""
        cls.registry = load_plugins()
        assert cls.provider in cls.registry.providers, f"no installed plugin gives {cls.provider!r}"
        cls.facts = cls.registry.providers[cls.provider]()
        cls.secrets = {name: secrets.token_hex(12) for name in ("KIT_SECRET", "KIT_OTHER_SECRET")}
        cls.fake = FakeProvider()
        cls.fake.__enter__()
        try:
            cls.sidecar = Sidecar(cls._config(), env=cls.secrets).start()
        except BaseException:
            cls.fake.__exit__(None, None, None)
            raise

    @classmethod
    def teardown_class(cls) -> None:
        """End both."""
        cls.sidecar.stop()
        cls.fake.__exit__(None, None, None)

    def setup_method(self) -> None:
        """Forget what the last test sent."""
        self.fake.clear()
        self.fake.handler = None

    # What it says of itself

    def test_it_says_where_its_facts_are_from(self) -> None:
        """A title, the documentation, and the day on which its facts were read."""
        assert self.facts.title
        assert self.facts.documentation.startswith("https://")
        assert self.facts.as_of, "write as_of, the day on which the facts were read"

    def test_it_says_how_to_point_its_sdk(self) -> None:
        """Where it names an SDK, with the address in the line."""
        line = self.facts.sdk_setup
        assert not self.facts.sdk or "url}" in line, "sdk_setup needs {url}, {bare_url} or {own_url}"

    def test_its_plans_give_limits(self) -> None:
        """`plan = "NAME"` of each of them is no problem, and its limits are the integration's."""
        head = f'[integrations.kit]\nprovider = "{self.provider}"\nbase_url = "{_NOBODY}"\n'
        for plan, facts in self.facts.plans.items():
            loaded = loads(f'{head}plan = "{plan}"', self.registry.vocabulary)
            assert loaded.problems == ()
            assert loaded.config is not None
            assert loaded.config.integrations["kit"].limits == (facts.kept() or None)

    def test_its_probe_only_reads(self) -> None:
        """A GET, or a call of `safe_calls`."""
        call = self.facts.probe.partition("?")[0]
        assert not call or call.startswith(("GET ", "HEAD ")) or call in self.facts.safe_calls

    # The credential

    def test_the_apps_credential_is_taken_off(self) -> None:
        """Wherever its SDKs put one: fields and parameters of the query."""
        query = "&".join(f"{name}={_APPS_OWN}" for name in self.facts.credential_query)
        names = ("Authorization", "X-Api-Key", "Api-Key", *self.facts.credential_headers)
        self._call("GET", f"{self.path}?{query}&kept=1", dict.fromkeys(names, _APPS_OWN))

        request = self._only_request()
        assert _APPS_OWN not in request.head.decode("latin-1")
        assert "kept=1" in request.target

    def test_the_apps_credential_is_taken_off_bodies(self) -> None:
        """Of JSON and of forms, where its SDKs or older clients have it there; the rest stays as it is."""
        names = self.facts.credential_members
        for kind, write in (
            ("application/json", json.dumps),
            ("application/x-www-form-urlencoded", urlencode),
        ):
            given = write({**dict.fromkeys(names, _APPS_OWN), "kept": "1"}).encode()
            left = write({"kept": "1"}).encode()
            self.fake.clear()
            self._call("POST", self.path, {"Content-Type": kind}, given)

            assert self._only_request().body == left

    def test_the_credential_is_put_on(self) -> None:
        """In a field or parameter that is also taken off what the app sends."""
        self._call("GET", self.path)

        request = self._only_request()
        target = self._target()
        fields = {name.lower().encode("latin-1") for name, _ in request.headers}
        assert fields & target.credential_headers or any(
            f"{name}=" in request.target for name in target.credential_query
        ), "nothing was put on"

    def test_further_origins_get_the_same_credential(self) -> None:
        """Each of `hosts`, below `/_hosts/NAME`."""
        for name in self.facts.hosts:
            self.fake.clear()
            self._call("GET", f"/_hosts/{name}{self.path}")
            request = self._only_request()
            assert request.target.partition("?")[0] == f"/{name}{self.path}"

    def test_its_sdks_token_calls_are_answered_here(self) -> None:
        """With a token that means nothing; the provider hears of none."""
        for call in self.facts.token_paths:
            answer = self._call(*_any_path(call), body={"grant_type": "client_credentials"})
            assert answer.status == 200, call
            assert json.loads(answer.body)["access_token"] not in self.secrets.values()
        assert self.fake.requests == []

    def test_no_secret_is_told(self) -> None:
        """Not in an answer, a log line, a metric or a page, whatever the provider answers."""
        self.fake.handler = lambda request: reply(401, {"error": "no"})
        told = [str(self._call("GET", self.path, integration=name)) for name in ("kit", "unreachable")]
        told += [self.sidecar.stderr, self._admin("/metrics"), self._admin("/api/integrations")]
        for secret in self.secrets.values():
            for form in (secret, base64.b64encode(secret.encode()).decode().rstrip("=")):
                assert all(form not in text for text in told)

    # Limits and retries

    def test_its_limit_fields_are_read(self) -> None:
        """Those of `limit_headers` say how many calls there are, or are left."""
        from outrider_plugins.limits.learned import read

        headers = Headers([field(name, value) for name, value in self.facts.limit_headers.items()])
        seens = read(200, headers, time.time())
        assert not headers.fields or any(
            seen.limit is not None or seen.remaining is not None for seen in seens
        ), f"nothing was read from {headers}"

    def test_its_limits_are_known_by_their_signs(self) -> None:
        """`limit_signs` are limits; a spent quota is never retried; `retry_signs` always are."""
        for sign in self.facts.limit_signs:
            assert self.facts.limited(_example(sign, 403)), sign
        for sign in self.facts.quota_signs:
            assert self.facts.should_retry(_example(sign, 429)) is False, sign
        for sign in self.facts.retry_signs:
            assert self.facts.should_retry(_example(sign, 409)) is True, sign
        for sign in self.facts.refusal_signs:
            assert self.facts.key_refused(_example(sign, 403)), sign
        told_in_a_success = [
            sign for sign in (*self.facts.limit_signs, *self.facts.refusal_signs) if 0 < sign.status < 400
        ] + list(self.facts.failure_signs)
        assert not told_in_a_success or self.facts.judged_calls, "judged_calls says whose 200 to look at"

    def test_plain_responses_are_judged_plainly(self) -> None:
        """A 429 is a limit, a 401 refuses the credential, a 404 is neither, and none raises on rubbish."""
        for body in ("", "<html>", "[]", '{"error": null}', "\x00\xff"):
            four = {status: Response(status, [], Whole(body.encode())) for status in (401, 404, 429, 500)}
            assert self.facts.limited(four[429])
            assert self.facts.key_refused(four[401])
            assert not self.facts.limited(four[404])
            assert not self.facts.key_refused(four[404])
            for response in four.values():
                assert self.facts.should_retry(response) in (True, False, None)
                asked_s = self.facts.retry_after(response)
                assert asked_s is None or asked_s >= 0

    def test_a_read_is_tried_again(self) -> None:
        """A GET after a 503, and what `safe_calls` name."""
        safe = [_any_path(call) for call in self.facts.safe_calls]
        for method, path in [("GET", self.path), *safe]:
            self.fake.clear()
            self.fake.reply(503)
            assert self._call(method, path).status == 200, (method, path)
            assert len(self.fake.requests) == 2

    def test_a_write_is_sent_once_unless_it_is_keyed(self) -> None:
        """A POST after a 500; with a key of the API it is sent again, with the same key."""
        self.fake.handler = lambda request: reply(500)
        self._call("POST", self.path, body={"a": 1})
        header, calls = self.facts.idempotency_header, self.facts.idempotency_calls
        assert len(self.fake.requests) == (2 if header and not calls else 1)
        for method, path in [_any_path(call) for call in calls] or ([("POST", self.path)] if header else []):
            self.fake.clear()
            self._call(method, path, body={"a": 1})
            first, second = (request.header(header) for request in self.fake.requests)
            assert first
            assert first == second

    def test_a_key_in_the_body_counts_only_when_the_app_gave_it(self) -> None:
        """Bodies are not changed."""
        name = self.facts.idempotency_field
        if name:
            self.fake.handler = lambda request: reply(500)
            self._call("POST", self.path, body={name: "k1"})
            sent = [request.json() for request in self.fake.requests]
            assert sent == [{name: "k1"}] * 2, sent

    def test_a_429_is_tried_again_for_every_method(self) -> None:
        """It was not executed."""
        self.fake.reply(429)
        self._call("POST", self.path, body={"a": 1})
        assert len(self.fake.requests) == 2

    def test_the_sdk_is_told_not_to_begin_anew(self) -> None:
        """After the last attempt: `x-should-retry`, its own fields, and no Retry-After that it would obey."""
        self.fake.handler = lambda request: reply(503, b"", {"Retry-After": "0"})
        answer = self._call("GET", self.path)
        assert answer.fields.get("x-should-retry") == "false"
        for name, value in self.facts.stop_headers:
            assert answer.fields.get(name.lower()) == value
        if self.facts.sdk_obeys_retry_after:
            assert "retry-after" not in answer.fields

    def test_what_it_does_can_be_done_by_others(self) -> None:
        """Each operation's example is one of its calls, and means the same at every provider that has it."""
        for name, mine in self.facts.operations.items():
            example = mine.example
            assert mine.means(example.method, example.target.partition("?")[0]), name
            meant = mine.read(example)
            for provider in self.registry.providers.values():
                theirs = provider.operations.get(name)
                if theirs is not None:
                    written = theirs.write(meant)
                    assert theirs.means(written.method, written.target.partition("?")[0]), provider.name
                    assert theirs.read(written) == meant, provider.name
                    answer = theirs.answer("id-1")
                    assert answer is None or theirs.result(answer) == "id-1", provider.name

    # What comes back

    def test_our_own_answers_are_in_its_envelope(self) -> None:
        """As its SDK parses it; the plain problem where it has none."""
        answer = self._call("GET", self.path, integration="unreachable")
        problem = Problem("urn:outrider:x", "Bad Gateway", 502, "no connection", "unreachable", "id")
        body = self.facts.error_body(problem)
        assert answer.status == 502
        if body is None:
            assert answer.fields["content-type"] == PROBLEM_JSON
        elif not isinstance(body, str):
            assert answer.fields["content-type"] == "application/json"
            assert _shape(json.loads(answer.body)) == _shape(json.loads(json.dumps(body)))

    def test_urls_that_its_sdk_follows_lead_back(self) -> None:
        """In the fields and members that it names."""
        own = f"{self.fake.url}{_base_path(self.facts)}/next"
        for name in self.facts.url_headers:
            self.fake.reply(200, b"", {name: own})
            assert self._call("GET", self.path).fields[name.lower()].endswith("/kit/next")
        for urls in self.facts.urls:
            for member in urls.fields:
                name = member.replace("*", "any")
                self.fake.reply(200, {"a": [{name: own}]})
                call = urls.call if " " in urls.call else f"{urls.call or 'GET'} {self.path}"
                answer = json.loads(self._call(*_any_path(call)).body)
                assert answer["a"][0][name].endswith("/kit/next"), (urls.call, member)

    # How it is asked

    @classmethod
    def _config(cls) -> str:
        auth, given = cls.auth, dict(cls.facts.secrets)
        if not auth:
            names = ['"env:KIT_SECRET"', '"env:KIT_OTHER_SECRET"']
            lines = [f"{key} = {names[min(index, 1)]}" for index, key in enumerate(given)]
            auth = ", ".join(lines) or 'type = "none"'
        hosts = ", ".join(f'{name} = "{cls.fake.url}/{name}"' for name in cls.facts.hosts)
        base = f"{cls.fake.url}{_base_path(cls.facts)}"
        return "".join(
            f"""
            [integrations.{name}]
            provider = "{cls.provider}"
            base_url = "{url}"
            hosts = {{ {hosts} }}
            auth = {{ {auth} }}
            retry = {{ attempts = 2, base = "1ms", cap = "1ms", budget = 1 }}
            """
            for name, url in (("kit", base), ("unreachable", _NOBODY))
        )

    def _target(self) -> Target:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "config.toml")
            path.write_text(self._config())
            table = Compiler(path, self.registry, secrets=False).compile().table
        assert table is not None
        return table.integrations["kit"].target

    def _only_request(self) -> ReceivedRequest:
        (request,) = self.fake.requests
        return request

    def _call(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: Any = None,
        integration: str = "kit",
    ) -> "_Answer":
        connection = http.client.HTTPConnection("127.0.0.1", self.sidecar.port, timeout=20)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body)
            more = {"Content-Type": "application/json"} if data else {}
            connection.request(method, f"/{integration}{path}", data, {**more, **(headers or {})})
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return _Answer(response.status, fields, response.read())
        finally:
            connection.close()

    def _admin(self, path: str) -> str:
        admin = urlsplit(self.sidecar.admin_url)
        connection = http.client.HTTPConnection(admin.hostname or "", admin.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the app gets; the names of its fields are in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes


def _base_path(facts: Provider) -> str:
    return urlsplit(facts.base_url or "").path.rstrip("/")


def _any_path(call: str) -> tuple[str, str]:
    """Give a request that a call's template matches."""
    method, _, template = call.partition(" ")
    return method, re.sub(r"\{\w+\}", "x", template.strip())


def _example(sign: Sign, status: int) -> Response:
    """Give a response that shows a sign; `status` where the sign has none."""
    name, _, value = sign.field.partition(":")
    fields = [field(name, value.strip() or "1")] if name else []
    return Response(sign.status or status, fields, Whole(" ".join(sign.words[:1]).encode()))


def _shape(value: Any) -> Any:
    """Give the names and kinds of a JSON value, without the values."""
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    return [_shape(each) for each in value] if isinstance(value, list) else type(value).__name__
