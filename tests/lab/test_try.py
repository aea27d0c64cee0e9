"""A person's own edit, queued as an experiment."""

import asyncio

from autoresearch_tui.agents.base import Context, Proposal, Think
from autoresearch_tui.control import messages
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.state import Phase
from autoresearch_tui.record.vocabulary import ApprovalMode, Status
from autoresearch_tui.settings import ApprovalSettings, Settings
from tests.lab.hand import BY, said_twice, train_of
from tests.workshop import ScriptedAgent, Workshop, with_rate

ASK = Settings(approval=ApprovalSettings(mode=ApprovalMode.ASK))


def with_momentum(train: str, momentum: float) -> str:
    return train.replace("MOMENTUM = 0.9", f"MOMENTUM = {momentum}")


class TestTry:
    """A person's own edit, queued as an experiment."""

    async def test_it_comes_before_the_agent_and_needs_no_approval(
        self, workshop: Workshop
    ) -> None:
        asked = asyncio.Event()

        class Thinking(ScriptedAgent):
            async def propose(self, context: Context, think: Think) -> Proposal:
                if not self.contexts:
                    self.contexts.append(context)
                    asked.set()
                    await asyncio.Event().wait()
                return await super().propose(context, think)

        agent = Thinking(0.5)
        lab = workshop.lab(agent, ASK, max_experiments=3)
        await lab.handle(messages.Steer(by=BY, text="try a wide one"))
        night = asyncio.create_task(lab.run())
        await asked.wait()
        mine = with_rate((workshop.root / "train.py").read_text(), 0.02)
        command = messages.Try(by=BY, train=mine, title="mine", hypothesis="It is better.")
        await said_twice(lab, command)
        await lab.reach(Phase.WAITING_FOR_APPROVAL, 2)
        first = lab.state.experiments[1]
        assert (first.agent, first.title, first.edit) == ("human", "mine", 1)
        assert (first.parent, first.status) == (0, Status.KEEP)
        assert train_of(workshop, first.commit) == mine
        assert lab.state.queued_edits == []
        # The sentence that the agent had was not acknowledged by a person's edit.
        assert [context.steering for context in agent.contexts] == [["try a wide one"]] * 2
        await lab.handle(messages.Approve(by=BY))
        assert (await night).finished
        assert lab.state == fold(workshop.facts())

    async def test_it_waits_over_the_end_of_a_lab(self, kept: Workshop) -> None:
        mine = with_rate((kept.root / "train.py").read_text(), 0.5)
        lab = kept.lab(ScriptedAgent())
        await said_twice(lab, messages.Try(by=BY, train=mine, title="mine"))
        # The lab died between the fact and the reference.
        kept.git("update-ref", "-d", "refs/autoresearch/test/edit-0001")
        again = kept.lab(ScriptedAgent(), max_experiments=4)
        again.reconcile()
        assert train_of(kept, "refs/autoresearch/test/edit-0001") == mine
        assert (await again.run()).finished
        assert again.state.experiments[3].edit == 1

    async def test_after_another_keep_it_is_carried_over_or_run_as_it_is(
        self, kept: Workshop
    ) -> None:
        train = with_rate((kept.root / "train.py").read_text(), 0.02)
        apart, same_line = with_momentum(train, 0.8), with_rate(train, 0.5)
        lab = kept.lab(ScriptedAgent(), max_experiments=5)
        for mine in (apart, same_line):
            await said_twice(lab, messages.Try(by=BY, train=mine, title="mine"))
        await lab.handle(messages.Undo(by=BY))
        assert (await lab.run()).finished
        third, fourth = lab.state.experiments[3], lab.state.experiments[4]
        assert (third.edit, third.parent, fourth.edit, fourth.parent) == (1, 1, 2, 1)
        merged = kept.session.train_file(3).read_text()
        assert "LEARNING_RATE = 0.03 " in merged
        assert "MOMENTUM = 0.8 " in merged
        assert "+LEARNING_RATE" not in kept.session.diff(3).read_text()
        assert kept.session.train_file(4).read_text() == same_line
        diff = kept.session.diff(4).read_text()
        assert "-LEARNING_RATE = 0.03 " in diff
        assert "+LEARNING_RATE = 0.5 " in diff
        notices = [notice.text for notice in lab.state.notices]
        assert ["#4 is run as the person wrote it" in text for text in notices] == [True]

    async def test_an_experiment_is_run_again_from_its_file(self, kept: Workshop) -> None:
        train = kept.session.train_file(1).read_text()
        lab = kept.lab(ScriptedAgent(), max_experiments=4)
        await said_twice(lab, messages.again(BY, 1, "again: one", train))
        assert (await lab.run()).finished
        third = lab.state.experiments[3]
        assert (third.agent, third.title) == ("human", "again: one")
        assert train_of(kept, third.commit) == train
        assert third.val_bpb is not None

    async def test_what_can_not_run_or_changes_nothing_is_refused(self, kept: Workshop) -> None:
        lab = kept.lab(ScriptedAgent())
        train = with_rate((kept.root / "train.py").read_text(), 0.02)
        for bad, said in [
            ("x = 1\ndef broken(:\n", "line 2"),
            ("x = 1\0", "does not parse"),
            (train, "it is what #2 is already"),
        ]:
            reply = await lab.handle(messages.Try(by=BY, train=bad, title="mine"))
            assert not reply.ok
            assert said in reply.detail
        assert lab.state.queued_edits == []
