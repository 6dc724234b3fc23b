// Answering from the callboard: what a session asks, and the answer, without leaving the list.
import { useQuery } from "@tanstack/react-query";
import { call } from "../../api/client";
import { useFresh } from "../../live/fresh";
import type { Row } from "../../live/board";
import { ApprovalCard } from "../../parts/ApprovalCard";
import { Loading, Trouble } from "../../parts/Parts";
import { Composer } from "../session/Composer";
import css from "../Home.module.css";

/** Whether there is something that can be answered in a few words. */
export function isAnswerable(row: Row): boolean {
  return row.waiting_for === "approval" || row.waiting_for === "question";
}

export function Peek({ row }: { row: Row }) {
  return <div className={css.peek}>{row.waiting_for === "approval" ? <Asked row={row} /> : <Composer session={row} />}</div>;
}

function Asked({ row }: { row: Row }) {
  const key = ["approvals", "of", row.session_id];
  useFresh(key, (event) => event.session_id === row.session_id && event.type.startsWith("approval_"));
  const asked = useQuery({ queryKey: key, queryFn: () => call("GET /approvals", { query: { status: "pending", session_id: row.session_id } }) });
  if (asked.data === undefined) return asked.error ? <Trouble problem={asked.error} /> : <Loading what="what it asks" />;
  return asked.data.items.map((one) => <ApprovalCard key={one.approval_id} approval={one} decision={null} />);
}
