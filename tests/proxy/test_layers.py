"""Layers: their order, and that the single ones are single."""

from typing import Any

import pytest

from outrider.errors import StartError
from outrider.layers import OUTER, SINGLE, Layer, LayerMistake, Placed, Stage, arrange, compose
from proxy.test_exchange import exchange


def placed(stage: Stage, plugin: str = "p", **options: Any) -> Placed[Any]:
    return Placed(plugin, Layer(stage=stage, wrap=lambda send: send, **options))


def test_the_stages_stand_as_documented() -> None:
    """From the outermost to the one next to the socket."""
    assert [stage.name for stage in sorted(Stage)] == [
        "OBSERVE",
        "ADMIT",
        "FAILOVER",
        "RETRY",
        "BREAK",
        "LIMIT",
        "AUTH",
    ]
    assert {stage for stage in Stage if stage < Stage.RETRY} == OUTER


@pytest.mark.parametrize("stage", sorted(SINGLE))
def test_two_in_a_single_place_name_both_plugins(stage: Stage) -> None:
    """Who reads it installed them, and is told what to do."""
    with pytest.raises(StartError) as caught:
        arrange([placed(stage, "one"), placed(Stage.LIMIT), placed(stage, "two")], owner="integration 'a'")

    assert str(caught.value) == (
        f"integration 'a': plugins 'one' and 'two' both give a layer for Stage.{stage.name}, "
        "where there can be one; uninstall one of them"
    )


@pytest.mark.parametrize("stage", sorted(set(Stage) - SINGLE))
def test_the_other_stages_have_room_for_many(stage: Stage) -> None:
    """They stay in the order in which they were given."""
    given = [placed(stage, "one"), placed(stage, "two")]

    assert arrange(given, owner="x") == given


async def test_the_first_is_the_outermost() -> None:
    """A call goes through in order and its answer comes back in reverse; each wraps once, at load."""
    said: list[str] = []

    def layer(name: str) -> Layer[str]:
        def wrap(send: Any) -> Any:
            said.append(f"wrap {name}")

            async def noted(thing: str) -> Any:
                said.append(f"in {name}")
                answer = await send(thing)
                said.append(f"out {name}")
                return answer

            return noted

        return Layer(stage=Stage.OBSERVE, wrap=wrap)

    async def innermost(thing: str) -> Any:
        return thing.upper()

    send = compose([Placed("p", layer("a")), Placed("p", layer("b"))], innermost)

    assert [await send("x"), await send("y")] == ["X", "Y"]
    assert said[:2] == ["wrap b", "wrap a"]
    assert said[2:] == ["in a", "in b", "out b", "out a"] * 2


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_who_forgets_to_return_is_named(asynchronous: bool) -> None:
    """A plugin that is not built in is asked; the error would show in the layer around it otherwise."""

    async def forgets(thing: Any) -> None:
        return None

    def forgetful(send: Any) -> Any:
        return forgets if asynchronous else lambda thing: None

    async def innermost(thing: str) -> Any:
        raise AssertionError

    outer, inner = Layer(stage=Stage.OBSERVE, wrap=lambda send: send), Layer(Stage.LIMIT, forgetful)
    send = compose([Placed("outer", outer, foreign=True), Placed("inner", inner, foreign=True)], innermost)

    with pytest.raises(LayerMistake, match="a layer of plugin 'inner' gave NoneType; give a Response"):
        await send(exchange())


async def test_who_spoils_what_travels_is_named() -> None:
    """Not the layer inside of it, which is only the first to look."""

    def spoiling(send: Any) -> Any:
        async def spoilt(travels: Any) -> Any:
            travels.body = None
            return await send(travels)

        return spoilt

    async def innermost(travels: Any) -> Any:
        raise AssertionError

    outer, inner = Layer(stage=Stage.OBSERVE, wrap=spoiling), Layer(Stage.LIMIT, lambda send: send)
    send = compose([Placed("outer", outer, foreign=True), Placed("inner", inner, foreign=True)], innermost)

    with pytest.raises(LayerMistake, match=r"plugin 'outer' hands on exchange\.body that is NoneType"):
        await send(exchange())


@pytest.mark.parametrize("stage", [6, "limit", None])
def test_a_stage_is_one_of_the_stages(stage: Any) -> None:
    """A number would be sorted, and nothing else about it would be right."""
    with pytest.raises(TypeError, match="one of outrider.plugin.Stage"):
        Layer(stage=stage, wrap=lambda send: send)


def test_a_wrap_that_gives_nothing_is_named() -> None:
    """At load, rather than the layer around it at the first request."""
    nothing: Layer[Any] = Layer(stage=Stage.LIMIT, wrap=lambda send: None)  # type: ignore[arg-type,return-value]

    async def innermost(thing: Any) -> Any:
        raise AssertionError

    with pytest.raises(
        StartError, match=r"plugin 'p': its layer limit\(p\) raised TypeError: wrap gives NoneType"
    ):
        compose([Placed("p", nothing)], innermost)


@pytest.mark.parametrize(
    ("stage", "replays", "keeps"),
    [
        (Stage.FAILOVER, None, True),
        (Stage.RETRY, None, True),
        (Stage.ADMIT, None, False),
        (Stage.AUTH, None, False),
        (Stage.RETRY, False, False),
        (Stage.AUTH, True, True),
    ],
)
def test_a_body_is_kept_only_where_it_may_be_sent_twice(
    stage: Stage, replays: bool | None, keeps: bool
) -> None:
    """FAILOVER and RETRY try again unless they say otherwise, the others do if they say so."""
    assert placed(stage, replays=replays).layer.keeps_body is keeps


def test_a_step_is_shown_by_its_stage() -> None:
    """`outrider show` prints these; a layer may have a name of its own."""
    assert [str(placed(Stage.LIMIT)), str(placed(Stage.AUTH, name="bearer"))] == ["limit(p)", "auth(bearer)"]
