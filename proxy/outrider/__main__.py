"""`python -m outrider`: the command line."""

from .cli import main

main()
