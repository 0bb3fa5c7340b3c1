"""Mistakes of plugins, and what their users are told."""

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from outrider.errors import StartError
from outrider.layers import Layer, Placed, Stage, arrange, compose
from outrider.plugin import Provider, hookimpl
from outrider.registry import Registry, load_plugins


class Acme(Provider):
    name = "acme"
    base_url = "https://api.acme.example"


class Other(Provider):
    name = "other"
    base_url = "https://api.other.example"


def nothing() -> list[Any]:
    return []


def plugin(name: str, **members: Any) -> tuple[str, str, ModuleType, bool]:
    module = ModuleType(name)
    vars(module).update(
        {key: hookimpl(value) if inspect.isfunction(value) else value for key, value in members.items()}
    )
    return name, "1.0", module, False


def refusal(*plugins: tuple[str, str, ModuleType, bool]) -> str:
    with pytest.raises(StartError) as caught:
        Registry(plugins)
    return str(caught.value)


def test_a_misspelt_hook() -> None:
    """The right one is named."""
    said = refusal(plugin("one", outrider_provider=list))

    assert said == "plugin 'one': there is no hook 'outrider_provider'; did you mean 'outrider_providers'?"


def test_a_hook_without_its_mark() -> None:
    """It would never be called."""
    module = ModuleType("one")
    vars(module)["outrider_providers"] = nothing

    assert "write @hookimpl above it" in refusal(("one", "1.0", module, False))


def test_a_newer_interface() -> None:
    """It is refused in words."""
    assert "needs version 2 of the plugin interface" in refusal(plugin("one", OUTRIDER_API=2))


def test_an_interface_that_is_no_number() -> None:
    """Nobody could compare it."""
    assert refusal(plugin("one", OUTRIDER_API="1")) == "plugin 'one': OUTRIDER_API must be a number, e.g. 1"


def test_an_argument_that_the_hook_does_not_give() -> None:
    """Those that it gives are named."""
    assert refusal(plugin("one", outrider_check=lambda configuration: [])) == (
        "plugin 'one': outrider_check takes 'configuration'; it gives config"
    )


def raising() -> list[Any]:
    raise KeyError("x")


def late() -> Iterator[Any]:
    yield Acme
    raise KeyError("late")


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"outrider_providers": raising}, "outrider_providers raised KeyError: 'x'"),
        ({"outrider_providers": lambda: [int]}, "a provider has no name"),
        ({"outrider_providers": lambda: 5}, "outrider_providers gives int; give a list"),
        ({"outrider_providers": lambda: "acme"}, "outrider_providers gives str; give a list"),
        ({"outrider_providers": late}, "outrider_providers raised KeyError: 'late'"),
        ({"outrider_auth_types": nothing}, "outrider_auth_types gives list; give a dict by name"),
        (
            {"outrider_providers": lambda: [Acme], "outrider_tables": lambda: {"acme": int}},
            "the table 'acme' is not a subclass of Options",
        ),
    ],
)
def test_one_that_fails_is_left_out(members: dict[str, Any], why: str) -> None:
    """It is named with what was wrong, nothing of it stays, and the others are there."""
    registry = Registry([plugin("one", **members), plugin("two", outrider_providers=lambda: [Other])])

    assert list(registry.plugins) == ["two"]
    assert registry.failed.keys() == {"one"}
    assert registry.failed["one"].startswith(why)
    assert list(registry.providers) == ["other"]
    assert registry.tables == {}


def test_one_of_ours_that_fails_is_refused() -> None:
    """Nothing runs without it."""
    name, version, module, _ = plugin("one", outrider_providers=raising)

    assert "plugin 'one': outrider_providers raised KeyError" in refusal((name, version, module, True))


def test_one_name_twice() -> None:
    """Both plugins are named."""
    give = lambda: [Acme]  # noqa: E731

    assert refusal(plugin("one", outrider_providers=give), plugin("two", outrider_providers=give)) == (
        "plugins 'one' and 'two' both give the provider 'acme'"
    )


def test_two_layers_where_there_can_be_one() -> None:
    """Both plugins are named."""
    layer: Layer[Any] = Layer(stage=Stage.AUTH, wrap=lambda send: send)

    with pytest.raises(StartError, match="plugins 'one' and 'two' both give a layer for Stage.AUTH"):
        arrange([Placed("one", layer), Placed("two", layer)], owner="integration 'a'")


async def test_layers_stand_in_the_order_of_their_stages() -> None:
    """The outermost first, whatever the order in which they were given."""
    seen: list[str] = []

    def layer(stage: Stage) -> Layer[Any]:
        def wrap(send: Any) -> Any:
            async def noted(thing: Any) -> Any:
                seen.append(stage.name)
                return await send(thing)

            return noted

        return Layer(stage=stage, wrap=wrap)

    async def innermost(thing: Any) -> Any:
        return thing

    placed = [Placed("p", layer(stage)) for stage in (Stage.AUTH, Stage.BREAK, Stage.LIMIT)]
    await compose(arrange(placed, owner="x"), innermost)("x")

    assert seen == ["BREAK", "LIMIT", "AUTH"]


def test_the_built_in_ones_load() -> None:
    """They use the same hooks as everybody."""
    registry = load_plugins()

    assert {"stripe", "openai", "sandbox"} <= set(registry.providers)
    assert {"bearer", "basic", "header", "query", "none", "pass"} <= set(registry.auth_types)
