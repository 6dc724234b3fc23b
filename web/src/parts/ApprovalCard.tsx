// An agent's request for permission: what exactly, where, how risky, and what a decision for the session would allow; the
// same card on every page. One decision stands.
import { useState, type KeyboardEvent } from "react";
import { call, Problem } from "../api/client";
import type { Operations } from "../api/schema";
import { tell, useAction } from "./actions";
import { short } from "./format";
import { asText, callOf, exact, inputText, type CommandCall } from "./inert";
import { Age, Button, State } from "./Parts";
import { Answers, Plan, Questions } from "./QuestionCard";
import { planOf, questionsOf } from "./questions";
import type { Look } from "./states";
import css from "./ApprovalCard.module.css";

export interface AskedFor {
  approval_id: string;
  requested_at: string;
  tool_name: string;
  tool_input: unknown;
  description: string;
  project_dir: string | null;
  risk: string;
  /** What makes it dangerous, in the coordinator's words. */
  risk_notes: readonly string[];
  content_hash: string;
  /** What a decision for the session would allow; null where it holds once. */
  session_allows: string | null;
  scope: string;
  granted_by: string | null;
  decided_by: string | null;
  decided_by_label: string | null;
  decided_at: string | null;
  reason: string | null;
  updated_input: unknown;
}

const LOOKS: Record<string, Look> = {
  allow: { icon: "✓", word: "Allowed", tone: "good" },
  allowed: { icon: "✓", word: "Allowed", tone: "good" },
  deny: { icon: "✕", word: "Denied", tone: "bad" },
  denied: { icon: "✕", word: "Denied", tone: "bad" },
  expired: { icon: "◷", word: "Expired", tone: "wait" },
};
const ANSWERS: Record<string, Look> = {
  allow: { icon: "✓", word: "Answered", tone: "good" }, allowed: { icon: "✓", word: "Answered", tone: "good" },
  deny: { icon: "✕", word: "Not answered", tone: "wait" }, denied: { icon: "✕", word: "Not answered", tone: "wait" },
};
const RISKS: Record<string, string> = {
  reads: "reads", writes: "writes in its directory", writes_elsewhere: "writes elsewhere", executes: "executes a program", dangerous: "dangerous", unknown: "risk unknown",
};
/** After these there is nothing to decide here any more: another tab was quicker, or the agent does not wait. */
const OVER: Record<string, string> = { approval_decided: "decided elsewhere", approval_expired: "expired" };
const DECLINED = "The person did not answer the question.";

type Decision = Operations["POST /approvals/{approval_id}/decide"]["body"];
type Wanted = Pick<Decision, "decision"> & Partial<Decision>;

/** Who decided, and when, stands on the card: the refusal's ids and times are for programs. */
function tooLate({ status, code, hint, errors }: Problem): Problem {
  const decided = LOOKS[asText(errors[0]?.status)]?.word.toLowerCase() ?? "decided";
  return new Problem(status, code, `Somebody was faster: it is ${decided} already.`, hint);
}

export function ApprovalCard({ approval, decision: told }: { approval: AskedFor; decision: string | null }) {
  const [over, setOver] = useState<Wanted["decision"] | string | null>(null);
  const [decide, busy] = useAction(async (wanted: Wanted) => {
    try {
      await call("POST /approvals/{approval_id}/decide", { path: { approval_id: approval.approval_id }, body: { content_hash: approval.content_hash, ...wanted } });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setOver(OVER[error.code] ?? null);
      throw error.code === "approval_decided" ? tooLate(error) : error;
    }
    setOver(wanted.decision);
    if (wanted.decision === "deny") return "The agent is told, and goes on without.";
    return wanted.scope === "session" ? "Allowed for the rest of the session." : wanted.updated_input ? "Answered." : "Allowed.";
  });
  const decision = told ?? over;
  const questions = questionsOf(approval.tool_name, approval.tool_input);
  const plan = planOf(approval.tool_name, approval.tool_input);
  const deny = (reason: string) => void decide({ decision: "deny", ...(reason ? { reason } : {}) });
  return (
    <div className={`${css.card} ${decision ? css.settled : ""}`} data-settled={decision ? "" : undefined}>
      <Head approval={approval} decision={decision} asks={questions !== null} plans={plan !== null} />
      {!questions && plan === null && <Asked approval={approval} />}
      {questions && (decision ? <Answers questions={questions} answers={(approval.updated_input as { answers?: unknown } | null)?.answers} />
        : <Questions input={approval.tool_input} questions={questions} busy={busy} onDecline={() => deny(DECLINED)}
            onAnswer={(updated_input) => void decide({ decision: "allow", updated_input })} />)}
      {plan !== null && <Plan plan={plan} open={!decision} busy={busy} onApprove={() => void decide({ decision: "allow" })} onChange={deny} />}
      {decision ? <Settled approval={approval} /> : !questions && plan === null && (
        <Decide approval={approval} busy={busy} onAllow={(scope) => void decide({ decision: "allow", scope })} onDeny={deny} />
      )}
    </div>
  );
}

