// Generated from docs/openapi.json by `make docs`; not by hand.

export interface Page<T> {
  items: T[];
  next_page: string | null;
  limit: number;
}

export interface AddProject {
  name: string;
  hostname: string;
  path: string;
  default_branch?: string | null;
  remote_url?: string | null;
  tracker?: "github" | "local";
  settings?: ProjectSettings;
  replace_issues?: boolean;
}

export interface AdditionalDemands {
  hostname?: string | null;
  project_dir?: string | null;
  executor_type?: string | null;
  tags?: string[];
}

export interface Affinity {
  session_id: string;
  hostname: string | null;
  project_dir: string | null;
  executor_type: string | null;
  executor_session_id: string | null;
  portable: boolean;
  transcript: KeptTranscript | null;
  stays: string | null;
}

export interface Agent {
  name: string;
  scope: string;
  description: string;
  active: boolean;
  read_only: boolean;
  executor: string | null;
  model: string | null;
  permission_mode: string | null;
  tags: string[];
  parameters_schema: Record<string, unknown> | null;
  project_id: string | null;
  hostname: string | null;
  directory: string | null;
  path: string | null;
  hidden_by: HiddenBy[];
  etag: string;
  created_at: string;
  updated_at: string;
  system_prompt: string;
  tools: string[] | null;
  mcp_servers: Record<string, McpServer> | string[] | null;
  demands: AgentDemands;
  limits: AgentLimits;
  output_schema: Record<string, unknown> | null;
}

export interface AgentDemands {
  hostname?: string | null;
  project_dir?: string | null;
  tags?: string[];
}

export interface AgentFile {
  path: string;
  sha256: string;
  text?: string | null;
}

export interface AgentFilesTaken {
  wanted: string[];
  stored: string[];
  unchanged: number;
  removed: string[];
  errors: FileProblem[];
}

export interface AgentLimits {
  timeout_seconds?: number | null;
  max_turns?: number | null;
  budget_microdollars?: number | null;
  budget_tokens?: number | null;
}

export interface AgentListed {
  name: string;
  scope: string;
  description: string;
  active: boolean;
  read_only: boolean;
  executor: string | null;
  model: string | null;
  permission_mode: string | null;
  tags: string[];
  parameters_schema: Record<string, unknown> | null;
  project_id: string | null;
  hostname: string | null;
  directory: string | null;
  path: string | null;
  hidden_by: HiddenBy[];
  etag: string;
  created_at: string;
  updated_at: string;
}

export interface AgentOfRun {
  name: string;
  scope: string;
  etag: string;
  description: string;
  executor: string | null;
  model: string | null;
  permission_mode: string | null;
  tools: string[] | null;
  tags: string[];
  mcp_servers: ServerOfRun[];
  demands: AgentDemands;
  limits: AgentLimits;
  parameters_schema: Record<string, unknown> | null;
  output_schema: Record<string, unknown> | null;
  system_prompt: string;
}

export interface AgentSnapshot {
  name: string;
  scope: string;
  etag: string;
}

export interface AnnounceTranscript {
  run_id: string;
  attempt: number;
  runner_id: string;
  epoch: number;
  executor_session_id: string;
  size_bytes: number;
  sha256: string;
  parts: string[];
}

export interface Approval {
  approval_id: string;
  status: string;
  session_id: string;
  run_id: string;
  attempt: number;
  tool_name: string;
  tool_input: Record<string, unknown>;
  tool_use_id: string | null;
  description: string;
  project_dir: string | null;
  risk: string;
  risk_notes: string[];
  content_hash: string;
  session_allows: string | null;
  scope: string;
  granted_by: string | null;
  decided_by: string | null;
  decided_by_label: string | null;
  reason: string | null;
  updated_input: Record<string, unknown> | null;
  requested_at: string;
  decided_at: string | null;
}

export interface ApprovalRequest {
  runner_id: string;
  epoch: number;
  attempt: number;
  request_id: string;
  tool_name: string;
  tool_input?: Record<string, unknown>;
  description?: string;
  tool_use_id?: string | null;
  project_dir?: string | null;
}

export interface ApprovalSettled {
  runner_id: string;
  epoch: number;
  attempt: number;
  request_id: string;
}

export interface AttemptRef {
  run_id: string;
  attempt: number;
}

export interface Bind {
  executor_session_id: string;
  executor_type: string;
  hostname: string;
  project_dir?: string | null;
  run_id?: string | null;
  attempt?: number | null;
  runner_id?: string | null;
  epoch?: number | null;
}

export interface Binding {
  generation: number;
  executor_type: string;
  executor_session_id: string;
  hostname: string;
  project_dir: string | null;
  runner_id: string | null;
  run_id: string | null;
  bound_at: string;
  ended_at: string | null;
  reason: string;
}

export interface Board {
  at: string;
  groups: BoardGroup[];
}

export interface BoardGroup {
  group: string;
  total: number;
  sessions: BoardSession[];
}

export interface BoardSession {
  session_id: string;
  status: string;
  group: string;
  title: string | null;
  agent_name: string | null;
  executor_type: string | null;
  model: string | null;
  project_id: string | null;
  milestone_id: string | null;
  parent_session_id: string | null;
  root_session_id: string;
  depth: number;
  forked_from_session_id: string | null;
  created_by: string;
  context: string;
  portable: boolean;
  labels: Record<string, string>;
  handle: string | null;
  issues: Record<string, unknown>[];
  workspace: Workspace | null;
  lifecycle: string | null;
  work: WorkState | null;
  waiting_for: string | null;
  summary: string | null;
  project_dir: string | null;
  hostname: string | null;
  binding: Binding | null;
  external: boolean;
  queued_runs: number;
  held_callbacks: number;
  run_count: number;
  latest_run_id: string | null;
  reason: string | null;
  reason_text: string | null;
  exit_code: number | null;
  last_seq: number;
  children: Children;
  usage: UsageTotal;
  budget: Budget | null;
  created_at: string;
  updated_at: string;
  last_resumed_at: string | null;
  ended_at: string | null;
  archived_at: string | null;
  headline: string | null;
  since: string;
}

