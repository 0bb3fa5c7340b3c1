"""boto3 against S3: pages are XML, and every attempt is signed anew."""

import re
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from outrider.testing import ReceivedRequest, Script, reply
from sdks.sdk import Answer, Pages, Sdk, paged

XML = {"Content-Type": "application/xml"}


def listing(*keys: str, following: str = "") -> Script:
    entries = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{following}</NextContinuationToken>"
    text = f"<ListBucketResult><Name>b</Name>{entries}{more if following else ''}</ListBucketResult>"
    return reply(200, text.encode(), XML)


def error(status: int, code: str) -> Script:
    return reply(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(), XML)


class TestAws(Pages, Sdk):
    provider = "aws"
    auth = 'region = "us-east-1", service = "s3", access_key = "AKIDREAL", secret_key = "env:SDK_SECRET"'
    secret = "AKIDREAL"
    names = {"boto3": boto3, "Config": Config}
    errors = (ClientError,)
    limit = error(503, "SlowDown")
    failure = error(500, "InternalError")

    def credential(self, request: ReceivedRequest) -> str:
        match = re.match(r"AWS4-HMAC-SHA256 Credential=(\w+)/", request.header("Authorization") or "")
        return match[1] if match is not None else ""

    def routes(self) -> dict[str, Answer]:
        return {
            "GET /b/k%20ey": reply(200, b"hello", {"ETag": '"e"'}),
            "PUT /b/k": reply(200, b"", {"ETag": '"e"'}),
            "POST /b/k": error(404, "NoSuchUpload"),
            "GET /b": paged(
                "continuation-token", {"": listing("a", "b", following="p2"), "p2": listing("c")}
            ),
        }

    def call(self, client: Any) -> None:
        assert client.get_object(Bucket="b", Key="k ey")["Body"].read() == b"hello"

    def page(self, client: Any) -> None:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="b")
        assert [each["Key"] for page in pages for each in page["Contents"]] == ["a", "b", "c"]

    def test_an_object_is_put(self, client: Any) -> None:
        """With a body; what the SDK signed is not what goes out."""
        client.put_object(Bucket="b", Key="k", Body=b"hello")
        (request,) = self.requests
        assert request.body == b"hello"
