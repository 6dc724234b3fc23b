// What the worker of a session is to do, in the words of people: the current one, all before it, and a box for the next.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { call, newKey } from "../../api/client";
import type { Guidance as Given, Session } from "../../api/schema";
import { useFresh } from "../../live/fresh";
import type { Event } from "../../live/types";
import { useAttempt } from "../../parts/actions";
import { moment, nameOf, short } from "../../parts/format";
import { inert } from "../../parts/inert";
import { keep } from "../../parts/kept";
import layout from "../../parts/layout.module.css";
import { Age, Button, Dialog, Loading, Trouble } from "../../parts/Parts";
import type { Look } from "../../parts/states";
import { askToBeginAgain } from "./Actions";
import { readAgain, untilAnswered } from "./data";
import { Told } from "./Told";
import css from "./Work.module.css";

const CHANGES = new Set(["guidance", "run_start", "run_completed", "lifecycle_changed", "message"]);

export function GuidanceDialog({ session, onClose }: { session: Session; onClose: () => void }) {
  return (
    <Dialog wide title={`Guidance for ${nameOf(session)}`} onClose={onClose}>
      <Guidance session={session} onGiven={onClose} />
    </Dialog>
  );
}

export function Guidance({ session, onGiven }: { session: Session; onGiven?: () => void }) {
  const key = ["session", session.session_id, "guidance"];
  useFresh(key, (event: Event) => event.session_id === session.session_id && CHANGES.has(event.type));
  const guidance = useQuery<Given[], Error>({
    queryKey: key,
    queryFn: async () => (await call("GET /sessions/{session_id}/guidance", { path: { session_id: session.session_id }, query: { limit: 200 } })).items,
  });
  const all = guidance.data;
  return (
    <div className={css.guidance}>
      <Box session={session} {...(onGiven ? { onGiven } : {})} />
      {all === undefined ? (guidance.error ? <Trouble problem={guidance.error} again={() => void guidance.refetch()} /> : <Loading what="the guidance" />)
        : all.length === 0 ? <p className={layout.soft}>None was given yet: the worker has the issues alone.</p>
          : <ol className={css.guidance} aria-label="Guidance, newest first">{all.map((one) => <li key={one.guidance_id}><Said one={one} session={session} /></li>)}</ol>}
    </div>
  );
}

const SAID: Record<string, Look> = {
  offered: { icon: "◷", word: "said to the agent at work, which has not heard it yet", tone: "wait" },
  taken: { icon: "✓", word: "the agent at work has heard it", tone: "good" },
};
const IN_PROMPTS: Look = { icon: "↦", word: "stands in the prompt of each later run", tone: "wait" };

function Said({ one, session }: { one: Given; session: Session }) {
  const look = SAID[one.message_status ?? ""] ?? IN_PROMPTS;
  return (
    <article className={css.said} data-current={one.current}>
      <p dir="auto">{inert(one.text)}</p>
      <div className={css.about}>
        {one.current && <strong>current</strong>}
        <span title={moment(one.created_at)}><Age at={one.created_at} after=" ago" /></span>
        <span>by <span title={one.created_by}>{one.created_by_label ? inert(one.created_by_label) : <code>…{short(one.created_by)}</code>}</span></span>
        {one.current && session.work?.state === "prepared" && <span>in work-{session.handle}.json</span>}
        {(one.current || one.message_status === "taken") && <Told look={look} />}
      </div>
    </article>
  );
}

/** Together with what lets it go on, where it is halted: stuck means stopped, somebody says what to do, and it goes on. */
const GOES_ON = { stuck: ["restart", "Give it and restart"], paused: ["resume", "Give it and resume"] } as const;

function Box({ session, onGiven }: { session: Session; onGiven?: () => void }) {
  const queries = useQueryClient();
  const place = `callboard.guidance.${session.session_id}`;
  const [text, setText] = useState(() => sessionStorage.getItem(place) ?? "");
  const key = useRef(newKey());
  const write = (next: string) => {
    key.current = newKey();
    setText(next);
    keep(sessionStorage, place, next || null);
  };
  const give = useAttempt(async (action: "forward" | "restart" | "resume") => {
    await untilAnswered(() => call("POST /sessions/{session_id}/lifecycle", { path: { session_id: session.session_id }, body: { action, text }, idempotencyKey: key.current }));
    write("");
    await readAgain(queries, session);
    onGiven?.();
    return action === "forward" ? "Given." : "Given; it goes on.";
  });
  const may = session.work?.actions ?? [];
  if (!may.includes("forward")) return <p className={layout.soft}>The work has ended and takes no guidance.</p>;
  const move = session.work?.next_move;
  const gone = move === "begin_from_branch";
  const next = gone || move === "raise_budget" ? undefined : GOES_ON[session.lifecycle as keyof typeof GOES_ON];
  const empty = text.trim() === "";
  return (
    <form className={layout.form} style={{ gap: 8 }} onSubmit={(event) => { event.preventDefault(); if (!empty) void give.run("forward"); }}
      onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !empty) void give.run("forward"); }}>
      <textarea id="guidance" className={layout.field} rows={3} maxLength={16_384} dir="auto" aria-label="Guidance" aria-describedby="guidance-way" placeholder="Say what is to be done, as an instruction: Keep the old table."
        value={text} onChange={(event) => write(event.target.value)} />
      <p id="guidance-way" className={gone ? layout.wrong : layout.hint}>{gone ? "The folder of its worktree is gone: no run of it hears this. Start again with its branch, and say it there." : wayOf(session)}</p>
      {move === "raise_budget" && <p className={layout.wrong}>Its budget is used up: it goes on when that is raised.</p>}
      {give.problem && <Trouble problem={give.problem} />}
      <div className={css.foot}>
        {gone && <Button look="primary" onClick={() => askToBeginAgain(session.session_id)}>Start again with the branch …</Button>}
        <Button type="submit" look={next || gone ? "plain" : "primary"} disabled={give.busy || empty} title="Ctrl+Enter">Give guidance</Button>
        {next && <Button look="primary" disabled={give.busy || empty} onClick={() => void give.run(next[0])}>{next[1]}</Button>}
      </div>
    </form>
  );
}

/** What becomes of it. */
function wayOf(session: Session): string {
  const file = session.work?.state === "prepared" ? `It is written into work-${session.handle}.json at once` : "It is written into the state file as soon as the worktree is there";
  const live = session.status === "running" ? ", said to the agent at work if that listens" : "";
  return `${file}${live}, and stands in the prompt of every later run until there is other guidance.`;
}
