"""cloudflare against Cloudflare."""

from typing import Any

import cloudflare
import pytest

from outrider.testing import reply
from sdks.sdk import Answer, Pages, Sdk, paged


def envelope(result: Any, **more: Any) -> dict[str, Any]:
    return {"success": True, "errors": [], "messages": [], "result": result, **more}


def error(code: int) -> dict[str, Any]:
    return {**envelope(None), "success": False, "errors": [{"code": code, "message": "no"}]}


def zones(*ids: str, page: int) -> dict[str, Any]:
    info = {"page": page, "per_page": 2, "count": len(ids), "total_count": 3, "total_pages": 2}
    return envelope([{"id": each, "name": each} for each in ids], result_info=info)


class TestCloudflare(Pages, Sdk):
    provider = "cloudflare"
    names = {"Cloudflare": cloudflare.Cloudflare}
    errors = (cloudflare.APIStatusError,)
    limit = reply(429, error(10429), {"retry-after": "0"})
    failure = reply(500, error(10000))

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /client/v4/user/tokens/verify": envelope({"id": "t1", "status": "active"}),
            "GET /client/v4/zones": paged(
                "page", {"": zones("1", "2", page=1), "2": zones("3", page=2), "3": zones(page=3)}
            ),
            "POST /client/v4/zones": envelope({"id": "z1"}),
        }

    def close(self, client: cloudflare.Cloudflare) -> None:
        client.close()

    def call(self, client: cloudflare.Cloudflare) -> None:
        verified = client.user.tokens.verify()
        assert verified is not None
        assert verified.status == "active"

    def page(self, client: cloudflare.Cloudflare) -> None:
        assert [each.id for each in client.zones.list()] == ["1", "2", "3"]

    def test_a_zone_is_created_once(self, client: cloudflare.Cloudflare) -> None:
        """There is no key, so neither we nor the SDK send it again."""
        self._always(self.failure)
        with pytest.raises(self.errors):
            client.zones.create(account={"id": "a"}, name="a.example")
        assert len(self.requests) == 1
