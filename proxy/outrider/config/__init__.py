"""`config.toml`: its whole contract, parsed and checked, each problem with its line.

`load` reads a file against the Vocabulary of the loaded plugins. A plugin's own options are a subclass of
Options, with the types here as fields:

```python
class Bearer(Options):
    token: SecretRefs
```
"""

from .alerts import AlertKind, Alerts
from .base_url import BaseUrl, Url, UrlOrPath
from .call import METHODS, Call
from .checks import base_url_of
from .host import HostName
from .integration import (
    INTEGRATION_KEYS,
    Action,
    Config,
    Endpoint,
    IntegrationConfig,
    StatusFeed,
    Tls,
)
from .lines import KeyPath, Lines
from .listen import Listen
from .load import Loaded, load, loads
from .options import Options
from .parsed import Parsed
from .problems import Problem, did_you_mean, dotted
from .references import secret_refs
from .resilience import Breaker, Fallback, Jobs, Limit, Message, Retry, Timeout
from .schema import json_schema
from .secret import DocumentRef, NameOrSecretRef, SecretRef, SecretRefs, UrlRef
from .server import Client, Document, Server, ServerTls
from .traces import Traces
from .values import (
    ACTIONS,
    Day,
    Duration,
    HeaderName,
    HeaderValue,
    OnKey,
    PathText,
    Rate,
    Size,
    Text,
    Timespan,
)
from .vocabulary import PlanFacts, ProviderFacts, Vocabulary

__all__ = [
    "ACTIONS",
    "INTEGRATION_KEYS",
    "METHODS",
    "Action",
    "AlertKind",
    "Alerts",
    "BaseUrl",
    "Breaker",
    "Call",
    "Client",
    "Config",
    "Day",
    "Document",
    "DocumentRef",
    "Duration",
    "Endpoint",
    "Fallback",
    "HeaderName",
    "HeaderValue",
    "HostName",
    "IntegrationConfig",
    "Jobs",
    "KeyPath",
    "Limit",
    "Lines",
    "Listen",
    "Loaded",
    "Message",
    "NameOrSecretRef",
    "OnKey",
    "Options",
    "Parsed",
    "PathText",
    "PlanFacts",
    "Problem",
    "ProviderFacts",
    "Rate",
    "Retry",
    "SecretRef",
    "SecretRefs",
    "Server",
    "ServerTls",
    "Size",
    "StatusFeed",
    "Text",
    "Timeout",
    "Timespan",
    "Tls",
    "Traces",
    "Url",
    "UrlOrPath",
    "UrlRef",
    "Vocabulary",
    "base_url_of",
    "did_you_mean",
    "dotted",
    "json_schema",
    "load",
    "loads",
    "secret_refs",
]
