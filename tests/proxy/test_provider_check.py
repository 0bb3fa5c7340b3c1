"""Mistakes in a provider's data, told when it is loaded."""

from typing import Any

import pytest

from outrider.errors import StartError
from outrider.facts import Plan, Published, Sign, StatusPage
from outrider.plugin import Provider
from outrider.provider_check import check_provider


def refusal(**attributes: Any) -> str:
    provider = type("Acme", (Provider,), {"name": "acme", "base_url": "https://a.example", **attributes})
    with pytest.raises(StartError) as caught:
        check_provider("acme-plugin", provider)
    return str(caught.value).removeprefix("plugin 'acme-plugin': provider 'acme': ")


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"unsure": ("limitz",)}, "'unsure': there is no attribute 'limitz'"),
        ({"hosts": {"files": "files.acme.example"}}, "'hosts': files: must begin with"),
        ({"auth": {"name": "X-Key"}}, "'auth': write its type too"),
        ({"secrets": {"token": "ACME_KEY"}}, "'secrets': are keys of 'auth'"),
        ({"timeout": {"read": 3.0}}, "'timeout': there is no timeout 'read'; known are connect, response"),
        ({"secrets": None}, "'secrets': is a dict"),
        ({"sdk": None}, "'sdk': is a text, and NoneType is none"),
        ({"idempotency_field": ("key",)}, "'idempotency_field': is a text, and tuple is none"),
        (
            {"credential_headers": ("X-Key\n",)},
            "'credential_headers': 'X-Key\\n' is no name of a header field",
        ),
        (
            {"credential_headers": "X-Key"},
            "'credential_headers': is a tuple, and str is none; write ('X-Key',)",
        ),
        ({"credential_query": ["key"]}, "'credential_query': is a tuple, and list is none"),
        ({"credential_members": (5,)}, "'credential_members': 5 is no name"),
        ({"url_headers": ("a b",)}, "'url_headers': 'a b' is no name of a header field"),
        ({"stop_headers": (("X", "a\nb"),)}, "'stop_headers': field"),
        ({"plans": {"live": Published("1/s")}}, "'plans': live is not a Plan"),
        ({"plans": {"live": Plan((), "", "")}}, "'plans': live needs its source and the day"),
        (
            {"plans": {"live": Plan((Published("fast"),), "s", "2026-11-23")}},
            "'plans': must be a rate",
        ),
        ({"plans": {"live": Plan((), "s", "yesterday")}}, "'plans': Invalid isoformat string"),
        ({"limit_signs": Sign(403)}, "'limit_signs': is a tuple, and Sign is none"),
        ({"retry_signs": (Sign(),)}, "'retry_signs': Sign(status=0"),
        ({"quota_signs": (Sign(429, words="spent"),)}, "'quota_signs': words is a tuple"),
        ({"safe_calls": ("/search",)}, "'safe_calls': '/search' must be a method and a path"),
        ({"probe": "FETCH /x"}, "'probe': 'FETCH /x' the method must be one of"),
        ({"status_page": StatusPage("status.acme.example")}, "'status_page': write StatusPage("),
        ({"as_of": "November"}, "'as_of': Invalid isoformat string"),
    ],
)
def test_each_mistake_names_plugin_provider_and_attribute(attributes: dict[str, Any], said: str) -> None:
    """Whoever reads it did not write it."""
    assert refusal(**attributes).startswith(said)


def test_the_least_is_a_name() -> None:
    """Everything else has a default."""
    check_provider("acme-plugin", type("Acme", (Provider,), {"name": "acme"}))
