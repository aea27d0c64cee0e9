"""`python -m autoresearch_tui` is the `autoresearch` command."""

from autoresearch_tui.cli import main

main()
