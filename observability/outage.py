"""Tell the story of an outage: `python observability/outage.py` plays it and writes `docs/an-outage.md`.

Everything on that page was said by the real program, to a provider that is played here. `--check` plays it
again and exits 1 when it goes otherwise; numbers, ids and times may differ.
"""

from __future__ import annotations

import difflib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar, reply

FILE = Path(__file__).parents[1] / "docs" / "an-outage.md"
PICTURE = FILE.with_name("an-outage.png")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=3000",
    "--hide-scrollbars",
    "--window-size=1200,560",
)

CONFIG = """\
[alerts]
slack = "env:SLACK_WEBHOOK_URL"
group = "500ms"
every = "500ms"

[integrations.pay]
base_url = "https://api.pay.example"
purpose = "Payment processing"
auth = { type = "bearer", token = "env:PAY_KEY" }
retry = { attempts = 2, base = "50ms" }
breaker = { failures = 5, open = "1s" }
status_page = { feed = "https://status.pay.example/api/v2/summary.json" }
fallback = { targets = ["spare"] }

[integrations.pay.on]
"5xx" = ["retry", "failover", "alert", "queue"]
unreachable = ["retry", "failover", "queue"]

[integrations.spare]
base_url = "https://api.spare.example"
purpose = "Payments, when pay is down"
auth = { type = "bearer", token = "env:SPARE_KEY" }
retry = { attempts = 1 }
"""
INCIDENT = {"name": "Elevated error rates on payments", "status": "investigating", "impact": "major"}


