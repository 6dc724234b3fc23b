"""The route table: the one list of what the API takes. Routing, checks, OpenAPI and the tests are derived from it.

Within one first segment the first pattern that fits is taken; what is asked most often stands first.
"""

from typing import Final

from callboard.coordinator.http import (
    agents,
    approvals,
    callbacks,
    fleet,
    lifecycle,
    logins,
    mcp,
    pages,
    reports,
    runs,
    sessions,
    sse,
    tasks,
    work,
)
from callboard.coordinator.http.route import Route
from callboard.wire import agents as agent_wire
from callboard.wire import board, budgets, health, messages, queries, requests, responses, steering
from callboard.wire import logins as login_wire
from callboard.wire import runner as wire
from callboard.wire import tasks as task_wire
from callboard.wire import work as work_wire
from callboard.wire.affinity import Affinity
from callboard.wire.jobs import DiffText

# A table reads better with one entry in two or three lines than with one field a line.
# fmt: off

REPORTS: Final = (
    Route("POST", "/sessions/{session_id}/events", reports.post_events, "report", "Add events to a session's log.",
          request=wire.PostEvents, response=wire.EventsStored, report=True),
    Route("POST", "/sessions/{session_id}/deltas", reports.post_delta, "report", "Pass on a piece of a message.",
          request=wire.PostDelta, report=True, status=204),
    Route("POST", "/sessions/{session_id}/bind", reports.bind, "runner", "Bind the session to a conversation.",
          request=wire.Bind, response=responses.Binding, report=True),
    Route("POST", "/sessions/{session_id}/transcript", reports.announce_transcript, "runner",
          "Announce the transcript of a portable session.",
          request=wire.AnnounceTranscript, response=wire.TranscriptWanted, report=True),
    Route("POST", "/sessions/{session_id}/transcript/parts", reports.put_transcript_part, "runner",
          "Send a part of an announced transcript.", request=wire.PutTranscriptPart, report=True, status=204),
    Route("GET", "/sessions/{session_id}/transcript/parts", reports.read_transcript_part, "runner",
          "Fetch a part of the kept transcript, for a claimed run.",
          query=queries.TranscriptPartQuery, response=wire.TranscriptPart),
    Route("GET", "/runner/runs", reports.poll, "runner", "Wait for runs, stops and commands; 204 when time is over.",
          query=queries.PollQuery, response=wire.PollAnswer, also=(204,), manner="held"),
    Route("POST", "/runner/heartbeat", reports.heartbeat, "runner", "Renew the leases of the listed attempts.",
          request=wire.Heartbeat, response=wire.HeartbeatAnswer, report=True),
    Route("POST", "/runner/register", reports.register, "register", "Sign a runner in.",
          request=wire.Register, response=wire.Registered, report=True),
    Route("POST", "/runner/deregister", reports.deregister, "runner", "Sign a runner out for good.",
          request=wire.Deregister, report=True, status=204),
    Route("POST", "/runner/runs/{run_id}/started", reports.report_started, "runner", "Ask for permission to launch.",
          request=wire.Started, response=wire.StartedAnswer, report=True),
    Route("POST", "/runner/runs/{run_id}/not_launched", reports.report_not_launched, "runner", "Give an attempt back.",
          request=wire.NotLaunched, response=wire.EndedAnswer, report=True),
    Route("POST", "/runner/runs/{run_id}/usage", reports.report_usage, "report", "Book usage of an attempt.",
          request=wire.UsageReport, external_request=wire.ExternalUsage, response=wire.EndedAnswer, report=True),
    Route("POST", "/runner/runs/{run_id}/approvals", approvals.report_approval, "runner", "Ask for permission.",
          request=wire.ApprovalRequest, response=steering.Approval, report=True),
    Route("POST", "/runner/runs/{run_id}/approvals/settled", approvals.report_settled, "runner",
          "Say that the agent has a decision, or waits for none any more.",
          request=wire.ApprovalSettled, response=steering.Approval, report=True),
    Route("POST", "/runner/jobs/{job_id}", work.report_job, "runner", "Report the end of a job.",
          request=work_wire.JobEnded, response=work_wire.Job, report=True),
    *(
        Route("POST", f"/runner/runs/{{run_id}}/{kind}", reports.report_end(kind), "report", f"Report the end: {kind}.",
              request=wire.Ended, external_request=wire.ExternalEnd, response=wire.EndedAnswer, report=True,
              ends_run=True)
        for kind in reports.KINDS
    ),
)

