"""The commands of work on issues, as data."""

from typing import Final

from callboard.cli.command import DAILY, WORK, Command

WORK_COMMANDS: Final = (
    Command(
        "update",
        "callboard.cli.lifecycle:update",
        WORK,
        (
            "callboard update --status planning_complete",
            'callboard update 42 --status stuck --reason "Which of the two tables stays?"',
        ),
    ),
    Command(
        "forward",
        "callboard.cli.lifecycle:forward",
        WORK,
        ('callboard forward 42 "Use JWT."', "callboard forward 42 - --json"),
    ),
    Command(
        "pause", "callboard.cli.lifecycle:pause", WORK, ("callboard pause 42", 'callboard pause 42 --reason "release"')
    ),
    Command(
        "restart", "callboard.cli.lifecycle:restart", WORK, ("callboard restart 42", "callboard restart 42 --wait")
    ),
    Command(
        "cancel",
        "callboard.cli.lifecycle:cancel",
        WORK,
        ("callboard cancel 42", 'callboard cancel 42 --reason "done elsewhere"'),
    ),
    Command(
        "ship",
        "callboard.cli.worktrees:ship",
        WORK,
        ("callboard ship 42", 'callboard ship 42 --title "Prices are right" --draft'),
    ),
    Command(
        "delete",
        "callboard.cli.worktrees:delete",
        WORK,
        ("callboard delete 42", "callboard delete 42 --confirm lose-3f9a2c81d0"),
    ),
    Command(
        "worktrees",
        "callboard.cli.worktrees:worktrees",
        WORK,
        ("callboard worktrees", "callboard worktrees --remove ~/src/web-issue-42"),
    ),
    Command(
        "heartbeat", "callboard.cli.lifecycle:heartbeat", WORK, ("callboard heartbeat", "callboard heartbeat 42 -q")
    ),
    Command(
        "spawn",
        "callboard.cli.spawn:spawn",
        DAILY,
        ("callboard spawn 42", "callboard spawn 1 2 3 --executor claude-code --dry-run"),
    ),
    Command("list", "callboard.cli.work:list_work", DAILY, ("callboard list", "callboard list --all --json")),
    Command("get", "callboard.cli.work:get", DAILY, ("callboard get 42", "callboard get 42 --json")),
    Command(
        "project add",
        "callboard.cli.project:add",
        "",
        ("callboard project add .", "callboard project add ~/src/web --name web --tracker github"),
    ),
    Command(
        "project list",
        "callboard.cli.project:list_projects",
        "",
        ("callboard project list", "callboard project list --json"),
    ),
    Command(
        "project show",
        "callboard.cli.project:show_project",
        "",
        ("callboard project show", "callboard project show web --json"),
    ),
    Command(
        "project remove",
        "callboard.cli.project:remove",
        "",
        ("callboard project remove web", "callboard project remove web --path ~/src/web"),
    ),
    Command(
        "task new",
        "callboard.cli.task:new",
        "",
        ('callboard task new "The login test is flaky"', 'callboard task new "Use JWT" --body - --project web'),
    ),
    Command(
        "task edit",
        "callboard.cli.task:edit",
        "",
        ("callboard task edit 42 --state closed", 'callboard task edit 42 --title "Use JWT" --body -'),
    ),
    Command(
        "task run",
        "callboard.cli.task:run",
        "",
        ("callboard task run 42 --check test", "callboard task run 42 --executor claude-code --max-iterations 5"),
    ),
    Command("task list", "callboard.cli.task:list_tasks", "", ("callboard task list", "callboard task list --json")),
    Command(
        "task show", "callboard.cli.task:show_task", "", ("callboard task show 42", "callboard task show 42 --json")
    ),
    Command(
        "task set",
        "callboard.cli.task:set_task",
        "",
        (
            "callboard task set 42 --check test --depends-on 41",
            "callboard task set 42 --milestone 1 --max-iterations 3",
        ),
    ),
    Command(
        "milestone new",
        "callboard.cli.milestone:new",
        "",
        ('callboard milestone new "First light" 41 42', 'callboard milestone new "Later" --json'),
    ),
    Command(
        "milestone list",
        "callboard.cli.milestone:list_milestones",
        "",
        ("callboard milestone list", "callboard milestone list --json"),
    ),
    Command(
        "milestone show",
        "callboard.cli.milestone:show_milestone",
        "",
        ("callboard milestone show 1", "callboard milestone show 1 --json"),
    ),
    Command(
        "milestone start",
        "callboard.cli.milestone:start",
        "",
        ("callboard milestone start 1", "callboard milestone start 1 --executor claude-code --detach"),
    ),
    Command(
        "milestone end",
        "callboard.cli.milestone:end",
        "",
        ("callboard milestone end 1", 'callboard milestone end 1 --summary "Nothing is open."'),
    ),
)
