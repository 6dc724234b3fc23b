// A sentence of the coordinator's as people read it: an id in it is a link, a session by its name where that is known.
import { board, useStore } from "../live/stores";
import { Link } from "../navigation";
import { nameOf } from "./format";
import { Hint } from "./Hint";
import { inert } from "./inert";
import { hintForPages, piecesOf, type Piece } from "./words";

export function Said({ text }: { text: string }) {
  return <>{piecesOf(text).map((piece, index) => (piece.to ? <Named key={index} piece={piece} to={piece.to} /> : inert(piece.text)))}</>;
}

function Named({ piece, to }: { piece: Piece; to: string }) {
  const row = useStore(board).state.rows[piece.sessionId ?? ""];
  return <Link to={to} dir="auto">{row ? `“${nameOf(row)}”` : piece.text}</Link>;
}

/** What helps, as far as it is not what a page does; nothing where nothing is left. */
export function Help({ hint, className }: { hint: string; className?: string | undefined }) {
  const told = hintForPages(hint);
  return told ? <p className={className}><Hint text={told} /></p> : null;
}
