// What there is to read of the runs besides what the agent says: what its process printed, and what was told of the
// attempts, as plain text that is followed, filtered, copied and saved.
import { memo, useMemo } from "react";
import { loggedRuns, logLines, type LogLine } from "../../live/logLines";
import { useStore, type EventLog } from "../../live/stores";
import { useQueryParameter } from "../../navigation";
import { instantOfDay, moment, short } from "../../parts/format";
import { Button, Empty, useCopy } from "../../parts/Parts";
import { Feed } from "./Feed";
import css from "./Feed.module.css";

const OFF = "off";

export default function Logs({ log }: { log: EventLog }) {
  const { timeline, missing, sessionId } = useStore(log);
  const [run, setRun] = useQueryParameter("run");
  const [words, setWords] = useQueryParameter("q");
  const [wrap, setWrap] = useQueryParameter("wrap");
  const [event, setEvent] = useQueryParameter("event");
  const runs = useMemo(() => loggedRuns(timeline.items), [timeline.items]);
  const lines = useMemo(() => logLines(timeline.items, run, words), [timeline.items, run, words]);
  const printed = useMemo(() => lines.length === 0 || lines.some((line) => line.source === "stderr"), [lines]);
  const wrapped = wrap !== OFF;
  return (
    <>
      <div className={css.bar}>
        <select className={css.choice} aria-label="Run" value={run} onChange={(change) => setRun(change.target.value)}>
          <option value="">All runs</option>
          {run && !runs.some((one) => one.run_id === run) && <option value={run}>Run …{short(run)}</option>}
          {runs.map((one) => <option key={one.run_id} value={one.run_id}>Run {one.number ?? `…${short(one.run_id)}`}</option>)}
        </select>
        <input type="search" className={css.search} placeholder="Filter lines" aria-label="Filter lines" value={words} onChange={(change) => setWords(change.target.value)} />
        <span className={css.count} role="status">{missing > 0 ? `${missing} events to read …` : `${lines.length.toLocaleString("en")} ${lines.length === 1 ? "line" : "lines"}${printed ? "" : ", none from the process"}`}</span>
        <Tools lines={lines} name={`${sessionId}${run ? `-${run}` : ""}.log`} wrapped={wrapped} onWrap={() => setWrap(wrapped ? OFF : "")} />
      </div>
      <Feed log={log} items={lines} label="Log lines" event={event} place={`logs.${sessionId}.${run}.${words}.${wrap}`} estimate={20} sideways={!wrapped}
        empty={<Nothing filtered={words !== ""} />}>
        {(line) => <Row line={line} wrapped={wrapped} marked={event !== "" && String(line.seq) === event} onLink={() => setEvent(String(line.seq))} />}
      </Feed>
    </>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered) return <Empty>No line holds these words.</Empty>;
  return <Empty>Nothing was printed yet. What a run’s process writes to stderr stands here, and how its attempts went.</Empty>;
}

interface ToolsProps {
  lines: readonly LogLine[];
  name: string;
  wrapped: boolean;
  onWrap: () => void;
}

function Tools({ lines, name, wrapped, onWrap }: ToolsProps) {
  // Made when it is wanted: there may be thousands of lines.
  const [copied, copy] = useCopy(() => asFile(lines));
  const save = () => {
    const url = URL.createObjectURL(new Blob([asFile(lines)], { type: "text/plain" }));
    Object.assign(document.createElement("a"), { href: url, download: name }).click();
    URL.revokeObjectURL(url);
  };
  return (
    <span className={css.tools}>
      <Button look="quiet" aria-pressed={wrapped} onClick={onWrap}>{wrapped ? "↵ Wrapped" : "→ Not wrapped"}</Button>
      <Button look="quiet" disabled={lines.length === 0} onClick={copy}>{copied ? "Copied" : "Copy"}</Button>
      <Button look="quiet" disabled={lines.length === 0} onClick={save}>Download</Button>
    </span>
  );
}

function asFile(lines: readonly LogLine[]): string {
  return lines.map((line) => `${line.at} ${line.source} ${line.text}\n`).join("");
}

const Row = memo(function Row({ line, wrapped, marked, onLink }: { line: LogLine; wrapped: boolean; marked: boolean; onLink: () => void }) {
  return (
    <div className={`${css.line} ${wrapped ? "" : css.unwrapped} ${css[line.source] ?? ""} ${line.bad ? css.bad : ""} ${line.begins ? css.begins : ""} ${marked ? css.marked : ""}`}>
      <button type="button" className={css.time} title={`${moment(line.at)} – event ${line.seq}; click for its address`} onClick={onLink}>{instantOfDay(line.at)}</button>
      <span className={css.source}>{line.source}</span>
      <code dir="auto">{line.text || " "}</code>
    </div>
  );
}, (one, other) => one.line === other.line && one.wrapped === other.wrapped && one.marked === other.marked);
