"""What a small set of plugins would claim, and two short ways to check a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field

from outrider.config import (
    Limit,
    Loaded,
    NameOrSecretRef,
    Options,
    PlanFacts,
    SecretRef,
    SecretRefs,
    Timespan,
    Vocabulary,
    loads,
)


class Bearer(Options):
    token: SecretRefs


class Basic(Options):
    username: NameOrSecretRef
    password: SecretRef


class Header(Options):
    name: str
    value: SecretRefs
    format: str = "{secret}"


class Pass(Options):
    pass


class Cache(Options):
    ttl: Timespan = 60.0
    entries: int = Field(100, ge=1)
    methods: tuple[Literal["GET", "HEAD"], ...] = ("GET",)
    key: SecretRef | None = None


class Live:
    def kept(self) -> tuple[Limit, ...]:
        return (Limit.model_validate({"rate": "100/s"}),)


class Facts:
    base_url: ClassVar[str | None] = None
    base_url_form: ClassVar[str] = ""
    auth: ClassVar[Mapping[str, Any]] = {}
    plans: ClassVar[Mapping[str, PlanFacts]] = {}


class Stripe(Facts):
    base_url = "https://api.stripe.com"
    auth: ClassVar[Mapping[str, Any]] = {"type": "bearer"}
    plans: ClassVar[Mapping[str, PlanFacts]] = {"live": Live()}


class Sendgrid(Facts):
    base_url = "https://api.sendgrid.com"


class Homeless(Facts):
    base_url_form = "https://{shop}.homeless.example"


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary(
        providers={"stripe": Stripe, "sendgrid": Sendgrid, "homeless": Homeless},
        auth_types={"bearer": Bearer, "basic": Basic, "header": Header, "pass": Pass},
        tables={"cache": Cache},
    )


@pytest.fixture
def read(vocabulary: Vocabulary) -> Callable[[str], Loaded]:
    return lambda text: loads(text, vocabulary)


@pytest.fixture
def problems(read: Callable[[str], Loaded]) -> Callable[[str], list[str]]:
    """Check a text and give each problem as `LINE where: text`."""
    return lambda text: [str(each).removeprefix("config.toml:") for each in read(text).problems]


@pytest.fixture
def example() -> str:
    return (Path(__file__).parent / "example.toml").read_text()
