"""From a document to a first configuration."""

import re
from pathlib import Path

import pytest

from .test_document import RICH, outrider

MORE = """
[integrations.basic]
base_url = "https://basic.example"
purpose = "Mail"
documentation = "https://basic.example/docs"
sdk = "basic-sdk"
timeout = { connect = "250ms", total = "3m" }
auth = { type = "basic", username = "me", password = "file:/run/secrets/basic" }

[[integrations.basic.limits]]
rate = "1000/d"
burst = 10
wait = "1s"
endpoints = ["POST /mail", "GET /mail/{id}"]

[[integrations.basic.limits]]
concurrency = 3
observe = true

[[integrations.basic.limits]]
rate = "9/s"
wait = 0

[integrations.basic.breaker]
rate = 0.5
window = "20s"
minimum = 30

[integrations.query]
base_url = "https://query.example"
auth = { type = "query", name = "key", value = "env:QUERY_KEY" }
fallback = { message = { body = "later, please" } }
on = { "401" = ["pass"], "429" = ["pass"] }

[integrations.passing]
base_url = "https://passing.example"
auth = { type = "pass" }
on = { "4xx" = ["pass"], "404" = ["alert"] }

[integrations.signed]
base_url = "https://signed.example"
auth = { type = "hmac", secret = "env:SIGNING_KEY", header = "X-Sig" }
on = { "5xx" = ["retry", "queue"] }
jobs = { attempts = 9, keep = "3h" }
"""

BY_HAND = """
# External Integrations

**Last Updated**: yesterday
**Status**: Draft

## Overview

What we use.

## Acme Mail (EU)

* **Purpose**: Email
  delivery
* **Provider**: Acme

### Integration Details
- **Authentication**: API Key
- **Authentication Method**: API Key in X-Acme-Key header

### Endpoints Used
- `POST /mail/{id}`: Send
- `everything else`: Who knows

### Error Handling
- **Strategy**: Retry with exponential backoff, 5 attempts
- **Specific Errors Handled**:
  - `401 Unauthorized`: Alert for invalid key
\t- `429 Too Many Requests`: Queue request and retry later

### Rate Limiting
- **Our Strategy**: At most 1,200 requests per minute

### Fallback Strategy
- **If Service is Unavailable**: Switch to `stripe`

## Stripe
- **Provider**: Stripe
"""


def said(text: str) -> str:
    """Leave out of a document what a draft cannot keep: its date, its status, what a command was."""
    text = re.sub(r"^\*\*Last Updated\*\*.*$|^- \*\*(Status|Secret)\*\*.*$", "", text, flags=re.MULTILINE)
    return text.replace("No credential; what the application sends in its place is taken off", "")


def test_a_document_of_ours_comes_back(tmp_path: Path) -> None:
    """Configured, written, read: the new configuration passes the check, and has the same document."""
    (tmp_path / "config.toml").write_text(RICH + MORE)
    assert outrider(tmp_path, "docs", "--output", "first.md").returncode == 0

    imported = outrider(tmp_path, "import", "first.md", "--config", "second.toml")
    # What the note asks for, and what `read the key again` depends on.
    second_file = tmp_path / "second.toml"
    second_file.write_text(second_file.read_text().replace("env:BACKUP_API_KEY", "cmd:vault"))
    checked = outrider(tmp_path, "check", "--config", "second.toml")
    second = outrider(tmp_path, "docs", "--config", "second.toml")

    assert (imported.returncode, imported.stderr) == (0, "")
    assert imported.stdout.splitlines()[1:] == [
        "look at backup: where its secret comes from is not in the document"
    ]
    assert checked.returncode == 0, checked.stdout
    assert said(second.stdout) == said((tmp_path / "first.md").read_text())


def test_a_document_by_hand_is_read_as_well_as_can_be(tmp_path: Path) -> None:
    """What it says is configured, what it lacks is told and stands in the file; nothing is a problem."""
    (tmp_path / "by-hand.md").write_text(BY_HAND)

    imported = outrider(tmp_path, "import", "by-hand.md")
    text = (tmp_path / "config.toml").read_text()
    checked = outrider(tmp_path, "check")

    assert checked.returncode == 0, checked.stdout
    assert (
        "look at acme-mail-eu: its base URL is not in the document; write where the API is" in imported.stdout
    )
    assert "endpoint 'everything else' is left out" in imported.stdout
    for line in (
        'purpose = "Email delivery"',
        'name = "X-Acme-Key"',
        'value = "env:ACME_MAIL_EU_API_KEY"',
        "attempts = 5",
        'rate = "1200/m"',
        '429 = ["retry", "queue"]',
        'targets = ["stripe"]',
        'call = "POST /mail/{id}"',
        'token = "env:STRIPE_API_KEY"',
        "# its base URL is not in the document; write where the API is",
    ):
        assert line in text


