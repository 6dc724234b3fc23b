// What stands on a timeline: runs, messages, tool calls, approvals, results, and everything else as what it says.
import { memo, useState, type ReactNode } from "react";
import type { Session } from "../../api/schema";
import { argument } from "../../live/board";
import { sentenceOf } from "../../live/eventSentences";
import type { EndItem, Item, MessageItem, NoteItem, ResultItem, RunItem, ToolItem } from "../../live/timeline";
import { Link } from "../../navigation";
import { ApprovalCard, Input as Edit, type AskedFor } from "../../parts/ApprovalCard";
import { count, duration, moment, money, short, size, timeOfDay, unfolding } from "../../parts/format";
import { asText, callOf, exact, inert, inputText } from "../../parts/inert";
import { CutNote, Markdown } from "../../parts/Markdown";
import { Named } from "../../parts/Named";
import { Button, Line, State, Took, useCopy } from "../../parts/Parts";
import css from "./Items.module.css";

interface Props {
  item: Item;
  session: Session;
  marked: boolean;
  onLink: () => void;
}

export const ItemView = memo(function ItemView({ item, session, marked, onLink }: Props) {
  return (
    <div className={`${css.item} ${css[item.kind] ?? ""} ${marked ? css.marked : ""}`}>
      {item.at ? (
        <button type="button" className={css.time} onClick={onLink} title={`${moment(item.at)} – event ${item.seq}; click for its address`}>
          {timeOfDay(item.at)}
        </button>
      ) : <span className={css.time}>now</span>}
      <div className={css.body}><Body item={item} session={session} /></div>
    </div>
  );
}, (one, other) => one.item === other.item && one.marked === other.marked && one.session.status === other.session.status);

function Body({ item, session }: { item: Item; session: Session }): ReactNode {
  switch (item.kind) {
    case "run": return <Run item={item} />;
    case "end": return <End item={item} own={session.session_id} />;
    case "message": return <Message item={item} />;
    case "tool": return <Tool item={item} ended={session.group === "done"} />;
    case "approval": return <ApprovalCard approval={approvalOf(item.id, item.payload, item.at)} decision={item.decision} />;
    case "result": return <Result item={item} printed={session.executor_type === "command"} />;
    case "note": return <Note item={item} own={session.session_id} />;
  }
}

/** A request as the log tells it; the decision on it, when there is one, is part of the payload. */
export function approvalOf(id: string, payload: Record<string, unknown>, at: string): AskedFor {
  const text = (name: string) => (typeof payload[name] === "string" ? (payload[name] as string) : null);
  return { approval_id: id, requested_at: at, tool_name: text("tool_name") ?? "", tool_input: payload.tool_input,
    description: text("description") ?? "", project_dir: text("project_dir"), risk: text("risk") ?? "", risk_notes: Array.isArray(payload.risk_notes) ? payload.risk_notes.map(String) : [], content_hash: text("content_hash") ?? "",
    session_allows: text("session_allows"), scope: text("scope") ?? "once", granted_by: text("granted_by"), decided_by: text("by"),
    decided_by_label: text("by_label"), decided_at: text("settled_at"), reason: text("reason"), updated_input: payload.updated_input };
}

const TYPES: Record<string, string> = { start_session: "start", resume_session: "resume" };

function Run({ item }: { item: RunItem }) {
  return (
    <h2 className={css.runHead}>
      Run {item.number ?? ""}
      <span className={css.soft}>
        {[TYPES[item.type] ?? item.type, item.trigger && `by ${item.trigger}`, item.attempt && item.attempt > 1 && `attempt ${item.attempt}`].filter(Boolean).join(" · ")}
      </span>
    </h2>
  );
}

const END_LOOKS = {
  completed: { icon: "✓", word: "Completed", tone: "good" },
  stopped: { icon: "◼", word: "Stopped", tone: "wait" },
  failed: { icon: "✕", word: "Failed", tone: "bad" },
} as const;

