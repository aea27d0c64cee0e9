"""What each agent gave, and who had the turns when: for the report and for the command `agents`."""

from collections.abc import Iterator

from autoresearch_tui.record.metric import change_words
from autoresearch_tui.record.standings import Standing, standings
from autoresearch_tui.report.markdown import inline, table
from autoresearch_tui.report.tally import Period, Spent, Tally
from autoresearch_tui.stats.agreement import agreement

NAME_COLUMNS = ("agent",)
COLUMNS = (
    " proposals", " no edit", " judged", " kept", " gain", " hours", " gain/h", " failed",
    " expected: rank", " sign", " off by", " tokens", " USD",
)  # fmt: skip
LEGEND = (
    "Gain is what the keeps that still stand bettered the metric by, as measured, and hours are "
    "those of the device. Failed are crashes, timeouts and invalid results. Expected: how the "
    "changes that an agent expected agree with those that came, by the correlation of ranks (1 is "
    "all), the share that went the way that was said, and the mean difference. Of an agent that is "
    "made of several, proposals without an edit, tokens and dollars are told once."
)


def rows(found: Tally) -> list[tuple[str, ...]]:
    """Return a row of cells an agent, in the order of their first proposals."""
    state, metric = found.state, found.state.metric
    told: set[str] = set()
    built: list[tuple[str, ...]] = []
    known = standings(state)
    named = {standing.agent for standing in known}
    known += [
        Standing(name, "", None)
        for name in found.by_agent
        if name not in named and name not in ("baseline", "human")
    ]
    for standing in known:
        spent = found.by_agent.get(standing.agent, Spent())
        first = standing.agent not in told
        told.add(standing.agent)
        built.append((standing.name, *_cells(standing, spent, metric, first=first)))
    return built


def _cells(standing: Standing, spent: Spent, metric: str, *, first: bool) -> Iterator[str]:
    agree = agreement(standing.expected, standing.measured)
    rate, failed = standing.gain_per_hour, standing.failure_rate
    yield str(standing.proposals)
    yield str(spent.failures) if first else ""
    yield str(standing.experiments)
    yield str(standing.keeps)
    yield change_words(standing.gain, metric).lstrip("+") if standing.gain else "0"
    yield f"{standing.hours:.2f}"
    yield "" if rate is None else change_words(rate, metric).lstrip("+")
    yield "" if failed is None else f"{failed:.0%}"
    yield "" if agree.rank is None else f"{agree.rank:+.2f}"
    yield "" if agree.sign is None else f"{agree.sign:.0%}"
    yield "" if agree.error is None else change_words(agree.error, metric).lstrip("+")
    yield f"{spent.tokens:,}" if first else ""
    yield _dollars(spent) if first else ""


def _dollars(spent: Spent) -> str:
    if not spent.tokens:
        return "none"
    if spent.unpriced_tokens == spent.tokens:
        return "no price"
    return f"{spent.cost_usd:.4f}" + (" and more" if spent.unpriced_tokens else "")


def section(found: Tally) -> str:
    """Return the report's section on the agents; empty where none proposed anything."""
    built = rows(found)
    if not built:
        return ""
    parts = [
        "## The agents",
        table((*NAME_COLUMNS, *COLUMNS), [(inline(row[0]), *row[1:]) for row in built]),
        LEGEND,
    ]
    if len(found.periods) > 1:
        lines = [f"- {line}" for line in map(_period, found.periods)]
        parts += ["Who had the agent's place:", "\n".join(lines)]
    return "\n\n".join(parts)


def _period(period: Period) -> str:
    reached = (
        f"#{period.first}"
        if period.last in (None, period.first)
        else f"#{period.first} to #{period.last}"
    )
    why = f": {inline(period.reason, REASON_CHARS)}" if period.reason else ""
    return f"{inline(period.agent)} from {reached}{why}"


REASON_CHARS = 200


def lines(found: Tally) -> list[str]:
    """Return the same for a terminal: a block an agent, since a row would be too wide."""
    said: list[str] = []
    for row in rows(found):
        said.append(row[0])
        said += [
            f"  {name.strip():<16}{cell}"
            for name, cell in zip(COLUMNS, row[1:], strict=True)
            if cell
        ]
    if not said:
        return ["No agent has proposed anything yet."]
    if len(found.periods) > 1:
        said += ["", *map(_period, found.periods)]
    return said
