"""The first two rows: which session doing what, for how long still; how good, at what cost."""

from dataclasses import dataclass

from textual.geometry import Size

from autoresearch_tui.record.events import ApprovalMode, Status
from autoresearch_tui.record.metric import change_words
from autoresearch_tui.record.state import Activity
from autoresearch_tui.tui.text import Line, bpb, clock, one_line, pad, width_of
from autoresearch_tui.tui.widgets.canvas import Canvas
from autoresearch_tui.tui.words import GLYPHS, LABLESS, Word, standing

GAP = "  "
SHORT_TAG_CELLS = 12
BUSY = (Activity.TRAINING, Activity.EVALUATING)
"""When the device works on what counts."""


@dataclass(frozen=True)
class Field:
    """One thing that the header says."""

    rank: int
    """What gets room first has the lowest."""
    forms: tuple[Line, ...]
    """From short to long; an empty one first for what may be left out."""


def laid_out(fields: list[Field], width: int) -> Line:
    """Return the fields in their order, each in the longest form that still fits."""
    chosen = [field.forms[0] for field in fields]
    room = width - 1 - sum(width_of(form) + len(GAP) for form in chosen if form)
    for index in sorted(range(len(fields)), key=lambda at: fields[at].rank):
        for longer in fields[index].forms[1:]:
            had = chosen[index]
            grown = width_of(longer) - width_of(had) + (0 if had else len(GAP))
            # The gap behind the last field may be cut.
            if grown <= room + len(GAP):
                room -= grown
                chosen[index] = longer
    line: list[tuple[str, str]] = [(" ", "")]
    for form in chosen:
        if form:
            line.extend((*form, (GAP, "")))
    return tuple(line[:-1])


