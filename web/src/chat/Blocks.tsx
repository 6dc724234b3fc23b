// How each part of a conversation looks.
import { memo, useState } from "react";
import { call, newKey } from "../api/client";
import type { Run, Session } from "../api/schema";
import { argument } from "../live/board";
import type { ToolItem } from "../live/timeline";
import { Link } from "../navigation";
import { approvalOf, Folded, Thought, Tool } from "../pages/session/Items";
import { useAction } from "../parts/actions";
import { ApprovalCard } from "../parts/ApprovalCard";
import { count, moment, nameOf, short, timeOfDay } from "../parts/format";
import { inert } from "../parts/inert";
import { Markdown } from "../parts/Markdown";
import { withNames } from "../parts/Named";
import { Age, Button, Line, Money, SessionState, State, Took, Tokens } from "../parts/Parts";
import type { Block, Child, Context, Footer, Said, Tools, Unheard } from "./conversation";
import css from "./Chat.module.css";

interface Props {
  block: Block;
  session: Session;
  runs: ReadonlyMap<string, Run>;
  /** Whether the dashboard is around it. */
  inside: boolean;
  /** Puts a text into the box, to be said again. */
  onTakeBack: (text: string) => void;
}

export function BlockView(props: Props) {
  return <div className={css.block}>{body(props)}</div>;
}

function body({ block, session, runs, inside, onTakeBack }: Props) {
  switch (block.kind) {
    case "said": return <SaidView said={block} agent={session.agent_name} />;
    case "unheard": return <UnheardView unheard={block} onTakeBack={onTakeBack} />;
    case "thought": return <Thought text={block.text} />;
    case "tools": return <ToolsView tools={block} />;
    case "approval": return <ApprovalCard approval={approvalOf(block.item.id, block.item.payload, block.item.at)} decision={block.item.decision} />;
    case "child": return <ChildCard child={block} inside={inside} />;
    case "footer": return <FooterView footer={block} session={session} run={block.run_id ? runs.get(block.run_id) : undefined} />;
    case "note": return <p className={css.note} dir="auto">{inert(block.text)}</p>;
  }
}

const ASKERS: Record<string, string> = { callback: "A child's result", guidance: "Guidance", check: "Checks", checks: "Checks", retry: "Again" };

const SaidView = memo(function SaidView({ said, agent }: { said: Said; agent: string | null }) {
  if (said.from === "agent") {
    return (
      <div className={css.agent}>
        <span className="unseen">{agent ? inert(agent) : "Agent"}: </span>
        <Markdown text={said.text} />
        {said.partial && <span className={css.writing} aria-label="is being written">▍</span>}
      </div>
    );
  }
  const person = said.from === "person";
  return (
    <div className={person ? css.person : css.other} title={said.at ? moment(said.at) : undefined}>
      {person ? <span className="unseen">You: </span> : <div className={css.asker}>{ASKERS[said.from] ?? inert(said.from.replaceAll("_", " "))}</div>}
      <Folded text={inert(said.text)} prose />
    </div>
  );
}, (one, other) => one.said.text === other.said.text && one.said.partial === other.said.partial && one.said.from === other.said.from);

function UnheardView({ unheard, onTakeBack }: { unheard: Unheard; onTakeBack: (text: string) => void }) {
  return (
    <div className={`${css.person} ${css.waiting}`}>
      <span className="unseen">You: </span>
      <div className={css.prose} dir="auto">{inert(unheard.text)}</div>
      <div className={css.waitingFoot}>
        <State look={{ icon: "✕", word: "Not heard", tone: "wait" }} />
        <span>{inert(unheard.why)}</span>
        <Button look="quiet" onClick={() => onTakeBack(unheard.text)}>Say it again</Button>
      </div>
    </div>
  );
}

const opened = new Set<string>();

/** One call is its card; several are one line until somebody wants to see them. */
function ToolsView({ tools }: { tools: Tools }) {
  const [open, setOpen] = useState(opened.has(tools.key));
  const [first] = tools.items;
  const last = tools.items.at(-1);
  if (tools.items.length === 1 && first) return <Tool item={first} ended={tools.ended} />;
  const failed = tools.items.filter((one) => one.state === "error").length;
  const works = !tools.ended && last?.state === "running";
  return (
    <details className={css.tools} open={open} onToggle={(event) => {
      setOpen(event.currentTarget.open);
      if (event.currentTarget.open) opened.add(tools.key);
      else opened.delete(tools.key);
    }}>
      <summary>
        <State bare look={works ? { icon: "▶", word: `${tools.items.length} tool calls`, tone: "work" } : { icon: "✓", word: `${tools.items.length} tool calls`, tone: "good" }} />
        <span className={css.latest}><Line text={works && last ? `${last.name} ${argument(last.input)}` : namesOf(tools.items)} /></span>
        {failed > 0 && <span className={css.failed}>✕ {failed} failed</span>}
      </summary>
      {open && <div className={css.toolList}>{tools.items.map((one) => <Tool key={one.key} item={one} ended={tools.ended} />)}</div>}
    </details>
  );
}