@pytest.mark.parametrize(
    ("errors", "unavailable", "lines", "note"),
    [
        # The template's own words: both what holds for every error and what is said of one.
        (
            "5xx Server Error`: Alert and investigate provider status",
            "Queue jobs for later processing",
            ('5xx = ["retry", "alert", "queue"]', 'unreachable = ["retry", "queue"]'),
            "",
        ),
        # There is none to switch to yet, so what is done by default is done.
        ("5xx Server Error`: Switch to a secondary", "Switch to a secondary", (), "'Switch to a secondary'"),
        ("404 Not Found`: Tell the user", "Display a message to the user", ('404 = ["pass"]',), "'Display"),
    ],
)
def test_what_holds_for_every_failure_is_read_too(
    tmp_path: Path, errors: str, unavailable: str, lines: tuple[str, ...], note: str
) -> None:
    """A person says it once, under Strategy and Fallback Strategy; what cannot be carried over is told."""
    (tmp_path / "by-hand.md").write_text(
        "## Acme\n- **Provider**: Acme\n### Error Handling\n- **Strategy**: Retry with exponential backoff\n"
        f"- **Specific Errors Handled**:\n    - `{errors}\n"
        f"### Fallback Strategy\n- **If Service is Unavailable**: {unavailable}\n"
    )
    imported = outrider(tmp_path, "import", "by-hand.md")
    text = (tmp_path / "config.toml").read_text()

    assert outrider(tmp_path, "check").returncode == 0
    assert [line for line in lines if line not in text] == []
    assert (" = [" in text) is bool(lines)
    assert (f"look at acme: what stands in for it is not in the document: {note}" in imported.stdout) is bool(
        note
    )


@pytest.mark.parametrize(
    ("method", "auth"),
    [
        ("API Key in Authorization header", 'type = "bearer"'),
        ("`Authorization: Bearer <key>` header", 'type = "bearer"'),
        (
            "`Authorization: Token <key>` header",
            'type = "header"\nname = "Authorization"\nvalue = "env:ACME_API_KEY"\nformat = "Token {secret}"',
        ),
        ("`X-Acme-Key: <key>`", 'type = "header"\nname = "X-Acme-Key"'),
        ("API key as `?appid=<key>`", 'type = "query"\nname = "appid"'),
        ("the header `of some name`, X-Key", 'type = "header"\nname = "X-Key"'),
    ],
)
def test_where_a_key_stands_is_read_as_people_write_it(tmp_path: Path, method: str, auth: str) -> None:
    """With a placeholder in it, too; the draft passes the check."""
    (tmp_path / "by-hand.md").write_text(
        "## Acme\n- **Provider**: Acme\n### Integration Details\n- **Authentication**: API Key\n"
        f"- **Authentication Method**: {method}\n"
    )
    imported = outrider(tmp_path, "import", "by-hand.md")

    assert f"[integrations.acme.auth]\n{auth}" in (tmp_path / "config.toml").read_text()
    assert "config.toml:" not in imported.stdout.split("\n", 1)[1]


def test_what_cannot_be_configured_is_told_at_once(tmp_path: Path) -> None:
    """A number that no configuration may have is left in the draft, with its line; a nameless error is none."""
    (tmp_path / "by-hand.md").write_text(
        "## Acme\n- **Provider**: Acme\n### Error Handling\n- **Strategy**: 0 attempts\n"
        "- **Specific Errors Handled**:\n    - ` `: retry\n"
    )
    imported = outrider(tmp_path, "import", "by-hand.md")

    assert (imported.returncode, imported.stderr) == (0, "")
    assert re.search(
        r"^config\.toml:\d+: integrations\.acme\.retry\.attempts: must be at least 1$", imported.stdout, re.M
    )


def test_a_bucket_without_a_number_has_the_published_one(tmp_path: Path) -> None:
    """The template's own words for our strategy name none."""
    (tmp_path / "by-hand.md").write_text(
        "## Acme\n- **Provider**: Acme\n### Rate Limiting\n"
        "- **Provider Limits**: 100 requests per second\n- **Our Strategy**: Use a leaky bucket algorithm\n"
    )
    imported = outrider(tmp_path, "import", "by-hand.md")

    assert 'rate = "100/s"' in (tmp_path / "config.toml").read_text()
    assert "look at acme: its limits are what the provider publishes" in imported.stdout


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("import", "none.md"), "none.md cannot be read; name an integration document in Markdown"),
        (
            ("import", "empty.md"),
            "empty.md describes no integration; each has a heading '## NAME' of its own",
        ),
        (("import", "full.md"), "config.toml is there already; name another with --config, or give --force"),
    ],
)
def test_what_cannot_be_imported_is_told(tmp_path: Path, words: tuple[str, str], remedy: str) -> None:
    """In one line; a configuration that is there is never overwritten unasked."""
    (tmp_path / "empty.md").write_text("# Nothing\n")
    (tmp_path / "full.md").write_text("## acme\n")
    (tmp_path / "config.toml").write_text("# mine\n")

    done = outrider(tmp_path, *words)

    assert (done.returncode, done.stderr) == (2, f"outrider: {remedy}\n")
    assert (tmp_path / "config.toml").read_text() == "# mine\n"