function End({ item, own }: { item: EndItem; own: string }) {
  const look = item.reason === "completed" ? END_LOOKS.completed : /stopped|budget/.test(item.reason) ? END_LOOKS.stopped : END_LOOKS.failed;
  const word = item.reason === "completed" || item.reason === "stopped" || item.reason === "failed" ? look.word : `${look.word}: ${item.reason.replaceAll("_", " ")}`;
  return (
    <div className={css.endHead}>
      <State look={{ ...look, word }} />
      {item.exit_code !== null && <span className={css.soft}>exit code {item.exit_code}</span>}
      {item.error && item.reason !== "stopped" && <span className={css.error} dir="auto"><Named text={item.error.message ?? ""} own={own} /></span>}
    </div>
  );
}

function Message({ item }: { item: MessageItem }) {
  const user = item.role === "user";
  return (
    <div className={user ? css.user : css.assistant}>
      <span className="unseen">{user ? "Prompt" : "Agent"}: </span>
      {item.thinking && <Thought text={item.thinking} />}
      {user ? <Folded text={inert(item.text)} prose foldAt={700} /> : <Markdown text={item.missing ? `… ${item.text}` : item.text} />}
      {item.partial && <span className={css.writing} aria-label="is being written">▍</span>}
    </div>
  );
}

/** What an agent thought: there, and not in the way of what it says. */
export function Thought({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details className={css.thought} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Thought <span className={css.soft}>{size(text)}</span></summary>
      {open && <Folded text={inert(text)} prose />}
    </details>
  );
}

const TOOL_LOOKS = {
  running: { icon: "▶", word: "runs", tone: "work" },
  ok: { icon: "✓", word: "ok", tone: "good" },
  error: { icon: "✕", word: "error", tone: "bad" },
  unknown: { icon: "?", word: "no end", tone: "wait" },
} as const;

// Whether a card is open outlives its being scrolled out of sight.
const opened = new Set<string>();

export function Tool({ item, ended }: { item: ToolItem; ended: boolean }) {
  const name = `${item.run_id} ${item.key}`;
  const [open, setOpen] = useState(opened.has(name));
  const state = item.state === "running" && ended ? "unknown" : item.state;
  return (
    <details className={css.toolCard} open={open} onToggle={(event) => {
      setOpen(event.currentTarget.open);
      if (event.currentTarget.open) opened.add(name);
      else opened.delete(name);
    }}>
      <summary>
        <State look={TOOL_LOOKS[state]} bare />
        <code className={css.toolName}>{inert(item.name) || "tool"}</code>
        <span className={css.argument}><Line text={argument(item.input)} /></span>
        {exitCode(item) !== null && <span className={css.soft}>exit {exitCode(item)}</span>}
        <span className={css.soft}>{item.state === "running" && !ended ? <Took from={item.at} to={null} /> : item.duration_ms !== null ? duration(item.duration_ms) : ""}</span>
      </summary>
      {open && (
        <div className={css.toolBody}>
          {item.input !== undefined && (isEdit(item.input) ? <div><div className={css.label}>Change</div><Edit input={item.input} /></div> : <Given input={item.input} />)}
          <Sessions output={item.output} />
          {item.state !== "running" && <Labelled label={item.state === "error" ? "Error" : "Output"} text={asText(item.output)} bad={item.state === "error"} />}
        </div>
      )}
    </details>
  );
}

/** A command with its lines as they are, and below it what else was given. */
function Given({ input }: { input: unknown }) {
  const call = callOf(input);
  if (!call) return <Labelled label="Input" text={inputText(input)} />;
  const besides = { ...(call.said === null ? {} : { description: call.said }), ...call.rest };
  return (
    <>
      <Labelled label="Command" text={exact(call.command)} />
      {Object.keys(besides).length > 0 && <Labelled label="Input besides" text={asText(besides)} />}
    </>
  );
}

function isEdit(input: unknown): boolean {
  return typeof input === "object" && input !== null && "old_string" in input && "new_string" in input;
}

const EXIT = /^(?:Error: )?exit code:? (\d{1,3})\b/im;

/** The exit code of a command, where its output tells one. */
function exitCode(item: ToolItem): number | null {
  const { output } = item;
  if (output && typeof output === "object" && "exit_code" in output && typeof output.exit_code === "number") return output.exit_code;
  const found = item.state === "error" && typeof output === "string" ? EXIT.exec(output.slice(-LOOKED_THROUGH)) : null;
  return found ? Number(found[1]) : null;
}

const SESSION = /\bses_[0-9a-z]{26}\b/g;
const LOOKED_THROUGH = 4_000;
const MOST_LINKS = 4;

