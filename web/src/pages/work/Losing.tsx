// What would be nowhere else any more, and the value that has to be repeated by who means to lose just that.
import { useQuery } from "@tanstack/react-query";
import { call, Problem } from "../../api/client";
import type { DiffText, Session } from "../../api/schema";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { TextField } from "../agents/Fields";
import { onlyHere } from "./hindrance";
import css from "./Work.module.css";

export interface Loss {
  sentence: string;
  value: string;
}

/** What a refused removal would lose; null where it was refused for another reason. */
export function lossOf(error: unknown): Loss | null {
  const value = error instanceof Problem && error.code === "work_would_be_lost" ? /--confirm (\S+)/.exec(error.hint)?.[1] : undefined;
  return value && error instanceof Problem ? { sentence: error.detail, value } : null;
}

export function Losing({ loss, repeated, onRepeat }: { loss: Loss; repeated: string; onRepeat: (value: string) => void }) {
  return (
    <div className={`${css.will} ${css.refused}`} role="alert">
      <p><strong>{inert(loss.sentence)}</strong></p>
      <p>Save it first; or say that exactly this may be lost by repeating <code className={layout.number}>{loss.value}</code>:</p>
      <TextField label="The value" mono short value={repeated} onChange={onRepeat} />
    </div>
  );
}

/** What is only there now, before anything is stopped or removed; the runner looks once more when it removes. */
export function OnlyHere({ session, keepBranch }: { session: Session; keepBranch: boolean }) {
  const diff = useQuery<DiffText, Error>({
    queryKey: ["diff", session.session_id, "only here"],
    queryFn: ({ signal }) => call("GET /sessions/{session_id}/diff", { path: { session_id: session.session_id }, signal }),
    staleTime: 0,
    retry: false,
  });
  const found = diff.data && onlyHere(diff.data, keepBranch);
  return (
    <div className={`${css.will} ${found?.length ? css.refused : ""}`} aria-live="polite">
      {diff.error ? <p>What is only there is not known now: {inert(diff.error.message)} It is looked at before anything is removed.</p>
        : found === undefined ? <p className={layout.soft}>A runner looks what is only there …</p>
          : found.length === 0 ? <p>Nothing is only there: all is committed, and somewhere else.</p>
            : <><p><strong>Only there, and lost with it:</strong></p><ul>{found.map((one) => <li key={one} dir="auto">• {inert(one)}</li>)}</ul></>}
    </div>
  );
}
