"""Listeners hear of what happened, and disturb nothing."""

import logging

import pytest

from outrider.events import AttemptDone, Events, ExchangeDone, PluginRaised, Reloaded, tell


def fails(event: object) -> None:
    raise RuntimeError("oops")


def test_each_kind_has_its_listeners() -> None:
    """In the order in which they came."""
    events, heard = Events(), []
    events.on(Reloaded, lambda event: heard.append(("first", event.ok)))
    events.on(Reloaded, lambda event: heard.append(("second", event.ok)))
    events.on(PluginRaised, lambda event: heard.append(("other", True)))

    events.emit(Reloaded(ok=False))

    assert heard == [("first", False), ("second", False)]


def test_nobody_need_listen() -> None:
    """A kind without listeners costs an empty tuple."""
    events = Events()
    events.emit(Reloaded(ok=True))

    assert (events.of(ExchangeDone), events.of(AttemptDone)) == ((), ())


def test_one_that_raises_is_named_and_the_others_hear(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a plugin raises never ends an exchange."""
    events, heard = Events(), []
    events.on(Reloaded, fails)
    events.on(Reloaded, heard.append)

    with caplog.at_level(logging.ERROR, "outrider"):
        events.emit(Reloaded(ok=True))

    assert heard == [Reloaded(ok=True)]
    assert [record.getMessage() for record in caplog.records] == [
        f"plugin '{__name__}': its listener for Reloaded raised"
    ]


def test_one_that_raises_is_named_as_a_plugin() -> None:
    """By the name that the metric and every other line have."""
    events, heard = Events({__name__: "acme"}.get), []
    events.on(Reloaded, fails)
    events.on(PluginRaised, lambda event: heard.append(event.plugin))
    events.emit(Reloaded(ok=True))

    assert heard == ["acme"]


def test_nobody_would_await_it() -> None:
    """A coroutine function is refused at load."""

    async def waits(event: Reloaded) -> None:
        raise AssertionError

    with pytest.raises(TypeError, match="a listener for Reloaded is awaited by nobody"):
        Events().on(Reloaded, waits)  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["emit", "tell"])
def test_one_that_raises_is_counted(way: str) -> None:
    """`outrider_plugin_errors_total` is made of PluginRaised, also for a listener on the request path."""
    events, heard = Events(), []
    events.on(Reloaded, fails)
    events.on(PluginRaised, lambda event: heard.append(event.plugin))

    if way == "emit":
        events.emit(Reloaded(ok=True))
    else:
        tell(events, events.of(Reloaded), Reloaded(ok=True))

    assert heard == [__name__]


def test_one_that_raises_for_its_own_failure_ends_there() -> None:
    """A listener for PluginRaised that raises does not call itself again."""
    events, calls = Events(), []

    def hears(event: PluginRaised) -> None:
        calls.append(event)
        raise RuntimeError("again")

    events.on(PluginRaised, hears)
    events.emit(PluginRaised("acme"))

    assert len(calls) == 1
