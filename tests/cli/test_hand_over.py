"""10 Binding: when the agent's own conversation is lost, a person is told how to go on, and that works."""

import shutil
from pathlib import Path

from tests.support.world import World


def test_a_lost_conversation_names_the_flag_that_goes_on_from_the_log(tmp_path: Path) -> None:
    """A82, 10 Binding: executor_session_missing, then `resume --from-log`; never silently a new one."""
    with World(tmp_path) as world:
        coordinator = world.coordinator()
        runner, callboard = world.runner(coordinator), world.command_line(coordinator)
        session_id = callboard("run", "say one\nthe colour is blue\nresult blue", "--wait", "-q").out.strip()
        shutil.rmtree(runner.state_dir / "executors")
        missed = callboard("resume", session_id, "recall", "--wait")
        assert missed.code == 1
        assert "executor_session_missing" in missed.err
        assert f"callboard resume {session_id} PROMPT --from-log" in missed.err
        why = callboard("why", session_id)
        assert "resume --from-log goes on in a new one" in why.out
        assert f"next: callboard resume {session_id} PROMPT --from-log" in why.out

        resumed = callboard("resume", session_id, "say two", "--from-log", "--wait")
        assert (resumed.code, resumed.out) == (0, "two\n"), resumed.err
        old, new = coordinator.bindings(session_id)
        assert (new.reason, old.reason) == ("handoff", "start")
        assert new.executor_session_id != old.executor_session_id
        assert callboard("run", "say x", "--from-log").code == 2
