"""The scripted agent's entry: `python -I -S __main__.py STATE_DIRECTORY`; the first line on stdin says what to do."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3]))

from callboard.executors.scripted_agent.language import Failed, Interrupted, ScriptedAgent
from callboard.executors.scripted_agent.session import Inbox, Memory, leave, tell


def main(directory: Path) -> int:
    """Waits for the order to begin, runs the script, says how it ended; returns the exit code."""
    inbox = Inbox()
    begin = inbox.orders.get()
    if begin["type"] != "begin":
        return 2
    memory = Memory(directory, begin)
    if memory.exists != (begin["mode"] == "resume"):
        tell("end", status="in_use" if memory.exists else "missing")
        return 1
    tell("bound", executor_session_id=begin["conversation_id"])
    memory.add(begin["prompt"], run=True)
    tell("taken", input_id=begin["input_id"])
    agent = ScriptedAgent(inbox, begin, memory)
    try:
        agent.run()
    except Interrupted:
        tell("end", status="interrupted")
        return 1
    except Failed as problem:
        tell("end", status="failed", message=str(problem))
        return 1
    tell("result", **agent.given)
    tell("end", status="completed")
    return 0


if __name__ == "__main__":
    leave(main(Path(sys.argv[1])))
