"""SigV4: equal to botocore's own signature of what arrived, and good for real boto3 clients."""

import hashlib
import http.client
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from moto.server import ThreadedMotoServer

from outrider.config import loads
from outrider.registry import load_plugins
from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar, reply
from outrider_plugins.auth import sigv4

CONFIG = """
[integrations.s3]
base_url = "{url}"
[integrations.s3.auth]
type = "sigv4"
region = "eu-central-1"
service = "s3"
access_key = "AKIDEXAMPLE"
secret_key = "env:SECRET"
session_token = "env:SESSION"
[integrations.api]
base_url = "{url}/base"
[integrations.api.auth]
type = "sigv4"
region = "us-east-1"
service = "execute-api"
access_key = "env:ACCESS"
secret_key = "env:SECRET"
"""
ENV = {
    "SECRET": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "SESSION": "session/token==",
    "ACCESS": "AKIDAPI",
}
EMPTY = hashlib.sha256().hexdigest()


@pytest.fixture(scope="module")
def sidecar(module_provider: FakeProvider) -> Iterator[Sidecar]:
    with Sidecar(CONFIG.format(url=module_provider.url), env=ENV) as started:
        yield started


def send(
    sidecar: Sidecar, path: str, body: bytes | Iterable[bytes] = b"", method: str = "GET", **fields: str
) -> tuple[int, bytes]:
    """Call; a body of bytes arrives with its head, in one piece."""
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    if isinstance(body, bytes):
        connection.connect()
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        connection.sock.sendall("".join([head, *lines, "\r\n"]).encode() + body)
        answer = http.client.HTTPResponse(connection.sock, method=method)
        answer.begin()
    else:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, said


def botocores_own(request: ReceivedRequest, url: str, service: str) -> str:
    """What botocore puts into Authorization for a request as it arrived, at the time that it names."""
    region, access = ("eu-central-1", "AKIDEXAMPLE") if service == "s3" else ("us-east-1", "AKIDAPI")
    credentials = ReadOnlyCredentials(access, ENV["SECRET"], None)
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(credentials, service, region)
    again = AWSRequest(method=request.method, url=f"{url}{request.target}", data=request.body)
    (said,) = request.values("Authorization")
    for name in said.partition("SignedHeaders=")[2].partition(",")[0].split(";"):
        for value in request.values(name) if name != "host" else ():
            again.headers.add_header(name, value)
    (stamp,) = request.values("X-Amz-Date")
    again.context["timestamp"] = stamp
    text = signer.string_to_sign(again, signer.canonical_request(again))
    signature = signer.signature(text, again)
    signed = signer.signed_headers(signer.headers_to_sign(again))
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(again)}, SignedHeaders={signed}, Signature={signature}"


AWKWARD = [
    "",
    "/",
    "/bucket/key",
    "/bucket/a%20b",
    "/bucket/a+b",
    "/bucket/a%2Bb",
    "/bucket/a%2Fb",
    "/bucket/a//b",
    "/bucket/a/",
    "/bucket/%E2%82%AC%F0%9F%98%80",
    "/bucket/a%252Fb",
    "/bucket/a:b@c!d$e&f'g(h)i*j,k;l=m",
    "/bucket/~tilde_-.",
    "/bucket/..a/b...",
    "/bucket/%7Etilde",
    "/bucket?list-type=2",
    "/bucket?acl",
    "/bucket?acl=",
    "/bucket?b=2&a=1",
    "/bucket?a=2&a=1&A=0",
    "/bucket?prefix=a%2Fb&delimiter=%2F",
    "/bucket?prefix=a+b%20c",
    "/bucket?x=%E2%82%AC&y=",
    "/bucket?a=b=c&d",
    "/bucket?=value",
    "/bucket?&&a=1",
    "/bucket?marker=/path:with@odd'chars",
    "/bucket?versionId=null&partNumber=1&uploadId=a.b_c-d~e",
]


@pytest.mark.parametrize("aim", AWKWARD)
@pytest.mark.parametrize("service", ["s3", "api"])
def test_the_signature_is_botocores_own(
    sidecar: Sidecar, provider: FakeProvider, aim: str, service: str
) -> None:
    """For the path and the query that arrive, byte for byte."""
    assert send(sidecar, f"/{service}{aim}")[0] == 200
    (request,) = provider.requests

    said = request.values("Authorization")

    assert request.target == ("" if service == "s3" else "/base") + (aim or ("/" if service == "s3" else ""))
    assert said == [botocores_own(request, provider.url, "s3" if service == "s3" else "execute-api")]


