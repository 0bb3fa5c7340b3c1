"""A real OAuth 2 server, Authlib's: clients by both ways, JWT bearers, and refresh tokens that rotate.

A refresh token is good for once. One that comes again revokes its whole family, the access tokens too
(RFC 9700 section 4.14.2). `/api` wants a Bearer token that is good.
"""

import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6750 import BearerTokenGenerator, BearerTokenValidator
from authlib.oauth2.rfc7523 import JWTBearerGrant
from flask import Flask, request
from werkzeug.serving import WSGIRequestHandler, make_server

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # it is on 127.0.0.1

JWT_BEARER = JWTBearerGrant.GRANT_TYPE


@dataclass
class Client(ClientMixin):
    """Who may ask for tokens, how it says who it is, and by which grants."""

    id: str
    secret: str = ""
    auth: str = "client_secret_basic"
    grants: tuple[str, ...] = ("client_credentials",)
    public_key: Any = None

    def get_client_id(self) -> str:
        return self.id

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret.encode(), self.secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.auth

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grants


@dataclass
class Family:
    """A refresh token that somebody gave, and all that came of it."""

    revoked: bool = False


@dataclass
class Issued(TokenMixin):
    """An access token, and the refresh token that came with it."""

    client_id: str
    access_token: str
    refresh_token: str
    scope: str
    ends_at: float
    family: Family = field(default_factory=Family)
    spent: bool = False
    revoked: bool = False

    def check_client(self, client: Client) -> bool:
        return self.client_id == client.id

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        """Whether it had ended when the call began, by a caller that says so: on its way a call takes its time."""
        return float(request.headers.get("Began", time.monotonic())) >= self.ends_at

    def is_revoked(self) -> bool:
        return self.revoked or self.family.revoked


class OAuthServer:
    """Serves `/token` and `/api/...` in threads of its own.

    with OAuthServer(Client("me", "secret")) as server:
        server.give("me")      # a refresh token, as a user gets it by signing in
    """

    def __init__(self, *clients: Client, expires_in: float = 3600.0, leeway_s: float = 0.0) -> None:
        self.clients = {client.id: client for client in clients}
        self.expires_in = expires_in
        self.leeway_s = leeway_s
        """How long an access token is still good at `/api` after its end."""
        self.issued: list[Issued] = []
        self.reused = 0
        """How often a refresh token came again."""
        self.counts: Counter[str] = Counter()
        """Answers by path and status: `/token 200`."""
        self.on_issue: Callable[[], None] = lambda: None
        """Called when a token is issued and not yet answered."""
        self._lock = threading.Lock()
        app = Flask("oauth")
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self._serve_tokens(app)
        self._serve_api(app)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def give(self, client_id: str) -> str:
        """Begin a family, and give its first refresh token."""
        first = Issued(client_id, "", secrets.token_urlsafe(24), "", 0.0)
        self.issued.append(first)
        return first.refresh_token

    def revoke_access(self) -> None:
        """Take every access token away; refresh tokens stay good."""
        for token in self.issued:
            token.revoked = True

    def tokens(self) -> list[str]:
        """Give every token that was ever issued."""
        return [each for token in self.issued for each in (token.access_token, token.refresh_token) if each]

    def _serve_tokens(self, app: Flask) -> None:
        server = AuthorizationServer(app, self.clients.get, self._save)
        server.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda **_: secrets.token_urlsafe(24),
                lambda **_: secrets.token_urlsafe(24),
                lambda *_: self.expires_in,
            ),
        )
        ours = self

        class Credentials(grants.ClientCredentialsGrant):
            TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

        class Rotating(grants.RefreshTokenGrant):
            TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]
            INCLUDE_NEW_REFRESH_TOKEN = True

            def authenticate_refresh_token(self, refresh_token: str) -> Issued | None:
                return ours._spend(refresh_token)

            def authenticate_user(self, refresh_token: Issued) -> str:
                return "somebody"

            def revoke_old_credential(self, refresh_token: Issued) -> None:
                pass  # it is spent already, under the lock

        class Bearer(JWTBearerGrant):
            def resolve_issuer_client(self, issuer: str) -> Client | None:
                return ours.clients.get(issuer)

            def resolve_client_public_key(self, client: Client) -> Any:
                return client.public_key

            def get_audiences(self) -> list[str]:
                return [f"{ours.url}/token"]

            def authenticate_user(self, subject: str) -> str:
                return subject

            def has_granted_permission(self, client: Client, user: str) -> bool:
                return True

        for grant in (Credentials, Rotating, Bearer):
            server.register_grant(grant)

        @app.post("/token")
        def token() -> Any:
            answer = server.create_token_response()
            self.counts[f"/token {answer.status_code}"] += 1
            if answer.status_code == 200:
                self.on_issue()
            return answer

    def _serve_api(self, app: Flask) -> None:
        ours = self

        class Validator(BearerTokenValidator):
            def authenticate_token(self, token_string: str) -> Issued | None:
                return next(
                    (each for each in reversed(ours.issued) if each.access_token == token_string), None
                )

        protected = ResourceProtector()
        protected.register_token_validator(Validator())

        @app.after_request
        def count(answer: Any) -> Any:
            if request.path.startswith("/api"):
                self.counts[f"/api {answer.status_code}"] += 1
            return answer

        @app.route("/api/<path:_>", methods=["GET", "POST", "PATCH"])
        @protected()
        def api(_: str) -> dict[str, str]:
            return {"body": request.get_data(as_text=True)}

    def _spend(self, refresh_token: str) -> Issued | None:
        with self._lock:
            found = next(
                (each for each in reversed(self.issued) if each.refresh_token == refresh_token), None
            )
            if found is None or found.family.revoked:
                return None
            if found.spent:
                self.reused += 1
                found.family.revoked = True
                return None
            found.spent = True
            return found

    def _save(self, token: dict[str, Any], asked: Any) -> None:
        came_of = getattr(asked, "refresh_token", None)
        self.issued.append(
            Issued(
                asked.client.id,
                token["access_token"],
                token.get("refresh_token", ""),
                token.get("scope", ""),
                time.monotonic() + self.expires_in + self.leeway_s,
                came_of.family if isinstance(came_of, Issued) else Family(),
            )
        )


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: object, **__: object) -> None:
        pass
