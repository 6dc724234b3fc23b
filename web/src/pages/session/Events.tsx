// Every event of a session as it was written: by type, each with its address, and unfolded as the API has it.
import { useQuery } from "@tanstack/react-query";
import { memo, useMemo, useState } from "react";
import { call } from "../../api/client";
import { eventRows, summaryOf, type EventRow } from "../../live/eventRows";
import { useStore, type EventLog } from "../../live/stores";
import { useQueryParameter } from "../../navigation";
import { moment, timeOfDay } from "../../parts/format";
import { asText, inert } from "../../parts/inert";
import { Button, Empty, Id, Line, Loading, Trouble, useCopy } from "../../parts/Parts";
import { Feed } from "./Feed";
import css from "./Feed.module.css";
import { readTypes, TypeFilter } from "./Filter";

export default function Events({ log }: { log: EventLog }) {
  const { timeline, missing, sessionId } = useStore(log);
  const [types, setTypes] = useQueryParameter("types");
  const [event, setEvent] = useQueryParameter("event");
  const [, setView] = useQueryParameter("view");
  const wanted = useMemo(() => readTypes(types), [types]);
  const choose = (next: string) => {
    // An old address names types alone, and means this view only as long as it names some.
    setView("events");
    setTypes(next);
  };
  const rows = useMemo(() => eventRows(timeline.items, wanted, Number(event) || null), [timeline.items, wanted, event]);
  return (
    <>
      <TypeFilter counts={timeline.counts} wanted={wanted} onChange={choose} missing={missing} />
      <Feed log={log} items={rows} label="Events" event={event} place={`events.${sessionId}.${types}`} estimate={31}
        empty={<Empty>{wanted ? "No event of these types." : "Nothing has happened yet."}</Empty>}>
        {(row) => <Row row={row} sessionId={sessionId} marked={event !== "" && String(row.seq) === event} onLink={() => setEvent(String(row.seq))} />}
      </Feed>
    </>
  );
}

// Whether a row is open outlives its being scrolled out of sight.
const opened = new Set<string>();

interface RowProps {
  row: EventRow;
  sessionId: string;
  marked: boolean;
  onLink: () => void;
}

const Row = memo(function Row({ row, sessionId, marked, onLink }: RowProps) {
  const name = `${sessionId} ${row.seq}`;
  const [open, setOpen] = useState(opened.has(name));
  const toggle = () => {
    if (open) opened.delete(name);
    else opened.add(name);
    setOpen(!open);
  };
  return (
    <div className={`${css.event} ${marked ? css.marked : ""}`}>
      <button type="button" className={css.time} title={`${moment(row.at)} – event ${row.seq}; click for its address`} onClick={onLink}>{timeOfDay(row.at)}</button>
      <button type="button" className={css.unfold} aria-expanded={open} onClick={toggle}>
        <span className={css.number}>{row.seq}</span>
        <span className={css.type}>{inert(row.type)}</span>
        <span className={css.says}><Line text={summaryOf(row)} /></span>
      </button>
      {open && <Whole sessionId={sessionId} seq={row.seq} />}
    </div>
  );
}, (one, other) => one.row === other.row && one.marked === other.marked);

/** The event as the API has it; it never changes. */
function Whole({ sessionId, seq }: { sessionId: string; seq: number }) {
  const read = useQuery({
    queryKey: ["event", sessionId, seq],
    queryFn: () => call("GET /sessions/{session_id}/events", { path: { session_id: sessionId }, query: { after: seq - 1, limit: 1 } }),
    staleTime: Infinity,
    gcTime: 60_000,
  });
  const event = read.data?.items[0];
  const text = event ? asText(event.payload) : "";
  const [copied, copy] = useCopy(text);
  if (read.error) return <div className={css.detail}><Trouble problem={read.error} again={() => void read.refetch()} /></div>;
  if (!read.data) return <div className={css.detail}><Loading what="the event" /></div>;
  if (event?.seq !== seq) return <div className={css.detail}><Empty>This event is not kept any more.</Empty></div>;
  return (
    <div className={css.detail}>
      <div className={css.facts}>
        <span>{moment(event.at)}</span>
        {event.source_at && event.source_at !== event.at && <span>at its source {moment(event.source_at)}</span>}
        {event.attempt !== null && <span>attempt {event.attempt}</span>}
        {event.run_id && <Id id={event.run_id} label="run" />}
        <Button look="quiet" onClick={copy}>{copied ? "Copied" : "Copy payload"}</Button>
      </div>
      <pre className={css.raw} tabIndex={0} dir="auto">{text}</pre>
    </div>
  );
}