function Head({ approval, decision, asks, plans }: { approval: AskedFor; decision: string | null; asks: boolean; plans: boolean }) {
  const by = approval.decided_by_label ? asText(approval.decided_by_label) : approval.decided_by && <code>…{short(approval.decided_by)}</code>;
  const look = decision ? ((asks && ANSWERS[decision]) || LOOKS[decision]) ?? { icon: "•", word: decision, tone: "wait" as const }
    : { icon: "!", word: asks ? "Asks you" : plans ? "Has a plan" : "Needs approval", tone: "need" as const };
  return (
    <div className={css.head} role="status">
      <State look={look} />
      {!asks && !plans && <code>{asText(approval.tool_name)}</code>}
      {!asks && !plans && <Risk approval={approval} />}
      {!decision && <span className={css.soft}><Age at={approval.requested_at} before="waits " /></span>}
      {decision && approval.granted_by && <span className={css.soft}>by what was allowed for the session</span>}
      {decision && (by || approval.decided_at) && (
        <span className={css.soft} title={approval.decided_by ?? undefined}>{by && <>by {by} </>}{approval.decided_at && <Age at={approval.decided_at} after=" ago" />}</span>
      )}
      {decision === "expired" && <span className={css.soft}>The agent does not wait for it any more.</span>}
    </div>
  );
}

/** What is recognised of it; where nothing is, that is not called safe. */
function Risk({ approval: { risk, risk_notes: notes } }: { approval: AskedFor }) {
  if (notes.length === 0) return <span className={css.soft}>{RISKS[risk] ?? asText(risk)}</span>;
  return <strong className={css.danger}><span aria-hidden="true">⚠</span> dangerous: {notes.map(asText).join("; ")}</strong>;
}

/** The exact call, and where it would happen. */
function Asked({ approval }: { approval: AskedFor }) {
  const { description, tool_name: name } = approval;
  return (
    <>
      {description && !description.startsWith(`${name} {`) && description !== callOf(approval.tool_input)?.said && <p dir="auto">{asText(description)}</p>}
      <Input input={approval.tool_input} />
      {approval.project_dir && <p className={css.soft}>in <code>{asText(approval.project_dir)}</code></p>}
    </>
  );
}

interface DecideProps {
  approval: AskedFor;
  busy: boolean;
  onAllow: (scope: "once" | "session") => void;
  onDeny: (reason: string) => void;
}

function Decide({ approval, busy, onAllow, onDeny }: DecideProps) {
  const [reason, setReason] = useState("");
  const { session_allows: allows } = approval;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.nativeEvent.isComposing || busy || !reason.trim()) return;
    event.preventDefault();
    onDeny(reason.trim());
  };
  return (
    <>
      <div className={css.decide}>
        <Button look="primary" data-decide="allow" disabled={busy} onClick={() => onAllow("once")}>Allow once</Button>
        {allows && <Button data-decide="session" disabled={busy} title={asText(allows)} onClick={() => onAllow("session")}>Allow for this session</Button>}
        <Button look="danger" data-decide="deny" disabled={busy} onClick={() => onDeny(reason.trim())}>Deny</Button>
        <input dir="auto" aria-label="Reason, told to the agent" placeholder="Reason, told to the agent" value={reason} maxLength={4000} title="Enter denies with this reason"
          onChange={(event) => setReason(event.target.value)} onKeyDown={onKeyDown} />
      </div>
      {allows && <p className={css.soft}>For this session allows: {asText(allows)}</p>}
    </>
  );
}

/** Why it was decided so, and what of it still holds. */
function Settled({ approval }: { approval: AskedFor }) {
  const [ended, setEnded] = useState(false);
  const [end, ending] = useAction(async () => {
    await call("POST /approvals/{approval_id}/ask_again", { path: { approval_id: approval.approval_id }, body: {} });
    setEnded(true);
    tell("The agent asks again from now on.");
  });
  return (
    <>
      {approval.reason && <p className={css.soft} dir="auto">{asText(approval.reason)}</p>}
      {approval.scope === "session" && !ended && (
        <div className={css.decide}>
          <p className={css.soft}>Allowed for this session: {asText(approval.session_allows)}</p>
          <Button look="quiet" disabled={ending} onClick={() => void end()}>Ask again</Button>
        </div>
      )}
    </>
  );
}

/** An edit as what goes and what comes, a command as it is with what the agent says of it, everything else as JSON. */
export function Input({ input }: { input: unknown }) {
  const given = input && typeof input === "object" ? (input as Record<string, unknown>) : {};
  const call = callOf(input);
  if (call) return <Command {...call} />;
  const { old_string: before, new_string: after, file_path: path, ...rest } = given;
  if (typeof before !== "string" || typeof after !== "string") return <pre tabIndex={0} dir="auto">{inputText(input)}</pre>;
  return (
    <>
      {path !== undefined && <p><code>{asText(path)}</code></p>}
      <pre tabIndex={0} dir="auto">
        {exact(before).split("\n").map((line, index) => <span key={index} className={css.gone}>{`- ${line}\n`}</span>)}
        {exact(after).split("\n").map((line, index) => <span key={index} className={css.comes}>{`+ ${line}\n`}</span>)}
      </pre>
      {Object.keys(rest).length > 0 && <pre tabIndex={0} dir="auto">{asText(rest)}</pre>}
    </>
  );
}

function Command({ command, said, rest }: CommandCall) {
  return (
    <>
      <pre tabIndex={0} dir="auto" aria-label="Command">{exact(command)}</pre>
      {said && <p className={css.soft} dir="auto">The agent says of it: {asText(said)}</p>}
      {rest && <pre tabIndex={0} dir="auto" aria-label="Given besides">{asText(rest)}</pre>}
    </>
  );
}