export interface Budget {
  session_id: string;
  above_session_id: string | null;
  budget_microdollars: number | null;
  spent_microdollars: number;
  reserved_microdollars: number;
  left_microdollars: number | null;
  budget_tokens: number | null;
  spent_tokens: number;
  reserved_tokens: number;
  left_tokens: number | null;
}

export interface BudgetChanged {
  budget: Budget;
  resumed: string[];
}

export interface Callback {
  callback_id: string;
  status: string;
  child_session_id: string;
  child_run_id: string;
  receiver_session_id: string;
  run_id: string | null;
  tries: number;
  why: string | null;
  created_at: string;
  updated_at: string;
  accepted_at: string | null;
}

export interface ChangeAgent {
  description?: string;
  executor?: string | null;
  model?: string | null;
  permission_mode?: "ask" | "edit" | "full" | "read_only" | null;
  tools?: string[] | null;
  mcp_servers?: Record<string, McpServer> | string[] | null;
  demands?: AgentDemands;
  tags?: string[];
  parameters_schema?: Record<string, unknown> | null;
  output_schema?: Record<string, unknown> | null;
  limits?: AgentLimits;
  active?: boolean;
  system_prompt?: string;
}

export interface ChangeIssue {
  title?: string;
  body?: string;
  state?: "closed" | "open";
}

export interface ChangeLifecycle {
  report?: "complete" | "planning" | "planning_complete" | "pr_ready" | "reviews_in_progress" | "shipping" | "stuck" | "working" | null;
  action?: "cancel" | "delete" | "forward" | "heartbeat" | "pause" | "restart" | "resume" | null;
  reason?: string | null;
  pull_request_url?: string | null;
  text?: string | null;
  confirm?: string | null;
  keep_worktree?: boolean;
}

export interface ChangeProject {
  default_branch?: string;
  tracker?: "github" | "local";
  settings?: ProjectSettings;
  replace_issues?: boolean;
}

export interface Check {
  name: string;
  argv: string[] | null;
  timeout_seconds: number | null;
}

export interface CheckOutcome {
  name: string;
  exit_code: number | null;
  tail: string;
  duration_ms: number;
  signal?: string | null;
  timed_out?: boolean;
}

export interface CheckText {
  name: string;
  argv: string[];
  timeout_seconds?: number | null;
}

export interface Children {
  total: number;
  ended: number;
}

export interface Claim {
  run_id: string;
  session_id: string;
  attempt: number;
  run_number: number;
  type: string;
  trigger: string;
  prompt: string;
  parameters: Record<string, unknown>;
  context: string;
  executor_type: string;
  executor_session_id: string | null;
  conversation_uuid: string | null;
  answered: boolean;
  binding_generation: number;
  project_dir: string | null;
  agent: Record<string, unknown> | null;
  model: string | null;
  permission_mode: string | null;
  limits: Record<string, unknown>;
  tries: number;
  earlier_attempts: number[];
  traceparent: string | null;
  portable: boolean;
  transcript: TranscriptCopy | null;
  checks: Check[];
  prompt_as_data: boolean;
  repository: string | null;
}

export interface CreateAgent {
  description?: string;
  executor?: string | null;
  model?: string | null;
  permission_mode?: "ask" | "edit" | "full" | "read_only" | null;
  tools?: string[] | null;
  mcp_servers?: Record<string, McpServer> | string[] | null;
  demands?: AgentDemands;
  tags?: string[];
  parameters_schema?: Record<string, unknown> | null;
  output_schema?: Record<string, unknown> | null;
  limits?: AgentLimits;
  active?: boolean;
  system_prompt?: string;
  name: string;
}

export interface CreateExternalSession {
  executor_type: string;
  executor_session_id: string;
  hostname: string;
  project_dir: string;
  agent_name?: string | null;
  parent_session_id?: string | null;
  title?: string | null;
}

export interface CreateRun {
  type: "resume_session" | "start_session";
  prompt?: string | null;
  parameters?: Record<string, unknown> | null;
  session_id?: string | null;
  agent_name?: string | null;
  executor_type?: string | null;
  title?: string | null;
  project_dir?: string | null;
  project?: string | null;
  parent_session_id?: string | null;
  execution_mode?: "async_callback" | "async_poll" | "sync";
  additional_demands?: AdditionalDemands | null;
  context?: "fresh" | "persistent" | null;
  portable?: boolean | null;
  on_busy?: "enqueue" | "interrupt" | "reject";
  on_lost?: "fail" | "retry" | "wait";
  from_log?: boolean;
  repeatable?: boolean;
  priority?: number;
  model?: string | null;
  permission_mode?: "ask" | "edit" | "full" | "read_only" | null;
  limits?: Limits | null;
  labels?: Record<string, string> | null;
}

export interface CreateToken {
  kind: "read_only" | "runner_join" | "user";
  label?: string;
  project_id?: string | null;
  expires_in_seconds?: number | null;
}

export interface Decide {
  decision: "allow" | "deny";
  content_hash: string;
  reason?: string | null;
  updated_input?: Record<string, unknown> | null;
  scope?: "once" | "session";
}

export interface DecisionOrder {
  run_id: string;
  attempt: number;
  request_id: string;
  allow: boolean;
  reason: string;
  updated_input: Record<string, unknown> | null;
}

export interface Deregister {
  runner_id: string;
  epoch: number;
}

