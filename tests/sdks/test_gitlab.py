"""python-gitlab against GitLab."""

from typing import Any

import gitlab
import pytest

from outrider.testing import ReceivedRequest, reply
from sdks.sdk import Answer, Pages, Sdk, paged


class TestGitLab(Pages, Sdk):
    provider = "gitlab"
    names = {"gitlab": gitlab}
    errors = (gitlab.GitlabError,)
    limit = reply(429, "Retry later", {"Retry-After": "0", "RateLimit-Limit": "2000"})
    failure = reply(500, {"message": "500 Internal Server Error"})

    def credential(self, request: ReceivedRequest) -> str:
        return request.header("PRIVATE-TOKEN") or ""

    def routes(self) -> dict[str, Answer]:
        second = f"{self.host}/api/v4/projects?page=2&per_page=20"
        return {
            "GET /api/v4/projects/1": {"id": 1, "name": "one"},
            "GET /api/v4/projects": paged(
                "page",
                {
                    "": reply(200, [{"id": 1}, {"id": 2}], {"Link": f'<{second}>; rel="next"'}),
                    "2": [{"id": 3}],
                },
            ),
        }

    def call(self, client: gitlab.Gitlab) -> None:
        assert client.projects.get(1).name == "one"

    def fail(self, client: gitlab.Gitlab) -> None:
        """With what the note says: no field of a response keeps it from waiting for a limit itself."""
        assert "max_retries=0" in self.facts.sdk_note
        with pytest.raises(self.errors):
            client.projects.get(1, max_retries=0)

    def page(self, client: gitlab.Gitlab) -> None:
        found: list[Any] = list(client.projects.list(iterator=True))
        assert [each.id for each in found] == [1, 2, 3]
