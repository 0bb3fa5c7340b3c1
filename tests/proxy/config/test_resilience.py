from datetime import date

import pytest
from pydantic import ValidationError

from outrider.config import Breaker, Fallback, Jobs, Limit, Message, Rate, Retry, Timeout


def test_a_table_that_is_empty_has_the_values_of_the_contract():
    """The example's values are the defaults."""
    assert Retry() == Retry(attempts=4, base="250ms", cap="8s", budget=0.2)
    assert Breaker() == Breaker(failures=5, open="30s", rate=None)
    assert Breaker(rate=0.5) == Breaker(rate=0.5, window="10s", minimum=20)
    assert Jobs() == Jobs(attempts=20, base="1s", cap="10m", keep="24h", max_body="16MiB", retain="7d")
    assert Message().status == 503


def test_a_timeout_remembers_what_was_given():
    """None is "not given": then the provider's default counts, or ours."""
    timeout = Timeout(response="10m")

    assert (timeout.connect, timeout.response, timeout.idle, timeout.total) == (None, 600.0, None, None)


def test_a_limit_is_a_rate_or_a_concurrency():
    """Everything else is optional."""
    limit = Limit(rate="25/s")

    assert (limit.rate, limit.burst, limit.concurrency, limit.endpoints) == (
        Rate(25.0, 1.0),
        None,
        None,
        None,
    )
    assert (limit.wait, limit.observe, limit.scope) == (5.0, False, "target")
    assert Limit(concurrency=3, wait=0).wait == 0.0


@pytest.mark.parametrize(
    ("model", "raw"),
    [
        (Limit, {}),
        (Limit, {"burst": 3, "concurrency": 3}),
        (Limit, {"rate": "5/s", "burst": 0}),
        (Limit, {"rate": "5/s", "scope": "all"}),
        (Limit, {"rate": "5/s", "endpoints": ["/a"]}),
        (Limit, {"rate": "5/s", "endpoints": []}),
        (Retry, {"attempts": 0}),
        (Retry, {"budget": 1.1}),
        (Retry, {"base": "9s"}),
        (Breaker, {"failures": 0}),
        (Breaker, {"open": 0}),
        (Breaker, {"rate": 0}),
        (Breaker, {"rate": 1.1}),
        (Breaker, {"rate": 0.5, "window": 0}),
        (Breaker, {"rate": 0.5, "minimum": 0}),
        (Breaker, {"window": "10s"}),
        (Breaker, {"minimum": 5}),
        (Jobs, {"base": "1h"}),
        (Jobs, {"max_body": -1}),
        (Jobs, {"concurrency": 0}),
        (Jobs, {"callbacks": ["http://127.0.0.1/hooks"]}),
        (Timeout, {"total": 0}),
        (Message, {"status": 99}),
        (Message, {"status": 600}),
        (Message, {"body": 3}),
        (Message, {"headers": {"a b": "x"}}),
        (Message, {"headers": {"a": "x\r\nb: y"}}),
        (Message, {"headers": {"a": "€"}}),
        (Message, {"headers": {"content-length": "5"}}),
        (Message, {"headers": {"Transfer-Encoding": "chunked"}}),
        (Message, {"headers": {"Date": "today"}}),
        (Message, {"headers": {"Outrider-Id": "x"}}),
        (Message, {"status": 204, "body": "x"}),
        (Message, {"status": 304, "body": {}}),
        (Message, {"body": {"when": date(2026, 1, 1)}}),
        (Message, {"body": {"share": [float("nan")]}}),
        (Fallback, {"targets": "backup"}),
        (Fallback, {"targets": ["b"], "paths": {"/a": 3}}),
        (Fallback, {"targets": ["b"], "paths": {"a": "/b"}}),
        (Fallback, {"targets": ["b"], "paths": {"/a": "b"}}),
        (Fallback, {"targets": ["b"], "paths": {"/a": "/b?x=1"}}),
        (Fallback, {"targets": ["b"], "paths": {"/a": "/../b"}}),
        (Fallback, {"targets": ["b"], "paths": {"/a": "/b HTTP/1.1"}}),
        (Fallback, {"paths": {"/a": "/b"}}),
        (Fallback, {"models": {"a": "b"}}),
    ],
)
def test_what_cannot_work_is_refused(model, raw):
    """Ranges, and keys that belong together."""
    with pytest.raises(ValidationError):
        model.model_validate(raw)


def test_the_way_to_a_fallback_is_a_path():
    """Of the beginning of a path to another; all of them, too."""
    fallback = Fallback(targets=["b"], paths={"/": "/v2", "/v1/": "/"})

    assert fallback.paths == {"/": "/v2", "/v1/": "/"}


def test_a_message_may_have_any_body_that_json_has():
    """A table or a text."""
    message = Fallback(
        message={"status": 200, "body": {"error": {"code": 3}}, "headers": {"X-A": "ü"}}
    ).message

    assert message is not None
    assert (message.status, message.body, message.headers) == (200, {"error": {"code": 3}}, {"X-A": "ü"})
    assert Message(body="sorry").body == "sorry"
