"""Stages and layers: the request path is compiled from these, once for each load."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from .errors import StartError
from .flaws import flaw_of, flaw_of_response

if TYPE_CHECKING:
    from .exchange import Attempt, Exchange
    from .response import Response

T = TypeVar("T")

Send: TypeAlias = "Callable[[T], Awaitable[Response]]"
"""The one verb: takes what travels, gives the response or raises an OutriderError."""

ExchangeSend: TypeAlias = "Callable[[Exchange], Awaitable[Response]]"
AttemptSend: TypeAlias = "Callable[[Attempt], Awaitable[Response]]"


class Stage(enum.IntEnum):
    """Where a layer stands, the outermost first.

    The first three travel with an Exchange, once for each; RETRY with the Exchange, once for each
    target tried; the last three with an Attempt.
    """

    OBSERVE = 1
    ADMIT = 2
    FAILOVER = 3
    RETRY = 4
    BREAK = 5
    LIMIT = 6
    AUTH = 7


#: Two of these would undo each other (who decides on the retry? whose credential?).
SINGLE = frozenset({Stage.FAILOVER, Stage.RETRY, Stage.BREAK, Stage.AUTH})
#: These try again, so the request's body must be at hand a second time.
REPLAYING = frozenset({Stage.FAILOVER, Stage.RETRY})
#: Layers of an integration; the others are layers of a target.
OUTER = frozenset({Stage.OBSERVE, Stage.ADMIT, Stage.FAILOVER})


@dataclass(frozen=True, slots=True)
class Layer(Generic[T]):
    """One step of the request path.

    `wrap(send)` gives the new `send`; it runs at load, what it returns runs for every request.
    `replays` says that it may send one exchange twice, so that the body is kept (up to the cap);
    by default that is so for FAILOVER and RETRY.
    """

    stage: Stage
    wrap: Callable[[Send[T]], Send[T]]
    replays: bool | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.stage, Stage):
            raise TypeError("the stage of a Layer is one of outrider.plugin.Stage")

    @property
    def keeps_body(self) -> bool:
        """Whether the request's body must be kept for another attempt."""
        return self.stage in REPLAYING if self.replays is None else self.replays


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """A layer and the plugin it came from."""

    plugin: str
    layer: Layer[T]
    foreign: bool = False
    """Not built in, so nobody of ours has tested what it gives back."""

    def __str__(self) -> str:
        return f"{self.layer.stage.name.lower()}({self.layer.name or self.plugin})"


def arrange(placed: Iterable[Placed[T]], *, owner: str) -> list[Placed[T]]:
    """Put layers in the order of their stages; StartError where two want a single place."""
    ordered = sorted(placed, key=lambda p: p.layer.stage)
    for one, two in pairwise(ordered):
        if one.layer.stage == two.layer.stage and one.layer.stage in SINGLE:
            stage = one.layer.stage.name
            raise StartError(
                f"{owner}: plugins '{one.plugin}' and '{two.plugin}' both give a layer for "
                f"Stage.{stage}, where there can be one; uninstall one of them"
            )
    return ordered


class LayerMistake(TypeError):
    """A layer of `plugin` handed on, or gave back, what nobody can work with."""

    def __init__(self, plugin: str, what: str) -> None:
        super().__init__(f"a layer of plugin '{plugin}' {what}")
        self.plugin = plugin


def handing_on(plugin: str, send: Send[T]) -> Send[T]:
    """Name the plugin whose layer spoilt what travels: the error would show in a layer inside of it."""

    def handed_on(travels: T) -> Awaitable[Response]:
        if flaw := flaw_of(travels):
            raise LayerMistake(plugin, f"hands on {flaw}")
        return send(travels)

    return handed_on


def answering(plugin: str, send: Send[T]) -> Send[T]:
    """Name the plugin whose layer gave no response, or a broken one: it would show in the layer around it."""

    async def answered(travels: T) -> Response:
        coming = send(travels)
        response = await coming if isinstance(coming, Awaitable) else coming
        if flaw := flaw_of_response(response):
            raise LayerMistake(plugin, f"gave {flaw}")
        return response

    return answered


def compose(layers: Iterable[Placed[T]], innermost: Send[T]) -> Send[T]:
    """Wrap `innermost` in `layers`, the first of them outermost. StartError names one that raises."""
    send = innermost
    for placed in reversed(list(layers)):
        try:
            send = placed.layer.wrap(handing_on(placed.plugin, send) if placed.foreign else send)
            if not callable(send):
                raise TypeError(f"wrap gives {type(send).__name__}, and must give the new send")
            if placed.foreign:
                send = answering(placed.plugin, send)
        except Exception as error:
            raise StartError(
                f"plugin '{placed.plugin}': its layer {placed} raised {type(error).__name__}: {error}"
            ) from error
    return send
