"""A crash that looks like a small fault goes back to its agent, once; the night sees it all."""

import asyncio

import pytest

from autoresearch_tui.agents.base import Context, Proposal, Think
from autoresearch_tui.control import messages
from autoresearch_tui.lab import repairs
from autoresearch_tui.lab.archive import SessionArchive
from autoresearch_tui.lab.repairs import blames_script
from autoresearch_tui.record import events
from autoresearch_tui.record.vocabulary import Status, Usage
from tests.workshop import ScriptedAgent, Workshop, with_rate

TRACEBACK = 'Traceback (most recent call last):\n  File "/x/train.py", line 3, in <module>\n'


@pytest.mark.parametrize(
    ("output", "blamed"),
    [
        (f"{TRACEBACK}NameError: name 'x' is not defined", True),
        (TRACEBACK.replace("/x/train.py", "train.py") + "ValueError: 3", True),
        (TRACEBACK.replace("train.py", "pretrain.py") + "ValueError: 3", False),
        (TRACEBACK.replace("train.py", "prepare.py") + "ValueError: 3", False),
        (f"{TRACEBACK}torch.OutOfMemoryError: CUDA out of memory.", False),
        (f"{TRACEBACK}MemoryError", False),
        ("Killed", False),
        ("", False),
    ],
)
def test_a_small_fault_is_one_of_the_edited_file(output: str, blamed: bool) -> None:
    assert blames_script(output, "train.py") is blamed


class Mender(ScriptedAgent):
    """Breaks the file where it is told to, and mends what it is asked to mend."""

    name = "mender"
    can_repair = True
    mends = True

    async def propose(self, context: Context, think: Think) -> Proposal:
        if context.repair_of is None:
            return await super().propose(context, think)
        self.contexts.append(context)
        broken = context.repair_of
        train = broken.train.replace("undefined", "str" if self.mends else "still_undefined")
        return Proposal(train, f"repair of #{broken.experiment}", "", repairs=broken.experiment)


def broken(workshop: Workshop, rate: float) -> str:
    train = with_rate((workshop.root / "train.py").read_text(), rate)
    return train.replace("    trial = prepare", "    undefined(3)\n    trial = prepare")


async def test_a_crashed_edit_is_asked_to_be_mended_once(workshop: Workshop) -> None:
    agent = Mender(broken(workshop, 0.039), 0.5, 0.6)
    lab = workshop.lab(agent, max_experiments=5)
    assert (await lab.run()).finished
    asked = [context.repair_of for context in agent.contexts if context.repair_of]
    assert [repair.experiment for repair in asked] == [1]
    assert "NameError" in asked[0].output
    assert "undefined(3)" in asked[0].train
    facts = workshop.facts()
    started = [f.repairs for f in facts if isinstance(f, events.ProposalStarted) if f.repairs]
    assert started == [1]
    mended = next(e for e in lab.state.experiments.values() if e.repairs == 1)
    assert lab.state.experiments[1].status is Status.CRASH
    # An edit proposed meanwhile may have been kept.
    assert mended.status in (Status.KEEP, Status.DISCARD, Status.SKIPPED)
    assert workshop.state().experiments[mended.number].repairs == 1


async def test_a_repair_that_crashes_is_let_go(workshop: Workshop) -> None:
    agent = Mender(broken(workshop, 0.039), 0.5, 0.6)
    agent.mends = False
    lab = workshop.lab(agent, max_experiments=5)
    assert (await lab.run()).finished
    assert sum(context.repair_of is not None for context in agent.contexts) == 1


async def test_who_can_not_mend_or_did_not_break_it_is_not_asked(workshop: Workshop) -> None:
    agent = Mender(broken(workshop, 0.039))
    lab = workshop.lab(agent, max_experiments=2)
    assert (await lab.run()).finished
    archive = SessionArchive(workshop.session)
    assert repairs.wanted(lab.state, archive, agent) is not None
    agent.name = "another"
    assert repairs.wanted(lab.state, archive, agent) is None
    unable = ScriptedAgent()
    unable.name = "mender"
    assert repairs.wanted(lab.state, archive, unable) is None


class Spender(ScriptedAgent):
    """Spends, and never answers."""

    async def propose(self, context: Context, think: Think) -> Proposal:
        if context.experiment == 1:
            return await super().propose(context, think)
        context.spending.usage = Usage(input_tokens=70, output_tokens=7)
        self.contexts.append(context)
        self.waiting.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    waiting: asyncio.Event


async def test_what_a_proposal_cost_that_was_given_up_is_counted(workshop: Workshop) -> None:
    agent = Spender()
    agent.waiting = asyncio.Event()
    lab = workshop.lab(agent)
    night = asyncio.create_task(lab.run())
    await agent.waiting.wait()
    await lab.handle(messages.Stop(by="me", now=True))
    await night
    cancelled = [f for f in workshop.facts() if isinstance(f, events.ProposalCancelled)]
    assert [(each.agent, each.usage.input_tokens) for each in cancelled] == [("scripted", 70)]
    assert lab.state.tokens_spent == 77
    assert workshop.state().tokens_spent == 77
