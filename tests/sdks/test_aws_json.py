"""boto3 against SES and Bedrock: JSON, other hosts, and a stream that is no text."""

import json
import struct
import zlib
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from outrider.testing import ReceivedRequest, Step, reply, stream
from sdks.sdk import Answer, Pages, Sdk, Streams, by_body

MODEL = "anthropic.claude-3:0"
MESSAGES: Any = [{"role": "user", "content": [{"text": "hi"}]}]


def failed(status: int, kind: str) -> Any:
    return reply(status, {"message": "no"}, {"x-amzn-ErrorType": f"{kind}:http://internal.amazon.com/"})


def event(kind: str, data: dict[str, Any]) -> bytes:
    """Write one event of AWS's binary streams: prelude, fields, payload, each with its checksum."""
    pairs = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    fields = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in pairs.items()
    )
    payload = json.dumps(data).encode()
    prelude = struct.pack("!II", 16 + len(fields) + len(payload), len(fields))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + fields + payload
    return message + struct.pack("!I", zlib.crc32(message))


def piece(text: str) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})


class Json(Sdk):
    """What both have in common."""

    service = ""
    names = {"boto3": boto3, "Config": Config}
    errors = (ClientError,)
    secret = "AKIDREAL"
    failure = failed(500, "InternalServerException")

    def connect(self, line: str) -> Any:
        return super().connect(line.replace('"s3"', f'"{self.service}"'))

    def credential(self, request: ReceivedRequest) -> str:
        return (request.header("Authorization") or "").partition("Credential=")[2].partition("/")[0]


class TestSes(Pages, Json):
    provider = "aws"
    integration = "aws-ses"
    service = "sesv2"
    auth = 'region = "us-east-1", service = "ses", access_key = "AKIDREAL", secret_key = "env:SDK_SECRET"'
    limit = failed(429, "TooManyRequestsException")

    def routes(self) -> dict[str, Answer]:
        first = {"EmailIdentities": [{"IdentityName": "b.example"}], "NextToken": "p2"}
        second = {"EmailIdentities": [{"IdentityName": "c.example"}]}
        return {
            "GET /v2/email/account": {"SendingEnabled": True},
            "POST /v2/email/list-identities": by_body("NextToken", {None: first, "p2": second}),
            "POST /v2/email/outbound-emails": {"MessageId": "m1"},
        }

    def call(self, client: Any) -> None:
        assert client.get_account()["SendingEnabled"] is True

    def page(self, client: Any) -> None:
        first = client.list_email_identities()
        second = client.list_email_identities(NextToken=first["NextToken"])
        names = [each["IdentityName"] for each in first["EmailIdentities"] + second["EmailIdentities"]]
        assert names == ["b.example", "c.example"]

    def test_a_mail_is_sent_once(self, client: Any) -> None:
        """After throttling, told by a code and a 400, it goes out; a 500 may have taken it."""
        text = {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hi"}}}
        mail = {
            "FromEmailAddress": "shop@b.example",
            "Destination": {"ToAddresses": ["ada@a.example"]},
            "Content": {"Simple": text},
        }
        self.running.fake.answer(failed(400, "ThrottlingException"))
        assert client.send_email(**mail)["MessageId"] == "m1"
        assert len(self.requests) == 2
        self._always(self.failure)
        with pytest.raises(ClientError, match="InternalServerException"):
            client.send_email(**mail)
        assert len(self.requests) == 3


class TestBedrock(Streams, Json):
    provider = "aws"
    integration = "aws-bedrock"
    service = "bedrock-runtime"
    auth = 'region = "us-east-1", service = "bedrock", access_key = "AKIDREAL", secret_key = "env:SDK_SECRET"'
    limit = failed(429, "ThrottlingException")

    def routes(self) -> dict[str, Answer]:
        message = {"role": "assistant", "content": [{"text": "hello"}]}
        streamed = stream(
            event("messageStart", {"role": "assistant"}),
            piece("one"),
            Step.WAIT,
            piece("two"),
            event("messageStop", {"stopReason": "end_turn"}),
            headers={"Content-Type": "application/vnd.amazon.eventstream"},
        )
        return {
            "POST /model/{model}/converse": {"output": {"message": message}, "stopReason": "end_turn"},
            "POST /model/{model}/converse-stream": streamed,
        }

    def call(self, client: Any) -> None:
        answer = client.converse(modelId=MODEL, messages=MESSAGES)
        assert answer["output"]["message"]["content"][0]["text"] == "hello"
        assert self.requests[-1].target == "/model/anthropic.claude-3%3A0/converse"

    def stream(self, client: Any) -> None:
        seen = []
        for each in client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"]:
            if "contentBlockDelta" in each:
                seen.append(each["contentBlockDelta"]["delta"]["text"])
            if seen == ["one"]:
                self.running.fake.release()
        assert seen == ["one", "two"]
