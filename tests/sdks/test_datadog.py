"""datadog-api-client against Datadog."""

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException
from datadog_api_client.v1.api.authentication_api import AuthenticationApi
from datadog_api_client.v2.api.logs_api import LogsApi
from datadog_api_client.v2.model.logs_list_request import LogsListRequest
from datadog_api_client.v2.model.logs_list_request_page import LogsListRequestPage

from outrider.testing import ReceivedRequest, reply
from sdks.sdk import Answer, Pages, Sdk


def query() -> LogsListRequest:
    return LogsListRequest(page=LogsListRequestPage(limit=2))


class TestDatadog(Pages, Sdk):
    provider = "datadog"
    auth = 'fields.DD-API-KEY = "env:SDK_SECRET", fields.DD-APPLICATION-KEY = "env:SDK_SECRET"'
    names = {"ApiClient": ApiClient, "Configuration": Configuration}
    errors = (ApiException,)
    limit = reply(
        429,
        {"errors": ["Rate limit of 100 requests in 3600 seconds reached."]},
        {
            "X-RateLimit-Limit": "100",
            "X-RateLimit-Period": "3600",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": "0",
            "X-RateLimit-Name": "validate",
        },
    )
    failure = reply(500, {"errors": ["oops"]})

    def routes(self) -> dict[str, Answer]:
        first = {"data": [{"id": "1"}, {"id": "2"}], "meta": {"page": {"after": "c2"}}}
        return {
            "GET /api/v1/validate": {"valid": True},
            "POST /api/v2/logs/events/search": lambda request: (
                {"data": [{"id": "3"}]} if b"c2" in request.body else first
            ),
        }

    def credential(self, request: ReceivedRequest) -> str:
        values = {request.header("DD-API-KEY"), request.header("DD-APPLICATION-KEY")}
        return " ".join(sorted(filter(None, values)))

    def close(self, client: ApiClient) -> None:
        client.close()

    def call(self, client: ApiClient) -> None:
        assert AuthenticationApi(client).validate().valid

    def page(self, client: ApiClient) -> None:
        assert [each.id for each in LogsApi(client).list_logs_with_pagination(body=query())] == [
            "1",
            "2",
            "3",
        ]

    def test_a_search_is_a_read(self, client: ApiClient) -> None:
        """A POST that is tried again."""
        self.running.fake.answer(self.failure)
        assert len(LogsApi(client).list_logs(body=query()).data) == 2