class Header(Canvas):
    """Two rows of fields; at any width the important ones are whole."""

    def draw(self, size: Size) -> list[Line]:
        """Return the rows."""
        if not self.night.loaded:
            opening = ((f"○ {Word.OPENING}", "muted"),)
            return [laid_out([self._tag(), Field(1, (opening,))], size.width)]
        first = [self._tag(), self._word(), self._mode(), self._agent(), self._end()]
        second = [
            self._best(),
            self._unknown(),
            self._done(),
            self._rate(),
            self._busy(),
            self._cost(),
            self._machine(),
        ]
        return [laid_out(first, size.width), laid_out(second, size.width)]

    def _tag(self) -> Field:
        tag = self.night.session.tag
        short = pad(tag, SHORT_TAG_CELLS) if len(tag) > SHORT_TAG_CELLS else tag
        return Field(4, (((short, "strong accent"),), ((tag, "strong accent"),)))

    def _word(self) -> Field:
        night = self.night
        glyph, style = GLYPHS[night.word]
        span = (f"{glyph} {night.word}", f"strong {style}")
        current = night.state.current
        number = (f" #{current.number}", "strong accent")
        left = night.seconds_left
        if current is None or night.word in LABLESS:
            return Field(0, ((span,),))
        if left is None:
            return Field(0, ((span,), (span, number)))
        time_left = (f" {clock(left)} left", "strong")
        return Field(0, ((span,), (span, time_left), (span, number, time_left)))

    def _mode(self) -> Field:
        mode = self.night.state.approval
        asks = mode is ApprovalMode.ASK
        style = "warn strong" if asks else "muted"
        long = "asks before each run" if asks else "runs by itself"
        return Field(1, (((mode.value, style),), ((f"{mode.value}: {long}", style),)))

    def _agent(self) -> Field:
        state = self.night.state
        agent, model = one_line(state.agent), one_line(state.model or "")
        name: Line = ((agent, "note"),)
        return Field(3, (name, ((f"{agent} {model}", "note"),)) if model else (name,))

    def _end(self) -> Field:
        night = self.night
        if night.word in LABLESS:
            return Field(2, ((),))
        left = night.session_left_s
        if left is None:
            return Field(8, ((), (("no end set", "muted"),)))
        seconds, is_guess = left
        hours, minutes = divmod(round(seconds / 60), 60)
        about = "~" if is_guess else ""
        words = f"ends in {about}{hours}h{minutes:02}" if hours else f"ends in {about}{minutes}min"
        return Field(2, ((), ((words, "strong"),)))

    def _best(self) -> Field:
        state = self.night.state
        best = state.best
        if best is None:
            return Field(0, (((f"no {one_line(state.metric)} yet", "muted"),),))
        short: Line = (("best ", "muted"), (bpb(best.val_bpb), "strong"))
        baseline = state.baseline
        if baseline is None or best.val_bpb is None or baseline.val_bpb is None:
            return Field(0, (short,))
        if best is baseline:
            with_gain: Line = (*short, (" baseline", "muted"))
        else:
            gain = best.val_bpb - baseline.val_bpb
            style = "good" if state.direction.gain(gain) > 0 else "warn"
            with_gain = (*short, (f" {change_words(gain, state.metric)}", style))
        words = standing(best)
        if not words:
            return Field(0, (short, with_gain))
        return Field(0, (short, with_gain, (*with_gain, (f" {words}", "muted"))))

    def _unknown(self) -> Field:
        count = self.night.unknown_facts
        if not count:
            return Field(1, ((),))
        short = f"! {count} newer"
        plural = "" if count == 1 else "s"
        long = f"! {count} fact{plural} of a newer version not shown"
        return Field(7, (((short, "warn"),), ((long, "warn"),)))

    def _done(self) -> Field:
        state = self.night.state
        most = state.limits.get("experiments")
        of = f"/{most}" if most else ""
        done: Line = ((f"{state.judged_count}{of} done", ""),)
        kept = state.status_counts.get(Status.KEEP, 0)
        return Field(5, (done, (*done, (f", {kept} kept", "muted"))))

    def _rate(self) -> Field:
        rate = self.night.rate_per_hour
        if rate is None:
            return Field(2, ((),))
        return Field(2, ((), ((f"{rate:.0f}/h" if rate >= 10 else f"{rate:.1f}/h", ""),)))

    def _busy(self) -> Field:
        state = self.night.state
        ledger = state.ledger_at(self.night.moment)
        total = sum(ledger.values())
        if total <= 0:
            return Field(3, ((),))
        share = f"{sum(ledger.get(each, 0.0) for each in BUSY) / total:.0%}"
        short: Line = (("busy ", "muted"), (share, ""))
        if state.hardware is None or state.hardware.device == "cpu":
            return Field(3, ((), short))
        return Field(3, ((), short, (("GPU busy ", "muted"), (share, ""))))

    def _cost(self) -> Field:
        state = self.night.state
        digits = 2 if state.cost_usd >= 0.01 or not state.cost_usd else 4
        cost = f"${state.cost_usd:.{digits}f}"
        most = state.limits.get("US dollars")
        if state.unpriced_tokens:
            tokens = f"{state.unpriced_tokens / 1000:,.0f}k tokens without a price"
            words = f"{cost} + {tokens}" if state.cost_usd else tokens
            return Field(4, ((), ((words, ""),)))
        if most:
            return Field(4, ((), ((cost, ""),), ((f"{cost} of ${most}", ""),)))
        return Field(4, ((), ((cost, "" if state.cost_usd else "muted"),)))

    def _machine(self) -> Field:
        state = self.night.state
        forms: list[Line] = [()]
        if state.budget_s:
            words = f"{state.budget_s:g} s runs"
            forms.append(((words, "muted"),))
            if state.hardware is not None:
                words = f"{words} on {one_line(state.hardware.name)}"
                forms.append(((words, "muted"),))
            if state.data is not None:
                forms.append(((f"{words}, {one_line(state.data.name)}", "muted"),))
        return Field(9, tuple(forms))