RUNS: Final = (
    Route("POST", "/runs", runs.create_run, "write", "Start or resume a session.",
          request=requests.CreateRun, response=responses.RunCreated, status=201, creates=True),
    Route("GET", "/runs", runs.list_runs, "read", "Runs, newest first.",
          query=queries.RunsQuery, response=responses.Page, items=responses.Run),
    Route("GET", "/runs/{run_id}", runs.show_run, "read", "A run with its own result.", response=responses.Run),
    Route("GET", "/runs/{run_id}/wait", runs.wait_for_run, "read", "The run when it has ended, or when time is over.",
          query=queries.WaitQuery, response=responses.Run, manner="held"),
    Route("GET", "/runs/{run_id}/why", runs.explain_run, "read", "Why it waits, or why it ended.",
          response=responses.Why),
    Route("GET", "/runs/{run_id}/agent", runs.show_agent_of_run, "overview",
          "The agent as the run keeps it, without secrets.", response=agent_wire.AgentOfRun),
    Route("GET", "/queue", runs.list_queue, "overview", "Runs that wait, oldest first, each with why.",
          query=queries.PageQuery, response=responses.Page, items=responses.WaitingRun),
    Route("POST", "/runs/{run_id}/stop", runs.stop_run, "write", "Stop this run; again changes nothing.",
          request=requests.StopRun, response=responses.Stopped, optional_body=True),
    Route("POST", "/runs/{run_id}/retry", runs.retry_run, "write", "Do the work of an ended run again.",
          request=requests.RetryRun, response=responses.RunCreated, status=201, creates=True, optional_body=True),
)

