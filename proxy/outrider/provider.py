"""What a plugin knows of one API. The least it needs is a name and a base URL; most of the rest is data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from .facts import Plan, Sign, StatusPage, Urls, fill, said
from .operation import Operation

if TYPE_CHECKING:
    from .exchange import Attempt, Exchange
    from .problem import Problem
    from .response import Response


class Provider:
    """One API. Subclass it, set what differs; one instance serves one integration.

    Facts go stale: `source` and `as_of` say where they are from and of which day, `unsure` names those that
    were not read in the provider's own words. Each is a default that `config.toml` can override.
    """

    # Who and where.
    name: ClassVar[str] = ""
    """`provider = "..."` in the file."""
    title: ClassVar[str] = ""
    """Its name for people, "Stripe"; the name itself where empty."""
    base_url: ClassVar[str | None] = None
    """Where the API is; `base_url` of the integration replaces it. None: the integration must say it."""
    base_url_form: ClassVar[str] = ""
    """What a base URL looks like where each customer has one: `"https://{shop}.myshopify.com"`."""
    regions: ClassVar[Mapping[str, str]] = {}
    """Further base URLs of the same API by name: `{"eu": "https://api.eu.acme.example"}`, a sandbox."""
    hosts: ClassVar[Mapping[str, str]] = {}
    """Further origins of the API, with the same credential: `{"uploads": "https://uploads.acme.example"}`.

    The app reaches one at `/INTEGRATION/_hosts/NAME/...`, and URLs of it are turned back to there. With a
    `base_url` in the file only those of its own `hosts` table are there.
    """
    documentation: ClassVar[str] = ""
    source: ClassVar[str] = ""
    """Where the facts are from, beyond `documentation`."""
    as_of: ClassVar[str] = ""
    """The day on which they were read, `"2026-11-23"`."""
    unsure: ClassVar[tuple[str, ...]] = ()
    """Attributes whose facts were not read in the provider's own words: defaults, not promises."""
    timeout: ClassVar[Mapping[str, float]] = {}
    """Defaults in seconds of `timeout` that this API needs longer: connect, response, idle, total."""

    # The credential.
    auth: ClassVar[Mapping[str, Any]] = {}
    """The usual `auth` table, without the secrets: `{"type": "header", "name": "X-Api-Key"}`.

    What the file says replaces it key by key; with another `type`, as a whole.
    """
    secrets: ClassVar[Mapping[str, str]] = {}
    """What of `auth` the user gives, each with its usual environment variable: `{"token": "ACME_KEY"}`.

    A dot leads into a table: `{"fields.Acme-Id": "ACME_ID", "fields.Acme-Secret": "ACME_SECRET"}`.
    """
    credential_headers: ClassVar[tuple[str, ...]] = ()
    """Further fields in which its SDKs send a credential: always taken off what the app sent."""
    credential_query: ClassVar[tuple[str, ...]] = ()
    """Query parameters likewise."""
    credential_members: ClassVar[tuple[str, ...]] = ()
    """Members of a JSON body or a form likewise: of its uppermost object, in bodies of up to 256 KiB."""
    refusal_signs: ClassVar[tuple[Sign, ...]] = ()
    """How it refuses a credential, beside a 401."""
    token_paths: ClassVar[tuple[str, ...]] = ()
    """Calls by which its SDK fetches a token, `"POST /oauth2/token"`: answered here; the app has no key.

    A user's authorization code goes to the provider all the same.
    """
    required_headers: ClassVar[Mapping[str, str]] = {}
    """What it wants in every request beside the credential; its SDKs send it, Outrider's own calls do too."""
    probe: ClassVar[str] = ""
    """A cheap call that reads, to see whether a credential is accepted: `"GET /v1/balance"`."""

    # Limits.
    plans: ClassVar[Mapping[str, Plan]] = {}
    """What it publishes, by the name that `plan` has in the file."""
    limit_headers: ClassVar[Mapping[str, str]] = {}
    """An example of the fields in which it tells what is left; they are read by their shape, without help."""
    limit_signs: ClassVar[tuple[Sign, ...]] = ()
    """What is a limit though it is not a 429: it was not executed, and holds back the next call."""
    judged_calls: ClassVar[tuple[str, ...]] = ()
    """Calls whose 200 may be an error: `limited` and `key_refused` are asked about those too.

    Only bodies of up to 16 KiB are read for that; the app still gets the 200.
    """
    failure_signs: ClassVar[tuple[Sign, ...]] = ()
    """What of their 200s is a failure of the API's: it is taken for a 503, and what may be repeated is."""
    quota_signs: ClassVar[tuple[Sign, ...]] = ()
    """A limit that no wait helps: a spent quota. Never retried; another target or key may help."""

    # A second time.
    retry_signs: ClassVar[tuple[Sign, ...]] = ()
    """Further responses after which nothing was done, so that any call may be sent again: a lock, say."""
    safe_calls: ClassVar[tuple[str, ...]] = ()
    """POSTs that only read, `"POST /v1/search"`: sent again like a GET."""
    idempotency_header: ClassVar[str] = ""
    """The field of its idempotency keys: one is put on every POST and PATCH that has none."""
    idempotency_field: ClassVar[str] = ""
    """The member of a JSON body likewise. Only one that the app gave counts: bodies are not changed."""
    idempotency_calls: ClassVar[tuple[str, ...]] = ()
    """The calls that take a key; every POST and PATCH where empty."""
    stop_headers: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Fields that tell its SDK not to try again, beside `x-should-retry: false`."""
    sdk_obeys_retry_after: ClassVar[bool] = False
    """Whether its SDK retries on Retry-After alone: then it is given as Outrider-Retry-After at the end."""

    # What comes back.
    error: ClassVar[Mapping[str, Any] | Sequence[Any] | None] = None
    """Its error envelope, which its SDK parses: `{"error": {"message": "{message}", "code": "{status}"}}`.

    The placeholders are `{message}`, `{code}`, `{status}`, `{title}`, `{detail}` and `{id}`.
    """
    url_headers: ClassVar[tuple[str, ...]] = ()
    """Fields of a response, beside `Link` and `Location`, whose URL its SDK follows: turned back."""
    urls: ClassVar[tuple[Urls, ...]] = ()
    """Members of JSON responses likewise."""
    status_page: ClassVar[StatusPage | None] = None

    operations: ClassVar[Mapping[str, Operation[Any]]] = {}
    """What it does that others do too, so that they can stand in for each other: `{"send-email": ...}`."""

    # The SDK.
    sdk: ClassVar[str] = ""
    """The official SDK for Python, by its package name."""
    sdk_setup: ClassVar[str] = ""
    """The line that points it at the sidecar: `{url}` is `http://127.0.0.1:8080/acme`, `{bare_url}` the same
    without `http://`, `{own_url}` is `http://acme.localhost:8080`, for one that drops a path prefix."""
    sdk_note: ClassVar[str] = ""
    """What else there is to know of it in a sentence or two; it may have `{url}` too."""

    @classmethod
    def point_sdk(cls, url: str, own_url: str) -> str:
        """Give `sdk_setup` for these addresses."""
        bare = url.partition("://")[2]
        line = cls.sdk_setup.replace("{url}", url).replace("{bare_url}", bare)
        return line.replace("{own_url}", own_url)

    def prepare(self, exchange: Exchange) -> None:
        """Look at an exchange once, before its first attempt: put on an idempotency key, say."""

    def limited(self, response: Response) -> bool:
        """Whether a response is a limit: a 429, or what `limit_signs` say. See `should_retry` for `text`."""
        return response.meant == 429 or any(sign.seen_in(response) for sign in self.limit_signs)

    def key_refused(self, response: Response) -> bool:
        """Whether a response refuses the credential: a 401, or what `refusal_signs` say."""
        return response.meant == 401 or any(sign.seen_in(response) for sign in self.refusal_signs)

    def should_retry(self, response: Response) -> bool | None:
        """Give the provider's own word on whether to retry, None where it does not say.

        By default: no for `quota_signs`, then what `x-should-retry` says, then yes for `retry_signs`. It may
        read `response.text`, at most 64 KiB of the body: a spent quota and "slow down" share a 429.
        """
        if any(sign.seen_in(response) for sign in self.quota_signs):
            return False
        word = said(response.headers)
        if word is None and any(sign.seen_in(response) for sign in self.retry_signs):
            return True
        return word

    def retry_after(self, response: Response) -> float | None:
        """Give the seconds that the response asks to wait, beyond the standard fields; None otherwise."""
        return None

    def error_body(self, problem: Problem) -> Mapping[str, object] | Sequence[object] | None:
        """Give an answer of Outrider's own in the API's error envelope, `error` by default."""
        envelope: Mapping[str, object] | Sequence[object] | None = fill(self.error, problem)
        return envelope

    @classmethod
    def reads_errors(cls) -> bool:
        """Whether it wants to see the bodies of errors before anything is decided on them."""
        judging = ("limited", "key_refused", "should_retry", "retry_after")
        if any(getattr(cls, name) is not getattr(Provider, name) for name in judging):
            return True
        signs = (
            *cls.limit_signs,
            *cls.quota_signs,
            *cls.retry_signs,
            *cls.refusal_signs,
            *cls.failure_signs,
        )
        return any(sign.words for sign in signs)

    def __str__(self) -> str:
        return self.title or self.name


class LocalProvider(Provider):
    """A provider that answers inside Outrider, without a network: a sandbox, a recording, a stub."""

    base_url = "http://outrider.invalid"

    async def serve(self, attempt: Attempt) -> Response:
        """Answer an attempt that has passed every layer, credential and all."""
        raise AssertionError(f"provider '{self.name}' does not define 'serve'")
