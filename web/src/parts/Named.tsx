// A sentence of the coordinator, with the names of the sessions in it where ids stood.
import type { ReactNode } from "react";
import { board, useStore } from "../live/stores";
import { Link } from "../navigation";
import { nameOf, short, withShortIds } from "./format";
import { inert } from "./inert";

const SESSION = /\b(ses_[0-9a-z]{26})\b/;

/** What a session is called, as far as the callboard knows it; the one that the page is about is this one. */
function nameFor(id: string, own: string | undefined): string {
  const row = board.get().state.rows[id];
  return id === own ? "this session" : row ? nameOf(row) : `session …${short(id)}`;
}

/** The same as plain text, where no link may stand. */
export function withNames(sentence: string, own?: string): string {
  return withShortIds(inert(sentence).split(SESSION).map((part, index) => (index % 2 === 1 ? nameFor(part, own) : part)).join(""));
}

/** With a link to each session that it names. */
export function Named({ text, own }: { text: string; own?: string }): ReactNode {
  useStore(board);
  return inert(text).split(SESSION).map((part, index) => {
    if (index % 2 === 0) return withShortIds(part);
    return part === own ? "this session" : <Link key={index} to={`/sessions/${part}`}>{nameFor(part, own)}</Link>;
  });
}
