"""Deprecated integrations say so, and tell who still calls."""

import urllib.request
from time import time

import pytest

from outrider.testing import FakeProvider, Sidecar

CONFIG = """
[integrations.old]
base_url = "{url}"
status = "deprecated"
{since}
[integrations.new]
base_url = "{url}"
"""


@pytest.mark.parametrize("since", ["2026-01-01", None])
def test_a_deprecated_integration_says_so(since: str | None) -> None:
    """In `Deprecation` (RFC 9745), in a metric, and once in the log; another integration does not."""
    line = f"deprecated_since = {since}" if since else ""
    started = int(time())
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url, since=line)) as sidecar:
        said = [
            urllib.request.urlopen(f"{sidecar.url}/{name}/x").headers["Deprecation"]
            for name in ("old", "old", "new")
        ]
        counted = sidecar.metric("outrider_deprecated_calls_total", integration="old", client="")

    assert said[0][0] == "@"
    assert int(said[0][1:]) == 1767225600 if since else started <= int(said[0][1:]) <= time()
    assert (said[1], said[2], counted) == (said[0], None, 2)
    assert sidecar.stderr.count("is deprecated, and somebody still calls it") == 1
