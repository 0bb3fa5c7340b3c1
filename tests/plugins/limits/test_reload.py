"""What a provider has told holds on over a reload, whatever else the file says by then."""

import urllib.error
import urllib.request

from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar, reply


def get(sidecar: Sidecar) -> int:
    try:
        with urllib.request.urlopen(f"{sidecar.url}/acme/x", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def rewritten(sidecar: Sidecar, old: str, new: str) -> None:
    """Change the file, and wait until it is in force."""
    sidecar.config_path.write_text(sidecar.config_path.read_text().replace(old, new))
    sidecar.until_said("the configuration was reloaded")


def test_a_halt_outlasts_new_limits() -> None:
    """Who sees 429s writes limits, or changes them: the file is taken, and nothing is sent until the time is over."""
    with FakeProvider() as provider:
        text = f"""
[integrations.acme]
base_url = "{provider.url}"
auth = {{ type = "none" }}
retry = {{ attempts = 1 }}
limits = [{{ rate = "10/s", wait = 0 }}]
"""
        provider.reply(429, b"", {"Retry-After": "600"})
        with Sidecar(text) as sidecar:
            statuses = [get(sidecar), get(sidecar)]
            rewritten(sidecar, "10/s", "20/s")
            statuses.append(get(sidecar))

    assert statuses == [429, 429, 429]
    assert len(provider.requests) == 1


def test_a_key_that_rests_is_no_hindrance() -> None:
    """The file is taken while a key of a pool is doubted; the other one serves."""

    def judging(request: ReceivedRequest) -> Script:
        return reply(401 if request.header("Authorization") == "Bearer first-key" else 200)

    with FakeProvider() as provider:
        provider.handler = judging
        text = f"""
[integrations.acme]
base_url = "{provider.url}"
purpose = "Before"
auth = {{ type = "bearer", token = ["env:FIRST", "env:SECOND"] }}
"""
        with Sidecar(text, env={"FIRST": "first-key", "SECOND": "second-key"}) as sidecar:
            statuses = [get(sidecar)]
            rewritten(sidecar, "Before", "After")
            statuses.append(get(sidecar))

    assert statuses == [200, 200]