def test_what_the_apps_own_sdk_signed_is_taken_off(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Its fields, and the parameters of a URL that it presigned; the rest of the query stays."""
    presigned = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x&X-Amz-Date=1&X-Amz-Expires=60"
    send(
        sidecar,
        f"/s3/b/k?{presigned}&X-Amz-SignedHeaders=host&versionId=7&X-Amz-Signature=x&X-Amz-Security-Token=x",
        Authorization="AWS4-HMAC-SHA256 Credential=app",
        X_Amz_Date="20200101T000000Z",
        X_Amz_Security_Token="app",
        X_Amz_Content_Sha256="app",
    )
    (request,) = provider.requests

    assert request.target == "/b/k?versionId=7"
    assert request.values("X-Amz-Content-Sha256") == [EMPTY]
    assert request.values("X-Amz-Security-Token") == ["session/token=="]
    assert len(request.values("X-Amz-Date")) == 1
    assert request.values("Authorization") == [botocores_own(request, provider.url, "s3")]


def test_bodies(sidecar: Sidecar, provider: FakeProvider) -> None:
    """One that is here is signed; S3 takes others unsigned, elsewhere they are gathered, up to a cap."""
    long = [b"x" * 100_000] * 6
    seen = [
        send(sidecar, "/s3/b/k", b"whole", "PUT")[0],
        send(
            sidecar,
            "/s3/b/k",
            iter(long),
            "PUT",
            Content_Type="text/plain",
            Content_MD5="1B2M2Y8AsgTpgAmY7PhCfg==",
        )[0],
        send(sidecar, "/api/x", b"whole", "POST")[0],
        send(sidecar, "/api/x", iter([b"a" * 50_000, b"b" * 50_000]), "POST")[0],
    ]
    status, said = send(sidecar, "/api/x", iter(long), "POST")

    whole, unsigned, api, gathered = provider.requests
    assert seen == [200] * 4
    assert whole.values("X-Amz-Content-Sha256") == [hashlib.sha256(b"whole").hexdigest()]
    assert unsigned.values("X-Amz-Content-Sha256") == ["UNSIGNED-PAYLOAD"]
    assert unsigned.size == 600_000
    assert "content-md5;content-type;host;x-amz" in unsigned.values("Authorization")[0]
    for request in (api, gathered):
        assert request.values("Authorization") == [botocores_own(request, provider.url, "execute-api")]
    assert status == 413
    assert b"integration 'api' signs bodies" in said


def chunked(*pieces: bytes, trailer: bytes = b"") -> bytes:
    signature = b";chunk-signature=" + b"a" * 64
    chunks = [b"%x%b\r\n%b\r\n" % (len(piece), signature, piece) for piece in pieces]
    return b"".join(chunks) + b"0" + signature + b"\r\n" + trailer + b"\r\n"


@pytest.mark.parametrize("streams", [False, True])
def test_chunks_that_the_apps_sdk_signed(sidecar: Sidecar, provider: FakeProvider, streams: bool) -> None:
    """Their signatures are of its own key, so what is in them goes on without them."""
    data = [b"a" * 65_536, b"b" * 70_000, b"c"] if streams else [b"small"]
    body = chunked(*data, trailer=b"x-amz-checksum-crc32:AAAAAA==\r\n")
    status, _ = send(
        sidecar,
        "/s3/b/k",
        body,
        "PUT",
        X_Amz_Content_Sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        X_Amz_Decoded_Content_Length=str(sum(map(len, data))),
        X_Amz_Trailer="x-amz-checksum-crc32",
        Content_Encoding="aws-chunked,gzip",
    )
    (request,) = provider.requests

    payload = "UNSIGNED-PAYLOAD" if streams else hashlib.sha256(b"small").hexdigest()
    assert status == 200
    assert request.body == b"".join(data)
    assert request.length == len(request.body)
    assert request.values("Content-Encoding") == ["gzip"]
    assert request.values("X-Amz-Trailer") == request.values("X-Amz-Decoded-Content-Length") == []
    assert request.values("X-Amz-Content-Sha256") == [payload]


@pytest.mark.parametrize("length", ["10", "0", "9" * 5000, ""])
def test_chunks_that_were_announced_and_are_none(
    sidecar: Sidecar, provider: FakeProvider, length: str
) -> None:
    """A 400, and the next request without a body is one still."""
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)
    fields = {"X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
    said = []
    for method, more in (("GET", {**fields, "X-Amz-Decoded-Content-Length": length}), ("GET", {})):
        connection.request(method, "/s3/b/k", headers=more)
        answer = connection.getresponse()
        answer.read()
        said.append(answer.status)
    connection.close()

    assert said == [400, 200]
    assert [request.values("Content-Length") for request in provider.requests] == [[]]


def test_chunks_that_nobody_signed_go_on_as_they_are(sidecar: Sidecar, provider: FakeProvider) -> None:
    """With the checksum after them, which S3 checks."""
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    send(
        sidecar,
        "/s3/b/k",
        body,
        "PUT",
        X_Amz_Content_Sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        X_Amz_Decoded_Content_Length="5",
        X_Amz_Trailer="x-amz-checksum-crc32",
        Content_Encoding="aws-chunked",
    )
    (request,) = provider.requests

    assert request.body == body
    assert request.values("X-Amz-Content-Sha256") == ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"]
    assert (
        "x-amz-decoded-content-length;x-amz-security-token;x-amz-trailer"
        in request.values("Authorization")[0]
    )


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def client(sidecar: Sidecar, name: str) -> Any:
    return boto3.client(
        name,
        endpoint_url=f"{sidecar.url}/{name}",
        region_name="eu-central-1",
        aws_access_key_id="unused",
        aws_secret_access_key="unused",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, proxies={}),
    )


class OneWay(BytesIO):
    """A body that can be read once, as of a socket."""

    def seekable(self) -> bool:
        return False


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("version", ["s3", "s3v4", None])
def test_presigned_urls_and_the_access_key_of_a_client(
    module_provider: FakeProvider, provider: FakeProvider, version: str | None
) -> None:
    """What boto3 signs with is taken off, whichever version; its access key is the client's token."""
    config = CONFIG.format(url=module_provider.url) + '[clients.shop]\ntoken = "env:SHOP"\n'
    with Sidecar(config, env={**ENV, "SHOP": "token/of/shop"}) as sidecar:
        s3 = boto3.client(
            "s3",
            endpoint_url=f"{sidecar.url}/s3",
            region_name="us-east-1",
            aws_access_key_id="token/of/shop",
            aws_secret_access_key="x",
            config=Config(signature_version=version, retries={"total_max_attempts": 1}),
        )
        provider.reply(200, b"<ListBucketResult/>", {"Content-Type": "application/xml"})
        s3.list_objects_v2(Bucket="b")
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k", "VersionId": "7"})
        connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)
        connection.request("GET", url.removeprefix(sidecar.url))
        status = connection.getresponse().status
        connection.close()

    assert status == 200
    assert provider.requests[-1].target == "/b/k?versionId=7"
    for request in provider.requests:
        assert "Credential=AKIDEXAMPLE/" in request.values("Authorization")[0]
        assert b"token/of/shop" not in request.head


