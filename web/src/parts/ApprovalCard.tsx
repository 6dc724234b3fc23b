// An agent's request for permission: what exactly, where, how risky; the same card on every page. One decision stands.
import { useState } from "react";
import { call } from "../api/client";
import { useAction } from "./actions";
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

export function ApprovalCard({ approval, decision }: { approval: AskedFor; decision: string | null }) {
  const [reason, setReason] = useState("");
  const [decide, busy] = useAction(async (chosen: "allow" | "deny") => {
    const body = { decision: chosen, content_hash: approval.content_hash, ...(reason ? { reason } : {}) };
    await call("POST /approvals/{approval_id}/decide", { path: { approval_id: approval.approval_id }, body });
    return chosen === "allow" ? "Allowed." : "Denied; the agent is told and goes on without.";
  });
  return (
    <div className={`${css.card} ${decision ? css.settled : ""}`}>
      <div className={css.head}>
        {decision ? <State look={LOOKS[decision] ?? { icon: "•", word: decision, tone: "wait" }} /> : <State look={{ icon: "!", word: "Needs approval", tone: "need" }} />}
        <code>{asText(approval.tool_name)}</code>
        <span className={css.soft}>{RISKS[approval.risk] ?? approval.risk}</span>
        {!decision && <span className={css.soft}><Age at={approval.requested_at} before="waits " /></span>}
      </div>
      {approval.description && !approval.description.startsWith(`${approval.tool_name} {`) && <p dir="auto">{asText(approval.description)}</p>}
      <pre tabIndex={0} dir="auto">{inputText(approval.tool_input)}</pre>
      {approval.project_dir && <p className={css.soft}>in <code>{asText(approval.project_dir)}</code></p>}
      {decision ? approval.reason && <p className={css.soft}>{asText(approval.reason)}</p> : (
        <div className={css.decide}>
          <Button look="primary" disabled={busy} onClick={() => void decide("allow")}>Allow once</Button>
          <Button look="danger" disabled={busy} onClick={() => void decide("deny")}>Deny</Button>
          <input aria-label="Reason, told to the agent" placeholder="Reason, told to the agent" value={reason} maxLength={4000} onChange={(event) => setReason(event.target.value)} />
        </div>
      )}
    </div>
  );
}
