"""The hooks are those of the contract, typed and documented."""

import inspect
from typing import Any

import pluggy
import pytest

from outrider import hookspecs, plugin
from outrider.hookspecs import API_VERSION, PROJECT

#: The hooks, as plugins rely on them, and the tables of plugins.
CONTRACT = {
    "outrider_providers": [],
    "outrider_auth_types": [],
    "outrider_tables": [],
    "outrider_integration_layers": ["integration", "events"],
    "outrider_target_layers": ["target", "events"],
    "outrider_subscribe": ["events", "config"],
    "outrider_lifespan": ["app"],
    "outrider_admin_routes": [],
    "outrider_proxy_routes": [],
    "outrider_check": ["config"],
    "outrider_commands": ["cli"],
}
HOOKS = {name: thing for name, thing in vars(hookspecs).items() if name.startswith("outrider_")}


def test_they_are_those_of_the_contract() -> None:
    """A hook or an argument that is renamed breaks every plugin that has it."""
    assert {name: list(inspect.signature(hook).parameters) for name, hook in HOOKS.items()} == CONTRACT


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_each_is_typed_and_says_when_it_is_called(hook: Any) -> None:
    """What a plugin's author reads in the editor."""
    annotated = {*inspect.signature(hook).parameters, "return"}

    assert "Called" in (hook.__doc__ or "")
    assert set(hook.__annotations__) == annotated


def test_pluggy_knows_each() -> None:
    """Registering one checks its arguments against these."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)

    assert {name for name in HOOKS if getattr(manager.hook, name).has_spec()} == set(HOOKS)


def test_the_version_is_what_plugins_ask_for() -> None:
    """`OUTRIDER_API = 1` of a plugin module keeps working."""
    assert (API_VERSION, plugin.API_VERSION, plugin.hookimpl) == (1, 1, hookspecs.hookimpl)
