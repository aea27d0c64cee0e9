"""What is known of models beforehand: how each one is asked to show its thinking."""

from enum import IntEnum

import anthropic
from anthropic.types import ThinkingConfigParam

LEAST_THINKING_TOKENS = 1_024
"""The least that a model may be given to think with, where it is told how much."""
MOST_THINKING_TOKENS = 8_192


class Mode(IntEnum):
    """How a model is asked to think aloud; the next one is tried where one is refused."""

    ADAPTIVE = 0
    """It decides how much."""
    EXTENDED = 1
    """It is given a number of tokens, as models before 4.6 want it."""
    NONE = 2


EXTENDED = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5", "claude-opus-4-1")
"""How the names of those begin that know no other way."""


def mode_of(model: str) -> Mode:
    """Return how one of Anthropic's models is asked first."""
    return Mode.EXTENDED if model.startswith(EXTENDED) else Mode.ADAPTIVE


def thinking(mode: Mode, max_tokens: int) -> ThinkingConfigParam | anthropic.Omit:
    """Return the parameter of a request that may write `max_tokens`, thinking included."""
    budget = min(MOST_THINKING_TOKENS, max_tokens // 2)
    match mode:
        case Mode.ADAPTIVE:
            return {"type": "adaptive", "display": "summarized"}
        case Mode.EXTENDED if budget >= LEAST_THINKING_TOKENS:
            return {"type": "enabled", "budget_tokens": budget}
        case _:
            return anthropic.omit
