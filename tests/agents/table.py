"""What each agent of a night came to, as lines to print."""

from collections.abc import Iterable, Iterator

from autoresearch_tui.record import events
from autoresearch_tui.record.events import AnyFact
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.report.tally import tally

HEAD = ("agent", "proposals", "keeps", "crashes", "failures", "read", "written", "cached", "s")


def table(facts: Iterable[AnyFact]) -> Iterator[str]:
    """Yield a line for each agent, and below it why proposals failed."""
    facts = list(facts)
    found = tally(facts)
    yield "  ".join(f"{name:>9}" for name in HEAD)
    for name, spent in found.by_agent.items():
        mine = [each for each in found.state.experiments.values() if each.agent == name]
        kept = sum(each.status is Status.KEEP for each in mine)
        crashed = sum(each.status is Status.CRASH for each in mine)
        figures = (
            spent.proposals,
            kept,
            crashed,
            spent.failures,
            spent.input_tokens,
            spent.output_tokens,
            spent.cache_read_tokens,
            round(spent.seconds, 1),
        )
        yield "  ".join(f"{each:>9}" for each in (name, *figures))
    for fact in facts:
        match fact:
            case events.ProposalFailed():
                yield f"  #{fact.experiment} failed: {fact.reason[:150]}"
            case events.Proposed():
                yield f"  #{fact.experiment} {fact.agent}: {fact.title[:80]}"
            case _:
                pass
