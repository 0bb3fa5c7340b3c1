"""The answers that Outrider gives by itself."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.config import BaseUrl, IntegrationConfig
from outrider.errors import (
    Limited,
    NotFound,
    Open,
    OutriderError,
    Unauthorized,
    Unavailable,
    Unreachable,
    UpgradeRequired,
)
from outrider.facts import Incident
from outrider.integration import Integration, Target
from outrider.problem import Problem, answer
from outrider.provider import Provider
from outrider.response import Response
from outrider.secrets import Vault


class Enveloped(Provider):
    def error_body(self, problem: Problem) -> Mapping[str, object]:
        return {"error": f"{problem.status} {problem.detail}"}


class Raising(Provider):
    name = "raising"

    def error_body(self, problem: Problem) -> Mapping[str, object]:
        raise KeyError("oops")


class NotJson(Provider):
    name = "notjson"

    def error_body(self, problem: Problem) -> Mapping[str, object]:
        return {"error": {problem.status}}


class Patient(Provider):
    name = "patient"

    def error_body(self, problem: Problem) -> Mapping[str, object]:
        return {"wait": problem.retry_after_s}


class Silent(Provider):
    name = "silent"


def integration(provider: Provider | None = None) -> Integration:
    base = BaseUrl.parse("https://api.acme.example")
    section = IntegrationConfig(name="acme", base_url=base)
    return Integration("acme", section, Target("acme", section, base, provider, Vault(Path())))


def body(response: Response) -> object:
    data = response.body.take()
    assert data is not None
    return json.loads(data)


def test_a_provider_s_envelope_may_say_when_to_come_back() -> None:
    """Some SDKs look for it in the body."""
    response = answer(Limited("slow", retry_after_s=3), id="id-1", integration=integration(Patient()))

    assert body(response) == {"wait": 3}


def test_a_problem_has_every_member_of_the_contract() -> None:
    """RFC 9457, and the integration and the id beside it."""
    response = answer(Unavailable("draining"), id="id-1", integration=integration())

    assert (response.status, response.made_here) == (503, True)
    assert response.headers.get("Content-Type") == "application/problem+json"
    assert body(response) == {
        "type": "urn:outrider:unavailable",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "draining",
        "integration": "acme",
        "outrider_id": "id-1",
    }


def test_an_sdk_gets_its_own_envelope() -> None:
    """Where the provider's plugin knows it, the answer parses as an error of the API."""
    response = answer(Limited("too fast"), id="id-1", integration=integration(Enveloped()))

    assert response.headers.get("Content-Type") == "application/json"
    assert body(response) == {"error": "429 too fast"}


@pytest.mark.parametrize("provider", [Raising(), NotJson()], ids=["raises", "gives what is no JSON"])
def test_an_envelope_that_fails_is_left_out(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    """The app gets the plain problem, and the log names the plugin that could not describe it."""
    with caplog.at_level(logging.ERROR, "outrider"):
        response = answer(Limited("too fast"), id="id-1", integration=integration(provider))

    assert (response.status, response.headers.get("Content-Type")) == (429, "application/problem+json")
    assert body(response) == body(answer(Limited("too fast"), id="id-1", integration=integration()))
    assert [record.getMessage() for record in caplog.records] == [
        f"plugin '{__name__}': error_body of provider '{provider.name}' raised"
    ]
    assert caplog.records[0].exc_info is not None


def test_a_provider_without_an_envelope_leaves_the_problem(caplog: pytest.LogCaptureFixture) -> None:
    """None is a plain problem, and nothing to log."""
    response = answer(Limited("too fast"), id="id-1", integration=integration(Silent()))

    assert response.headers.get("Content-Type") == "application/problem+json"
    assert caplog.records == []


def test_no_integration_is_an_empty_text() -> None:
    """A request that belongs to none is answered all the same."""
    assert '"integration": ""' in json.dumps(body(answer(NotFound("x"), id="1", integration=None)))


@pytest.mark.parametrize(("seconds", "field"), [(None, None), (0.2, "1"), (1.0, "1"), (29.01, "30")])
def test_retry_after_is_never_too_early(seconds: float | None, field: str | None) -> None:
    """Whole seconds, rounded up; without a time there is no field."""
    response = answer(Limited("x", retry_after_s=seconds), id="1", integration=None)

    assert response.headers.get("Retry-After") == field


def test_a_status_that_needs_a_field_has_it() -> None:
    """RFC 9110: a 401 says how to authenticate, a 426 what to upgrade to."""
    unknown = answer(Unauthorized("x"), id="1", integration=None)
    upgrade = answer(UpgradeRequired("x"), id="1", integration=None)

    assert unknown.headers.get("WWW-Authenticate") == 'Bearer realm="outrider"'
    assert upgrade.headers.get("Upgrade") == "websocket"


@pytest.mark.parametrize("status", [420, 499, 529, 599])
def test_a_status_without_a_phrase_can_be_answered(status: int) -> None:
    """APIs use numbers that are in no registry, and so may a plugin."""
    assert answer(OutriderError("x", status=status), id="1", integration=None).status == status


@settings(deadline=None)
@given(st.text())
def test_any_detail_stays_one_string_of_proxy_status(detail: str) -> None:
    """RFC 8941: printable ASCII between quotes, whatever it was made of."""
    field = answer(OutriderError(detail), id="1", integration=None).headers.get("Proxy-Status") or ""
    begin = 'outrider; error=proxy_internal_error; details="'
    inner = field.removeprefix(begin).removesuffix('"')
    unescaped = inner.replace("\\\\", "").replace('\\"', "")

    assert field == f'{begin}{inner}"'
    assert field.isascii()
    assert field.isprintable()
    assert not {'"', "\\"} & set(unescaped)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Unreachable("nobody is there"), True),
        (Open("the breaker is open"), True),
        (Unavailable("draining"), False),
        (Limited("no turn"), False),
    ],
)
def test_what_the_provider_says_is_told_where_it_failed(error: OutriderError, told: bool) -> None:
    """The incident of its status page, in the body and in `Proxy-Status`; not where it is not to blame."""
    to = integration()
    to.target.incident = Incident('API "down"', 3)
    response = answer(error, id="1", integration=to)
    said = body(response)

    assert isinstance(said, dict)
    assert ('its provider says: API "down" (critical)' in said["detail"]) is told
    assert (
        'its provider says: API \\"down\\" (critical)' in (response.headers.get("Proxy-Status") or "")
    ) is told
