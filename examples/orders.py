"""An order service that keeps taking orders while its payment provider is down.

    python examples/orders.py

Three processes: the payment provider (the sandbox, in an Outrider of its own, so that it can be taken down),
the sidecar, and this one, the order service with its customers. The service has no retry, no queue and no
key: it sends one request for each order, and looks at the status.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

PROVIDER = """
[server]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:0"
[integrations.sandbox]
provider = "sandbox"
auth = {{ type = "bearer", token = "cmd:echo sandbox-key" }}
"""
SIDECAR = """
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
[integrations.payments]
base_url = "{provider}/sandbox"
auth = {{ type = "bearer", token = "cmd:echo sandbox-key" }}
on = {{ unreachable = ["queue"], "5xx" = ["queue"], "429" = ["retry", "queue"] }}
jobs = {{ base = "200ms", cap = "1s" }}
"""


class Outrider:
    """An `outrider run` in a folder of its own."""

    def __init__(self, folder: Path, config: str) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "config.toml").write_text(config)
        command = [sys.executable, "-m", "outrider", "run", "--config", str(folder / "config.toml")]
        self._log = (folder / "log").open("a")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said.startswith("listening "):
            raise SystemExit((folder / "log").read_text())
        self.url = said.removeprefix("listening ").strip()

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()


class Orders:
    """The order service."""

    def __init__(self, sidecar: str) -> None:
        self._sidecar = sidecar
        self.orders: list[dict[str, Any]] = []

    def take(self, item: str, amount: int) -> dict[str, Any]:
        """Take an order: it is paid now, or it will be."""
        body = {"amount": amount, "description": item}
        status, headers, answer = ask(f"{self._sidecar}/payments/v1/charges", body)
        order: dict[str, Any] = {"item": item, "payment": "refused"}
        if status == 202:  # accepted: on disk, and delivered when the provider is back
            order |= {"payment": "pending", "job": headers["Location"]}
        elif status == 200:
            order |= {"payment": "paid", "charge": answer["id"]}
        self.orders.append(order)
        return order

    def settle(self, order: dict[str, Any]) -> None:
        """Find out what became of a payment that was pending."""
        _, _, job = ask(f"{self._sidecar}{order['job']}", headers={"Prefer": "wait=20"})
        if job["state"] == "done":
            _, _, charge = ask(f"{self._sidecar}{order['job']}/response")
            order |= {"payment": "paid", "charge": charge["id"], "attempts": job["attempts"]}


def ask(url: str, body: object = None, headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
    """Ask for JSON; an error is an answer like any other."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.headers, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.load(error)


def main() -> None:
    """Take five orders, three of them while nobody takes payments."""
    with tempfile.TemporaryDirectory() as folder:
        provider = Outrider(Path(folder, "provider"), PROVIDER.format(port=0))
        port = provider.url.rpartition(":")[2]
        sidecar = Outrider(Path(folder, "sidecar"), SIDECAR.format(provider=provider.url))
        service = Orders(sidecar.url)
        try:
            print("the payment provider is up")
            print("  ", service.take("a book", 1200))
            provider.stop()
            print("the payment provider is down")
            for item, amount in (("a pen", 300), ("a lamp", 4500), ("a chair", 9900)):
                print("  ", service.take(item, amount))
            provider = Outrider(Path(folder, "provider"), PROVIDER.format(port=port))
            print("the payment provider is up again, and numbers its charges anew")
            print("  ", service.take("a desk", 19900))
            for order in service.orders:
                if order["payment"] == "pending":
                    service.settle(order)
                    print("  ", order)
            _, _, charges = ask(f"{sidecar.url}/payments/v1/charges")
            paid = sorted(charge["description"] for charge in charges["data"])
            print(f"charges since it is back: {', '.join(paid)}; none twice")
        finally:
            sidecar.stop()
            provider.stop()
    unpaid = [order for order in service.orders if order["payment"] != "paid"]
    if unpaid or paid != ["a chair", "a desk", "a lamp", "a pen"]:
        raise SystemExit(f"not as it should be: {unpaid or paid}")


if __name__ == "__main__":
    main()