class World:
    """What is outside: two providers, a status page, and Slack."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.incident = False
        self.pay = FakeProvider(lambda request: self._provider("pay"))
        self.spare = FakeProvider(lambda request: self._provider("spare"))
        self.page = FakeProvider(self._page)
        self.slack = FakeProvider()

    def _provider(self, name: str) -> Script:
        if name in self.down:
            return reply(503, {"error": "service unavailable"})
        return reply(200, {"id": "ch_1", "carried_by": name})

    def _page(self, request: ReceivedRequest) -> Script:
        well = {"status": {"indicator": "none", "description": "All Systems Operational"}, "incidents": []}
        bad = {"status": {"indicator": "major", "description": "Partial Outage"}, "incidents": [INCIDENT]}
        return reply(200, bad if self.incident else well)

    @property
    def messages(self) -> list[str]:
        """What Slack was told, a text for each message."""
        return [json.loads(request.body)["text"] for request in self.slack.requests if request.body]

    @property
    def addresses(self) -> dict[str, str]:
        """Give what stands on the page for each address here."""
        return {
            "https://api.pay.example": self.pay.url,
            "https://api.spare.example": self.spare.url,
            "https://status.pay.example": self.page.url,
        }


class Story:
    """Plays it, and writes down what is said."""

    def __init__(self, world: World, sidecar: Sidecar, picture: Path | None) -> None:
        self._world = world
        self._picture = picture
        self._sidecar = sidecar
        self._parts: list[str] = []

    def say(self, text: str) -> None:
        """Add a paragraph, or a heading."""
        self._parts.append(textwrap.fill(text, 116, break_long_words=False, break_on_hyphens=False))

    def quote(self, text: str, language: str = "") -> None:
        """Add a text as it stands."""
        self._parts.append(f"```{language}\n{text.rstrip()}\n```")

    def show(self, command: str, said: str, language: str = "") -> None:
        """Add a command and what it said."""
        lines = "\n".join(line.rstrip() for line in said.rstrip().splitlines())
        self._parts.append(f"```{language or 'console'}\n$ {command}\n{lines}\n```")

    def call(self, method: str = "GET", *, quiet: bool = False) -> str:
        """Let the app call; its Outrider-Id."""
        at = urlsplit(self._sidecar.url)
        with closing(http.client.HTTPConnection(at.hostname or "", at.port, timeout=30)) as connection:
            connection.request(
                method, "/pay/v1/charges", headers={"Idempotency-Key": "order-7"} if method == "POST" else {}
            )
            answer = connection.getresponse()
            body = answer.read().decode()
        shown = ("Outrider-Id", "Outrider-Attempts", "Location", "Proxy-Status", "Retry-After")
        fields = [f"{name}: {answer.headers[name]}" for name in shown if name in answer.headers]
        curl = f"curl -i{' -X POST' if method == 'POST' else ''} http://127.0.0.1:8080/pay/v1/charges"
        if not quiet:
            self.show(curl, "\n".join([f"HTTP/1.1 {answer.status} {answer.reason}", *fields, "", body]))
        return answer.headers["Outrider-Id"]

    def outrider(self, *words: str) -> None:
        """Run a command beside it."""
        command = [sys.executable, "-m", "outrider", *words, "--config", str(self._sidecar.config_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ(self._world))
        self.show(f"outrider {' '.join(words)}", done.stdout + done.stderr)

    def admin(self, path: str) -> Any:
        """Ask the admin listener."""
        at = urlsplit(self._sidecar.admin_url)
        with closing(http.client.HTTPConnection(at.hostname or "", at.port, timeout=30)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def metrics(self, *names: str) -> None:
        """Show what Prometheus sees."""
        lines = [line for line in self.admin("/metrics").splitlines() if line.startswith(names)]
        words = "|".join(names)
        self.show(f"curl -s http://127.0.0.1:8081/metrics | grep -E '^({words})'", "\n".join(lines))

    def log(self, *signs: str) -> None:
        """Show the lines of the log that have one of these signs."""
        lines = [json.loads(line) for line in self._sidecar.stderr.splitlines() if line.startswith("{")]
        found = [
            f"{one['level']}  {one['message']}"
            for one in lines
            if any(sign in one["message"] for sign in signs)
        ]
        self.quote("\n".join(found))

    def look(self) -> None:
        """Take a picture of the console, where a new page is made."""
        if self._picture is None:
            return
        with tempfile.TemporaryDirectory() as profile:
            flags = (*_FLAGS, f"--user-data-dir={profile}", f"--screenshot={self._picture}")
            command = ["chromium", *flags, self._sidecar.admin_url + "/"]
            subprocess.run(command, capture_output=True, check=True, timeout=60)

    def text(self) -> str:
        """Give the page: with the addresses of the story, not those of this machine."""
        text = "\n\n".join(self._parts) + "\n"
        for told, real in (
            *self._world.addresses.items(),
            ("http://127.0.0.1:8080", self._sidecar.url),
            ("http://127.0.0.1:8081", self._sidecar.admin_url),
        ):
            text = text.replace(real, told)
        return text


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def environ(world: World) -> dict[str, str]:
    """Give the secrets of the configuration."""
    keys = {"PAY_KEY": "pay-secret-key", "SPARE_KEY": "spare-secret-key"}
    return {**os.environ, **keys, "SLACK_WEBHOOK_URL": f"{world.slack.url}/services/T0/B0/secret"}


def until(claim: Callable[[], bool], what: str) -> None:
    """Wait for what has to happen, half a minute at most."""
    end = monotonic() + 30
    while not claim():
        if monotonic() > end:
            raise TimeoutError(what)
        sleep(0.05)


def play(world: World, story: Story) -> None:
    """Tell it from its beginning to its end."""
    story.say("# An outage, screen by screen")
    story.say(
        "This page is made by [a script](../observability/outage.py) that plays an outage: what "
        "Outrider says on it was said by the real program, to a provider that does what providers do. A "
        "test plays it again. The application takes payments, and knows nothing of any of it."
    )
    story.quote(CONFIG, "toml")
    story.say("## All is well")
    story.call()
    story.outrider("top", "--once")

    story.say("## The provider fails")
    story.say(
        "`pay` answers with 503. Outrider tries once more, then lets `spare` stand in, with its own "
        "credential: the application gets its answer, some milliseconds later."
    )
    world.down, world.incident = {"pay"}, True
    id = story.call()
    story.say("What happened to that call is known by its id:")
    story.outrider("why", id)
    until(lambda: bool(world.messages), "Slack is told")
    story.say(
        "Before anybody was told, the provider's status page was looked at, for the first time: as long "
        "as all was well it was left alone. So the message in Slack has the reason in it:"
    )
    story.quote(world.messages[0])

    story.say("## It is left alone")
    story.say(
        "The provider says itself that it is down. So its breaker opens at the next failure, not after "
        "five, and for four times as long as is configured. From then on nothing is sent there: `spare` "
        "is asked at once."
    )
    story.call(quiet=True)
    story.call()
    story.outrider("top", "--once")
    story.metrics(
        "outrider_breaker_open", "outrider_provider_status", "outrider_failovers_total", "outrider_alerts"
    )
    incident = json.loads(story.admin("/api/integrations"))["integrations"][0]["incident"]
    story.show(
        "curl -s http://127.0.0.1:8081/api/integrations | jq -c '.integrations[0].incident'",
        json.dumps(incident, separators=(",", ":")),
    )

    story.say("The console says the same at `/` of the admin listener:")
    story.say(f"![The console: alerts above, the breaker open below]({PICTURE.name})")
    story.look()

    story.say("## The other one fails too")
    story.say(
        "Now nobody takes a payment. The last thing that `on` says is `queue`, so the order becomes a "
        "job: it is on disk before the application gets its 202."
    )
    world.down = {"pay", "spare"}
    story.call("POST")
    until(lambda: '"attempts": 0' not in story.admin("/api/jobs"), "the job is tried")
    story.outrider("jobs", "list")

    story.say("## Both are back")
    world.down, world.incident = set(), False
    until(lambda: '"state": "done"' in story.admin("/api/jobs"), "the job is delivered")

    def is_over() -> bool:
        story.call(quiet=True)
        return "answers again (failed" in "".join(world.messages)

    until(is_over, "Slack is told of the end")
    story.say(
        "The job was delivered as soon as there was somebody to take it. The first call after the "
        "breaker's time is the probe: it is answered, and the breaker closes."
    )
    story.outrider("jobs", "list")
    story.say("Slack hears that it is over:")
    story.quote("\n".join(world.messages[1:]))
    story.say("And the log has the whole story in its warnings:")
    story.log("integration 'pay'", "integration 'spare'")


def made(picture: Path | None) -> str:
    """Play it, and give the page; with a path, a picture of the console too."""
    world = World()
    with world.pay, world.spare, world.page, world.slack:
        config = CONFIG
        for told, real in world.addresses.items():
            config = config.replace(told, real)
        server = f'[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:{_free_port()}"\n'
        with Sidecar(config + server, env=environ(world)) as sidecar:
            story = Story(world, sidecar, picture)
            play(world, story)
            return story.text()


def folded(text: str) -> list[str]:
    """Give the lines without what differs each time: ids, times and numbers, and the spaces of tables."""
    text = re.sub(r"\b[0-9a-f]{10}-[0-9a-f]{8}\b|\b[0-9A-Za-z_-]{20,}\b", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.+]+|\d\d:\d\d:\d\d(\.\d+)?", "TIME", text)
    text = re.sub(r"\d+(\.\d+)?", "N", text)
    return [" ".join(line.split()) for line in text.splitlines()]


def main(arguments: list[str]) -> int:
    """Write the page, or check it."""
    checking = arguments == ["--check"]
    text = made(None if checking else PICTURE)
    if not checking:
        FILE.write_text(text)
        return 0
    before, now = folded(FILE.read_text()), folded(text)
    if before == now:
        return 0
    sys.stderr.write(
        "\n".join(difflib.unified_diff(before, now, str(FILE), "as it went", lineterm="")) + "\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
