"""What a night remembers: the notebook, the backlog, what is frozen, and what was tried."""

import asyncio
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch_tui import cli, notes
from autoresearch_tui.agents.base import Context, Proposal, Think
from autoresearch_tui.agents.tpe import TpeAgent
from autoresearch_tui.control import messages
from autoresearch_tui.control.server import ControlServer
from autoresearch_tui.lab import backlog, page
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.fold import apply, fold
from autoresearch_tui.record.plateau import PLATEAU_AFTER
from autoresearch_tui.record.state import Phase, SessionState
from autoresearch_tui.record.vocabulary import ApprovalMode, Status
from autoresearch_tui.session import Session, SessionError
from autoresearch_tui.settings import AgentSettings, ApprovalSettings, Settings
from tests.workshop import ScriptedAgent, WatchedLab, Workshop, with_rate

BY = "me@here"
STANDIN = (Path(__file__).parents[1] / "standin" / "train.py").read_text()
Change = Callable[[Proposal], Proposal]


class NotingAgent(ScriptedAgent):
    """Proposes one rate after the other, with what else a test wants to be in its proposals."""

    def __init__(self, *changes: Change) -> None:
        super().__init__()
        self.changes = list(changes)

    async def propose(self, context: Context, think: Think) -> Proposal:
        proposal = await super().propose(context, think)
        return self.changes.pop(0)(proposal) if self.changes else proposal


def proposed(lab: WatchedLab, number: int) -> events.Proposed:
    facts = Workshop(Path(lab.state.repository)).facts()
    found = (fact for fact in facts if isinstance(fact, events.Proposed))
    return next(fact for fact in found if fact.experiment == number)


def refusals(workshop: Workshop) -> list[str]:
    return [fact.reason for fact in workshop.facts() if isinstance(fact, events.ProposalFailed)]


async def test_an_agent_finds_its_page_again_and_a_person_may_edit_it(workshop: Workshop) -> None:
    agent = NotingAgent(
        lambda p: replace(p, notebook="  Rates below 0.04 help. \n"),
        lambda p: replace(p, notebook=None),
        lambda p: replace(p, notebook="x" * 9_000),
    )
    lab = workshop.lab(agent, max_experiments=5)
    await lab.run()
    assert [each.notebook for each in agent.contexts[:3]] == [
        "",
        "Rates below 0.04 help.\n",
        "Rates below 0.04 help.\n",
    ]
    assert len(agent.contexts[3].notebook) == page.PAGE_CHARACTERS + 1
    # Earlier pages are kept.
    assert workshop.session.page(1).read_text() == "Rates below 0.04 help.\n"
    assert (lab.state.page, lab.state.page_by) == (2, agent.name)
    edit = messages.WritePage(by=BY, text="Mine.", page=2)
    assert (await lab.handle(edit)).changed
    again = await lab.handle(edit)
    assert again.ok
    assert not again.changed
    late = await lab.handle(messages.WritePage(by="you@there", text="Yours.", page=2))
    assert not late.ok
    assert BY in late.detail
    assert not (await lab.handle(messages.WritePage(by=BY, text="x" * 4_001))).ok
    assert page.read(workshop.session, lab.state) == "Mine.\n"
    assert lab.state == fold(workshop.facts())


async def test_a_page_of_a_person_is_not_lost_to_an_agent_that_had_another(
    workshop: Workshop,
) -> None:
    lab: WatchedLab

    class Slow(NotingAgent):
        async def propose(self, context: Context, think: Think) -> Proposal:
            if not context.notebook:
                await lab.handle(messages.WritePage(by=BY, text="Look at the warm-up."))
            return await super().propose(context, think)

    agent = Slow(lambda p: replace(p, notebook="Mine alone."))
    lab = workshop.lab(agent, max_experiments=3)
    await lab.run()
    assert page.read(workshop.session, lab.state) == "Look at the warm-up.\n"
    assert agent.contexts[1].notebook == "Look at the warm-up.\n"


async def test_ideas_of_both_are_ordered_by_both_and_taken(workshop: Workshop) -> None:
    agent = NotingAgent(
        lambda p: replace(
            p, ideas=["Tie the embeddings.", " tie the EMBEDDINGS. ", "Go deep.", "4"]
        ),
        lambda p: replace(p, ideas_first=[3, 99, 3], took_idea=77),
        lambda p: replace(p, took_idea=1),
    )
    lab = workshop.lab(agent, max_experiments=4)
    reply = await lab.handle(messages.AddIdea(by=BY, text="A colder\n start."))
    assert reply.changed
    assert not (await lab.handle(messages.AddIdea(by=BY, text="a colder start."))).changed
    await lab.run()
    assert [idea.text for idea in agent.contexts[1].state.backlog] == [
        "A colder start.",
        "Tie the embeddings.",
        "Go deep.",
    ]
    assert [idea.idea for idea in agent.contexts[2].state.backlog] == [3, 1, 2]
    assert [proposed(lab, number).idea for number in (1, 2, 3)] == [None, None, 1]
    assert lab.state.taken_ideas[1].experiment == 3
    assert [idea.idea for idea in lab.state.backlog] == [3, 2]
    # A person's next idea comes before those of agents.
    assert (await lab.handle(messages.AddIdea(by=BY, text="Warm up."))).changed
    for command in (
        messages.MoveIdea(by=BY, idea=2, place=1),
        messages.DropIdea(by=BY, idea=3, reason="too slow"),
    ):
        assert (await lab.handle(command)).changed
        again = await lab.handle(command)
        assert again.ok
        assert not again.changed
    assert [idea.idea for idea in lab.state.backlog] == [2, 4]
    assert "taken up by #3" in (await lab.handle(messages.MoveIdea(by=BY, idea=1, place=1))).detail
    assert not (await lab.handle(messages.MoveIdea(by=BY, idea=2, place=9))).ok
    assert not (await lab.handle(messages.DropIdea(by=BY, idea=9))).ok
    assert lab.state == fold(workshop.facts())


