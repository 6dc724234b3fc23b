"""Every command of the command line as data: where its function stands, its group and its examples. Imports none."""

from typing import Final

from callboard.cli.command import DAILY, LOOK_AFTER, START, Command, Noun
from callboard.cli.work_commands import WORK_COMMANDS

NOUNS: Final = (
    Noun("session", "Look at sessions, and put them away."),
    Noun("agent", "Blueprints that runs are made from, by name."),
    Noun("approvals", "What agents ask permission for."),
    Noun("project", "Repositories, and on which machines they are."),
    Noun("task", "Issues of the local tracker, and what is done about them."),
    Noun("milestone", "Tasks that are done together, in their order."),
    Noun("callbacks", "What parents are still to be told of their children."),
    Noun("token", "Make, list and revoke tokens."),
    Noun("config", "Settings, and where each comes from."),
)

COMMANDS: Final = (
    Command("up", "callboard.cli.up:up", START, ("callboard up", "callboard up --port 9000 --project-dir ~/src/web")),
    Command("demo", "callboard.cli.demo.command:demo", START, ("callboard demo", "callboard demo --keep")),
    Command(
        "serve",
        "callboard.cli.serve:serve",
        START,
        ("callboard serve", "callboard serve --port 9000 --data-dir /var/lib/callboard"),
    ),
    Command(
        "migrate",
        "callboard.cli.migrate:migrate",
        LOOK_AFTER,
        ("callboard migrate", "callboard migrate --database postgresql:///callboard"),
    ),
    Command(
        "runner",
        "callboard.cli.runner_daemon:app",
        START,
        (
            "callboard runner --project-dir ~/src",
            "callboard runner --url http://build:8765 --token-file join --tag gpu",
        ),
    ),
    Command(
        "run",
        "callboard.cli.run:run",
        DAILY,
        ('callboard run "fix the flaky login test"', 'callboard run "say hello" --executor scripted --wait'),
    ),
    Command(
        "resume",
        "callboard.cli.run:resume",
        DAILY,
        ('callboard resume 7f3kx9 "now add a test"', "callboard resume 42 --wait"),
    ),
    Command(
        "send",
        "callboard.cli.send:send",
        DAILY,
        ('callboard send 7f3kx9 "use the staging database"', "callboard send 7f3kx9 - --delivery live --json"),
    ),
    Command("retry", "callboard.cli.run:retry", DAILY, ("callboard retry 7f3kx9", "callboard retry 7f3kx9 --wait")),
    Command("ps", "callboard.cli.session:ps", DAILY, ("callboard ps", "callboard ps --status failed --json")),
    Command(
        "logs",
        "callboard.cli.logs:logs",
        DAILY,
        ("callboard logs -f 7f3kx9", "callboard logs 7f3kx9 --since 10m --types message,result"),
    ),
    Command(
        "wait",
        "callboard.cli.wait:wait",
        DAILY,
        ("callboard wait 7f3kx9", "callboard wait 7f3kx9 --timeout 20m --json"),
    ),
    Command(
        "stop", "callboard.cli.wait:stop", DAILY, ("callboard stop 7f3kx9", "callboard stop 7f3kx9 --subtree --wait")
    ),
    Command("why", "callboard.cli.wait:why", DAILY, ("callboard why 7f3kx9", "callboard why 7f3kx9 --json")),
    Command(
        "usage",
        "callboard.cli.usage:usage",
        DAILY,
        ("callboard usage --by project", "callboard usage 7f3kx9 --json"),
    ),
    Command(
        "budget",
        "callboard.cli.usage:budget",
        DAILY,
        ("callboard budget 7f3kx9", "callboard budget 7f3kx9 --budget 5.00"),
    ),
    Command("open", "callboard.cli.open:open_page", DAILY, ("callboard open", "callboard open 7f3kx9 --no-browser")),
    Command("tree", "callboard.cli.session:tree", DAILY, ("callboard tree 7f3kx9", "callboard tree 7f3kx9 --json")),
    *WORK_COMMANDS,
    Command(
        "session show",
        "callboard.cli.session:show_session",
        "",
        ("callboard session show 7f3kx9", "callboard session show 7f3kx9 --json"),
    ),
    Command(
        "session list", "callboard.cli.session:ps", "", ("callboard session list --all", "callboard session list -q")
    ),
    Command(
        "session import",
        "callboard.cli.session:import_session",
        "",
        ("callboard session import old.jsonl", "callboard session import - --json"),
    ),
    Command(
        "session archive",
        "callboard.cli.session:archive",
        "",
        ("callboard session archive 7f3kx9", "callboard session archive 7f3kx9 -q"),
    ),
    Command(
        "session unarchive",
        "callboard.cli.session:unarchive",
        "",
        ("callboard session unarchive 7f3kx9", "callboard session unarchive 7f3kx9 --json"),
    ),
    Command(
        "session delete",
        "callboard.cli.session:delete",
        "",
        ("callboard session delete 7f3kx9", "callboard session delete 7f3kx9 --yes"),
    ),
    Command(
        "runner list",
        "callboard.cli.runner:list_runners",
        "",
        ("callboard runner list", "callboard runner list --json"),
    ),
    Command(
        "runner show",
        "callboard.cli.runner:show_runner",
        "",
        ("callboard runner show build-1", "callboard runner show build-1 --json"),
    ),
    Command(
        "runner drain",
        "callboard.cli.runner:drain",
        "",
        ("callboard runner drain build-1", "callboard runner drain build-1 --json"),
    ),
    Command(
        "runner resume",
        "callboard.cli.runner:resume",
        "",
        ("callboard runner resume build-1", "callboard runner resume build-1 -q"),
    ),
    Command(
        "runner remove",
        "callboard.cli.runner:remove",
        "",
        ("callboard runner remove build-1", "callboard runner remove build-1 --yes"),
    ),
    Command(
        "approve",
        "callboard.cli.approvals:approve",
        DAILY,
        ("callboard approve 7f3kx9", "callboard approve 7f3kx9 --session"),
    ),
    Command(
        "deny",
        "callboard.cli.approvals:deny",
        DAILY,
        ("callboard deny 7f3kx9", 'callboard deny 7f3kx9 --reason "use the test database"'),
    ),
    Command(
        "approvals list",
        "callboard.cli.approvals:list_approvals",
        "",
        ("callboard approvals list", "callboard approvals list --all --json"),
    ),
    Command(
        "approvals ask-again",
        "callboard.cli.approvals:ask_again",
        "",
        (
            "callboard approvals ask-again apr_01h2xcejqtf2nbrexx3vqjhp41",
            "callboard approvals ask-again apr_01h2xcejqtf2nbrexx3vqjhp41 --json",
        ),
    ),
    Command(
        "agent list",
        "callboard.cli.agent:list_agents",
        "",
        ("callboard agent list", "callboard agent list --project-dir ~/src/web --json"),
    ),
    Command(
        "agent show",
        "callboard.cli.agent:show_agent",
        "",
        ("callboard agent show reviewer", "callboard agent show reviewer --json"),
    ),
    Command(
        "agent validate",
        "callboard.cli.agent:validate",
        "",
        ("callboard agent validate", "callboard agent validate .callboard/agents/reviewer.md --json"),
    ),
    Command(
        "agent sync",
        "callboard.cli.agent:sync",
        "",
        ("callboard agent sync", "callboard agent sync --project-dir ~/src/web"),
    ),
    Command(
        "callbacks list",
        "callboard.cli.callbacks:list_callbacks",
        "",
        ("callboard callbacks list", "callboard callbacks list --status undeliverable --json"),
    ),
    Command(
        "callbacks deliver",
        "callboard.cli.callbacks:deliver",
        "",
        (
            "callboard callbacks deliver cbk_01h2xcejqtf2nbrexx3vqjhp41",
            "callboard callbacks deliver cbk_01h2xcejqtf2nbrexx3vqjhp41 -q",
        ),
    ),
    Command(
        "token create",
        "callboard.cli.token:create",
        "",
        (
            "callboard token create user --label ci --expires 30d",
            "callboard token create runner_join --output-file join",
        ),
    ),
    Command(
        "token list", "callboard.cli.token:list_tokens", "", ("callboard token list", "callboard token list --json")
    ),
    Command(
        "token revoke",
        "callboard.cli.token:revoke",
        "",
        (
            "callboard token revoke tok_01h2xcejqtf2nbrexx3vqjhp41",
            "callboard token revoke tok_01h2xcejqtf2nbrexx3vqjhp41 -q",
        ),
    ),
    Command(
        "backup",
        "callboard.cli.backup:backup",
        LOOK_AFTER,
        ("callboard backup ~/callboard.db", "callboard backup --check ~/callboard.db"),
    ),
    Command(
        "mcp",
        "callboard.cli.mcp:mcp",
        START,
        ("callboard mcp", "callboard mcp --token-file ~/.config/callboard/token"),
    ),
    Command("plugin", "callboard.cli.plugin:plugin", START, ("callboard plugin", "callboard plugin --json")),
    Command("trust", "callboard.cli.trust:trust", LOOK_AFTER, ("callboard trust", "callboard trust ~/src/web --json")),
    Command("doctor", "callboard.cli.doctor:doctor", LOOK_AFTER, ("callboard doctor", "callboard doctor --json")),
    Command(
        "config show",
        "callboard.cli.config:show_settings",
        "",
        ("callboard config show --origin", "callboard config show --json"),
    ),
    Command(
        "config check", "callboard.cli.config:check", "", ("callboard config check", "callboard config check --json")
    ),
    Command(
        "completion",
        "callboard.cli.completion:completion",
        LOOK_AFTER,
        (
            "callboard completion bash > ~/.callboard.bash",
            "callboard completion zsh",
        ),
    ),
    Command(
        "help",
        "callboard.cli.topics:topic",
        LOOK_AFTER,
        ("callboard help exit-codes", "callboard help references --json"),
    ),
)
