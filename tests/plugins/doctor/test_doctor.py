"""`outrider doctor` asks for real: each red line says what to do, and no secret is told."""

import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from certificate import make_certificate
from outrider.testing import FakeProvider, reply

OUTRIDER = str(Path(sys.executable).with_name("outrider"))
KEY = "the-key-of-the-doctor"
FIELDS = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "99", "X-RateLimit-Reset": "30"}


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


def doctor(folder: Path, config: str, *names: str) -> tuple[int, str, str]:
    """Give the exit code, what it prints with each run of spaces as one, and stderr."""
    (folder / "config.toml").write_text(config)
    done = subprocess.run(
        [OUTRIDER, "doctor", *names],
        cwd=folder,
        env={**os.environ, "KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert KEY not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, " ".join(done.stdout.split()), done.stderr


def stripe(fake: FakeProvider, more: str = "") -> str:
    return f"""
        [integrations.stripe]
        provider = "stripe"
        base_url = "{fake.url}"
        auth = {{ token = "env:KEY" }}
        retry = {{ attempts = 1 }}
        {more}
    """


def test_all_is_well(fake: FakeProvider, tmp_path: Path) -> None:
    """DNS, connection, credential, clock, limits and status page, each with what was seen."""
    fake.handler = lambda request: (
        reply(200, {"status": {"indicator": "none"}, "incidents": []})
        if "status" in request.target
        else reply(200, {}, {**FIELDS, "Date": format_datetime(datetime.now(UTC), usegmt=True)})
    )
    status = f'status_page = {{ feed = "{fake.url}/status.json", shape = "statuspage" }}'
    code, said, _ = doctor(tmp_path, stripe(fake, status))

    assert (code, fake.requests[0].target) == (0, "/v1/balance")
    assert fake.requests[0].values("Authorization") == [f"Bearer {KEY}"]
    assert "credential ok accepted, GET /v1/balance: 200" in said
    assert "clock ok as the provider's" in said
    assert "99 left of 100 anew in 30 s" in said
    assert "status page ok" in said


@pytest.mark.parametrize(
    ("status", "headers", "line", "code"),
    [
        (401, {}, "credential fail refused, GET /v1/balance: 401 → look at env:KEY: is it of", 1),
        (403, {}, "credential warn not clear, GET /v1/balance: 403 → a key with few rights", 0),
        (429, {}, "credential warn limited now, GET /v1/balance: 429 → ask again later", 0),
        (500, {}, "credential fail the provider fails, GET /v1/balance: 500", 1),
        (
            200,
            {"Date": "behind"},
            r"clock fail 3[56]\d\d s ahead of the provider's → set this machine's clock",
            1,
        ),
        (200, {"Date": "rubbish"}, "clock - the response has no date", 0),
    ],
)
def test_what_is_wrong_is_said(
    status: int, headers: dict[str, str], line: str, code: int, fake: FakeProvider, tmp_path: Path
) -> None:
    """With what to do about it; the exit code is 1 where something fails."""
    now = datetime.now(UTC)
    date = {"behind": format_datetime(now - timedelta(hours=1), usegmt=True), "rubbish": "yesterday"}
    given = date.get(headers.get("Date", ""), format_datetime(now, usegmt=True))
    fake.handler = lambda request: reply(status, {}, {"Date": given})
    got, said, _ = doctor(tmp_path, stripe(fake))

    assert re.search(line, said)
    assert got == code


def test_an_authority_of_ones_own_is_named(tmp_path: Path) -> None:
    """A certificate that is not trusted says what to set; with `tls.ca` it is good, and its end is near."""
    certificate, key = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with FakeProvider(ssl_context=context) as fake:
        plain = f'[integrations.own]\nbase_url = "https://localhost:{fake.port}"\n'
        bad = doctor(tmp_path, plain)
        good = doctor(tmp_path, plain + 'tls = { ca = "cert.pem" }\n')

    assert bad[0] == 1
    assert "tls fail the certificate is refused: self" in bad[1]
    assert "→ if it is signed by an authority of your own, name that in tls.ca" in bad[1]
    assert good[0] == 0
    assert "tls warn TLSv1.3, its certificate ends on" in good[1]
    assert "credential - Outrider puts none on" in good[1]


def test_nobody_there_is_told_apart(tmp_path: Path) -> None:
    """A name that does not resolve, and a port where nobody accepts; the others are looked at all the same."""
    config = """
        [integrations.nameless]
        base_url = "https://nobody.invalid"
        [integrations.closed]
        base_url = "http://127.0.0.1:9"
        [integrations.inside]
        provider = "sandbox"
        [integrations.asleep]
        base_url = "https://asleep.invalid"
        status = "draft"
        auth = { type = "bearer", token = "env:NOT_SET_ANYWHERE" }
    """
    code, said, _ = doctor(tmp_path, config)

    assert code == 1
    assert "nameless dns fail nobody.invalid does not resolve" in said
    assert (
        "connect fail 127.0.0.1:9: connect call failed" in said or "127.0.0.1:9: connection refused" in said
    )
    assert "inside provider ok" in said
    assert "asleep secret warn a draft without its secret, not routed → give env:NOT_SET_ANYWHERE" in said
    assert said.endswith("2 of 5 checks failed")


def test_one_can_be_chosen(fake: FakeProvider, tmp_path: Path) -> None:
    """A name that is not there is refused in one line."""
    config = stripe(fake) + '[integrations.other]\nbase_url = "http://127.0.0.1:9"\n'
    code, said, _ = doctor(tmp_path, config, "stripe")
    unknown = doctor(tmp_path, config, "strip")

    assert code == 0
    assert "other" not in said
    assert unknown[0] == 2
    assert "there is no integration 'strip'; there are stripe, other" in unknown[2]


def test_each_key_of_a_pool_is_asked(fake: FakeProvider, tmp_path: Path) -> None:
    """One that is refused does not hide behind the others; it is named by its reference."""
    (tmp_path / "bad").write_text("a-bad-key")
    fake.handler = lambda request: reply(
        401 if request.header("Authorization") == "Bearer a-bad-key" else 200
    )
    pool = stripe(fake).replace('"env:KEY"', '["env:KEY", "file:bad", "env:KEY"]')
    code, said, _ = doctor(tmp_path, pool)

    assert code == 1
    assert "credential ok accepted, GET /v1/balance: 200" in said
    assert "credential fail key 2 of 3 is refused, GET /v1/balance → look at file:bad" in said
    assert said.count("is refused") == 1
