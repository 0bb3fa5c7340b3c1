"""What Outrider knows of each provider: one file for each API. A file in this folder is all it takes."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules

from outrider.plugin import Provider, hookimpl


@hookimpl
def outrider_providers() -> Iterable[type[Provider]]:
    """Give the provider class of every file here; one whose name begins with `_` is what others share."""
    names = [found.name for found in iter_modules(__path__) if not found.name.startswith("_")]
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return [
        thing
        for module in modules
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Provider) and thing.__module__ == module.__name__
    ]
