"""`outrider add`: an integration at the end of the file, everything else untouched."""

import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

OUTRIDER = str(Path(sys.executable).with_name("outrider"))
FILE = """\
# Ours.
[server]
listen = "127.0.0.1:9000"   # the port

[integrations.openai]
provider = "openai"
auth = { token = "env:OPENAI_API_KEY" }
"""


def outrider(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}
    return subprocess.run(
        [OUTRIDER, *words], cwd=folder, env={**plain, **env}, capture_output=True, text=True, check=False
    )


def test_an_integration_is_added(tmp_path: Path) -> None:
    """Comments and layout stay; it says what to set, and how to point the SDK; `check` has nothing to say."""
    (tmp_path / "config.toml").write_text(FILE)
    done = outrider(tmp_path, "add", "stripe", "--set", "plan=live", "--set", "purpose=Payments")
    text = (tmp_path / "config.toml").read_text()

    assert done.returncode == 0, done.stderr
    assert text.startswith(FILE)
    assert tomllib.loads(text)["integrations"]["stripe"] == {
        "provider": "stripe",
        "status": "draft",
        "purpose": "Payments",
        "plan": "live",
        "auth": {"type": "bearer", "token": "env:STRIPE_API_KEY"},
    }
    assert "set STRIPE_API_KEY in its environment; until then the integration is a draft" in done.stdout
    assert 'stripe.StripeClient("x", base_addresses={"api": "http://127.0.0.1:9000/stripe"' in done.stdout
    assert outrider(tmp_path, "check", "--no-secrets").returncode == 0


def test_it_is_active_where_its_secret_is_there(tmp_path: Path) -> None:
    """The file is made where there is none."""
    done = outrider(tmp_path, "add", "resend", "--name", "mail", RESEND_API_KEY="k")
    made = tomllib.loads((tmp_path / "config.toml").read_text())["integrations"]["mail"]

    assert "status" not in made
    assert "until then" not in done.stdout
    assert 'resend.api_url = "http://127.0.0.1:8080/mail"' in done.stdout


def test_any_key_can_be_set(tmp_path: Path) -> None:
    """Values are TOML where they are some; names with a dot are tables."""
    done = outrider(
        tmp_path,
        *("add", "shopify", "--set", "base_url=https://a.myshopify.com", "--set", "timeout.response=5"),
        *("--set", 'limits=[{ rate = "2/s", burst = 4 }]', "--set", "auth.value=file:/nowhere/key"),
    )
    made = tomllib.loads((tmp_path / "config.toml").read_text())["integrations"]["shopify"]

    assert done.returncode == 0, done.stderr
    assert made["limits"] == [{"rate": "2/s", "burst": 4}]
    assert made["timeout"] == {"response": 5}
    assert "write the secret to /nowhere/key; until then" in done.stdout
    assert outrider(tmp_path, "check", "--no-secrets").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["openai"], "has an integration 'openai' already; give another name with --name"),
        (["strip"], "did you mean 'stripe'?"),
        (["shopify"], "give yours: --set base_url=https://{shop}.myshopify.com"),
        (["stripe", "--set", "plan=gold"], "integrations.stripe.plan: provider 'stripe' has no such plan"),
        (["stripe", "--set", "plam=live"], "integrations.stripe.plam: unknown key 'plam'"),
        (["stripe", "--set", "plan"], "--set wants KEY=VALUE"),
        (["stripe", "--set", "auth.token=sk_live_123"], "a literal secret is refused"),
        (["stripe", "--set", "auth.token=env:A", "--set", "auth.token.x=1"], "token is no table"),
        (["stripe", "--name", "Bad Name"], "'Bad Name' cannot name an integration"),
    ],
)
def test_what_cannot_be_added_is_said(words: list[str], said: str, tmp_path: Path) -> None:
    """In words, without the secret, and the file is as it was."""
    (tmp_path / "config.toml").write_text(FILE)
    done = outrider(tmp_path, "add", *words)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "sk_live_123" not in done.stderr
    assert (tmp_path / "config.toml").read_text() == FILE


def test_an_inline_table_cannot_be_added_to(tmp_path: Path) -> None:
    """The lines to add by hand are printed."""
    (tmp_path / "config.toml").write_text("integrations = {}\n")
    done = outrider(tmp_path, "add", "stripe")

    assert done.returncode == 2
    assert "add it by hand:" in done.stderr
    assert '[integrations.stripe.auth]\noutrider: type = "bearer"' in done.stderr


def test_a_person_is_asked(tmp_path: Path) -> None:
    """On a terminal: for the base URL, the secret's place, the plan and the purpose."""
    ours, its = pty.openpty()
    asking = subprocess.Popen([OUTRIDER, "add", "shopify"], cwd=tmp_path, stdin=its, stdout=its, stderr=its)
    os.close(its)
    os.write(ours, b"https://a.myshopify.com\nenv:SHOP_KEY\nplus\nOrders\n")
    told = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        told += piece
    os.close(ours)

    assert asking.wait(10) == 0, told
    assert b"Where is auth.value? [env:SHOPIFY_ACCESS_TOKEN]" in told
    assert tomllib.loads((tmp_path / "config.toml").read_text())["integrations"]["shopify"] == {
        "provider": "shopify",
        "base_url": "https://a.myshopify.com",
        "status": "draft",
        "purpose": "Orders",
        "plan": "plus",
        "auth": {"type": "header", "value": "env:SHOP_KEY"},
    }
