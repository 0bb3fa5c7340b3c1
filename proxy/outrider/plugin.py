"""All that a plugin imports. What stands here is kept stable; what does not, is not."""

from .admin import APP
from .app import App
from .auth import AuthType
from .config import Config, NameOrSecretRef, Options, Rate, SecretRef, SecretRefs
from .errors import (
    AttemptFailed,
    BrokenBody,
    Forbidden,
    Limited,
    OutriderError,
    Refused,
    TooSlow,
    Unavailable,
    Unreachable,
)
from .events import AttemptDone, Events, ExchangeDone, PluginRaised, Reloaded
from .exchange import Attempt, Exchange
from .headers import Field, Headers, field
from .hookspecs import API_VERSION, hookimpl
from .integration import Integration, Target, Timeout
from .layers import AttemptSend, ExchangeSend, Layer, Send, Stage
from .problem import Problem
from .provider import LocalProvider, Provider
from .query import with_parameter, without_parameters
from .response import Generated, Response, Whole, respond
from .secrets import Secret
from .tasks import spawn

__all__ = [
    "API_VERSION",
    "APP",
    "App",
    "Attempt",
    "AttemptDone",
    "AttemptFailed",
    "AttemptSend",
    "AuthType",
    "BrokenBody",
    "Config",
    "Events",
    "Exchange",
    "ExchangeDone",
    "ExchangeSend",
    "Field",
    "Forbidden",
    "Generated",
    "Headers",
    "Integration",
    "Layer",
    "Limited",
    "LocalProvider",
    "NameOrSecretRef",
    "Options",
    "OutriderError",
    "PluginRaised",
    "Problem",
    "Provider",
    "Rate",
    "Refused",
    "Reloaded",
    "Response",
    "Secret",
    "SecretRef",
    "SecretRefs",
    "Send",
    "Stage",
    "Target",
    "Timeout",
    "TooSlow",
    "Unavailable",
    "Unreachable",
    "Whole",
    "field",
    "hookimpl",
    "respond",
    "spawn",
    "with_parameter",
    "without_parameters",
]
