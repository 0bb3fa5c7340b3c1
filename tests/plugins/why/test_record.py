"""The record of calls is bounded, and keeps what did not go well for longer."""

from typing import Any

from outrider.plugin import ExchangeDone
from outrider_plugins.why.record import STEPS, Record, Step


class Exchange:
    """As much of an exchange as a record looks at."""

    integration = type("Integration", (), {"name": "acme"})()
    client = ""
    method = "GET"
    path = "/" + "x" * 1000
    attempts = 1
    started = 0.0
    upstream_s = 0.25
    waited_s = 0.5
    response_s = 0.76

    def __init__(self, id: str, steps: list[Step] | None = None) -> None:
        self.id = id
        self.steps = steps

    def noted(self, key: Any) -> Any:
        return self.steps if key == STEPS else None


def done(record: Record, id: str, status: int = 200, steps: list[Step] | None = None) -> None:
    record.done(ExchangeDone(Exchange(id, steps), status, broken=False))  # type: ignore[arg-type]


def test_the_newest_calls_are_remembered() -> None:
    """So many, and no more; those with trouble outlast the others."""
    record = Record(clock=lambda: 1.0, now=lambda: 1e9)
    done(record, "bad", 503)
    done(record, "retried", 200, [Step(0.1, "attempt 1 at acme: 5xx after 5 ms")])
    done(record, "good")
    for number in range(3000):
        done(record, str(number))

    assert record.find("good") is None
    found = [record.find(id) for id in ("bad", "retried", "2999")]
    assert [entry.status for entry in found if entry is not None] == [503, 200, 200]
    assert record.reach_s == 0.0


def test_what_is_kept_of_a_call_is_bounded() -> None:
    """A path is cut; what Outrider took is what is left of the time to the head."""
    record = Record(clock=lambda: 1.0, now=lambda: 1e9)
    done(record, "one")
    entry = record.find("one")

    assert entry is not None
    assert len(entry.path) == 256
    told = entry.as_json()
    assert (told["ms"], told["provider_ms"], told["wait_ms"], told["overhead_ms"]) == (1000, 250, 500, 10)
    assert told["at"] == "2001-09-09T01:46:40.000+00:00"
