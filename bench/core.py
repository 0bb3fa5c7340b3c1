"""Run Outrider without its policies, to see what they cost: `python -m bench.core run --config FILE`."""

from __future__ import annotations

import outrider_plugins
from outrider.cli import main

POLICIES = frozenset(f"outrider_plugins.{name}" for name in ("breaker", "failover", "limits", "retry"))

if __name__ == "__main__":
    outrider_plugins.BUILTIN = tuple(name for name in outrider_plugins.BUILTIN if name not in POLICIES)
    main()
