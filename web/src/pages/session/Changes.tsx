// What a session has changed in its worktree: files, and the diff as a list of lines. The runner is asked each time.
import { useQuery } from "@tanstack/react-query";
import { memo, useMemo, useState } from "react";
import { call } from "../../api/client";
import type { Session } from "../../api/schema";
import { linesOf, type DiffLine } from "../../live/diff";
import { inert } from "../../parts/inert";
import { Button, Empty, Loading, Trouble, useCopy } from "../../parts/Parts";
import { VirtualList } from "../../parts/VirtualList";
import css from "./Changes.module.css";

interface ChangedFile {
  path: string;
  status: string;
  insertions: number | null;
  deletions: number | null;
}

export function Changes({ session }: { session: Session }) {
  const diff = useQuery({
    queryKey: ["diff", session.session_id],
    queryFn: ({ signal }) => call("GET /sessions/{session_id}/diff", { path: { session_id: session.session_id }, signal }),
    staleTime: Infinity,
  });
  const lines = useMemo(() => linesOf(diff.data?.text ?? ""), [diff.data]);
  const [shown, setShown] = useState<string | null>(null);
  const [copied, copy] = useCopy(diff.data?.text ?? "");
  if (diff.error) return <div className={css.pad}><Trouble problem={diff.error} again={() => void diff.refetch()} /></div>;
  if (!diff.data) return <Loading what="the changes from the runner" />;
  const files = diff.data.files as unknown as ChangedFile[];
  return (
    <>
      <div className={css.head}>
        <span>{files.length} {files.length === 1 ? "file" : "files"}</span>
        <span className={css.plus}>+{sum(files, "insertions")}</span><span className={css.minus}>−{sum(files, "deletions")}</span>
        {diff.data.uncommitted && <span>with changes that are not committed</span>}
        {diff.data.unpushed > 0 && <span>{diff.data.unpushed} {diff.data.unpushed === 1 ? "commit" : "commits"} not pushed</span>}
        {diff.data.truncated && <strong>cut: it is longer</strong>}
        <span className={css.tools}>
          <Button look="quiet" onClick={copy}>{copied ? "Copied" : "Copy patch"}</Button>
          <Button look="quiet" disabled={diff.isFetching} onClick={() => void diff.refetch()}>↻ Read again</Button>
        </span>
      </div>
      {files.length > 0 && (
        <ul className={css.files} aria-label="Files">
          {files.map((file) => (
            <li key={file.path}>
              <button type="button" onClick={() => setShown(keyOfFile(lines, file.path))}>
                <code>{inert(file.path)}</code> <span className={css.status}>{file.status}</span>
                {file.insertions !== null && <span className={css.plus}>+{file.insertions}</span>}
                {file.deletions !== null && <span className={css.minus}>−{file.deletions}</span>}
              </button>
            </li>
          ))}
        </ul>
      )}
      {lines.length === 0 ? <Empty>Nothing has changed since the session began.</Empty> : (
        <VirtualList items={lines} keyOf={keyOf} label="Diff" estimate={20} showKey={shown}>
          {(line) => <Row line={line} />}
        </VirtualList>
      )}
    </>
  );
}

function sum(files: ChangedFile[], what: "insertions" | "deletions"): number {
  return files.reduce((total, file) => total + (file[what] ?? 0), 0);
}

const keys = new WeakMap<DiffLine, string>();
let made = 0;
/** Lines have no name of their own: many are the same. */
function keyOf(line: DiffLine): string {
  let key = keys.get(line);
  if (key === undefined) keys.set(line, (key = String(++made)));
  return key;
}

function keyOfFile(lines: readonly DiffLine[], path: string): string | null {
  const found = lines.find((line) => line.kind === "file" && line.text.endsWith(path));
  return found ? keyOf(found) : null;
}

const MARKS: Partial<Record<DiffLine["kind"], string>> = { added: "+", removed: "−" };
const WORDS: Partial<Record<DiffLine["kind"], string>> = { added: "added: ", removed: "removed: " };

const Row = memo(function Row({ line }: { line: DiffLine }) {
  return (
    <div className={`${css.row} ${css[line.kind]}`}>
      <span className={css.number}>{line.before ?? ""}</span>
      <span className={css.number}>{line.after ?? ""}</span>
      <span aria-hidden="true" className={css.mark}>{MARKS[line.kind] ?? ""}</span>
      <code>{WORDS[line.kind] && <span className="unseen">{WORDS[line.kind]}</span>}{inert(line.text)}</code>
    </div>
  );
});
