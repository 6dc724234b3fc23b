// Issues that strangers wrote, as they read now: nothing begins with them before a person has read and accepted that.
import { inert } from "../../parts/inert";
import { Button } from "../../parts/Parts";
import css from "./Work.module.css";

/** An issue as a runner has read it at a tracker elsewhere; of the local tracker there is no hash. */
export interface ReadIssue {
  number: number;
  title: string;
  body?: string;
  author?: string;
  content_hash?: string;
  allowed_by?: string;
}

/** Those that nothing may begin with yet. */
export function strangersOf(issues: readonly ReadIssue[] | undefined): ReadIssue[] {
  return (issues ?? []).filter((one) => one.content_hash && !one.allowed_by);
}

interface Props {
  issues: readonly ReadIssue[];
  /** With the hash of each text, by the number of its issue. */
  onAccept: (accepted: Record<string, string>) => void;
}

export function Strangers({ issues, onAccept }: Props) {
  const accepted = Object.fromEntries(issues.map((one) => [String(one.number), one.content_hash ?? ""]));
  return (
    <div role="alert">
      {issues.map((one) => (
        <div key={one.number}>
          <p><strong>#{one.number} is by {inert(one.author || "somebody who is gone")}, who is not of the project.</strong> Read what an agent would be given:</p>
          <pre className={css.strange} tabIndex={0} aria-label={`The text of #${one.number}`}>{inert(`${one.title}\n\n${one.body ?? ""}`)}</pre>
        </div>
      ))}
      <p className={css.foot}><Button className={css.small} onClick={() => onAccept(accepted)}>I have read it: work on exactly this</Button></p>
    </div>
  );
}
