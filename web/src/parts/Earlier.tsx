// The line above a log of which the beginning is not there: let go of by the page, or forgotten by the coordinator.
import { hasEarlier, type Timeline } from "../live/timeline";
import { Button } from "./Parts";
import css from "./Parts.module.css";

export function Earlier({ timeline, sessionId, onReach }: { timeline: Timeline; sessionId: string; onReach: () => void }) {
  if (timeline.first <= 1) return null;
  const first = timeline.first.toLocaleString("en");
  return (
    <p className={css.earlier}>
      {timeline.first <= timeline.oldest ? <>What was before event {first} is not kept any more.</>
        : hasEarlier(timeline) ? <>What was before event {first} lies further back. <Button look="quiet" onClick={onReach}>Show earlier</Button></>
          : <>What was before event {first} is more than a page shows at once: <code>callboard logs {sessionId}</code></>}
    </p>
  );
}
