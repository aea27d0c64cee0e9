"""What a Python file needs to be run at all."""

import ast
import warnings


def syntax_trouble(train: str) -> str | None:
    """Return why a file can not run at all, as a clause with the line, or none."""
    try:
        train.encode()
        with warnings.catch_warnings():
            # What Python only warns of runs, and would be told on the screen's own terminal.
            warnings.simplefilter("ignore")
            ast.parse(train)
    except SyntaxError as error:
        return f"line {error.lineno} does not parse: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"it does not parse: {error or type(error).__name__}"
    return None