export interface DiffText {
  text: string;
  truncated: boolean;
  files: Record<string, unknown>[];
  uncommitted: boolean;
  unpushed: number;
  uncommitted_paths: string[];
  unpushed_titles: string[];
}

export interface EndMilestone {
  summary?: string | null;
}

export interface Ended {
  runner_id: string;
  epoch: number;
  attempt: number;
  event_count: number;
  exit_code?: number | null;
  reason?: string | null;
  error_code?: string | null;
  error_message?: string | null;
  result_text?: string | null;
  result_data?: unknown;
  usage?: UsageRow[];
  usage_incomplete?: boolean;
  checks?: CheckOutcome[];
  signal?: string | null;
  certainty?: string | null;
}

export interface EndedAnswer {
  status: string;
  reason: string;
}

export interface Event {
  session_id: string;
  seq: number;
  cursor: string;
  run_id: string | null;
  attempt: number | null;
  type: string;
  at: string;
  source_at: string | null;
  payload: unknown;
}

export interface EventPage {
  items: Event[];
  next_page: string | null;
  limit: number;
  first_seq: number;
}

export interface EventsStored {
  seqs: number[];
}

export interface ExternalEnd {
  exit_code?: number | null;
  error_message?: string | null;
  result_text?: string | null;
  reason?: "completed" | "failed" | "stopped";
}

export interface ExternalSession {
  session_id: string;
  run_id: string;
  session_token: string | null;
}

export interface ExternalUsage {
  rows?: UsageRow[];
  incomplete?: boolean;
}

export interface FileProblem {
  path: string;
  message: string;
}

export interface ForkSession {
  prompt: string;
  title?: string | null;
}

export interface Guidance {
  guidance_id: string;
  text: string;
  created_by: string;
  created_by_label: string | null;
  created_at: string;
  current: boolean;
  message_status: string | null;
}

export interface Health {
  status: string;
  checks: Record<string, string>;
}

export interface Heartbeat {
  runner_id: string;
  epoch: number;
  attempts?: AttemptRef[];
  clock_ms?: number | null;
  facts?: Record<string, unknown>;
}

export interface HeartbeatAnswer {
  stops: StopOrder[];
  stale: AttemptRef[];
  decisions: DecisionOrder[];
  messages: MessageOrder[];
  jobs: JobOrder[];
  draining: boolean;
  server_time: string;
  clock_skew_ms: number;
}

export interface HiddenBy {
  scope: string;
  directory: string | null;
  path: string | null;
}

export interface ImportLog {
  lines: Record<string, unknown>[];
}

export interface Issue {
  project_id: string;
  number: number;
  title: string;
  body: string;
  state: string;
  session_id: string | null;
  task_id: string | null;
  milestone_id: string | null;
  created_at: string;
  updated_at: string;
}

export interface Job {
  job_id: string;
  kind: string;
  project_id: string;
  session_id: string | null;
  status: string;
  runner_id: string | null;
  answer: unknown;
  error: Record<string, unknown> | null;
  created_at: string;
  deadline_at: string;
  ended_at: string | null;
}

export interface JobEnded {
  runner_id: string;
  epoch: number;
  answer?: unknown;
  error_code?: string | null;
  error_message?: string | null;
  error_hint?: string | null;
}

export interface JobOrder {
  job_id: string;
  kind: string;
  project_id: string;
  session_id: string | null;
  path: string;
  request: Record<string, unknown>;
}

export interface KeptTranscript {
  size_bytes: number;
  run_id: string;
  stored_at: string;
}

export interface Limits {
  timeout_seconds?: number | null;
  queue_timeout_seconds?: number | null;
  no_match_seconds?: number | null;
  max_turns?: number | null;
  budget_microdollars?: number | null;
  budget_tokens?: number | null;
}

export interface Location {
  hostname: string;
  path: string;
  runner_ids: string[];
}

export interface LogIn {
  code: string;
}

export interface LoginLink {
  code: string;
  expires_at: string;
}

export interface LoginState {
  me: Me | null;
  person: string | null;
}

export interface McpServer {
  type?: "http" | "sse" | "stdio" | null;
  url?: string | null;
  headers?: Record<string, string>;
  command?: string | null;
  args?: string[];
  env?: Record<string, string>;
}

export interface Me {
  token_id: string;
  kind: string;
  project_id: string | null;
  session_id: string | null;
  runner_id: string | null;
}

export interface MessageOrder {
  run_id: string;
  attempt: number;
  message_id: string;
  text: string;
}

export interface MessageSent {
  message_id: string;
  session_id: string;
  run_id: string;
  delivery: "live" | "resume";
}

export interface Milestone {
  milestone_id: string;
  project_id: string;
  number: number;
  title: string;
  state: string;
  session_id: string | null;
  lifecycle: string | null;
  next_step: string | null;
  summary: string | null;
  tasks: Task[];
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
}

export interface NewIssue {
  title: string;
  body?: string;
}

export interface NewMilestone {
  project_id: string;
  title: string;
  tasks?: number[];
}

export interface NotLaunched {
  runner_id: string;
  epoch: number;
  attempt: number;
  code?: string;
  message?: string;
  retry?: boolean;
}

export interface Nothing {
}

export interface PollAnswer {
  runs: Claim[];
  stops: StopOrder[];
  stale: AttemptRef[];
  decisions: DecisionOrder[];
  messages: MessageOrder[];
  jobs: JobOrder[];
  draining: boolean;
}

export interface PostDelta {
  run_id: string;
  attempt: number;
  message_key: string;
  offset: number;
  text: string;
}

export interface PostEvents {
  events: PostedEvent[];
  run_id?: string | null;
  attempt?: number | null;
  runner_id?: string | null;
  epoch?: number | null;
}