Step = tuple[str, int, int]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("amdtsp"), st.integers(1, 9), st.integers(1, 9))))
def test_no_idea_is_lost_or_doubled(steps: list[Step]) -> None:
    state = SessionState(incumbent=0)

    def record(fact: KnownFact) -> None:
        apply(state, fact)

    dropped: set[int] = set()
    for at, (kind, one, other) in enumerate(steps):
        match kind:
            case "a":
                backlog.add(state, messages.AddIdea(by=BY, text=f"{at}"), record)
            case "m":
                backlog.move(state, messages.MoveIdea(by=BY, idea=one, place=other), record)
            case "d":
                if backlog.drop(state, messages.DropIdea(by=BY, idea=one), record).changed:
                    dropped.add(one)
            case "p":
                bare = Proposal(train="", title="", hypothesis="", ideas=[f"{at}"])
                backlog.take_in(state, replace(bare, ideas_first=[one, other]), "tpe", record)
            case _:
                number = state.next_number
                record(
                    events.Proposed(
                        at=0, experiment=number, parent=0, commit="c", title="", hypothesis="",
                        expected_change=None, agent="tpe", idea=one,
                    )
                )  # fmt: skip
                status = Status.SKIPPED if kind == "s" else Status.DISCARD
                record(events.Judged(at=0, experiment=number, status=status, reason="", commit="c"))
    waiting = [idea.idea for idea in state.backlog]
    everything = [*waiting, *state.taken_ideas, *dropped]
    assert sorted(everything) == list(range(1, state.ideas + 1))


async def test_near_copies_are_refused_with_the_earlier_result(workshop: Workshop) -> None:
    tried = with_rate(STANDIN, 0.07)
    agent = ScriptedAgent(
        tried,
        STANDIN.replace("# step size", "# how far a step goes"),
        STANDIN.replace("LEARNING_RATE = 0.04", "LEARNING_RATE = 4.0001e-2"),
        tried,
        tried + "# Much better.\n",
        0.03,
    )
    # An agent that another one may replace is asked again at once.
    lab = workshop.lab(agent, fallback=TpeAgent(), max_experiments=3)
    await lab.run()
    near = "Nothing but comments, texts, names of local variables or the last digits of numbers"
    found = refusals(workshop)
    assert [each.split(" tells ")[0].split(" as #")[0] for each in found] == [
        near,
        near,
        "It is the same file",
        near,
    ]
    assert all("#0 (baseline" in each and ": keep, the baseline" in each for each in found[:2])
    assert all("#1 (a whole file): discard, no better: " in each for each in found[2:])
    assert [each.refused for each in agent.contexts[2:]] == found
    assert len(lab.state.experiments) == 3


async def test_what_is_frozen_is_refused_before_it_runs(workshop: Workshop) -> None:
    wide = STANDIN.replace("WIDTH = 64", "WIDTH = 128")
    moved = STANDIN.replace("MOMENTUM = 0.9", "MOMENTUM = 0.8")
    chosen = Settings(agent=AgentSettings(frozen=["WIDTH", "DEPHT"]))
    agent = ScriptedAgent(wide, 0.03, moved, 0.02)
    lab = workshop.lab(agent, chosen, fallback=TpeAgent(), max_experiments=3)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 1)
    freeze = messages.Freeze(by=BY, name="MOMENTUM")
    assert (await lab.handle(freeze)).changed
    assert not (await lab.handle(freeze)).changed
    wrong = await lab.handle(messages.Freeze(by=BY, name="class MOMENTUN"))
    assert "did you mean MOMENTUM?" in wrong.detail
    await night
    assert refusals(workshop) == [
        "WIDTH is frozen by the human: `WIDTH = 64` must stay, where it stands, and alone.",
        "MOMENTUM is frozen by the human: `MOMENTUM = 0.9` must stay, where it stands, and alone.",
    ]
    assert agent.contexts[-1].frozen == ["WIDTH", "DEPHT", "MOMENTUM"]
    assert lab.state.frozen == ["WIDTH", "DEPHT", "MOMENTUM"]
    (notice,) = [n.text for n in lab.state.notices if "DEPHT" in n.text]
    assert "there is no DEPHT in it" in notice
    assert not (await lab.handle(messages.Thaw(by=BY, name="WIDTH"))).ok
    assert (await lab.handle(messages.Thaw(by=BY, name="MOMENTUM"))).changed
    assert lab.state.frozen == ["WIDTH", "DEPHT"]


