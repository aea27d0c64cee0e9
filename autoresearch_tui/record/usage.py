"""What a proposal cost, in words."""

from autoresearch_tui.record.vocabulary import Usage


def usage_words(usage: Usage) -> str:
    """Return seconds, tokens and price of a proposal; empty where it used no tokens."""
    read = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    if not (read or usage.output_tokens):
        return ""
    cached = f" ({usage.cache_read_tokens:,} from the cache)" if usage.cache_read_tokens else ""
    price = "no price" if usage.cost_usd is None else f"${usage.cost_usd:.4f}"
    return (
        f"{usage.seconds:.1f} s, {read:,} tokens read{cached}, {usage.output_tokens:,} written, "
        f"{price}"
    )