/** Ways to the sessions that an output names: a call that began a child leads to it. */
function Sessions({ output }: { output: unknown }) {
  const ids = [...new Set(asText(output).slice(0, LOOKED_THROUGH).match(SESSION))].slice(0, MOST_LINKS);
  if (ids.length === 0) return null;
  return <p className={css.soft}>{ids.map((id) => <Link key={id} to={`/sessions/${id}`}>Session …{short(id)} </Link>)}</p>;
}

function Labelled({ label, text, bad = false }: { label: string; text: string; bad?: boolean }) {
  const [copied, copy] = useCopy(text);
  return (
    <div>
      <div className={css.label}><span className={bad ? css.error : ""}>{label}</span><Button look="quiet" className={css.copy} onClick={copy}>{copied ? "Copied" : "Copy"}</Button></div>
      <Folded text={text} />
    </div>
  );
}

const FOLD_AT = 2_000;

/** A long text shows its beginning until it is asked for. */
export function Folded({ text, prose = false, foldAt = FOLD_AT }: { text: string; prose?: boolean; foldAt?: number }) {
  const [whole, setWhole] = useState(false);
  const long = text.length > foldAt * 1.5;
  const shown = long && !whole ? `${text.slice(0, foldAt)} …` : text;
  return (
    <>
      {prose ? <div className={css.prose} dir="auto">{shown}</div> : <pre className={css.pre} tabIndex={0} dir="auto">{shown || "(empty)"}</pre>}
      {long && <button type="button" className={css.fold} onClick={() => setWhole(!whole)}>{whole ? "Fold" : unfolding(text)}</button>}
      <CutNote text={text} />
    </>
  );
}

/** What a command printed keeps its lines. */
function Result({ item, printed }: { item: ResultItem; printed: boolean }) {
  const text = item.payload.result_text;
  if (!text && (item.payload.result_data ?? null) === null) return <p className={css.soft}>It ended without a result.</p>;
  return (
    <div className={css.resultCard}>
      <div className={css.label}>Result</div>
      {typeof text !== "string" ? <Folded text={asText(item.payload.result_data)} /> : printed ? <Folded text={inert(text)} /> : <Markdown text={text} />}
    </div>
  );
}

interface BookedRow {
  model: string;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_creation_tokens: number;
  cost_microdollars: number | null;
  estimated: boolean;
}

/** What one or a few turns of the agent were booked with. */
function Booked({ rows, incomplete }: { rows: readonly BookedRow[]; incomplete: boolean }) {
  return (
    <div className={css.noteLine}>
      <span className={css.type}>usage</span>
      {rows.map((row, index) => (
        <span key={index}>
          {inert(String(row.model))}: {count(row.input_tokens)} in, {count(row.output_tokens)} out
          {row.cache_read_tokens + row.cache_creation_tokens > 0 && `, ${count(row.cache_read_tokens)} read from and ${count(row.cache_creation_tokens)} written to the cache`}
          {" · "}<strong>{money({ ...row, turns: 0, unpriced: false })}</strong>
        </span>
      ))}
      {incomplete && <span className={css.soft}>What the last call used was never told.</span>}
    </div>
  );
}

function Note({ item, own }: { item: NoteItem; own: string }) {
  if (item.type === "usage" && Array.isArray(item.payload.rows)) return <Booked rows={item.payload.rows as BookedRow[]} incomplete={item.payload.usage_incomplete === true} />;
  const said = sentenceOf(item.type, item.payload);
  const printed = item.type === "check_completed" && typeof item.payload.tail === "string" ? item.payload.tail.trim() : "";
  if (said !== null) {
    return (
      <div className={css.noteLine}>
        <span dir="auto" className={css.prose}><Named text={said} own={own} /></span>
        {printed && <Folded text={inert(printed)} />}
      </div>
    );
  }
  const text = typeof item.payload.text === "string" ? item.payload.text : "";
  const rest = text ? "" : asText(item.payload);
  return (
    <div className={css.noteLine}>
      <span className={css.type}>{inert(item.type.replaceAll("_", " "))}</span>
      {text && <span dir="auto" className={css.prose}>{inert(text)}</span>}
      {rest && rest !== "{}" && <details><summary className={css.soft}>details</summary><Folded text={rest} /></details>}
    </div>
  );
}
