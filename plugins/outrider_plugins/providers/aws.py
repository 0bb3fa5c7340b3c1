"""AWS: each service of each region has a host of its own, so the file says which. Attempts are signed anew.

The codes of errors are those of botocore's own retries (botocore/retries/standard.py, 1.44).
"""

from __future__ import annotations

import re

from outrider.plugin import Plan, Provider, Published, Response, StatusPage, json_of

_QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html"
_THROTTLED = frozenset(
    (
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    )
)
_REFUSED = frozenset(
    (
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    )
)
_BEDROCK = ("converse", "converse-stream", "invoke", "invoke-with-response-stream", "count-tokens")
_NOT_READ = frozenset(("RequestTimeout", "RequestTimeoutException"))
_XML_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,100})</Code>")


class Aws(Provider):
    """A service of AWS: S3, SES, Bedrock ..., by Signature Version 4."""

    name = "aws"
    title = "AWS"
    base_url_form = "https://{service}.{region}.amazonaws.com"
    documentation = "https://docs.aws.amazon.com"
    source = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html"
    as_of = "2026-11-23"
    unsure = ("error", "plans", "key_refused", "safe_calls")

    auth = {"type": "sigv4"}
    secrets = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY"}

    plans = {
        "s3": Plan(
            (
                Published("3500/s", per="prefix", note="PUT, COPY, POST, DELETE", sure=False),
                Published("5500/s", per="prefix", note="GET, HEAD", sure=False),
            ),
            source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html",
            as_of="2026-11-23",
        ),
        "ses-sandbox": Plan(
            (
                Published("1/s", calls=("POST /v2/email/outbound-emails",), sure=False),
                Published("200/d", calls=("POST /v2/email/outbound-emails",), sure=False),
            ),
            source="https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html",
            as_of="2026-11-23",
        ),
        "quotas": Plan(
            (Published(per="account and region", note="by service: Service Quotas shows them", sure=False),),
            source=_QUOTAS,
            as_of="2026-11-23",
        ),
    }
    # A second answer of Bedrock costs money, and changes nothing; SES lists by a POST.
    safe_calls = (
        *(f"POST /model/{{model}}/{call}" for call in _BEDROCK),
        "POST /v2/email/list-identities",
    )

    error = {"__type": "{code}", "message": "{message}"}
    status_page = StatusPage(
        "https://health.aws.amazon.com/health/status",
        feed="https://health.aws.amazon.com/public/currentevents",
        shape="json",
    )
    sdk = "boto3"
    sdk_setup = (
        'boto3.client("s3", endpoint_url="{url}", region_name="us-east-1", aws_access_key_id="x",'
        ' aws_secret_access_key="x", config=Config(retries={"total_max_attempts": 1}))'
    )
    sdk_note = "Presigned URLs are of Outrider's address, and work only there."

    def limited(self, response: Response) -> bool:
        """Say whether the code of an error is one of throttling, whatever its status."""
        return super().limited(response) or (response.status >= 400 and _code(response) in _THROTTLED)

    def key_refused(self, response: Response) -> bool:
        """Say whether the code of an error is about the key or its signature: those are 403s and 400s."""
        return super().key_refused(response) or (response.status >= 400 and _code(response) in _REFUSED)

    def should_retry(self, response: Response) -> bool | None:
        """Say yes to a 400 that says the request did not arrive in time."""
        return (
            True
            if response.status == 400 and _code(response) in _NOT_READ
            else super().should_retry(response)
        )


def _code(response: Response) -> str:
    """Give the code of an error: a field of the response, a member of JSON or of XML."""
    told = response.headers.get("x-amzn-ErrorType")
    if not told:
        body = json_of(response)
        told = (body.get("__type") or body.get("code") or "") if isinstance(body, dict) else ""
    if not told and (match := _XML_CODE.search(response.text)) is not None:
        told = match[1]
    # "com.amazonaws.x#ThrottlingException:http://..."
    return str(told).partition(":")[0].rpartition("#")[2]