export interface PostedEvent {
  client_key: string;
  type: string;
  payload?: unknown;
  source_at?: number | null;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: "address_in_use" | "agent_exists" | "agent_inactive" | "agent_not_found" | "agent_read_only" | "ambiguous_agent" | "ambiguous_reference" | "answer_unknown" | "approval_changed" | "approval_decided" | "approval_expired" | "approval_not_found" | "backup_failed" | "binding_conflict" | "binding_not_found" | "budget_fixed" | "budget_insufficient" | "budget_unpriced" | "callback_not_deliverable" | "callback_not_found" | "callback_undeliverable" | "callback_waiting" | "callback_without_session" | "checks_fail" | "contradicting_demands" | "cross_site" | "csrf_header_missing" | "data_dir_in_use" | "database_in_use" | "database_not_ready" | "dependency_cycle" | "disk_full" | "events_missing" | "executor_session_in_use" | "forbidden" | "foreign_dependency" | "foreign_parent" | "idempotency_in_flight" | "idempotency_mismatch" | "illegal_move" | "insecure_address" | "internal" | "invalid_agent" | "invalid_cursor" | "invalid_id" | "invalid_json" | "invalid_page" | "invalid_parameters" | "invalid_request" | "invalid_schema" | "invalid_text" | "issue_conflict" | "issue_not_found" | "job_failed" | "job_not_found" | "job_taken" | "limit_reached" | "local_issues" | "location_taken" | "method_not_allowed" | "milestone_not_found" | "milestone_state" | "misdirected_request" | "no_live_run" | "no_location" | "not_forkable" | "not_found" | "not_local_tracker" | "not_portable" | "not_work" | "own_token" | "parent_not_found" | "payload_too_large" | "precondition_failed" | "precondition_required" | "project_in_use" | "project_not_found" | "prompt_is_script" | "rate_limited" | "result_not_found" | "run_not_finished" | "run_not_found" | "run_not_retryable" | "runner_busy" | "runner_known" | "runner_not_found" | "runner_superseded" | "secret_shown_once" | "session_archived" | "session_busy" | "session_external" | "session_has_children" | "session_not_found" | "stale_attempt" | "store_timeout" | "task_not_found" | "task_running" | "task_waits" | "token_not_found" | "transcript_changed" | "tree_stopping" | "unauthenticated" | "unavailable" | "unknown_executor" | "unsupported_media_type" | "work_ended" | "work_halted" | "worktree_in_use" | "worktree_missing" | "worktree_present";
  request_id: string;
  hint?: string;
  errors?: Record<string, unknown>[];
}

export interface Project {
  project_id: string;
  name: string;
  default_branch: string | null;
  remote_url: string | null;
  tracker: string;
  settings: ProjectSettings;
  locations: Location[];
  open_issues: number;
  active_sessions: number;
  created_at: string;
}

export interface ProjectSettings {
  worktree_prefix?: string | null;
  worktree_root?: string | null;
  base_branch?: string | null;
  executor_type?: string | null;
  agent_name?: string | null;
  checks?: string[];
  issue_authors?: string[];
}

export interface PutAgentFiles {
  scope: "project" | "user";
  hostname: string;
  directory: string;
  project?: string | null;
  files: AgentFile[];
  trusted?: boolean;
}

export interface PutTranscriptPart {
  run_id: string;
  attempt: number;
  runner_id: string;
  epoch: number;
  sha256: string;
  data: string;
}

export interface Register {
  hostname: string;
  project_dir: string;
  name?: string;
  credential_sha256: string;
  launch_token: string;
  roots?: string[];
  executor_types?: string[];
  script_executor_types?: string[] | null;
  tags?: string[];
  require_matching_tags?: boolean;
  slots?: number;
  version?: string;
  facts?: Record<string, unknown>;
}

export interface Registered {
  runner_id: string;
  epoch: number;
  heartbeat_seconds: number;
  lease_seconds: number;
  stop_on_runner_seconds: number;
  server_time: string;
  draining: boolean;
}

export interface RequestJob {
  kind: "diff" | "fetch_issues" | "list_worktrees" | "remove" | "ship";
  confirm?: string | null;
  options?: Record<string, unknown>;
}

export interface Result {
  session_id: string;
  run_id: string;
  status: string;
  result_text: string | null;
  result_data: unknown;
}

export interface RetryRun {
}

export interface Run {
  run_id: string;
  session_id: string;
  number: number;
  type: string;
  trigger: string;
  status: string;
  attempt: number;
  tries: number;
  executor_type: string;
  agent_name: string | null;
  agent: AgentSnapshot | null;
  prompt: string | null;
  parameters: Record<string, unknown> | null;
  demands: Record<string, unknown>;
  execution_mode: string;
  priority: number;
  limits: Record<string, unknown>;
  on_lost: string;
  repeatable: boolean;
  model: string | null;
  permission_mode: string | null;
  project_dir: string | null;
  runner_id: string | null;
  lease_expires_at: string | null;
  stop_requested_at: string | null;
  stopped_by: string | null;
  reason: string | null;
  reason_text: string | null;
  exit_code: number | null;
  error: RunError | null;
  result_text: string | null;
  result_data: unknown;
  certainty: string | null;
  task_id: string | null;
  retry_of: string | null;
  created_at: string;
  claimed_at: string | null;
  started_at: string | null;
  interrupted_at: string | null;
  ended_at: string | null;
  usage: UsageTotal;
}

export interface RunCreated {
  run_id: string;
  session_id: string;
  status: string;
}

export interface RunError {
  code: string;
  message: string;
}

export interface RunTask {
  executor_type?: string | null;
  agent_name?: string | null;
  model?: string | null;
  permission_mode?: "ask" | "edit" | "full" | "read_only" | null;
  base_branch?: string | null;
  reuse_branch?: boolean;
  new_branch?: boolean;
  hostname?: string | null;
  limits?: Limits | null;
  accept_text?: Record<string, string>;
}

