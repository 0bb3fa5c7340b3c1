"""The proxies that are measured, in the order in which a round visits them."""

from __future__ import annotations

from bench.peers.base import Peer, Site
from bench.peers.envoy import Envoy
from bench.peers.haproxy import HAProxy
from bench.peers.nginx import Nginx
from bench.peers.outrider import Outrider

__all__ = ["PEERS", "Peer", "Site"]

PEERS: dict[str, Peer] = {peer.name: peer for peer in (Outrider(), Envoy(), Nginx(), HAProxy())}