SESSIONS: Final = (
    Route("GET", "/sse/sessions", sse.stream, "read", "The stream of events.",
          query=queries.StreamQuery, manner="stream"),
    Route("GET", "/board", sessions.show_board, "overview", "The callboard: sessions by who must act next.",
          query=board.BoardQuery, response=board.Board),
    Route("GET", "/sessions", sessions.list_sessions, "read", "Sessions, newest first.",
          query=queries.SessionsQuery, response=responses.Page, items=responses.Session),
    Route("POST", "/sessions", sessions.create_external, "person", "Sign in a conversation that another process leads.",
          request=requests.CreateExternalSession, response=responses.ExternalSession, status=201, also=(200,),
          creates=True),
    Route("POST", "/sessions/import", sessions.import_log, "person", "Keep an old log as a finished session.",
          request=requests.ImportLog, response=responses.Session, status=201, creates=True, imports=True),
    Route("GET", "/sessions/{session_id}", sessions.show_session, "read", "A session.", response=responses.Session),
    Route("PATCH", "/sessions/{session_id}", sessions.update_session, "person", "Change title and labels.",
          request=requests.UpdateSession, response=responses.Session),
    Route("DELETE", "/sessions/{session_id}", sessions.delete_session, "person", "Remove a session and its log.",
          status=204),
    Route("GET", "/sessions/{session_id}/events", sessions.list_events, "read", "Its log, by number.",
          query=queries.EventsQuery, response=responses.EventPage),
    Route("GET", "/sessions/{session_id}/runs", sessions.list_runs_of, "read", "Its runs, newest first.",
          query=queries.PageQuery, response=responses.Page, items=responses.Run),
    Route("GET", "/sessions/{session_id}/bindings", sessions.list_bindings, "read", "Its bindings, newest first.",
          query=queries.PageQuery, response=responses.Page, items=responses.Binding),
    Route("GET", "/sessions/{session_id}/tree", sessions.show_tree, "read", "It and all below it.",
          response=responses.Tree),
    Route("GET", "/sessions/{session_id}/usage", sessions.show_usage_of, "read", "What it used and cost.",
          response=responses.SessionUsage),
    Route("POST", "/sessions/{session_id}/budget", sessions.set_budget, "person",
          "Raise or lower its budget; what that had stopped goes on.",
          request=budgets.SetBudget, response=budgets.BudgetChanged),
    Route("GET", "/sessions/{session_id}/result", sessions.show_result, "read", "The result of its latest run.",
          response=responses.Result),
    Route("GET", "/sessions/{session_id}/affinity", sessions.show_affinity, "read", "Where a resume has to run.",
          response=Affinity),
    Route("POST", "/sessions/{session_id}/messages", sessions.send_message, "write", "Say something to its agent.",
          request=messages.SendMessage, response=messages.MessageSent, status=201, creates=True),
    Route("POST", "/sessions/{session_id}/jobs", work.ask_session, "person",
          "Have a runner look at its worktree, ship it or remove it.",
          request=work_wire.RequestJob, response=work_wire.Job, status=201, creates=True),
    Route("GET", "/sessions/{session_id}/diff", work.show_diff, "overview", "What its worktree changes now.",
          response=DiffText, manner="held"),
    Route("POST", "/sessions/{session_id}/lifecycle", lifecycle.change_lifecycle, "write",
          "Report how its work stands, or halt it, let it go on, give it guidance.",
          request=work_wire.ChangeLifecycle, response=responses.Session, creates=True),
    Route("GET", "/sessions/{session_id}/guidance", lifecycle.list_guidance, "overview", "Its guidance, newest first.",
          query=queries.PageQuery, response=responses.Page, items=work_wire.Guidance),
    Route("POST", "/sessions/{session_id}/fork", sessions.fork_session, "person",
          "A new session that is told the turns of this one, and goes on by itself.",
          request=requests.ForkSession, response=responses.RunCreated, status=201, creates=True),
    Route("POST", "/sessions/{session_id}/stop", sessions.stop_session, "write", "Stop its live and waiting runs.",
          request=requests.StopSession, response=responses.Stopped, optional_body=True),
    Route("POST", "/sessions/{session_id}/archive", sessions.archive_session, "person", "Put it away.",
          request=requests.Nothing, response=responses.Session, optional_body=True),
    Route("POST", "/sessions/{session_id}/unarchive", sessions.unarchive_session, "person", "Take it out again.",
          request=requests.Nothing, response=responses.Session, optional_body=True),
)

APPROVALS: Final = (
    Route("GET", "/approvals", approvals.list_approvals, "overview", "What agents ask permission for.",
          query=queries.ApprovalsQuery, response=responses.Page, items=steering.Approval),
    Route("POST", "/approvals/{approval_id}/decide", approvals.decide_approval, "person",
          "Allow or deny it; one decision stands.", request=requests.Decide, response=steering.Approval),
    Route("POST", "/approvals/{approval_id}/ask_again", approvals.ask_again, "person",
          "End what a decision for the session allows.",
          request=requests.Nothing, response=steering.Approval, optional_body=True),
)

CALLBACKS: Final = (
    Route("GET", "/callbacks", callbacks.list_callbacks, "overview", "Ends of children on their way to a parent.",
          query=queries.CallbacksQuery, response=responses.Page, items=steering.Callback),
    Route("POST", "/callbacks/{callback_id}/deliver", callbacks.deliver_callback, "person",
          "Let a held or undeliverable one go out again.",
          request=requests.Nothing, response=steering.Callback, optional_body=True),
)

AGENTS: Final = (
    Route("GET", "/agents", agents.list_agents, "read", "Agents, by name.",
          query=agent_wire.AgentsQuery, response=responses.Page, items=agent_wire.AgentListed),
    Route("POST", "/agents", agents.create_agent, "person", "Make an agent.",
          request=agent_wire.CreateAgent, response=agent_wire.Agent, status=201, creates=True),
    Route("PUT", "/agents", agents.put_agent_files, "upload", "Upload the agent files of a directory.",
          request=agent_wire.PutAgentFiles, response=agent_wire.AgentFilesTaken),
    Route("GET", "/agents/{name}", agents.show_agent, "read", "An agent.",
          query=agent_wire.AgentQuery, response=agent_wire.Agent),
    Route("PUT", "/agents/{name}", agents.change_agent, "person", "Change an agent that no file has.",
          request=agent_wire.ChangeAgent, response=agent_wire.Agent, conditional=True),
    Route("DELETE", "/agents/{name}", agents.delete_agent, "person", "Remove an agent that no file has.",
          status=204, conditional=True),
)

