import tomllib
from pathlib import Path

import pytest
from bench.peers import PEERS, Site


def site(folder: Path, *, policies: bool = False) -> Site:
    return Site(20001, 20002, folder, "not-in-the-file", connections=100, policies=policies)


def test_outrider_holds_no_secret(tmp_path: Path) -> None:
    """Outrider's configuration refers to the token, which is in its environment."""
    command = PEERS["outrider"].command(site(tmp_path))
    config = Path(command[-1]).read_text()

    assert "not-in-the-file" not in config
    assert tomllib.loads(config)["integrations"]["bench"]["auth"] == {
        "type": "bearer",
        "token": "env:BENCH_TOKEN",
    }
    assert PEERS["outrider"].environ(site(tmp_path)) == {"BENCH_TOKEN": "not-in-the-file"}


def test_outrider_policies(tmp_path: Path) -> None:
    """With policies the same integration limits, retries and breaks as well."""
    command = PEERS["outrider"].command(site(tmp_path, policies=True))
    bench = tomllib.loads(Path(command[-1]).read_text())["integrations"]["bench"]

    assert set(bench) == {"base_url", "auth", "limits", "retry", "breaker"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nginx", "not installed; apt-get install nginx-light"),
        ("haproxy", "not installed; apt-get install haproxy"),
    ],
)
def test_missing(name: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is not installed names the package that gives it."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("bench.peers.base.SEARCHED", "")

    assert PEERS[name].missing() == expected
