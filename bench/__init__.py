"""The side-by-side benchmark: what Outrider costs, beside proxies that people know.

- **peer**: a proxy that is measured; one module of `bench.peers` for each
- **site**: what one peer is asked to serve: its port, its upstream, its folder
- **upstream**: the fake provider behind every peer, on the load's core
- **measurement**: one question asked of every peer; one module of `bench.measure` for each
- **round**: one pass over all peers; ratios are taken within a round, so that a noisy minute hits both sides
"""
