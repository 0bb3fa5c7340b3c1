"""The integration document, as the real program writes it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RICH = """
[document]
status = "Draft"
target_state = "As-Is"
overview = "What we call."

[integrations.stripe]
provider = "stripe"
purpose = "Payment processing"
plan = "sandbox"
endpoints_only = true

[integrations.stripe.auth]
type = "bearer"
token = "env:STRIPE_API_KEY"

[[integrations.stripe.limits]]
rate = "25/s"
concurrency = 30
endpoints = ["POST /v1/charges"]

[integrations.stripe.retry]
attempts = 3
base = "100ms"
cap = "4s"
budget = 0.1

[integrations.stripe.breaker]
failures = 7
open = "45s"

[integrations.stripe.on]
"402" = ["alert"]
"5xx" = ["retry", "failover", "alert", "message"]

[integrations.stripe.fallback]
targets = ["backup"]
message = { status = 503, body = { error = "Payments are unavailable." } }

[[integrations.stripe.endpoints]]
call = "POST /v1/charges"
purpose = "To create a payment"

[integrations.backup]
base_url = "https://pay.backup.example/v2"
auth = { type = "header", name = "X-Token", value = "cmd:vault s3cret-argument", format = "Token {secret}" }
retry = { attempts = 1 }

[integrations.open]
base_url = "https://open.example"
"""

HEAD = ["Last Updated", "Status", "Target State"]
FIELDS = {
    "": ["Purpose", "Provider", "Documentation"],
    "Integration Details": ["Library/SDK", "Authentication", "Authentication Method"],
    "Endpoints Used": [],
    "Data Flow": [],
    "Error Handling": ["Strategy", "Specific Errors Handled"],
    "Rate Limiting": ["Provider Limits", "Our Strategy"],
    "Fallback Strategy": ["If Service is Unavailable"],
}
ERRORS = ["401 Unauthorized", "429 Too Many Requests", "5xx Server Error"]


def outrider(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "outrider", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(RICH)
    return tmp_path


def section(text: str, name: str, part: str = "") -> str:
    """Give what stands under `## name`, or `### part` of it."""
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    if not part:
        return found[1].partition("\n### ")[0]
    inner = re.search(rf"^### {re.escape(part)}\n(.*?)(?=^### |\Z)", found[1], re.MULTILINE | re.DOTALL)
    assert inner is not None, part
    return inner[1]


def field(text: str, name: str, part: str, label: str) -> str:
    found = re.search(rf"^- \*\*{re.escape(label)}\*\*: ?(.*)$", section(text, name, part), re.MULTILINE)
    assert found is not None, f"{name}: {part}: {label}"
    return found[1]


@pytest.mark.parametrize("name", ["sandbox", "stripe", "openai", "sendgrid", "github"])
def test_the_document_of_the_repository_has_every_field(name: str) -> None:
    """Each heading and each field, in their order, with something in it; drafts too."""
    text = outrider(ROOT, "docs").stdout

    assert text.startswith("# External Integrations\n\n**Last Updated**: ")
    head = text.partition("\n## Overview\n\n")[0]
    assert re.findall(r"^\*\*(.+?)\*\*: \S", head, re.MULTILINE) == HEAD
    assert head.count("  \n") == 2
    headings = re.findall(
        r"^### (.*)$", text.partition(f"\n## {name}\n")[2].partition("\n## ")[0], re.MULTILINE
    )
    assert headings == [part for part in FIELDS if part]
    for part, labels in FIELDS.items():
        given = re.findall(r"^- \*\*(.+?)\*\*:", section(text, name, part), re.MULTILINE)
        assert [label for label in given if label in labels] == labels
        assert all(field(text, name, part, label) for label in labels if label != "Specific Errors Handled")
    handled = re.findall(r"^    - `(.+?)`: \S", section(text, name, "Error Handling"), re.MULTILINE)
    assert handled[:3] == ERRORS
    assert re.match(r"- (`[A-Z]+ /|None listed)", section(text, name, "Endpoints Used"))
    assert section(text, name, "Data Flow").startswith("```mermaid\nsequenceDiagram\n")


def test_what_is_configured_is_said_with_its_numbers(folder: Path) -> None:
    """Every table of an integration is in the text."""
    text = outrider(folder, "docs").stdout

    assert "**Status**: Draft  \n**Target State**: As-Is\n\n## Overview\n\nWhat we call.\n" in text
    assert field(text, "stripe", "", "Provider") == "Stripe"
    assert (
        field(text, "stripe", "Integration Details", "Secret") == "the environment variable `STRIPE_API_KEY`"
    )
    assert "and no call but the endpoints below" in field(text, "stripe", "Integration Details", "Base URL")
    assert section(text, "stripe", "Endpoints Used") == "- `POST /v1/charges`: To create a payment\n\n"
    strategy = field(text, "stripe", "Error Handling", "Strategy")
    for said in ("3 attempts", "100 ms", "4 s", "10%", "after 7 failures in a row, left alone for 45 s"):
        assert said in strategy
    errors = section(text, "stripe", "Error Handling")
    assert "    - `402 Payment Required`: Alert, once while it lasts; then" in errors
    assert (
        "fail over to `backup`; then alert, once while it lasts, with what the provider's status page says"
        in errors
    )
    published = field(text, "stripe", "Rate Limiting", "Provider Limits")
    assert published.startswith("Plan `sandbox`: 25/s; ")
    assert re.search(r"from https://docs\.stripe\.com/rate-limits on \d{4}-\d\d-\d\d$", published)
    ours = field(text, "stripe", "Rate Limiting", "Our Strategy")
    assert "25/s, 30 at once, waits up to 5 s for `POST /v1/charges`" in ours
    assert field(text, "stripe", "Fallback Strategy", "If Service is Unavailable") == (
        "Fail over to `backup` (https://pay.backup.example/v2), with its own credential and limits; "
        'then display a message: 503 `{"error": "Payments are unavailable."}`'
    )


def test_an_integration_with_little_is_described_too(folder: Path) -> None:
    """Without a provider, a purpose or a credential."""
    text = outrider(folder, "docs").stdout

    assert field(text, "open", "", "Purpose") == "Not stated"
    assert field(text, "open", "", "Provider") == "open.example"
    assert field(text, "open", "Integration Details", "Authentication") == "None"
    assert field(text, "backup", "Error Handling", "Strategy") == "No retries: a call is sent once."
    method = field(text, "backup", "Integration Details", "Authentication Method")
    assert method == "API Key in the `X-Token` header, as `Token {secret}`, put on by Outrider"


def test_a_pool_of_keys_is_described(folder: Path) -> None:
    """How many there are, and what is done about one that is refused or limited."""
    (folder / "config.toml").write_text(
        '[integrations.a]\nbase_url = "https://a"\nauth = { type = "bearer", token = ["env:A", "env:B"] }\n'
    )
    text = outrider(folder, "docs").stdout

    assert "; 2 keys take turns, and one that is limited or refused rests while the others work" in text
    assert "send the call with another key, and leave the refused one out until it is replaced" in text
    assert "Rest the key until `Retry-After` is over, send the call with another, and retry" in text
    assert "renew the token" not in text


def test_what_is_done_about_a_refused_credential(folder: Path) -> None:
    """A token is fetched anew, a key is read again where it may have been replaced."""
    auths = {
        "file": 'type = "bearer", token = "file:key"',
        "environment": 'type = "bearer", token = "env:A"',
        "fetched": 'type = "oauth2", token_url = "https://a", client_id = "a", client_secret = "file:b"',
    }
    tables = [
        f'[integrations.{name}]\nbase_url = "https://a"\nauth = {{ {auth} }}' for name, auth in auths.items()
    ]
    (folder / "config.toml").write_text("\n".join(tables))
    text = outrider(folder, "docs").stdout

    assert text.count("read the key again and, where it has been replaced, send the call once more") == 1
    assert text.count("refresh the token and send the call once more") == 1
    assert [text.count(note) for note in ("outrider: read the key again", "outrider: renew the token")] == [
        1,
        1,
    ]


def test_no_secret_is_in_it(folder: Path) -> None:
    """Not even what somebody wrote into the command that prints one."""
    done = outrider(folder, "docs")

    assert done.returncode == 0
    assert (
        field(done.stdout, "backup", "Integration Details", "Secret") == "the output of the command `vault`"
    )
    assert "s3cret-argument" not in done.stdout


def test_every_place_of_a_secret_has_words(tmp_path: Path) -> None:
    """By its kind and its name; a pool has several."""
    refs = ["env:KEY", "file:/run/key", "cmd:pass show key", "keyring:acme/live"]
    (tmp_path / "config.toml").write_text(
        f'[integrations.acme]\nbase_url = "https://acme.example"\nauth = {{ type = "bearer", token = {refs} }}\n'
    )
    text = outrider(tmp_path, "docs").stdout

    assert field(text, "acme", "Integration Details", "Secret") == (
        "the environment variable `KEY`, the file `/run/key`, the output of the command `pass` and "
        "the keyring entry `acme/live`"
    )


def test_an_alert_of_an_outage_names_the_status_page(tmp_path: Path) -> None:
    """Where the provider has one that is looked at; not for what the provider is not to blame for."""
    (tmp_path / "config.toml").write_text(
        '[integrations.acme]\nbase_url = "https://acme.example"\nauth = { type = "none" }\nretry = { attempts = 1 }\n'
        'status_page = { feed = "https://status.acme.example/api/v2/summary.json" }\n'
        'on = { "5xx" = ["alert"], "404" = ["alert"] }\n'
    )
    text = outrider(tmp_path, "docs").stdout

    assert (
        "`5xx Server Error`: Alert, once while it lasts, with what the provider's status page says; then"
        in text
    )
    assert "`404 Not Found`: Alert, once while it lasts; then" in text


@pytest.mark.parametrize("format_", ["markdown", "html"])
def test_check_passes_over_the_date(folder: Path, format_: str) -> None:
    """And over white space at the end of lines, which editors take off."""
    words = ("docs", "--format", format_)
    assert outrider(folder, *words, "--output", "made").returncode == 0
    made = (folder / "made").read_text()
    (folder / "made").write_text(
        re.sub(r"20\d\d-\d\d-\d\d(?=  |<)", "1999-01-01", made, count=1).replace("  \n", "\n")
    )

    done = outrider(folder, *words, "--check", "made")

    assert (done.returncode, done.stdout) == (0, "made says what config.toml configures\n")


def test_check_fails_when_the_configuration_has_moved_on(folder: Path) -> None:
    """With exit code 1, what differs, and what to do."""
    outrider(folder, "docs", "--output", "made.md")
    (folder / "config.toml").write_text(RICH.replace('open = "45s"', 'open = "50s"'))

    done = outrider(folder, "docs", "--check", "made.md")

    assert done.returncode == 1
    assert re.search(r"^\+- \*\*Strategy\*\*: .*left alone for 50 s", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("configures; write it with: outrider docs --output made.md\n")


def test_the_remedy_of_a_check_can_be_pasted(folder: Path) -> None:
    """It has the format and the configuration that the check had."""
    (folder / "config.toml").rename(folder / "other.toml")
    words = ("docs", "--config", "other.toml", "--format", "html")
    done = outrider(folder, *words, "--check", "none.html")

    assert done.stdout.endswith(
        "write it with: outrider docs --config other.toml --format html --output none.html\n"
    )


def test_check_of_a_file_that_is_not_there(folder: Path) -> None:
    """It does not say what is configured either."""
    done = outrider(folder, "docs", "--check", "none.md")

    assert done.returncode == 1
    assert done.stdout == "none.md cannot be read; write it with: outrider docs --output none.md\n"


def test_a_configuration_with_problems_is_not_described(folder: Path) -> None:
    """They go to stderr, so that a redirected stdout stays empty."""
    (folder / "config.toml").write_text("[integrations.x]\n")

    done = outrider(folder, "docs")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("config.toml:1: integrations.x")