WORK: Final = (
    Route("GET", "/projects", work.list_projects, "overview", "Projects, by name.",
          query=queries.ProjectsQuery, response=responses.Page, items=work_wire.Project),
    Route("POST", "/projects", work.add_project, "person", "Add a project, or one more place of it.",
          request=work_wire.AddProject, response=work_wire.Project, status=201, creates=True),
    Route("GET", "/projects/{project_id}", work.show_project, "overview", "A project.", response=work_wire.Project),
    Route("PATCH", "/projects/{project_id}", work.change_project, "person", "Change its defaults.",
          request=work_wire.ChangeProject, response=work_wire.Project),
    Route("DELETE", "/projects/{project_id}", work.remove_project, "person",
          "Remove a project to which nothing belongs.", status=204),
    Route("DELETE", "/projects/{project_id}/locations", work.remove_location, "person", "Take a place away from it.",
          query=queries.LocationQuery, response=work_wire.Project),
    Route("GET", "/projects/{project_id}/issues", work.list_issues, "overview", "Its issues, newest first.",
          query=queries.IssuesQuery, response=responses.Page, items=work_wire.Issue),
    Route("POST", "/projects/{project_id}/issues", work.create_issue, "person", "Make an issue in the local tracker.",
          request=work_wire.NewIssue, response=work_wire.Issue, status=201, creates=True),
    Route("GET", "/projects/{project_id}/issues/{number}", work.show_issue, "overview", "An issue.",
          response=work_wire.Issue),
    Route("PATCH", "/projects/{project_id}/issues/{number}", work.change_issue, "person",
          "Change an issue of the local tracker.", request=work_wire.ChangeIssue, response=work_wire.Issue),
    Route("POST", "/projects/{project_id}/spawn", work.spawn, "person",
          "Start work on issues: one session, in a worktree of its own.",
          request=work_wire.Spawn, response=work_wire.Spawned, status=201, creates=True),
    Route("POST", "/projects/{project_id}/jobs", work.ask_project, "person",
          "Have a runner of a place look at the repository, or remove what was left there.",
          request=work_wire.RequestJob, response=work_wire.Job, status=201, creates=True),
    Route("GET", "/jobs/{job_id}", work.show_job, "overview", "Something that a runner does in a repository.",
          response=work_wire.Job),
    Route("GET", "/jobs/{job_id}/wait", work.wait_for_job, "overview", "The job when it has ended, or time is over.",
          query=queries.WaitQuery, response=work_wire.Job, manner="held"),
)

TASKS: Final = (
    Route("GET", "/tasks", tasks.list_tasks, "overview", "Tasks, newest first.",
          query=queries.TasksQuery, response=responses.Page, items=task_wire.Task),
    Route("POST", "/tasks", tasks.set_task, "person", "Say how an issue is worked on as a task.",
          request=task_wire.SetTask, response=task_wire.Task),
    Route("POST", "/tasks/run", tasks.set_and_run_task, "person",
          "Say how an issue is worked on as a task, and work on it; both or neither.",
          request=task_wire.SetAndRunTask, response=task_wire.TaskStarted, status=201, creates=True),
    Route("GET", "/tasks/{task_id}", tasks.show_task, "overview", "A task.", response=task_wire.Task),
    Route("POST", "/tasks/{task_id}/run", tasks.run_task, "person", "Work on it until its checks pass.",
          request=task_wire.RunTask, response=task_wire.TaskStarted, status=201, creates=True, optional_body=True),
    Route("GET", "/milestones", tasks.list_milestones, "overview", "Milestones, newest first.",
          query=queries.MilestonesQuery, response=responses.Page, items=task_wire.Milestone),
    Route("POST", "/milestones", tasks.create_milestone, "person", "Plan a milestone.",
          request=task_wire.NewMilestone, response=task_wire.Milestone, status=201, creates=True),
    Route("GET", "/milestones/{milestone_id}", tasks.show_milestone, "overview", "A milestone with its tasks.",
          response=task_wire.Milestone),
    Route("POST", "/milestones/{milestone_id}/start", tasks.start_milestone, "person",
          "Work on all its tasks in one session.",
          request=task_wire.RunTask, response=task_wire.TaskStarted, status=201, creates=True, optional_body=True),
    Route("POST", "/milestones/{milestone_id}/end", tasks.end_milestone, "person",
          "Have its summary written, and close its session.",
          request=task_wire.EndMilestone, response=task_wire.Milestone, optional_body=True),
)

