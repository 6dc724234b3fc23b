// An agent's request for permission: what exactly, where, how risky; the same card on every page. One decision stands.
import { useState } from "react";
import { call, Problem } from "../api/client";
import { useAction } from "./actions";
import { short } from "./format";
import { asText, inputText } from "./inert";
import { Age, Button, State } from "./Parts";
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
  content_hash: string;
  reason: string | null;
}

const LOOKS: Record<string, Look> = {
  allow: { icon: "✓", word: "Allowed", tone: "good" },
  allowed: { icon: "✓", word: "Allowed", tone: "good" },
  deny: { icon: "✕", word: "Denied", tone: "bad" },
  denied: { icon: "✕", word: "Denied", tone: "bad" },
  expired: { icon: "◷", word: "Expired", tone: "wait" },
};
const RISKS: Record<string, string> = {
  reads: "reads", writes: "writes in its directory", writes_elsewhere: "writes elsewhere", executes: "executes a program", unknown: "risk unknown",
};

interface Props {
  approval: AskedFor;
  decision: string | null;
  decidedBy?: string | null;
  decidedAt?: string | null;
}

/** After these there is nothing to decide here any more: another tab was quicker, or the agent does not wait. */
const OVER: Record<string, string> = { approval_decided: "decided elsewhere", approval_expired: "expired" };

export function ApprovalCard({ approval, decision: told, decidedBy = null, decidedAt = null }: Props) {
  const [reason, setReason] = useState("");
  const [over, setOver] = useState<string | null>(null);
  const [decide, busy] = useAction(async (chosen: "allow" | "deny") => {
    const body = { decision: chosen, content_hash: approval.content_hash, ...(reason ? { reason } : {}) };
    try {
      await call("POST /approvals/{approval_id}/decide", { path: { approval_id: approval.approval_id }, body });
    } catch (error) {
      if (error instanceof Problem) setOver(OVER[error.code] ?? null);
      throw error;
    }
    setOver(chosen);
    return chosen === "allow" ? "Allowed." : "Denied; the agent is told and goes on without.";
  });
  const decision = told ?? over;
  const by = decidedBy && <>by <code title={decidedBy}>…{short(decidedBy)}</code></>;
  return (
    <div className={`${css.card} ${decision ? css.settled : ""}`}>
      <div className={css.head} role="status">
        {decision ? <State look={LOOKS[decision] ?? { icon: "•", word: decision, tone: "wait" }} /> : <State look={{ icon: "!", word: "Needs approval", tone: "need" }} />}
        <code>{asText(approval.tool_name)}</code>
        <span className={css.soft}>{RISKS[approval.risk] ?? approval.risk}</span>
        {!decision && <span className={css.soft}><Age at={approval.requested_at} before="waits " /></span>}
        {decision && (by || decidedAt) && <span className={css.soft}>{by} {decidedAt && <Age at={decidedAt} after=" ago" />}</span>}
        {decision === "expired" && <span className={css.soft}>The agent does not wait for it any more.</span>}
      </div>
      {approval.description && !approval.description.startsWith(`${approval.tool_name} {`) && <p dir="auto">{asText(approval.description)}</p>}
      <Asked input={approval.tool_input} />
      {approval.project_dir && <p className={css.soft}>in <code>{asText(approval.project_dir)}</code></p>}
      {decision ? approval.reason && <p className={css.soft}>{asText(approval.reason)}</p> : (
        <div className={css.decide}>
          <Button look="primary" data-decide="allow" disabled={busy} onClick={() => void decide("allow")}>Allow once</Button>
          <Button look="danger" data-decide="deny" disabled={busy} onClick={() => void decide("deny")}>Deny</Button>
          <input aria-label="Reason, told to the agent" placeholder="Reason, told to the agent" value={reason} maxLength={4000} onChange={(event) => setReason(event.target.value)} />
        </div>
      )}
    </div>
  );
}

/** An edit as what goes and what comes, everything else as it is. */
function Asked({ input }: { input: unknown }) {
  const given = input && typeof input === "object" ? (input as Record<string, unknown>) : {};
  const { old_string: before, new_string: after, file_path: path, ...rest } = given;
  if (typeof before !== "string" || typeof after !== "string") return <pre tabIndex={0} dir="auto">{inputText(input)}</pre>;
  return (
    <>
      {path !== undefined && <p><code>{asText(path)}</code></p>}
      <pre tabIndex={0} dir="auto">
        {asText(before).split("\n").map((line, index) => <span key={index} className={css.gone}>{`- ${line}\n`}</span>)}
        {asText(after).split("\n").map((line, index) => <span key={index} className={css.comes}>{`+ ${line}\n`}</span>)}
      </pre>
      {Object.keys(rest).length > 0 && <pre tabIndex={0} dir="auto">{asText(rest)}</pre>}
    </>
  );
}
