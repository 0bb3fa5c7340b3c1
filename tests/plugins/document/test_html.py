"""The document as one HTML file."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from outrider_plugins.document.flow import Arrow, Cases, Flow, Loop, Note
from outrider_plugins.document.html import html
from outrider_plugins.document.model import Document, Item, Section

FLOW = Flow(
    (("app", "Application"), ("outrider", "Outrider"), ("provider", "A <b>provider</b>")),
    (
        Arrow("app", "outrider", "GET /x"),
        Note("outrider", "a note that is much longer than what one line of a note can hold"),
        Cases(
            (
                ("a call", (Arrow("provider", "outrider", "2xx", back=True),)),
                ("an outage", (Loop("up to 3 more times", (Arrow("outrider", "provider", "again"),)),)),
            )
        ),
    ),
)
DOCUMENT = Document(
    updated="2026-11-23",
    status="Active",
    target_state="As-To-Be",
    overview="First <i>paragraph</i>.\n\nSecond.",
    sections=(
        Section(
            name="acme",
            about=(Item("Purpose", "To <script>alert(1)</script>, see https://acme.example/a?b=1&c=2."),),
            endpoints=(Item("GET /v1/{id}", "To look at `one`"),),
            flow=FLOW,
        ),
    ),
)


def test_what_the_user_wrote_is_text() -> None:
    """Markup is shown, not obeyed; only addresses become links, and backticks code."""
    page = html(DOCUMENT)

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '<a href="https://acme.example/a?b=1&amp;c=2" rel="noreferrer">' in page
    assert "To look at <code>one</code>" in page
    assert "A &lt;b&gt;provider" in page
    assert re.findall(r"<script|<i>|<b>| style=| src=| on\w+=", page) == []


def test_it_loads_nothing() -> None:
    """Its policy allows its own style sheet by its hash, and nothing else."""
    page = html(DOCUMENT)

    assert re.search(r"content=\"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='\"", page)


@pytest.mark.long
def test_a_browser_draws_it(tmp_path: Path) -> None:
    """The style sheet is accepted under the policy, and the diagram has its size."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "apt-get install chromium"
    (tmp_path / "page.html").write_text(html(DOCUMENT))
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            f"--user-data-dir={tmp_path}/profile",
            f"--screenshot={tmp_path}/page.png",
            "--enable-logging=stderr",
            (tmp_path / "page.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "Content Security Policy" not in done.stderr
    assert (tmp_path / "page.png").stat().st_size > 10_000