function namesOf(items: readonly ToolItem[]): string {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item.name, (counts.get(item.name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count > 1 ? `${name} ×${count}` : name)).join(", ");
}

/** A child, as it is at the moment. */
function ChildCard({ child, inside }: { child: Child; inside: boolean }) {
  const { session } = child;
  const headline = "headline" in session && typeof session.headline === "string" ? session.headline : session.reason_text ?? session.summary ?? "";
  const content = (
    <>
      <span className={css.childHead}>
        <SessionState session={session} />
        <span className={css.childName} dir="auto">{nameOf(session)}</span>
        {session.children.total > 0 && <span className={css.soft}>{session.children.ended}/{session.children.total} children</span>}
        <span className={css.childEnd}><Money usage={session.usage} /> · <Age at={session.created_at} after=" ago" /></span>
      </span>
      <span className={css.soft}><Line text={headline || "started by this conversation"} /></span>
    </>
  );
  return inside
    ? <Link to={`/chat/${session.session_id}`} className={css.child}>{content}</Link>
    : <a href={`/ui/chat/${session.session_id}`} target="_blank" rel="noopener" className={css.child}>{content}</a>;
}

const SHORT = 300;

/** What an answer took; of a run that failed, that it did, why, and the way on. */
function FooterView({ footer, session, run }: { footer: Footer; session: Session; run: Run | undefined }) {
  const { end } = footer;
  const completed = end.reason === "completed";
  const stopped = /stopped|budget|cancel/.test(end.reason);
  // Our own sentence stands above; what is below was said by the agent.
  const told = end.error?.message ?? "";
  const says = end.reason === "stopped" || told === run?.reason_text ? "" : told;
  const models = footer.models.length > 0 ? footer.models.join(", ") : run?.model;
  return (
    <>
      {!completed && (
        <div className={stopped ? css.stopped : css.failure} role={stopped ? undefined : "alert"}>
          <State look={stopped ? { icon: "◼", word: "Stopped", tone: "wait" } : { icon: "✕", word: "Failed", tone: "bad" }} />
          <span dir="auto">{run?.reason_text ? withNames(run.reason_text, session.session_id) : inert(end.reason.replaceAll("_", " "))}</span>
          {says !== "" && <details className={css.details} open={says.length < SHORT}><summary>What it said</summary><pre tabIndex={0} dir="auto">{inert(says)}</pre>
            {end.exit_code !== null && <p>exit code {end.exit_code}</p>}</details>}
          {footer.last && <Retry session={session} runId={footer.run_id} />}
        </div>
      )}
      <p className={css.footer}>
        {models && <span>{inert(models)}</span>}
        {footer.usage && footer.usage.turns > 0 && <><Tokens usage={footer.usage} /><Money usage={footer.usage} /></>}
        {footer.context && <Held context={footer.context} />}
        {footer.started_at && <Took from={footer.started_at} to={footer.at} />}
        <time dateTime={footer.at} title={moment(footer.at)}>{timeOfDay(footer.at)}</time>
        {footer.run_id && <span className="unseen">run {short(footer.run_id)}</span>}
      </p>
    </>
  );
}

/** How full the conversation was for the model; of how much fits only the usual size is known. */
function Held({ context: { tokens, window } }: { context: Context }) {
  if (window === null) return <span title={`The last call held ${tokens} tokens.`}>context {count(tokens)}</span>;
  const share = Math.round((tokens / window) * 100);
  return <span title={`The last call held ${tokens} tokens; models of this name usually take ${window}.`}>context ~{share < 1 ? "<1" : share} %</span>;
}

function Retry({ session, runId }: { session: Session; runId: string | null }) {
  const [retry, retrying] = useAction(async () => {
    await call("POST /runs/{run_id}/retry", { path: { run_id: runId ?? "" }, idempotencyKey: newKey() });
  });
  const idle = session.queued_runs === 0 && session.group !== "working";
  if (!idle || !runId || session.archived_at || session.external) return null;
  return <Button disabled={retrying} onClick={() => void retry()}>↻ Try again</Button>;
}
