// What would be nowhere else any more, and the value that has to be repeated by who means to lose just that.
import { Problem } from "../../api/client";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { TextField } from "../agents/Fields";
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
