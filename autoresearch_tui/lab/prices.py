"""What proposals cost: tokens times the price of their model.

The built-in table holds Anthropic's published prices as of November 2026, without discounts for
batches; cache writes are those that live five minutes, and one that lives an hour costs
`CACHE_HOUR_FACTOR` of that. A person's own prices (`[prices."model"]`) stand above it, and are the
only ones for a local server.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from autoresearch_tui.record.vocabulary import Usage
from autoresearch_tui.settings import Price

TOKENS_PER_PRICE = 1e6
CACHE_WRITE_FACTOR = 1.25
"""A token written to the cache costs so much more than one that is read afresh."""
CACHE_HOUR_FACTOR = 1.6
"""A token that stays in the cache for an hour, against one that stays for five minutes: twice the
price of one that is read afresh, against 1.25 times."""
_SNAPSHOT = re.compile(r"(-latest|[-@]\d{8})?")
"""What follows the name of a model that is dated. Anything else makes it another model."""


def _price(read: float, written: float, cache_read: float) -> Price:
    return Price(
        input=read, output=written, cache_read=cache_read, cache_write=CACHE_WRITE_FACTOR * read
    )


_OPUS_4_5 = _price(5.0, 25.0, 0.5)
_SONNET_4 = _price(3.0, 15.0, 0.3)
_FABLE_5_1 = _price(10.0, 50.0, 0.25)
_FABLE_5 = _price(10.0, 50.0, 1.0)

BUILT_IN: dict[str, Price] = {
    "claude-fable-5": _FABLE_5,
    "claude-fable-5-1": _FABLE_5_1,
    "claude-mythos-5": _FABLE_5,
    "claude-mythos-5-1": _FABLE_5_1,
    "claude-opus-5-5": _price(4.0, 20.0, 0.2),
    "claude-opus-5": _OPUS_4_5,
    "claude-opus-4-8": _OPUS_4_5,
    "claude-opus-4-7": _OPUS_4_5,
    "claude-opus-4-6": _OPUS_4_5,
    "claude-opus-4-5": _OPUS_4_5,
    "claude-opus-4-1": _price(15.0, 75.0, 1.5),
    "claude-sonnet-5-5": _price(2.0, 10.0, 0.1),
    "claude-sonnet-5": _price(2.0, 10.0, 0.2),
    "claude-sonnet-4-6": _SONNET_4,
    "claude-sonnet-4-5": _SONNET_4,
    # Prompts above 100,000 tokens cost five times as much; an agent's are shorter.
    "claude-haiku-5-5": _price(0.1, 0.5, 0.01),
    "claude-haiku-4-5": _price(1.0, 5.0, 0.1),
}
"""US dollars a million tokens."""


class Prices:
    """The prices of one session."""

    def __init__(
        self, own: Mapping[str, Price], *, local: bool, local_models: Sequence[str] = ()
    ) -> None:
        """Take a person's `own` prices; `local` where their server, not Anthropic's, is asked.

        In a contest, `local_models` are those of the other agents that such a server is asked for.
        """
        self._own = own
        self._local_models = local_models
        self._local = local

    def of(self, model: str) -> Price | None:
        """Return a model's price, or none where nobody knows one.

        Among a person's own, the longest name that the model's begins with counts.
        """
        names = [name for name in self._own if model.startswith(name)]
        if names:
            return self._own[max(names, key=len)]
        if self._local or model in self._local_models:
            return None
        for name, price in BUILT_IN.items():
            if model.startswith(name) and _SNAPSHOT.fullmatch(model, len(name)):
                return price
        return None

    def cost(self, model: str | None, usage: Usage) -> float | None:
        """Return what a proposal cost in US dollars, or none where its model has no price."""
        price = None if model is None else self.of(model)
        if price is None:
            return None
        return (
            usage.input_tokens * price.input
            + usage.output_tokens * price.output
            + usage.cache_read_tokens * price.cache_read
            + usage.cache_write_tokens * price.cache_write
            + usage.cache_write_1h_tokens * price.cache_write * (CACHE_HOUR_FACTOR - 1)
        ) / TOKENS_PER_PRICE

    def priced(self, model: str | None, usage: Usage) -> Usage:
        """Return the usage with its cost."""
        cost = self.cost(model, usage)
        # An agent may tell what it cost by itself.
        return usage if cost is None else msgspec.structs.replace(usage, cost_usd=cost)


NO_PRICES = Prices({}, local=True)
"""Tokens are counted, and nothing has a price."""