async def test_an_edit_that_waits_is_skipped_where_its_name_is_frozen(workshop: Workshop) -> None:
    asks = Settings(approval=ApprovalSettings(mode=ApprovalMode.ASK))
    agent = ScriptedAgent(STANDIN.replace("WIDTH = 64", "WIDTH = 128"), 0.03)
    lab = workshop.lab(agent, asks, max_experiments=2)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 1)
    assert (await lab.handle(messages.Freeze(by=BY, name="WIDTH"))).changed
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 2)
    skipped = lab.state.experiments[1]
    assert skipped.status is Status.SKIPPED
    assert "WIDTH is frozen by the human" in skipped.reason
    await lab.handle(messages.Stop(by=BY, now=True))
    await night


async def test_tpe_leaves_alone_what_is_frozen(workshop: Workshop) -> None:
    free = "MOMENTUM"
    names = ["LEARNING_RATE", "WIDTH", "WEIGHT_DECAY", "INIT_SCALE"]
    lab = workshop.lab(TpeAgent(), Settings(agent=AgentSettings(frozen=names)), max_experiments=4)
    await lab.run()
    assert refusals(workshop) == []
    touched = [proposed(lab, number).touched for number in (1, 2, 3)]
    assert all(len(each) == 1 and each[0].startswith(f"{free}: ") for each in touched)


async def test_a_plateau_is_told_once(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(0.03, 0.05), max_experiments=3)
    for number in range(PLATEAU_AFTER + 1):
        commit = lab._tools.repository.store(with_rate(STANDIN, 1 + number), None, "m", "tpe")
        status = Status.DISCARD if number else Status.KEEP
        lab.record(
            events.Proposed(
                at=0, experiment=number, parent=0 if number else None, commit=commit, title="t",
                hypothesis="", expected_change=None, agent="tpe",
            )
        )  # fmt: skip
        lab.record(
            events.Judged(
                at=0, experiment=number, status=status, reason="", commit=commit, val_bpb=1.0
            )
        )
    memory = lab._turns._proposer._memory
    memory.tell(lab.state, lab.record)
    memory.tell(lab.state, lab.record)
    (notice,) = lab.state.notices
    assert notice.text.startswith(f"No gain that stands out since #0, in {PLATEAU_AFTER} exp")


async def test_every_shell_has_the_same_verbs(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = workshop.lab(ScriptedAgent(), max_experiments=1)
    await lab.run()
    session = Session(workshop.session.folder)
    (workshop.root / "page.md").write_text("A person's note.\n")
    monkeypatch.chdir(workshop.root)

    async def said(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["autoresearch", *arguments])
        with pytest.raises(SystemExit) as end:
            await asyncio.to_thread(cli.main)
        told = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, told.out + told.err

    code, told = await said("idea", "Try", "this.")
    assert code == 1
    assert "autoresearch run --tag test" in told
    server = ControlServer(session.new_socket(), lab.handle)
    await server.start()
    try:
        assert await said("idea", "Try", "this.") == (0, "idea 1 is at place 1 of the backlog\n")
        assert await said("idea", "And", "that.") == (0, "idea 2 is at place 2 of the backlog\n")
        assert await said("ideas", "move", "2", "1") == (0, "idea 2 is at place 1 now\n")
        assert await said("ideas", "drop", "1") == (0, "idea 1 is dropped\n")
        assert (await said("note", "--file", "page.md"))[0] == 0
        assert (await said("freeze", "class", "MOMENTUM"))[0] == 0
    finally:
        await server.stop()
    by = lab.state.backlog[0].by
    assert await said("ideas") == (0, f"  1. idea 2 by {by}: And that.\n")
    assert await said("note") == (0, "A person's note.\n")
    assert await said("freeze") == (0, "MOMENTUM\n")
    assert (await said("ideas", "move", "1"))[0] == 1
    assert "frozen      MOMENTUM" in (await said("status"))[1]
    log = (await said("log"))[1]
    for words in ("idea 1 by", "the notebook has page 1, by", "MOMENTUM is frozen, by"):
        assert words in log


def test_a_page_is_edited_with_the_persons_own_editor() -> None:
    def editor(code: str) -> dict[str, str]:
        return {"VISUAL": "", "EDITOR": shlex.join([sys.executable, "-c", code])}

    doubles = "import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.write_text(2 * p.read_text())"
    assert notes.edited("a\n", editor(doubles)) == "a\na\n"
    with pytest.raises(SessionError, match="nothing was changed"):
        notes.edited("a\n", editor("raise SystemExit(3)"))
    with pytest.raises(SessionError, match="EDITOR"):
        notes.edited("a\n", {"EDITOR": "/nowhere/editor"})
