"""Compare what is configured with what was seen: as it is, against as it should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outrider.config.call import Call
from outrider.logs import REDACTOR

from .seen import MORE, Seen

if TYPE_CHECKING:
    from outrider.plugin import Integration


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which the document and the calls differ."""

    integration: str
    kind: str
    """`unlisted`, `unused`, `error`, `limit` or `deprecated`."""
    what: str
    """The call, the status, or the name of the limit."""
    count: int
    text: str


def compare(integration: Integration, seen: Seen, learned: list[Mapping[str, Any]]) -> Iterator[Finding]:
    """Find what differs for one integration; `learned` is what its provider told of its limits."""
    name, config = integration.name, integration.config
    calls = seen.calls
    listed = [endpoint.call for endpoint in config.endpoints]
    for (method, template), count in sorted(calls.items()):
        if template == MORE or not any(call.matches(method, template) for call in listed):
            what = REDACTOR.clean(f"{method} {template}")
            yield Finding(
                name, "unlisted", what, count, f"{what} was called {_times(count)} and is not listed"
            )
    for call in listed:
        if not any(call.matches(method, template) for method, template in calls):
            yield Finding(name, "unused", str(call), 0, f"{call} is listed and was never called")
    on = integration.target.on
    for status, count in sorted(seen.statuses.items()):
        if status >= 400 and str(status) not in on.table and f"{status // 100}xx" not in on.table:
            text = f"{status} was answered {_times(count)}, and the error table does not name it"
            yield Finding(name, "error", str(status), count, text)
    yield from _limits(integration, learned)
    if config.status == "deprecated" and (total := sum(calls.values())):
        yield Finding(name, "deprecated", name, total, f"is deprecated, and was called {_times(total)}")


def _limits(integration: Integration, learned: list[Mapping[str, Any]]) -> Iterator[Finding]:
    rates = [limit.rate for limit in integration.config.limits or () if limit.rate is not None]
    counts = {rate.count for rate in rates}
    configured = ", ".join(map(str, rates)) or "nothing"
    for one in learned:
        most = one["limit"]
        if most is not None and most not in counts:
            text = f"the provider tells a limit of {most} ({one['name']}); configured is {configured}"
            yield Finding(integration.name, "limit", str(one["name"]), int(most), text)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def is_call(finding: Finding) -> bool:
    """Whether a finding is an endpoint that the file can list."""
    if finding.kind != "unlisted" or finding.what.endswith(MORE):
        return False
    try:
        Call.parse(finding.what)
    except ValueError:
        return False
    return True
