"""The way to a provider: the one package that knows aiohttp's client.

`ClientSession` stays outside: it re-sends, follows redirects, stores cookies and decodes bodies by
itself, and costs more than all the rest of a request. What is used of aiohttp is its connector
(DNS, happy eyeballs, TLS) and its C parser.

What must stay true:
- a connection is handed out only if nothing has arrived on it since its last response ended, or the
  bytes of one caller's response would reach another (aio-libs/aiohttp#13656);
- nothing is sent twice: whoever wants another attempt makes one;
- whatever does not end at the end of a response closes its connection.
"""

from .fetch import Fetched, fetch
from .tunnel import Tunnel
from .upgrade import UpgradingUpstream
from .upstream import Upstream

__all__ = ["Fetched", "Tunnel", "UpgradingUpstream", "Upstream", "fetch"]