export interface Runner {
  runner_id: string;
  name: string;
  hostname: string;
  project_dir: string;
  roots: string[];
  executor_types: string[];
  tags: string[];
  require_matching_tags: boolean;
  slots: number;
  live_runs: number;
  state: string;
  draining: boolean;
  version: string;
  epoch: number;
  facts: Record<string, unknown>;
  clock_skew_ms: number;
  registered_at: string;
  last_heard_at: string;
}

export interface SendMessage {
  text: string;
  delivery?: "auto" | "live" | "resume";
}

export interface ServerOfRun {
  name: string;
  type: string | null;
  url: string | null;
  headers: Record<string, string>;
  command: string | null;
  argument_count: number;
  environment: string[];
  described_by_runner: boolean;
}

export interface Session {
  session_id: string;
  status: string;
  group: string;
  title: string | null;
  agent_name: string | null;
  executor_type: string | null;
  model: string | null;
  project_id: string | null;
  milestone_id: string | null;
  parent_session_id: string | null;
  root_session_id: string;
  depth: number;
  forked_from_session_id: string | null;
  created_by: string;
  context: string;
  portable: boolean;
  labels: Record<string, string>;
  handle: string | null;
  issues: Record<string, unknown>[];
  workspace: Workspace | null;
  lifecycle: string | null;
  work: WorkState | null;
  waiting_for: string | null;
  summary: string | null;
  project_dir: string | null;
  hostname: string | null;
  binding: Binding | null;
  external: boolean;
  queued_runs: number;
  held_callbacks: number;
  run_count: number;
  latest_run_id: string | null;
  reason: string | null;
  reason_text: string | null;
  exit_code: number | null;
  last_seq: number;
  children: Children;
  usage: UsageTotal;
  budget: Budget | null;
  created_at: string;
  updated_at: string;
  last_resumed_at: string | null;
  ended_at: string | null;
  archived_at: string | null;
}

export interface SessionUsage {
  session_id: string;
  self: UsageTotal;
  subtree: UsageTotal;
  by_run: UsageGroup[];
  by_model: UsageGroup[];
  budget: Budget | null;
}

export interface SetAndRunTask {
  executor_type?: string | null;
  agent_name?: string | null;
  model?: string | null;
  permission_mode?: "ask" | "edit" | "full" | "read_only" | null;
  base_branch?: string | null;
  reuse_branch?: boolean;
  new_branch?: boolean;
  hostname?: string | null;
  limits?: Limits | null;
  accept_text?: Record<string, string>;
  task: SetTask;
}

export interface SetBudget {
  budget_microdollars?: number | null;
  budget_tokens?: number | null;
  unlimited?: ("microdollars" | "tokens")[];
}

export interface SetTask {
  project_id: string;
  number: number;
  checks?: (string | CheckText)[];
  max_iterations?: number;
  depends_on?: (number | string)[];
  context?: "fresh" | "persistent";
  milestone_id?: string | null;
}

export interface Spawn {
  executor_type?: string | null;
  agent_name?: string | null;
  model?: string | null;
  permission_mode?: "ask" | "edit" | "full" | "read_only" | null;
  base_branch?: string | null;
  reuse_branch?: boolean;
  new_branch?: boolean;
  hostname?: string | null;
  limits?: Limits | null;
  accept_text?: Record<string, string>;
  issues: number[];
  dry_run?: boolean;
}

export interface Spawned {
  session_id: string | null;
  run_id: string | null;
  job_id: string | null;
  handle: string;
  branch: string;
  directory_name: string;
  state_file: string;
  executor_type: string | null;
  dry_run: boolean;
}

export interface Started {
  runner_id: string;
  epoch: number;
  attempt: number;
  session_token_sha256: string;
  project_dir?: string | null;
  takes_messages?: boolean;
}

export interface StartedAnswer {
  ok: boolean;
  stop: boolean;
}

export interface StopOrder {
  run_id: string;
  attempt: number;
  reason: string;
}

export interface StopRun {
}

export interface StopSession {
  subtree?: boolean;
}

export interface Stopped {
  status: string;
  stopping: string[];
  cancelled: string[];
}

export interface Task {
  task_id: string;
  project_id: string;
  number: number;
  title: string;
  status: string;
  outcome: string | null;
  iteration: number;
  max_iterations: number;
  checks: (string | CheckText)[];
  depends_on: number[];
  context: "fresh" | "persistent";
  milestone_id: string | null;
  session_id: string | null;
  lifecycle: string | null;
  run_id: string | null;
  last_checks: CheckOutcome[];
  started_at: string | null;
  ended_at: string | null;
  created_at: string;
}

export interface TaskStarted {
  session_id: string;
  run_id: string;
  job_id: string | null;
  task_id: string | null;
  milestone_id: string | null;
  handle: string;
  branch: string;
}

export interface Token {
  token_id: string;
  kind: string;
  label: string;
  project_id: string | null;
  session_id: string | null;
  runner_id: string | null;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
}

export interface TokenCreated {
  token_id: string;
  token: string;
  kind: string;
}

export interface TranscriptCopy {
  executor_session_id: string;
  size_bytes: number;
  sha256: string;
  parts: string[];
  leads: boolean;
}

export interface TranscriptPart {
  sha256: string;
  data: string;
}

export interface TranscriptWanted {
  kept: boolean;
  missing: string[];
}

export interface Tree {
  session_id: string;
  root_session_id: string;
  counts: Record<string, number>;
  nodes: TreeNode[];
}

export interface TreeNode {
  session_id: string;
  parent_session_id: string | null;
  depth: number;
  status: string;
  group: string;
  title: string | null;
  agent_name: string | null;
  waiting_for: string | null;
  lifecycle: string | null;
  queued_runs: number;
  children: string[];
  usage_self: UsageTotal;
  usage_subtree: UsageTotal;
  created_at: string;
}

