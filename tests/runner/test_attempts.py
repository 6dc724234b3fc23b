"""An attempt from its claim to its end: a real coordinator, a real runner, a real agent."""

import json
from pathlib import Path

import pytest

from tests.runner.proxy import Forward
from tests.runner.world import World, alive, payload_of, said_by_agent, types_of

ORDER = [
    "session_created",
    "run_queued",
    "run_claimed",
    "run_start",
    "session_bound",
    "message",
    "message",
    "pre_tool",
    "post_tool",
    "usage",
    "result",
    "run_completed",
]


async def test_everything_of_a_run_arrives_in_the_order_in_which_it_happened(world: World) -> None:
    """A01, A11: from session_created to run_completed; usage is booked, and nothing is left on the disk."""
    await world.start_coordinator()
    made = await world.start_run('say hello\ntool Read {"path": "x"}\nusage m 10 20 300\nresult done')
    assert made.status == "pending"
    runner = await world.start_runner()
    run = await world.ended(made.run_id)
    found = await world.events(made.session_id)
    assert types_of(found) == ORDER
    assert [one.seq for one in found] == list(range(1, len(ORDER) + 1))
    assert payload_of(found[5])["role"] == "user"
    assert (run.status, run.exit_code, run.result_text) == ("completed", 0, "done")
    assert run.usage.cost_microdollars == 300
    assert await world.left_on_disk(runner) == []


async def test_a_resume_remembers_and_keeps_the_native_id(world: World) -> None:
    """A02: the same session, another run; the agent recalls turn one."""
    await world.start_coordinator()
    await world.start_runner()
    first = await world.start_run("say one")
    await world.ended(first.run_id)
    second = await world.start_run("recall", session_id=first.session_id)
    await world.ended(second.run_id)
    found = await world.events(first.session_id)
    assert second.session_id == first.session_id
    assert "say one" in [said_by_agent(one) for one in found][-3:].__str__()
    assert types_of(found).count("session_bound") == 1
    assert types_of(found).count("run_start") == types_of(found).count("run_completed") == 2


@pytest.mark.parametrize(
    ("directory", "code"),
    [("missing", "project_dir_missing"), ("file", "project_dir_missing"), ("link", "project_dir_outside_roots")],
)
async def test_s10_a_run_starts_only_in_a_directory_inside_the_roots(world: World, directory: str, code: str) -> None:
    """S10: what lies inside by name but not in truth is refused, and nothing runs."""
    (world.project / "file").write_text("")
    (world.project / "link").symlink_to(world.folder)
    await world.start_coordinator()
    runner = await world.start_runner()
    made = await world.start_run("run touch it", project_dir=str(world.project / directory))
    run = await world.ended(made.run_id)
    assert (run.status, run.error.code if run.error else "") == ("failed", code)
    assert "run_start" not in types_of(await world.events(made.session_id))
    assert not (world.folder / "it").exists()
    assert await world.left_on_disk(runner) == []


async def test_a_run_without_a_directory_works_in_the_runners_own(world: World) -> None:
    await world.start_coordinator()
    await world.start_runner()
    made = await world.start_run("write here.txt x")
    await world.ended(made.run_id)
    assert (world.project / "here.txt").read_text() == "x\n"
    assert (await world.session(made.session_id)).project_dir == str(world.project)


