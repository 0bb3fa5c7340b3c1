"""Limits: a call waits its turn, first come first served, or is refused with the time to come back."""
