"""Every provider of ours keeps to what every provider keeps to."""

from outrider.registry import load_plugins
from outrider.testing.conformance import Conformance

#: What the facts alone do not make: a table that signs or fetches wants more than a key.
AUTH: dict[str, str] = {
    "aws": 'type = "sigv4", region = "us-east-1", service = "execute-api",'
    ' access_key = "env:KIT_SECRET", secret_key = "env:KIT_OTHER_SECRET"',
    "gcp": 'type = "bearer", token = "env:KIT_SECRET"',
    "paypal": 'type = "bearer", token = "env:KIT_SECRET"',
    "salesforce": 'type = "bearer", token = "env:KIT_SECRET"',
}


def _suite(name: str) -> type[Conformance]:
    return type(f"Test_{name}", (Conformance,), {"provider": name, "auth": AUTH.get(name, "")})


for _name, _provider in load_plugins().providers.items():
    if _provider.__module__.startswith("outrider_plugins.providers."):
        globals()[f"Test_{_name}"] = _suite(_name)
