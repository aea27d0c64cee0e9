"""Imports a package that is not installed.

Ends: crash
Reason: exit code 1: ModuleNotFoundError: No module named 'flash_attention_that_nobody_has'
"""

import flash_attention_that_nobody_has  # pyright: ignore[reportMissingImports]


def main() -> None:
    flash_attention_that_nobody_has.fast()
