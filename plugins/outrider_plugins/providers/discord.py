"""Discord. Limits are by route, and every response tells them; too many refused calls ban an IP address."""

from __future__ import annotations

from collections.abc import Mapping

from outrider.plugin import Plan, Problem, Provider, Published, StatusPage

_LIMITS = "https://discord.com/developers/docs/topics/rate-limits"


class Discord(Provider):
    """The HTTP API of a bot. Its gateway is a WebSocket at another host, and does not pass here."""

    name = "discord"
    title = "Discord"
    base_url = "https://discord.com"
    documentation = "https://discord.com/developers/docs/reference"
    source = _LIMITS
    as_of = "2026-11-23"
    unsure = ("error_body", "token_paths")

    auth = {"type": "header", "name": "Authorization", "format": "Bot {secret}"}
    secrets = {"value": "DISCORD_BOT_TOKEN"}
    token_paths = ("POST /api/oauth2/token", "POST /api/v10/oauth2/token")
    required_headers = {"User-Agent": "DiscordBot (https://outrider.invalid, 1)"}
    probe = "GET /api/v10/users/@me"

    plans = {
        "bot": Plan(
            (
                Published("50/s", note="interactions do not count"),
                Published(per="route", note="responses say"),
                Published("10000/600s", counts="401s, 403s and 429s", per="IP address"),
            ),
            source=_LIMITS,
            as_of="2026-11-23",
        )
    }
    limit_headers = {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "4",
        "X-RateLimit-Reset": "1795392000.123",
        "X-RateLimit-Reset-After": "1.5",
        "X-RateLimit-Bucket": "abcd1234",
    }

    status_page = StatusPage(
        "https://discordstatus.com",
        feed="https://discordstatus.com/api/v2/summary.json",
        shape="statuspage",
    )
    sdk = "discord.py"
    sdk_setup = 'discord.http.Route.BASE = "{url}/api/v10"'
    sdk_note = (
        "A community's. It tries a 429, 500, 502, 504 or 524 five times, whatever it is told: write "
        "`retry = { attempts = 1 }` in the integration."
    )

    def error_body(self, problem: Problem) -> Mapping[str, object]:
        """Give the envelope; its SDK takes the seconds to wait after a 429 from the body."""
        body: dict[str, object] = {"message": f"{problem.detail} ({problem.outrider_id})", "code": 0}
        if problem.status == 429:
            body |= {"retry_after": problem.retry_after_s or 1.0, "global": False}
        return body
