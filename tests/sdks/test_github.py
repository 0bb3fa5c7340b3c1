"""PyGithub against GitHub."""

from typing import Any

import pytest
from github import Auth, Github, GithubException

from outrider.testing import reply
from sdks.running import ATTEMPTS
from sdks.sdk import Answer, Pages, Sdk, paged


class TestGitHub(Pages, Sdk):
    provider = "github"
    names = {"Auth": Auth, "Github": Github}
    errors = (GithubException,)
    limit = reply(403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "0"})
    failure = reply(500, {"message": "oops"})

    def routes(self) -> dict[str, Answer]:
        repo = f"{self.host}/repos/ada/engine"
        assets = self.further("uploads") + "/repos/ada/engine/releases/1/assets"
        link = f'<{repo}/issues?page=2>; rel="next", <{repo}/issues?page=2>; rel="last"'

        def issue(number: int) -> dict[str, Any]:
            return {
                "number": number,
                "url": f"{repo}/issues/{number}",
                "html_url": f"https://github.com/i/{number}",
            }

        return {
            "GET /user": {"login": "ada", "url": f"{self.host}/users/ada"},
            "GET /repos/ada/engine": {"name": "engine", "full_name": "ada/engine", "url": repo},
            "GET /repos/ada/engine/issues": paged(
                "page", {"": reply(200, [issue(1), issue(2)], {"Link": link}), "2": [issue(3)]}
            ),
            "PATCH /repos/ada/engine/issues/{number}": issue(1),
            "GET /repos/ada/engine/releases/1": {
                "id": 1,
                "url": f"{repo}/releases/1",
                "upload_url": f"{assets}{{?name,label}}",
            },
            "POST /uploads/repos/ada/engine/releases/1/assets": reply(201, {"name": "notes.txt"}),
        }

    def call(self, client: Github) -> None:
        assert client.get_user().login == "ada"

    def page(self, client: Github) -> None:
        issues = list(client.get_repo("ada/engine").get_issues())
        assert [each.number for each in issues] == [1, 2, 3]
        assert issues[0].html_url == "https://github.com/i/1", "what a browser opens stays"

    def test_an_object_of_a_list_is_changed(self, client: Github) -> None:
        """By the URL that it came with."""
        issue = next(iter(client.get_repo("ada/engine").get_issues()))
        issue.edit(title="more")
        assert (self.requests[-1].method, self.requests[-1].target) == ("PATCH", "/repos/ada/engine/issues/1")

    def test_its_own_retries_end_with_a_429(self, client: Github) -> None:
        """Left at its defaults it would try eleven times, each time three of ours."""
        self.call(client)
        self._always(reply(429, {"message": "slow down"}, {"Retry-After": "0"}))
        self.running.fake.requests.clear()
        with pytest.raises(GithubException):
            Github(auth=Auth.Token("x"), base_url=self.running.url("github")).get_user().login  # noqa: B018
        assert len(self.requests) == ATTEMPTS

    def test_an_asset_goes_to_the_host_of_uploads(self, client: Github, tmp_path: Any) -> None:
        """The URL of the upload is in the release."""
        path = tmp_path / "notes.txt"
        path.write_text("hello")
        release = client.get_repo("ada/engine").get_release(1)
        assert release.upload_asset(str(path)).name == "notes.txt"
        (upload,) = self.running.further.requests
        assert upload.body == b"hello"
