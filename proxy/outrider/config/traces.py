"""`[traces]`: where spans go."""

from __future__ import annotations

from pydantic import Field

from .base_url import Url
from .options import Options
from .secret import SecretRef
from .values import HeaderName, Text


class Traces(Options):
    """`[traces]`: spans of exchanges, attempts and waits, over OTLP. Needs `outrider[otel]`.

    ```toml
    [traces]
    endpoint = "http://127.0.0.1:4318/v1/traces"  # OTLP over HTTP, in protobuf
    headers = { Authorization = "env:OTLP_AUTH" } # secrets
    sample = 0.1                                  # of the traces that begin here; an app's own decision holds
    service = "outrider"
    ```
    """

    endpoint: Url | None = Field(None, examples=["http://127.0.0.1:4318/v1/traces"])
    headers: dict[HeaderName, SecretRef] = Field(
        default_factory=dict, examples=[{"Authorization": "env:OTLP_AUTH"}]
    )
    sample: float = Field(1.0, ge=0, le=1, description="of the traces that begin here")
    service: Text = "outrider"
