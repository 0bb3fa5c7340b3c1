"""What is compiled, in sentences with its real numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus

from outrider.config import Jobs, Retry, SecretRef, secret_refs
from outrider.plugin import Integration, Options, Target
from outrider.wording import limit, seconds
from outrider_plugins.auth.rotated import Rotated
from outrider_plugins.statuspages import feed_of

__all__ = ["limit", "seconds"]

#: How each auth type is called, and what it is; a plugin's type is called by its own name.
_AUTHENTICATION = {
    "bearer": "API Key",
    "basic": "API Key or password (HTTP Basic)",
    "header": "API Key",
    "query": "API Key",
    "oauth2": "OAuth 2.0",
    "sigv4": "AWS Signature Version 4",
    "github_app": "GitHub App",
    "google": "Google service account (OAuth 2.0)",
    "hmac": "Signed requests (HMAC)",
    "none": "None",
    "pass": "The application's own credential",
}
_SOURCES = {
    "env": "the environment variable",
    "file": "the file",
    "cmd": "the output of the command",
    "keyring": "the keyring entry",
}
_SAFE = "GET, HEAD, OPTIONS, PUT, DELETE, or a call with an `Idempotency-Key`"


def title(target: Target) -> str:
    """Name the provider as people know it."""
    provider = target.provider
    if provider is not None:
        return provider.title or provider.name
    return str(target.base).partition("://")[2]


def several(things: Iterable[str], last: str = "and") -> str:
    """Join words: `a`, `a and b`, `a, b and c`."""
    found = list(things)
    return f" {last} ".join([", ".join(found[:-1]), found[-1]]) if len(found) > 1 else "".join(found)


def code(text: str) -> str:
    """Set a text as code; a backtick in it would end it."""
    return f"`{text.replace('`', chr(39))}`"


def authentication(target: Target) -> str:
    """Name the kind of authentication."""
    kind, options = target.config.auth_type, target.config.auth
    if kind is None:
        return "None"
    named = _AUTHENTICATION.get(kind, kind)
    grant = getattr(options, "grant", None)
    return f"{named} ({str(grant).replace('_', ' ')})" if grant else named


def authentication_method(target: Target) -> str:
    """Say where the credential stands, and who puts it there."""
    kind, options = target.config.auth_type, target.config.auth
    if kind == "pass":
        return "What the application sends goes through unchanged"
    if kind is None or kind == "none":
        return "No credential; what the application sends in its place is taken off"
    headers, query = (target.auth.headers, target.auth.query) if target.auth is not None else ((), ())
    places = [f"the {code(_field_name(name))} header" for name in headers]
    places += [f"the query parameter {code(name)}" for name in query]
    how = {"bearer": ", as `Bearer`", "oauth2": ", as `Bearer`", "basic": ", as `Basic`"}.get(kind, "")
    dressed = getattr(options, "format", "{secret}")
    if dressed != "{secret}":
        how = f", as {code(dressed)}"
    where = several(places) or "the request"
    keys = keys_of(target)
    pool = (
        f"; {keys} keys take turns, and one that is limited or refused rests while the others work"
        if keys
        else ""
    )
    return f"{authentication(target)} in {where}{how}, put on by Outrider{pool}"


def keys_of(target: Target) -> int:
    """Give the number of keys in its pool; 0 where it has none."""
    keys = len(target.auth.keys) if target.auth is not None else 0
    return keys if keys > 1 else 0


def _field_name(name: str) -> str:
    """Write the name of a field as documentation does, where the plugin wrote it in lower case."""
    return "-".join(part.capitalize() for part in name.split("-")) if name.islower() else name


def secret_source(options: Options | None) -> str:
    """Say where the secrets come from, never what they are."""
    refs = [ref for _, ref in secret_refs(options)] if options is not None else []
    return several(map(_source, refs)) if refs else "No secret is needed"


def _source(ref: SecretRef) -> str:
    # A command's arguments are not ours to show: somebody may have written a secret there.
    name = ref.name.split()[0] if ref.kind == "cmd" else ref.name
    return f"{_SOURCES[ref.kind]} {code(name)}"


def credential_kind(target: Target) -> str:
    """Say in two words what goes along with a call; "" for nothing."""
    kind = target.config.auth_type
    return (
        "" if kind in (None, "none") else "the app's credential" if kind == "pass" else "with the credential"
    )


def attempts(target: Target) -> int:
    """Give how often a call is tried at most, the first one included."""
    return (target.config.retry or Retry()).attempts


def breaker(target: Target) -> str:
    """Say when the target is left alone, and for how long; "" where never."""
    options = target.config.breaker
    if options is None:
        return ""
    share = ""
    if options.rate is not None:
        share = (
            f", or when {options.rate:.0%} of at least {options.minimum} calls "
            f"in {seconds(options.window)} fail"
        )
    return f"after {options.failures} failures in a row{share}, left alone for {seconds(options.open)}"


def actions(integration: Integration, key: str) -> tuple[str, ...]:
    """Give what is really done on an error, in order: an action that can do nothing here is left out."""
    table = integration.target.on.table
    found = table.get(key) or table.get(f"{key[0]}xx", ())
    return tuple(action for action in found if _acts(integration, action))


def _acts(integration: Integration, action: str) -> bool:
    match action:
        case "refresh":
            return integration.target.auth is not None and integration.target.auth.renews
        case "retry":
            return attempts(integration.target) > 1
        case "failover":
            return bool(integration.fallbacks)
        case "message":
            return integration.config.fallback is not None and integration.config.fallback.message is not None
    return action != "pass"


def strategy(target: Target) -> str:
    """Say how failures are managed."""
    options = target.config.retry or Retry()
    if options.attempts == 1:
        said = "No retries: a call is sent once"
    else:
        said = (
            f"Retry with exponential backoff and full jitter: up to {options.attempts} attempts, waiting up "
            f"to {seconds(options.base)} at first and {seconds(options.cap)} at most; retries are at most "
            f"{options.budget:.0%} of the calls, or 10 in 10 s if that is more. A call that may have taken "
            f"effect is repeated only where that does no harm: {_SAFE}"
        )
        key = target.provider.idempotency_header if target.provider is not None else ""
        said += f"; Outrider puts {code(key)} on every POST and PATCH without one" if key else ""
    circuit = breaker(target)
    return f"{said}. Circuit breaker: {circuit}." if circuit else f"{said}."


def timeouts(target: Target) -> str:
    """Say how long a call may take."""
    times = target.timeout
    return (
        f"{seconds(times.connect)} to connect, {seconds(times.response)} for the response to begin, "
        f"{seconds(times.idle)} between two pieces of a body, {seconds(times.total)} in all"
    )


def error_name(key: str) -> str:
    """Name an error as people do: `429 Too Many Requests`, `5xx Server Error`, `unreachable`."""
    if key in ("4xx", "5xx"):
        return f"{key} {'Client' if key == '4xx' else 'Server'} Error"
    if key.isdigit() and int(key) in set(HTTPStatus):
        return f"{key} {HTTPStatus(int(key)).phrase}"
    return key


_MEANS = {
    "unreachable": "No connection, a broken one, or an open breaker: ",
    "timeout": "Too slow: ",
    "limited": "Our own limit would make the call wait too long: ",
    "401": "The credential was refused: ",
}


def is_static(target: Target) -> bool:
    """Whether its credential is a key that somebody replaces, and no token that is fetched."""
    return isinstance(target.credential, Rotated)


def error_handling(integration: Integration, key: str) -> str:
    """Say what is done on an error, action by action, and what the application gets in the end."""
    acting = actions(integration, key)
    done = [_action(integration, key, action) for action in acting]
    if not {"message", "queue"} & set(acting):
        done.append(last_answer(integration, key))
    said = _MEANS.get(key, "") + "; then ".join(done)
    return said[0].upper() + said[1:]


def _action(integration: Integration, key: str, action: str) -> str:
    tries = f"up to {attempts(integration.target)} attempts"
    match action:
        case "refresh" if keys_of(integration.target):
            return "send the call with another key, and leave the refused one out until it is replaced"
        case "refresh" if is_static(integration.target):
            return "read the key again and, where it has been replaced, send the call once more"
        case "refresh":
            return "refresh the token and send the call once more"
        case "retry" if key == "429" and keys_of(integration.target):
            return f"rest the key until `Retry-After` is over, send the call with another, and retry, {tries}"
        case "retry" if key == "429":
            return f"hold every call until `Retry-After` is over and retry any method, {tries}"
        case "retry" if key in ("unreachable", "timeout"):
            return f"retry with backoff, {tries}, if nothing was sent or a repeat does no harm"
        case "retry":
            return f"retry with backoff, {tries}, where a repeat does no harm"
        case "failover":
            return f"fail over to {several((code(one.name) for one in integration.fallbacks), 'then')}"
        case "queue":
            return f"queue the call (202) and deliver it later, {jobs(integration)}"
        case "message":
            return "answer with the message of the fallback strategy"
        case "alert" if key == "401":
            return "alert for an invalid key, once while it lasts"
        case "alert" if (key[0] == "5" or key in ("unreachable", "timeout")) and feed_of(integration.target):
            return "alert, once while it lasts, with what the provider's status page says"
        case "alert":
            return "alert, once while it lasts"
    return action


def last_answer(integration: Integration, key: str) -> str:
    """Say what the application gets when nothing helped."""
    done = actions(integration, key)
    if "message" in done or "queue" in done:
        return "the message" if "message" in done else "202, and the job's address"
    if key == "limited":
        return "429 with `Retry-After`"
    if key in ("unreachable", "timeout"):
        return "502, or 503 while the breaker is open" if key == "unreachable" else "504"
    return "the provider's answer is passed on"


def jobs(integration: Integration) -> str:
    """Say how what was queued is delivered."""
    options = integration.config.jobs or Jobs()
    return f"up to {options.attempts} attempts within {seconds(options.keep)}"


def unavailable(integration: Integration) -> str:
    """Say what happens while the service is down."""
    done = {action for key in ("5xx", "unreachable", "timeout") for action in actions(integration, key)}
    steps = []
    if "failover" in done:
        ways = (f"{code(one.name)} ({one.where})" for one in integration.fallbacks)
        steps.append(f"Fail over to {several(ways, 'then')}, with its own credential and limits")
    if "queue" in done:
        steps.append(f"Queue jobs for later processing: {jobs(integration)}")
    if "message" in done:
        assert integration.config.fallback is not None
        message = integration.config.fallback.message
        assert message is not None
        body = message.body if isinstance(message.body, str) else json.dumps(message.body)
        said = f" {code(one_line(body))}" if message.body else ""
        steps.append(f"Display a message: {message.status}{said}")
    else:
        steps.append(
            "The application gets the provider's last answer, or a 502, 503 or 504 of Outrider's own with "
            f"`Outrider-Id`, within {seconds(integration.target.timeout.total)}"
        )
    return "; then ".join([steps[0], *(step[0].lower() + step[1:] for step in steps[1:])])


def published(target: Target) -> str:
    """Say what the provider publishes of its limits, with source and date."""
    provider = target.provider
    plans = dict(provider.plans) if provider is not None else {}
    chosen = target.config.plan
    if chosen in plans:
        plans = {chosen: plans[chosen]}
    said = [] if chosen in plans or not plans else ["no plan is chosen"]
    for name, plan in plans.items():
        limits = "; ".join(str(one) for one in plan.limits)
        note = f" ({plan.note})" if plan.note else ""
        said.append(f"plan {code(name)}: {limits}{note}, from {plan.source} on {plan.as_of}")
    text = "; ".join(said)
    return text[0].upper() + text[1:] if text else ""


def our_limits(target: Target) -> str:
    """Say how we stay inside the limits."""
    told = (
        "what the provider tells in `RateLimit`, `X-RateLimit-*` and `Retry-After` holds the next call back"
    )
    found = []
    for one in target.config.limits or ():
        where = f" for {several(map(code, map(str, one.endpoints)))}" if one.endpoints else ""
        found.append(f"{limit(one)}{where}")
    if not found:
        return f"No limit of our own; {told}"
    of_plan = " (the plan's own)" if target.config.limits_of_plan else ""
    return f"Calls wait their turn, first come first served{of_plan}: {'; '.join(found)}; {told}"


def one_line(text: str | None) -> str:
    """Put a text of the user's on one line: the document is a list of such."""
    return " ".join((text or "").split())