# botocore and moto use what newer Pythons and libraries warn of.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_boto3_at_moto(moto: str) -> None:
    """S3 with odd keys, streams and many parts; DynamoDB, SQS and SES: the app changes its endpoint alone."""
    config = "".join(
        f'''
[integrations.{name}]
base_url = "{moto}"
auth = {{ type = "sigv4", region = "eu-central-1", service = "{name}", access_key = "AKID", secret_key = "env:SECRET" }}
'''
        for name in ("s3", "dynamodb", "sqs", "ses")
    )
    with Sidecar(config, env=ENV) as sidecar:
        s3 = client(sidecar, "s3")
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        for key in ("plain", "a b+c/%2F/d\u20ac", "x//y", "t~!*'()"):
            s3.put_object(Bucket="bucket", Key=key, Body=key.encode())
            assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == key.encode()
        big = b"0123456789" * 1_200_000
        s3.upload_fileobj(BytesIO(big), "bucket", "big")
        assert s3.get_object(Bucket="bucket", Key="big")["Body"].read() == big
        s3.upload_fileobj(OneWay(big[:600_000]), "bucket", "stream", Config=TransferConfig(use_threads=False))
        assert s3.get_object(Bucket="bucket", Key="stream")["Body"].read() == big[:600_000]
        listed = [one["Key"] for one in s3.list_objects_v2(Bucket="bucket", Prefix="a b+")["Contents"]]
        table = client(sidecar, "dynamodb")
        table.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        table.put_item(TableName="t", Item={"id": {"S": "1"}})
        item = table.get_item(TableName="t", Key={"id": {"S": "1"}})["Item"]
        ses = client(sidecar, "ses")
        ses.verify_email_identity(EmailAddress="shop@acme.example")
        text = {"Subject": {"Data": "An invoice"}, "Body": {"Text": {"Data": "100 \u20ac"}}}
        to = {"ToAddresses": ["you@acme.example"]}
        mail = ses.send_email(Source="shop@acme.example", Destination=to, Message=text)["MessageId"]
        queue = client(sidecar, "sqs").create_queue(QueueName="q")["QueueUrl"]

    assert listed == ["a b+c/%2F/d\u20ac"]
    assert item == {"id": {"S": "1"}}
    assert queue.endswith("/q")
    assert mail


