"""Outrider's built-in features, each a plugin like everybody's: one file, the public hooks."""

if __name__ != "outrider_plugins":
    # `plugins/` is a source root, not a package: a second copy of every class would not match the first.
    raise ImportError(
        f"import 'outrider_plugins', not {__name__!r}: 'plugins/' is a source root, not a package"
    )

BUILTIN = (
    "outrider_plugins.auth",
    "outrider_plugins.deprecated",
    "outrider_plugins.clients",
    "outrider_plugins.endpoints",
    "outrider_plugins.jobs",
    "outrider_plugins.failover",
    "outrider_plugins.retry",
    "outrider_plugins.breaker",
    "outrider_plugins.limits",
    "outrider_plugins.urls",
    "outrider_plugins.traces",
    "outrider_plugins.statuspages",
    "outrider_plugins.alerts",
    "outrider_plugins.metrics",
    "outrider_plugins.accesslog",
    "outrider_plugins.console",
    "outrider_plugins.document",
    "outrider_plugins.drift",
    "outrider_plugins.why",
    "outrider_plugins.sandbox",
    "outrider_plugins.catalogue",
    "outrider_plugins.doctor",
    "outrider_plugins.scaffold",
    "outrider_plugins.providers",
)
"""The plugins that come with Outrider, in the order in which they are asked."""
