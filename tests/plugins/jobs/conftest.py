"""One provider and one sidecar for a module, and what a test asks of them."""

import http.client
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outrider.testing import Sidecar

ASYNC = {"Prefer": "respond-async"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """An app, and a person at the command line, of one sidecar."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.sidecar = sidecar

    def __call__(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str | bytes] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.sidecar.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def enqueue(self, path: str, body: Any = b"", headers: Mapping[str, str] | None = None) -> str:
        """Make a job of a POST, and give its address."""
        answer = self("POST", path, body, {**ASYNC, **(headers or {})})
        assert answer.status == 202, answer
        return answer.headers["Location"]

    def job(self, location: str, *, wait: float = 0) -> Any:
        """Give a job as it is, or once it has ended."""
        return self("GET", location, headers={"Prefer": f"wait={wait}"} if wait else {}).json

    def outrider(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line beside it."""
        return subprocess.run(
            [sys.executable, "-m", "outrider", *arguments],
            cwd=self.sidecar.config_path.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @property
    def state_dir(self) -> Path:
        return self.sidecar.config_path.parent / ".outrider"
