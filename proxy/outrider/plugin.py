"""All that a plugin imports. What stands here is kept stable; what does not, is not."""

from .admin import APP
from .app import App
from .auth import AuthType, Credential
from .body import Body
from .config import (
    Config,
    DocumentRef,
    NameOrSecretRef,
    Options,
    Rate,
    SecretRef,
    SecretRefs,
    Text,
    Url,
    UrlOrPath,
)
from .errors import (
    AttemptFailed,
    BrokenBody,
    Forbidden,
    Limited,
    Malformed,
    Open,
    OutriderError,
    Refused,
    Rubbish,
    TooSlow,
    Unavailable,
    Unreachable,
)
from .events import (
    AttemptDone,
    BreakerClosed,
    BreakerOpened,
    BudgetSpent,
    CredentialRefreshed,
    DeprecatedCall,
    Events,
    ExchangeDone,
    FailedOver,
    JobAccepted,
    JobDelivered,
    KeyChanged,
    LimitNearlyUsed,
    LimitWaited,
    PluginRaised,
    Reloaded,
    Retrying,
    TargetFailed,
    TargetRecovered,
)
from .exchange import BACKGROUND, Attempt, Exchange
from .facts import Incident, Plan, Published, Sign, StatusPage, Urls, json_of
from .headers import Field, Headers, field
from .hookspecs import API_VERSION, hookimpl
from .integration import Integration, Target, Timeout
from .layers import AttemptSend, ExchangeSend, Layer, Send, Stage
from .logs import conceal
from .on import On, key_of
from .operation import Answer, Operation, Request, Untranslatable
from .problem import Problem
from .provider import LocalProvider, Provider
from .query import with_parameter, without_parameters
from .response import Generated, Response, Whole, respond
from .secrets import Secret
from .stamp import Stamp, stamp_of
from .tasks import spawn
from .transport import Fetched, fetch

__all__ = [
    "API_VERSION",
    "APP",
    "BACKGROUND",
    "Answer",
    "App",
    "Attempt",
    "AttemptDone",
    "AttemptFailed",
    "AttemptSend",
    "AuthType",
    "Body",
    "BreakerClosed",
    "BreakerOpened",
    "BrokenBody",
    "BudgetSpent",
    "Config",
    "Credential",
    "CredentialRefreshed",
    "DeprecatedCall",
    "DocumentRef",
    "Events",
    "Exchange",
    "ExchangeDone",
    "ExchangeSend",
    "FailedOver",
    "Fetched",
    "Field",
    "Forbidden",
    "Generated",
    "Headers",
    "Incident",
    "Integration",
    "JobAccepted",
    "JobDelivered",
    "KeyChanged",
    "Layer",
    "LimitNearlyUsed",
    "LimitWaited",
    "Limited",
    "LocalProvider",
    "Malformed",
    "NameOrSecretRef",
    "On",
    "Open",
    "Operation",
    "Options",
    "OutriderError",
    "Plan",
    "PluginRaised",
    "Problem",
    "Provider",
    "Published",
    "Rate",
    "Refused",
    "Reloaded",
    "Request",
    "Response",
    "Retrying",
    "Rubbish",
    "Secret",
    "SecretRef",
    "SecretRefs",
    "Send",
    "Sign",
    "Stage",
    "Stamp",
    "StatusPage",
    "Target",
    "TargetFailed",
    "TargetRecovered",
    "Text",
    "Timeout",
    "TooSlow",
    "Unavailable",
    "Unreachable",
    "Untranslatable",
    "Url",
    "UrlOrPath",
    "Urls",
    "Whole",
    "conceal",
    "fetch",
    "field",
    "hookimpl",
    "json_of",
    "key_of",
    "respond",
    "spawn",
    "stamp_of",
    "with_parameter",
    "without_parameters",
]
