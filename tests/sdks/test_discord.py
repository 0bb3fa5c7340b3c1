"""discord.py against Discord."""

import asyncio
import warnings
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of audioop, before Python 3.13
    import discord
    import discord.http

from outrider.testing import reply
from sdks.sdk import Answer, Pages, Sdk, paged


class TestDiscord(Pages, Sdk):
    provider = "discord"
    auth = 'value = "env:SDK_SECRET"'
    names = {"discord": discord}
    errors = (discord.HTTPException,)
    limit = reply(
        429,
        {"message": "You are being rate limited.", "retry_after": 0.0, "global": False},
        {"Retry-After": "0", "X-RateLimit-Scope": "user", "Via": "1.1 google"},
    )
    failure = reply(500, {"message": "oops", "code": 0})
    # It tries five times whatever it is told, so we do not (docs/sdks.md).
    policy = """
retry = { attempts = 1 }
limits = [{ rate = "1/d", endpoints = ["GET /api/v10/users/{id}/guilds"], wait = 0 }]
"""
    tries = limit_tries = 5

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /api/v10/users/@me": {"id": "1", "username": "ada"},
            "GET /api/v10/users/@me/guilds": [],
            "GET /api/v10/guilds/9/members": paged(
                "after",
                {"0": [{"user": {"id": "1"}}], "": [{"user": {"id": "1"}}], "1": [{"user": {"id": "2"}}]},
            ),
            "POST /api/v10/channels/5/messages": {"id": "m1"},
        }

    @pytest.fixture(autouse=True)
    def _it_does_not_sleep(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sleep = asyncio.sleep
        monkeypatch.setattr("discord.http.asyncio.sleep", lambda seconds: sleep(0))

    def ask(self, *calls: Any) -> list[Any]:
        """Log in, and make calls of the SDK's HTTP client."""

        async def asked() -> list[Any]:
            client = discord.http.HTTPClient(asyncio.get_running_loop())
            try:
                me = await client.static_login("x")
                return [me, *[await call(client) for call in calls]]
            finally:
                await client.close()

        return asyncio.run(asked())

    def test_a_limit_of_ours(self, client: Any) -> None:
        """Its body says how long to wait, as the SDK wants it: that is asked for as often as any 429."""
        with pytest.raises(discord.HTTPException) as raised:
            self.ask(*[lambda client: client.get_guilds(1)] * 2)
        assert raised.value.status == 429
        assert len(self.requests) == 2  # the login, and the one that was let through

    def call(self, client: Any) -> None:
        assert self.ask()[0]["username"] == "ada"

    def page(self, client: Any) -> None:
        _, first, second = self.ask(
            lambda client: client.get_members("9", 1, None),
            lambda client: client.get_members("9", 1, "1"),
        )
        assert [each["user"]["id"] for each in (*first, *second)] == ["1", "2"]
