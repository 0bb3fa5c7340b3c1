"""What Outrider knows of each provider: one file for each API."""