export interface UpdateSession {
  title?: string | null;
  labels?: Record<string, string>;
}

export interface UsageGroup {
  key: string;
  usage: UsageTotal;
  name: string | null;
}

export interface UsageReport {
  runner_id: string;
  epoch: number;
  attempt: number;
  rows?: UsageRow[];
  incomplete?: boolean;
}

export interface UsageRow {
  model: string;
  message_id: string;
  input_tokens?: number;
  output_tokens?: number;
  cache_read_tokens?: number;
  cache_creation_tokens?: number;
  turns?: number;
  cost_microdollars?: number | null;
  estimated?: boolean;
}

export interface UsageTotal {
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_creation_tokens: number;
  turns: number;
  cost_microdollars: number | null;
  estimated: boolean;
  unpriced: boolean;
}

export interface WaitingRun {
  run: Run;
  title: string | null;
  why: Why;
}

export interface Why {
  run_id: string;
  status: string;
  sentence: string;
  code: string;
  reason: string | null;
  next_step: string | null;
  demands: Record<string, unknown>;
  place_in_queue: number | null;
  waits_for_run_id: string | null;
  no_match_deadline_at: string | null;
  queue_deadline_at: string | null;
  lost_deadline_at: string | null;
  moves_at: string | null;
  runners: WhyRunner[];
}

export interface WhyReason {
  code: string;
  sentence: string;
}

export interface WhyRunner {
  runner_id: string;
  name: string;
  hostname: string;
  state: string;
  fits: boolean;
  reasons: WhyReason[];
}

export interface WorkChecks {
  state: string;
  failing: string[];
}

export interface WorkState {
  state: string;
  undo_error: string | null;
  base_branch: string | null;
  lifecycle_before: string | null;
  stuck_reason: string | null;
  ended_reason: string | null;
  pull_request_url: string | null;
  guidance: string | null;
  heartbeat_at: string | null;
  lifecycle_at: string;
  task_id: string | null;
  checks: WorkChecks | null;
  actions: string[];
  next_step: string | null;
  next_move: string | null;
}

export interface Workspace {
  hostname: string;
  path: string;
  branch: string | null;
  base_commit: string | null;
}