CHAIN = """
[integrations.s3]
base_url = "{url}"
[integrations.s3.auth]
type = "sigv4"
region = "eu-central-1"
service = "s3"
{more}
"""
NO_CHAIN = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


def keys_of(provider: FakeProvider) -> list[str]:
    fields = [request.values("Authorization")[0] for request in provider.requests]
    return [field.partition("Credential=")[2].partition("/")[0] for field in fields]


def test_a_profile_and_the_environment(tmp_path: Path, provider: FakeProvider) -> None:
    """Without keys of its own, what the usual chain finds."""
    (tmp_path / "credentials").write_text(
        "[production]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret\n"
    )
    profile = {**NO_CHAIN, "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    environment = {**NO_CHAIN, "AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "secret"}
    for env, more in ((profile, 'profile = "production"'), (environment, "")):
        with Sidecar(CHAIN.format(url=provider.url, more=more), env=env) as started:
            assert send(started, "/s3/b/k")[0] == 200

    assert keys_of(provider) == ["AKIDPROFILE", "AKIDENV"]


def test_no_credentials_at_all(provider: FakeProvider) -> None:
    """A 503 that says when to come back, and a line in the log; nothing is sent."""
    with Sidecar(CHAIN.format(url=provider.url, more=""), env=NO_CHAIN) as started:
        status, said = send(started, "/s3/b/k")
        started.until_said("integration 's3': no AWS credentials: LookupError")

    assert (status, provider.requests) == (503, [])
    assert b"no AWS credentials" in said


def metadata(request: ReceivedRequest) -> Script:
    """Answer as EC2's metadata service does, for a machine with a role."""
    if request.target == "/latest/api/token":
        return reply(200, "metadata-token", {"x-aws-ec2-metadata-token-ttl-seconds": "21600"})
    if request.target.endswith("/security-credentials/"):
        return reply(200, "the-role")
    ends = (datetime.now(UTC) + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = {"AccessKeyId": "ASIAROLE", "SecretAccessKey": "secret", "Token": "token", "Expiration": ends}
    return reply(200, json.dumps({"Code": "Success", **made}))


def test_an_instance_role(provider: FakeProvider) -> None:
    """Asked of the metadata service once, for many calls."""
    with FakeProvider(metadata) as service:
        env = {**NO_CHAIN, "AWS_EC2_METADATA_DISABLED": "false"}
        env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = service.url
        with Sidecar(CHAIN.format(url=provider.url, more=""), env=env) as started:
            seen = [send(started, "/s3/b/k")[0] for _ in range(3)]

    assert seen == [200] * 3
    assert keys_of(provider) == ["ASIAROLE"] * 3
    assert provider.requests[0].values("X-Amz-Security-Token") == ["token"]
    assert len(service.requests) == 3


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install, where `check` is run."""
    monkeypatch.setattr(sigv4, "find_spec", lambda _: None)
    text = (
        '[integrations.a]\nbase_url = "https://a"\nauth = { type = "sigv4", region = "r", service = "s" }\n'
    )

    (problem,) = loads(text, load_plugins().vocabulary).problems

    assert "pip install 'outrider[aws]'" in str(problem)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ('region = "a"', "service"),
        ('region = "a", service = "b", access_key = "AKIA"', "write both, or neither"),
        ('region = "a", service = "b", secret_key = "env:A"', "write both, or neither"),
        ('region = "a", service = "b", session_token = "env:A"', "session_token needs"),
        (
            'region = "a", service = "b", access_key = "A", secret_key = "env:A", profile = "p"',
            "leave one out",
        ),
    ],
)
def test_what_check_says(options: str, said: str) -> None:
    """Halves of a pair, and what belongs to the chain."""
    text = f'[integrations.a]\nbase_url = "https://a"\nauth = {{ type = "sigv4", {options} }}\n'

    (problem,) = loads(text, load_plugins().vocabulary).problems

    assert said in str(problem)
