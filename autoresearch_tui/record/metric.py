"""A change of the metric, as people read it."""

BITS_PER_BYTE = "val_bpb"


def change_words(change: float, metric: str, digits: int = 1) -> str:
    """Return a change with its sign and unit: thousandths of bits per byte, else the plain number.

    Args:
        change: the experiment's metric minus its parent's.
        metric: its name.
        digits: behind the point of the thousandths.
    """
    if metric == BITS_PER_BYTE:
        return f"{1000 * change:+.{digits}f} mbpb"
    return f"{change:+.6f}"
