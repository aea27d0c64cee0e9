"""The first two rows: which session doing what, for how long still; how good, at what cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.geometry import Size

from autoresearch_tui.record.metric import change_words
from autoresearch_tui.record.state import Activity
from autoresearch_tui.record.vocabulary import ApprovalMode, Status
from autoresearch_tui.tui.text import Line, Span, bpb, clock, one_line, pad, width_of
from autoresearch_tui.tui.widgets.canvas import Canvas
from autoresearch_tui.tui.words import GLYPHS, LABLESS, Word, standing

GAP = "  "
SHORT_TAG_CELLS = 12
BUSY = (Activity.TRAINING, Activity.EVALUATING)
"""When the device works on what counts."""


@dataclass(frozen=True)
class Field:
    """One thing that the header says."""

    short: Line
    """What is always there; empty for what may be left out."""
    longer: tuple[tuple[int, Line], ...] = ()
    """Longer forms, each with its rank: what gets room first has the lowest."""


def laid_out(fields: Sequence[Field], width: int) -> Line:
    """Return the fields in their order, each in the longest form that the ranks leave room for."""
    chosen = [field.short for field in fields]
    room = width - 1 - sum(width_of(form) + len(GAP) for form in chosen if form)
    grown = [(rank, at, form) for at, each in enumerate(fields) for rank, form in each.longer]
    for _, at, form in sorted(grown, key=lambda each: each[:2]):
        had = chosen[at]
        more = width_of(form) - width_of(had) + (0 if had else len(GAP))
        # The gap behind the last field may be cut.
        if 0 < more <= room + len(GAP):
            room -= more
            chosen[at] = form
    line: list[Span] = [(" ", "")]
    for form in chosen:
        if form:
            line.extend((*form, (GAP, "")))
    return tuple(line[:-1])


class Header(Canvas):
    """Two rows of fields; at any width the important ones are whole."""

    def draw(self, size: Size) -> list[Line]:
        """Return the rows."""
        if not self.night.loaded:
            return [laid_out([self._tag(), Field(((f"○ {Word.OPENING}", "muted"),))], size.width)]
        first = (self._tag(), self._word(), self._mode(), self._agent(), self._end())
        second = (
            self._best(),
            self._unknown(),
            self._done(),
            self._rate(),
            self._busy(),
            self._cost(),
            self._machine(),
        )
        return [laid_out(first, size.width), laid_out(second, size.width)]

    def _tag(self) -> Field:
        tag = self.night.session.tag
        style = "strong accent"
        if len(tag) <= SHORT_TAG_CELLS:
            return Field(((tag, style),))
        return Field(((pad(tag, SHORT_TAG_CELLS), style),), ((4, ((tag, style),)),))

    def _word(self) -> Field:
        night = self.night
        glyph, style = GLYPHS[night.word]
        word: Line = ((f"{glyph} {night.word}", f"strong {style}"),)
        left = night.seconds_left
        current = night.state.current
        if current is None or night.word in LABLESS:
            return Field(word)
        number: Span = (f" #{current.number}", "strong accent")
        if left is None:
            return Field(word, ((1, (*word, number)),))
        time_left: Span = (f" {clock(left)} left", "strong")
        return Field(word, ((0, (*word, time_left)), (2, (*word, number, time_left))))

    def _mode(self) -> Field:
        mode = self.night.state.approval
        asks = mode is ApprovalMode.ASK
        style = "warn strong" if asks else "muted"
        long = "asks before each run" if asks else "runs by itself"
        return Field(((mode.value, style),), ((9, ((f"{mode.value}: {long}", style),)),))

    def _agent(self) -> Field:
        state = self.night.state
        agent, model = one_line(state.agent), one_line(state.model or "")
        if state.contest:
            # Whose turn it is, or was last, is in the reasoning and in the table.
            several: Line = ((f"{len(state.contest)} agents", "note"),)
            named = ", ".join(map(one_line, state.contest))
            return Field(several, ((4, ((named, "note"),)),))
        name: Line = ((agent, "note"),)
        return Field(name, ((4, ((f"{agent} {model}", "note"),)),) if model else ())

    def _end(self) -> Field:
        night = self.night
        if night.word in LABLESS:
            return Field(())
        left = night.session_left_s
        if left is None:
            return Field((), ((8, (("no end set", "muted"),)),))
        seconds, is_guess = left
        hours, minutes = divmod(round(seconds / 60), 60)
        about = "~" if is_guess else ""
        time_left = f"{about}{hours}h{minutes:02}" if hours else f"{about}{minutes}min"
        return Field((), ((3, ((f"ends in {time_left}", "strong"),)),))

    def _best(self) -> Field:
        state = self.night.state
        best = state.best
        if best is None:
            return Field(((f"no {one_line(state.metric)} yet", "muted"),))
        short: Line = (("best ", "muted"), (bpb(best.val_bpb), "strong"))
        baseline = state.baseline
        if baseline is None or best.val_bpb is None or baseline.val_bpb is None:
            return Field(short)
        if best is baseline:
            gained: Span = (" baseline", "muted")
        else:
            gain = best.val_bpb - baseline.val_bpb
            style = "good" if state.direction.gain(gain) > 0 else "warn"
            gained = (f" {change_words(gain, state.metric)}", style)
        words = f" {standing(best)}".rstrip()
        return Field(short, ((0, (*short, gained)), (5, (*short, gained, (words, "muted")))))

    def _unknown(self) -> Field:
        count = self.night.unknown_facts
        if not count:
            return Field(())
        plural = "" if count == 1 else "s"
        long = f"! {count} fact{plural} of a newer version not shown"
        return Field(((f"! {count} newer", "warn"),), ((6, ((long, "warn"),)),))

    def _done(self) -> Field:
        state = self.night.state
        most = state.limits.get("experiments")
        of = f"/{one_line(most)}" if most else ""
        done: Line = ((f"{state.judged_count}{of} done", ""),)
        kept = state.status_counts.get(Status.KEEP, 0)
        return Field(done, ((6, (*done, (f", {kept} kept", "muted"))),))

    def _rate(self) -> Field:
        rate = self.night.rate_per_hour
        if rate is None:
            return Field(())
        return Field((), ((1, ((f"{rate:.0f}/h" if rate >= 10 else f"{rate:.1f}/h", ""),)),))

    def _busy(self) -> Field:
        state = self.night.state
        ledger = state.ledger_at(self.night.moment)
        total = sum(ledger.values())
        if total <= 0:
            return Field(())
        share: Span = (f"{sum(ledger.get(each, 0.0) for each in BUSY) / total:.0%}", "")
        busy: Line = (("busy ", "muted"), share)
        if state.hardware is None or state.hardware.device == "cpu":
            return Field((), ((2, busy),))
        return Field((), ((2, busy), (7, (("GPU busy ", "muted"), share))))

    def _cost(self) -> Field:
        state = self.night.state
        digits = 2 if state.cost_usd >= 0.01 or not state.cost_usd else 4
        cost = f"${state.cost_usd:.{digits}f}"
        style = "" if state.cost_usd else "muted"
        forms: list[tuple[int, Line]] = [(3, ((cost, style),))]
        if most := state.limits.get("US dollars"):
            cost = f"{cost} of ${one_line(most)}"
            forms.append((6, ((cost, style),)))
        if state.unpriced_tokens:
            # What has no price is said before what has one is said in full.
            tokens = f"{cost} + {state.unpriced_tokens / 1000:,.0f}k tokens"
            forms = [(3, ((tokens, ""),)), (7, ((f"{tokens} without a price", ""),))]
        return Field((), tuple(forms))

    def _machine(self) -> Field:
        state = self.night.state
        if not state.budget_s:
            return Field(())
        words = f"{state.budget_s:g} s runs"
        forms: list[tuple[int, Line]] = [(9, ((words, "muted"),))]
        if state.hardware is not None:
            words = f"{words} on {one_line(state.hardware.name)}"
            forms.append((10, ((words, "muted"),)))
        if state.data is not None:
            forms.append((11, ((f"{words}, {one_line(state.data.name)}", "muted"),)))
        return Field((), tuple(forms))
