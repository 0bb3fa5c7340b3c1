"""Retry: tries again what is safe to try again, after a backoff and within a budget."""
