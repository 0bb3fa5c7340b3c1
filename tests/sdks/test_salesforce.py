"""simple-salesforce against Salesforce."""

from typing import Any

from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceError

from outrider.testing import reply
from sdks.documented import through
from sdks.sdk import Answer, Pages, Sdk


def found(*names: str, more: str = "") -> dict[str, Any]:
    records = [{"attributes": {"type": "Account"}, "Name": each} for each in names]
    following = {"nextRecordsUrl": more} if more else {}
    return {"totalSize": 3, "done": not more, "records": records, **following}


class TestSalesforce(Pages, Sdk):
    provider = "salesforce"
    auth = 'type = "bearer", token = "env:SDK_SECRET"'
    names = {"Salesforce": Salesforce, "through": through}
    errors = (SalesforceError,)
    limit = reply(
        403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests Limit exceeded."}]
    )
    failure = reply(500, [{"errorCode": "UNKNOWN_EXCEPTION", "message": "oops"}])

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /services/data/v59.0/limits/": {"DailyApiRequests": {"Max": 15000, "Remaining": 14998}},
            "GET /services/data/v59.0/query/": found("1", "2", more="/services/data/v59.0/query/01g-2"),
            "GET /services/data/v59.0/query/{id}": found("3"),
            "PATCH /services/data/v59.0/sobjects/Account/{id}": reply(204),
        }

    def close(self, client: Salesforce) -> None:
        client.session.close()

    def call(self, client: Salesforce) -> None:
        assert client.limits()["DailyApiRequests"]["Max"] == 15000

    def page(self, client: Salesforce) -> None:
        assert [each["Name"] for each in client.query_all("SELECT Name FROM Account")["records"]] == [
            "1",
            "2",
            "3",
        ]

    def test_a_spent_day(self, client: Salesforce) -> None:
        """No wait helps: it is asked once."""
        said = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
        self._always(reply(403, said))
        self.fail(client)
        assert len(self.requests) == 1

    def test_a_row_that_is_locked(self, client: Salesforce) -> None:
        """Nothing was done, so it is tried again."""
        self.running.fake.reply(400, [{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "locked"}])
        assert client.Account.update("001", {"Name": "A"}) == 204
        assert len(self.requests) == 2
