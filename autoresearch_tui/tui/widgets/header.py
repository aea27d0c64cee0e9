"""The first row: what session, doing what, how good, how long still."""

from textual.geometry import Size

from autoresearch_tui.record.events import ApprovalMode, Status
from autoresearch_tui.record.metric import change_words
from autoresearch_tui.tui.text import Line, bpb, clock, one_line, width_of
from autoresearch_tui.tui.widgets.canvas import Canvas
from autoresearch_tui.tui.words import GLYPHS, Word

GAP = "  "
RATE_AFTER_S = 600.0


class Header(Canvas):
    """One row of fields; each takes its longest form that still fits, the important ones first."""

    def draw(self, size: Size) -> list[Line]:
        """Return the row."""
        width = size.width
        fields = [field for field in self._fields() if field]
        chosen = [forms[0] for forms in fields]
        room = width - sum(width_of(form) + len(GAP) for form in chosen)
        # The fields are few and in order of place; what is worth more room comes first here.
        for index in sorted(range(len(fields)), key=lambda at: -len(fields[at][0])):
            for longer in fields[index][1:]:
                grown = width_of(longer) - width_of(chosen[index])
                if grown <= room:
                    room -= grown
                    chosen[index] = longer
        line: list[tuple[str, str]] = [(" ", "")]
        for form in chosen:
            if form:
                line.extend((*form, (GAP, "")))
        return [tuple(line)]

    def _fields(self) -> list[list[Line]]:
        """Return the fields in order of place, each by its forms from short to long."""
        state = self.night.state
        tag = self.night.session.tag
        return [
            [((tag, "strong accent"),)],
            self._word(),
            self._best(),
            self._done(),
            self._agent(),
            [((state.approval.value, "warn" if state.approval is ApprovalMode.ASK else "muted"),)],
            self._rate(),
            self._machine(),
        ]

    def _word(self) -> list[Line]:
        night = self.night
        if not night.loaded:
            return [((f"○ {Word.OPENING}", "muted"),)]
        glyph, style = GLYPHS[night.word]
        span = (f"{glyph} {night.word}", f"strong {style}")
        left = night.seconds_left
        if left is None:
            return [(span,)]
        return [(span, (f" {clock(left)} left", "strong"))]

    def _best(self) -> list[Line]:
        state = self.night.state
        best = state.best
        if best is None:
            return [((f"no {one_line(state.metric)} yet", "muted"),)]
        value = (bpb(best.val_bpb), "strong")
        short: Line = (("best ", "muted"), value)
        baseline = state.baseline
        if baseline is None or best.val_bpb is None or baseline.val_bpb is None:
            return [short]
        gain = best.val_bpb - baseline.val_bpb
        if best is baseline:
            return [short, (*short, (" baseline", "muted"))]
        with_gain = (*short, (f" {change_words(gain, state.metric)}", "good"))
        standing = f" {best.standing}, unconfirmed" if best.standing else ""
        return [with_gain, (*with_gain, (standing, "muted"))]

    def _done(self) -> list[Line]:
        state = self.night.state
        done: Line = ((f"{state.judged_count} done", ""),)
        kept = state.status_counts.get(Status.KEEP, 0)
        return [done, (*done, (f", {kept} kept", "muted"))]

    def _agent(self) -> list[Line]:
        state = self.night.state
        if not state.agent:
            return []
        agent = one_line(state.agent)
        if not state.model:
            return [((agent, "note"),)]
        return [((agent, "note"),), ((f"{agent} {one_line(state.model)}", "note"),)]

    def _rate(self) -> list[Line]:
        state = self.night.state
        spent = sum(state.ledger_at(self.night.moment).values())
        if spent < RATE_AFTER_S:
            return [(), ()]
        rate = state.judged_count / spent * 3600
        return [(), ((f"{rate:.0f}/h", "muted"),)]

    def _machine(self) -> list[Line]:
        state = self.night.state
        forms: list[Line] = [()]
        if state.budget_s:
            forms.append(((f"{state.budget_s:g} s runs", "muted"),))
        if state.data is not None and state.hardware is not None:
            words = f"{state.budget_s:g} s runs on {one_line(state.hardware.name)}"
            forms.append(((words, "muted"),))
            forms.append(((f"{words}, {one_line(state.data.name)}", "muted"),))
        return forms
