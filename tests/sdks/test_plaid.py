"""plaid-python against Plaid."""

from typing import Any

import plaid
import pytest
from plaid.api.plaid_api import PlaidApi
from plaid.model.accounts_get_request import AccountsGetRequest
from plaid.model.item_remove_request import ItemRemoveRequest
from plaid.model.transactions_sync_request import TransactionsSyncRequest

from outrider.testing import ReceivedRequest, reply
from sdks.sdk import Answer, Pages, Sdk, by_body


def error(kind: str, code: str) -> dict[str, Any]:
    return {
        "error_type": kind,
        "error_code": code,
        "error_message": "no",
        "display_message": None,
        "request_id": "r1",
    }


def synced(cursor: str, *, more: bool) -> dict[str, Any]:
    changes: dict[str, Any] = {"added": [], "modified": [], "removed": [], "accounts": []}
    return {
        **changes,
        "next_cursor": cursor,
        "has_more": more,
        "request_id": "r1",
        "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE",
    }


class TestPlaid(Pages, Sdk):
    provider = "plaid"
    auth = 'fields.PLAID-CLIENT-ID = "env:SDK_SECRET", fields.PLAID-SECRET = "env:SDK_SECRET"'
    names = {"plaid": plaid}
    errors = (plaid.ApiException,)
    limit = reply(429, error("RATE_LIMIT_EXCEEDED", "ACCOUNTS_LIMIT"))
    failure = reply(500, error("API_ERROR", "INTERNAL_SERVER_ERROR"))

    def routes(self) -> dict[str, Answer]:
        return {
            "POST /accounts/get": {
                "accounts": [],
                "item": {
                    "item_id": "i1",
                    "webhook": None,
                    "error": None,
                    "available_products": [],
                    "billed_products": [],
                    "consent_expiration_time": None,
                    "update_type": "background",
                },
                "request_id": "r1",
            },
            "POST /transactions/sync": by_body(
                "cursor", {None: synced("c2", more=True), "c2": synced("c3", more=False)}
            ),
            "POST /item/remove": {"request_id": "r1"},
        }

    def credential(self, request: ReceivedRequest) -> str:
        values = {request.header("PLAID-CLIENT-ID"), request.header("PLAID-SECRET")}
        return " ".join(sorted(filter(None, values)))

    def connect(self, line: str) -> PlaidApi:
        return PlaidApi(super().connect(line))

    def close(self, client: PlaidApi) -> None:
        client.api_client.close()

    def call(self, client: PlaidApi) -> None:
        assert client.accounts_get(AccountsGetRequest("access"))["item"]["item_id"] == "i1"

    def page(self, client: PlaidApi) -> None:
        first = client.transactions_sync(TransactionsSyncRequest("access"))
        second = client.transactions_sync(TransactionsSyncRequest("access", cursor=first["next_cursor"]))
        assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, "c3")

    def test_what_changes_something_is_sent_once(self, client: PlaidApi) -> None:
        """Every call is a POST; only those that read are tried again."""
        self._always(self.failure)
        with pytest.raises(self.errors):
            client.item_remove(ItemRemoveRequest("access"))
        assert len(self.requests) == 1
