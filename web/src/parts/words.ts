// What a refusal says to a person at a page: ids as links, and no command for what the page does by itself. Pure.

export interface Piece {
  text: string;
  /** The page that the text leads to, below the base. */
  to?: string;
  /** The session whose name says more than its id. */
  sessionId?: string;
}

const ID = /\b(ses|run|rnr|tok|apr|prj|tsk|mst|job|msg)_[0-9a-z]{16,26}\b/g;
const PLACES: Record<string, string> = { ses: "/sessions/", run: "/runs/", rnr: "/runners/" };

/** A sentence with its ids taken out: by their ends, and with the page of what has one. */
export function piecesOf(sentence: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const found of sentence.matchAll(ID)) {
    const [id, kind = ""] = found;
    if (found.index > at) pieces.push({ text: sentence.slice(at, found.index) });
    pieces.push({ text: `…${id.slice(-6)}`, ...(kind in PLACES ? { to: `${PLACES[kind]}${id}` } : {}), ...(kind === "ses" ? { sessionId: id } : {}) });
    at = found.index + id.length;
  }
  if (at < sentence.length) pieces.push({ text: sentence.slice(at) });
  return pieces;
}

/** What is done on a machine, or by who keeps the coordinator: no page has it. */
const ELSEWHERE = /^callboard (trust|agent (sync|validate)|project|doctor|config|token|serve|runner( --|$)|backup|migrate|up|open|mcp|plugin|import|prices)\b/;
const COMMAND = /`?\b(?:callboard [a-z]|(?:GET|PUT|POST|PATCH|DELETE) \/)[^`]*`?/;

/** What of a hint helps here: a command only where no page does the same, else the words before it where they say something. */
export function hintForPages(hint: string): string {
  const sentences = hint.split(/(?<=[.!?])\s+(?=[A-Z`])/);
  return sentences.map(withoutCommand).filter(Boolean).join(" ");
}

function withoutCommand(sentence: string): string {
  const found = COMMAND.exec(sentence);
  if (!found || ELSEWHERE.test(found[0].replace(/^`/, ""))) return sentence;
  const before = sentence.slice(0, found.index).replace(/[\s:(,]+$/, "");
  // "First", "Then" and the like lead to the command and say nothing without it.
  return before.split(/\s+/).length < 3 ? "" : `${before}.`;
}