FLEET: Final = (
    Route("GET", "/runners", fleet.list_runners, "overview", "The registered runners.",
          query=queries.PageQuery, response=responses.Page, items=responses.Runner),
    Route("GET", "/runners/{runner_id}", fleet.show_runner, "overview", "A runner.", response=responses.Runner),
    Route("DELETE", "/runners/{runner_id}", fleet.remove_runner, "person", "Remove a runner.", status=204),
    Route("POST", "/runners/{runner_id}/drain", fleet.drain_runner, "person", "Let it take no new runs.",
          request=requests.Nothing, response=responses.Runner, optional_body=True),
    Route("POST", "/runners/{runner_id}/resume", fleet.resume_runner, "person", "Let it take runs again.",
          request=requests.Nothing, response=responses.Runner, optional_body=True),
    Route("GET", "/usage", fleet.show_usage, "overview", "Sums of the ledger.",
          query=queries.UsageQuery, response=responses.Page, items=responses.UsageGroup),
    Route("GET", "/tokens", fleet.list_tokens, "owner", "Tokens, without their secrets.",
          query=queries.PageQuery, response=responses.Page, items=responses.Token),
    Route("POST", "/tokens", fleet.create_token, "owner", "Make a token; its secret is shown this once.",
          request=requests.CreateToken, response=responses.TokenCreated, status=201, creates=True,
          repeated="`secret_shown_once`, with the id of the token that the first request made"),
    Route("GET", "/tokens/self", fleet.show_self, "any", "What the bearer may do.", response=responses.Me),
    Route("DELETE", "/tokens/{token_id}", fleet.revoke_token, "owner", "End a token.", response=responses.Token),
)

LOGINS: Final = (
    Route("POST", "/login/links", logins.create_link, "person", "Make a one-time link that logs a browser in.",
          request=requests.Nothing, response=login_wire.LoginLink, status=201, optional_body=True),
    Route("GET", "/login", logins.show_login, "open", "Whether this browser is logged in.",
          response=login_wire.LoginState),
    Route("POST", "/login", logins.log_in, "open", "Exchange the code of a one-time link for a cookie.",
          request=login_wire.LogIn, response=responses.Me),
    Route("POST", "/logout", logins.log_out, "person", "Log this browser out.",
          request=requests.Nothing, status=204, optional_body=True),
)

TOOLS: Final = (
    Route("POST", "/mcp", mcp.handle_mcp, "read", "MCP, streamable HTTP without state: the tools of agents.",
          manner="stream"),
)

STATE: Final = (
    Route("GET", "/healthz", fleet.health, "open", "This process answers.", response=health.Health),
    Route("GET", "/readyz", fleet.readiness, "open", "Requests may be sent here.", response=health.Health),
    Route("GET", "/metrics", fleet.metrics, "overview", "What this process counts, for Prometheus.", manner="page"),
    Route("GET", "/openapi.json", fleet.openapi, "any", "This description.", manner="page"),
    Route("GET", "/", pages.home, "open", "To the dashboard.", manner="page", status=307),
    *(
        Route("GET", path, pages.page, "open", "A page, static.", manner="page")
        for path in ("/ui/", "/ui/{rest:path}", "/chat/", "/chat/{rest:path}")
    ),
)

# fmt: on

ROUTES: Final[tuple[Route, ...]] = (
    *REPORTS,
    *RUNS,
    *SESSIONS,
    *APPROVALS,
    *CALLBACKS,
    *AGENTS,
    *WORK,
    *TASKS,
    *FLEET,
    *LOGINS,
    *TOOLS,
    *STATE,
)