export interface Operations {
  "POST /sessions/{session_id}/events": { path: { "session_id": string }; query: {}; body: PostEvents; answer: EventsStored };
  "GET /sessions/{session_id}/events": { path: { "session_id": string }; query: { "page"?: string; "limit"?: number; "after"?: number; "types"?: string }; body: undefined; answer: EventPage };
  "POST /sessions/{session_id}/deltas": { path: { "session_id": string }; query: {}; body: PostDelta; answer: undefined };
  "POST /sessions/{session_id}/bind": { path: { "session_id": string }; query: {}; body: Bind; answer: Binding };
  "POST /sessions/{session_id}/transcript": { path: { "session_id": string }; query: {}; body: AnnounceTranscript; answer: TranscriptWanted };
  "POST /sessions/{session_id}/transcript/parts": { path: { "session_id": string }; query: {}; body: PutTranscriptPart; answer: undefined };
  "GET /sessions/{session_id}/transcript/parts": { path: { "session_id": string }; query: { "run_id": string; "attempt": number; "sha256": string }; body: undefined; answer: TranscriptPart };
  "GET /runner/runs": { path: {}; query: { "runner_id": string; "epoch": number; "wait"?: number; "slots"?: number }; body: undefined; answer: PollAnswer };
  "POST /runner/heartbeat": { path: {}; query: {}; body: Heartbeat; answer: HeartbeatAnswer };
  "POST /runner/register": { path: {}; query: {}; body: Register; answer: Registered };
  "POST /runner/deregister": { path: {}; query: {}; body: Deregister; answer: undefined };
  "POST /runner/runs/{run_id}/started": { path: { "run_id": string }; query: {}; body: Started; answer: StartedAnswer };
  "POST /runner/runs/{run_id}/not_launched": { path: { "run_id": string }; query: {}; body: NotLaunched; answer: EndedAnswer };
  "POST /runner/runs/{run_id}/usage": { path: { "run_id": string }; query: {}; body: UsageReport | ExternalUsage; answer: EndedAnswer };
  "POST /runner/runs/{run_id}/approvals": { path: { "run_id": string }; query: {}; body: ApprovalRequest; answer: Approval };
  "POST /runner/runs/{run_id}/approvals/settled": { path: { "run_id": string }; query: {}; body: ApprovalSettled; answer: Approval };
  "POST /runner/jobs/{job_id}": { path: { "job_id": string }; query: {}; body: JobEnded; answer: Job };
  "POST /runner/runs/{run_id}/completed": { path: { "run_id": string }; query: {}; body: Ended | ExternalEnd; answer: EndedAnswer };
  "POST /runner/runs/{run_id}/failed": { path: { "run_id": string }; query: {}; body: Ended | ExternalEnd; answer: EndedAnswer };
  "POST /runner/runs/{run_id}/stopped": { path: { "run_id": string }; query: {}; body: Ended | ExternalEnd; answer: EndedAnswer };
  "POST /runs": { path: {}; query: {}; body: CreateRun; answer: RunCreated };
  "GET /runs": { path: {}; query: { "page"?: string; "limit"?: number; "status"?: "claimed" | "completed" | "failed" | "interrupted" | "pending" | "running" | "stopped"; "session_id"?: string; "runner_id"?: string }; body: undefined; answer: Page<Run> };
  "GET /runs/{run_id}": { path: { "run_id": string }; query: {}; body: undefined; answer: Run };
  "GET /runs/{run_id}/wait": { path: { "run_id": string }; query: { "timeout"?: number }; body: undefined; answer: Run };
  "GET /runs/{run_id}/why": { path: { "run_id": string }; query: {}; body: undefined; answer: Why };
  "GET /runs/{run_id}/agent": { path: { "run_id": string }; query: {}; body: undefined; answer: AgentOfRun };
  "GET /queue": { path: {}; query: { "page"?: string; "limit"?: number }; body: undefined; answer: Page<WaitingRun> };
  "POST /runs/{run_id}/stop": { path: { "run_id": string }; query: {}; body: StopRun; answer: Stopped };
  "POST /runs/{run_id}/retry": { path: { "run_id": string }; query: {}; body: RetryRun; answer: RunCreated };
  "GET /board": { path: {}; query: { "limit"?: number; "project"?: string }; body: undefined; answer: Board };
  "GET /sessions": { path: {}; query: { "page"?: string; "limit"?: number; "status"?: "failed" | "finished" | "interrupted" | "pending" | "running" | "stopped" | "stopping"; "agent_name"?: string; "parent_session_id"?: string; "root_session_id"?: string; "project"?: string; "work"?: boolean; "lifecycle"?: "active" | "cancelled" | "complete" | "deleted" | "paused" | "planning" | "planning_complete" | "pr_ready" | "registered" | "reviews_in_progress" | "shipping" | "stuck" | "working"; "ref"?: string; "q"?: string }; body: undefined; answer: Page<Session> };
  "POST /sessions": { path: {}; query: {}; body: CreateExternalSession; answer: ExternalSession };
  "POST /sessions/import": { path: {}; query: {}; body: ImportLog; answer: Session };
  "GET /sessions/{session_id}": { path: { "session_id": string }; query: {}; body: undefined; answer: Session };
  "PATCH /sessions/{session_id}": { path: { "session_id": string }; query: {}; body: UpdateSession; answer: Session };
  "DELETE /sessions/{session_id}": { path: { "session_id": string }; query: {}; body: undefined; answer: undefined };
  "GET /sessions/{session_id}/runs": { path: { "session_id": string }; query: { "page"?: string; "limit"?: number }; body: undefined; answer: Page<Run> };
  "GET /sessions/{session_id}/bindings": { path: { "session_id": string }; query: { "page"?: string; "limit"?: number }; body: undefined; answer: Page<Binding> };
  "GET /sessions/{session_id}/tree": { path: { "session_id": string }; query: {}; body: undefined; answer: Tree };
  "GET /sessions/{session_id}/usage": { path: { "session_id": string }; query: {}; body: undefined; answer: SessionUsage };
  "POST /sessions/{session_id}/budget": { path: { "session_id": string }; query: {}; body: SetBudget; answer: BudgetChanged };
  "GET /sessions/{session_id}/result": { path: { "session_id": string }; query: {}; body: undefined; answer: Result };
  "GET /sessions/{session_id}/affinity": { path: { "session_id": string }; query: {}; body: undefined; answer: Affinity };
  "POST /sessions/{session_id}/messages": { path: { "session_id": string }; query: {}; body: SendMessage; answer: MessageSent };
  "POST /sessions/{session_id}/jobs": { path: { "session_id": string }; query: {}; body: RequestJob; answer: Job };
  "GET /sessions/{session_id}/diff": { path: { "session_id": string }; query: {}; body: undefined; answer: DiffText };
  "POST /sessions/{session_id}/lifecycle": { path: { "session_id": string }; query: {}; body: ChangeLifecycle; answer: Session };
  "GET /sessions/{session_id}/guidance": { path: { "session_id": string }; query: { "page"?: string; "limit"?: number }; body: undefined; answer: Page<Guidance> };
  "POST /sessions/{session_id}/fork": { path: { "session_id": string }; query: {}; body: ForkSession; answer: RunCreated };
  "POST /sessions/{session_id}/stop": { path: { "session_id": string }; query: {}; body: StopSession; answer: Stopped };
  "POST /sessions/{session_id}/archive": { path: { "session_id": string }; query: {}; body: Nothing; answer: Session };
  "POST /sessions/{session_id}/unarchive": { path: { "session_id": string }; query: {}; body: Nothing; answer: Session };
  "GET /approvals": { path: {}; query: { "page"?: string; "limit"?: number; "status"?: "allowed" | "denied" | "expired" | "pending"; "session_id"?: string }; body: undefined; answer: Page<Approval> };
  "POST /approvals/{approval_id}/decide": { path: { "approval_id": string }; query: {}; body: Decide; answer: Approval };
  "POST /approvals/{approval_id}/ask_again": { path: { "approval_id": string }; query: {}; body: Nothing; answer: Approval };
  "GET /callbacks": { path: {}; query: { "page"?: string; "limit"?: number; "status"?: "accepted" | "assigned" | "held" | "undeliverable" | "waiting"; "session_id"?: string }; body: undefined; answer: Page<Callback> };
  "POST /callbacks/{callback_id}/deliver": { path: { "callback_id": string }; query: {}; body: Nothing; answer: Callback };
  "GET /agents": { path: {}; query: { "page"?: string; "limit"?: number; "project_dir"?: string }; body: undefined; answer: Page<AgentListed> };
  "POST /agents": { path: {}; query: {}; body: CreateAgent; answer: Agent };
  "PUT /agents": { path: {}; query: {}; body: PutAgentFiles; answer: AgentFilesTaken };
  "GET /agents/{name}": { path: { "name": string }; query: { "project_dir"?: string; "scope"?: "api" | "project" | "user" }; body: undefined; answer: Agent };
  "PUT /agents/{name}": { path: { "name": string }; query: {}; body: ChangeAgent; answer: Agent };
  "DELETE /agents/{name}": { path: { "name": string }; query: {}; body: undefined; answer: undefined };
  "GET /projects": { path: {}; query: { "page"?: string; "limit"?: number; "name"?: string; "hostname"?: string; "path"?: string }; body: undefined; answer: Page<Project> };
  "POST /projects": { path: {}; query: {}; body: AddProject; answer: Project };
  "GET /projects/{project_id}": { path: { "project_id": string }; query: {}; body: undefined; answer: Project };
  "PATCH /projects/{project_id}": { path: { "project_id": string }; query: {}; body: ChangeProject; answer: Project };
  "DELETE /projects/{project_id}": { path: { "project_id": string }; query: {}; body: undefined; answer: undefined };
  "DELETE /projects/{project_id}/locations": { path: { "project_id": string }; query: { "hostname": string; "path": string }; body: undefined; answer: Project };
  "GET /projects/{project_id}/issues": { path: { "project_id": string }; query: { "page"?: string; "limit"?: number; "state"?: "closed" | "open"; "q"?: string }; body: undefined; answer: Page<Issue> };
  "POST /projects/{project_id}/issues": { path: { "project_id": string }; query: {}; body: NewIssue; answer: Issue };
  "GET /projects/{project_id}/issues/{number}": { path: { "project_id": string; "number": number }; query: {}; body: undefined; answer: Issue };
  "PATCH /projects/{project_id}/issues/{number}": { path: { "project_id": string; "number": number }; query: {}; body: ChangeIssue; answer: Issue };
  "POST /projects/{project_id}/spawn": { path: { "project_id": string }; query: {}; body: Spawn; answer: Spawned };
  "POST /projects/{project_id}/jobs": { path: { "project_id": string }; query: {}; body: RequestJob; answer: Job };
  "GET /jobs/{job_id}": { path: { "job_id": string }; query: {}; body: undefined; answer: Job };
  "GET /jobs/{job_id}/wait": { path: { "job_id": string }; query: { "timeout"?: number }; body: undefined; answer: Job };
  "GET /tasks": { path: {}; query: { "page"?: string; "limit"?: number; "project_id"?: string; "milestone_id"?: string; "number"?: number }; body: undefined; answer: Page<Task> };
  "POST /tasks": { path: {}; query: {}; body: SetTask; answer: Task };
  "POST /tasks/run": { path: {}; query: {}; body: SetAndRunTask; answer: TaskStarted };
  "GET /tasks/{task_id}": { path: { "task_id": string }; query: {}; body: undefined; answer: Task };
  "POST /tasks/{task_id}/run": { path: { "task_id": string }; query: {}; body: RunTask; answer: TaskStarted };
  "GET /milestones": { path: {}; query: { "page"?: string; "limit"?: number; "project_id"?: string; "number"?: number }; body: undefined; answer: Page<Milestone> };
  "POST /milestones": { path: {}; query: {}; body: NewMilestone; answer: Milestone };
  "GET /milestones/{milestone_id}": { path: { "milestone_id": string }; query: {}; body: undefined; answer: Milestone };
  "POST /milestones/{milestone_id}/start": { path: { "milestone_id": string }; query: {}; body: RunTask; answer: TaskStarted };
  "POST /milestones/{milestone_id}/end": { path: { "milestone_id": string }; query: {}; body: EndMilestone; answer: Milestone };
  "GET /runners": { path: {}; query: { "page"?: string; "limit"?: number }; body: undefined; answer: Page<Runner> };
  "GET /runners/{runner_id}": { path: { "runner_id": string }; query: {}; body: undefined; answer: Runner };
  "DELETE /runners/{runner_id}": { path: { "runner_id": string }; query: {}; body: undefined; answer: undefined };
  "POST /runners/{runner_id}/drain": { path: { "runner_id": string }; query: {}; body: Nothing; answer: Runner };
  "POST /runners/{runner_id}/resume": { path: { "runner_id": string }; query: {}; body: Nothing; answer: Runner };
  "GET /usage": { path: {}; query: { "page"?: string; "limit"?: number; "group_by"?: "agent" | "day" | "executor" | "milestone" | "model" | "project" | "run" | "runner" | "session" | "tree" | "user"; "from"?: string; "to"?: string; "within"?: string; "session_id"?: string; "order"?: "cost" | "key" }; body: undefined; answer: Page<UsageGroup> };
  "GET /tokens": { path: {}; query: { "page"?: string; "limit"?: number }; body: undefined; answer: Page<Token> };
  "POST /tokens": { path: {}; query: {}; body: CreateToken; answer: TokenCreated | unknown };
  "GET /tokens/self": { path: {}; query: {}; body: undefined; answer: Me };
  "DELETE /tokens/{token_id}": { path: { "token_id": string }; query: {}; body: undefined; answer: Token };
  "POST /login/links": { path: {}; query: {}; body: Nothing; answer: LoginLink };
  "GET /login": { path: {}; query: {}; body: undefined; answer: LoginState };
  "POST /login": { path: {}; query: {}; body: LogIn; answer: Me };
  "POST /logout": { path: {}; query: {}; body: Nothing; answer: undefined };
  "GET /healthz": { path: {}; query: {}; body: undefined; answer: Health };
  "GET /readyz": { path: {}; query: {}; body: undefined; answer: Health };
}

export const EVENT_TYPES = ["run_start", "run_completed", "pre_tool", "post_tool", "message", "result", "session_created", "session_bound", "session_updated", "run_queued", "run_claimed", "run_interrupted", "run_reconnected", "stop_requested", "callback_waiting", "callback_assigned", "callback_accepted", "callback_held", "callback_undeliverable", "approval_requested", "approval_decided", "approval_expired", "lifecycle_changed", "guidance", "check_started", "check_completed", "budget_changed", "usage", "note", "output"] as const;