async def test_s13_the_agent_gets_an_allow_listed_environment_and_who_it_is(world: World) -> None:
    """S13: secrets of the runner reach neither the agent nor what it can read of the processes above it."""
    await world.start_coordinator()
    environment = {"CANARY_SECRET": "canary-in-the-runner", "WANTED": "passed", "LC_ALL": "C.UTF-8"}
    executors = {"scripted": {"environment": ["WANTED"], "env": {"DECLARED": "declared"}}}
    runner = await world.start_runner(environment=environment, executors=executors)
    made = await world.start_run("run env\nhang")
    shown = await world.of_type(made.session_id, "post_tool")
    seen = dict(line.split("=", 1) for line in payload_of(shown)["tool_output"].splitlines() if "=" in line)
    assert seen["AGENT_SESSION_ID"] == made.session_id
    assert seen["AGENT_RUN_ID"] == made.run_id
    assert seen["CALLBOARD_URL"] == world.url
    assert (seen["WANTED"], seen["DECLARED"], seen["LC_ALL"]) == ("passed", "declared", "C.UTF-8")
    assert "CANARY_SECRET" not in seen
    credential = next((world.folder / "state").glob("runners/*/credential")).read_text().strip()
    for pid in [*alive(made), *_ancestors(alive(made)[0], runner.pid)]:
        assert "canary-in-the-runner" not in _readable(pid)
        assert credential not in _readable(pid)
    await world.stop(made.session_id)
    await world.ended(made.run_id)


async def test_the_session_token_speaks_for_the_session_while_the_attempt_lives(world: World) -> None:
    """The agent proves who it is with the token in its environment; afterwards it is worth nothing."""
    await world.start_coordinator()
    await world.start_runner(allow_shell=True)
    script = (
        "python3 -c 'import os, urllib.request as u;"
        'r = u.Request(os.environ["CALLBOARD_URL"] + "/tokens/self",'
        ' headers={"Authorization": "Bearer " + os.environ["CALLBOARD_TOKEN"]});'
        "print(u.urlopen(r).read().decode())'"
    )
    made = await world.start_run(script, executor_type="command")
    run = await world.ended(made.run_id)
    assert run.status == "completed", run.error
    told = json.loads(run.result_text or "")
    assert (told["kind"], told["session_id"]) == ("session", made.session_id)


async def test_an_executor_that_cannot_start_fails_the_run_with_a_sentence(world: World) -> None:
    await world.start_coordinator()
    await world.start_runner(executors={"tool": {"type": "command", "argv": ["echo", "${what}"], "prompt": "none"}})
    made = await world.start_run("x", executor_type="tool")
    run = await world.ended(made.run_id)
    assert run.error is not None
    assert (run.status, run.error.code) == ("failed", "launch_refused")
    assert "what" in run.error.message


async def test_a57_a_runner_gives_no_text_from_elsewhere_to_a_shell_whatever_it_is_told(world: World) -> None:
    """A57: the second line, for a coordinator that is old or wrong; nothing is started."""
    await world.start_coordinator()

    async def of_an_issue(_route: str, forward: Forward) -> bytes:
        return (await forward()).replace(b'"trigger":"user"', b'"trigger":"task"')

    async with world.meddling(of_an_issue) as url:
        await world.start_runner(allow_shell=True, url=url)
        made = await world.start_run("touch canary", executor_type="command")
        run = await world.ended(made.run_id)
    assert run.error is not None
    assert (run.status, run.error.code) == ("failed", "prompt_is_script")
    assert not (world.project / "canary").exists()


async def test_a_crash_fails_the_run_with_the_tail_of_stderr(world: World) -> None:
    await world.start_coordinator()
    await world.start_runner(allow_shell=True)
    made = await world.start_run("echo broken pipe dream >&2; exit 3", executor_type="command")
    run = await world.ended(made.run_id)
    assert run.error is not None
    assert (run.status, run.exit_code) == ("failed", 3)
    assert "broken pipe dream" in run.error.message
    printed = [one for one in await world.events(made.session_id) if one.type == "output"]
    assert [payload_of(one) for one in printed] == [{"stream": "stderr", "text": "broken pipe dream"}]


def _readable(pid: int) -> str:
    return "".join(Path(f"/proc/{pid}/{name}").read_text(errors="replace") for name in ("environ", "cmdline"))


def _ancestors(pid: int, until: int) -> list[int]:
    found = [pid]
    while found[-1] not in (until, 1):
        fields = Path(f"/proc/{found[-1]}/stat").read_bytes().rpartition(b")")[2].split()
        found.append(int(fields[1]))
    return found[:-1]
