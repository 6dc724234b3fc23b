// Parents and children: all trees of the callboard, or one of them with what each session and all below it are up to
// and cost. What needs somebody below is told on every session above it.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { call, Problem } from "../api/client";
import type { Tree } from "../api/schema";
import { useFresh } from "../live/fresh";
import { board, useStore } from "../live/stores";
import { STATE_TYPES, type Event } from "../live/types";
import { Link, useQueryParameter } from "../navigation";
import { nameOf } from "../parts/format";
import layout from "../parts/layout.module.css";
import { Age, Empty, Loading, Money, SessionState, Trouble } from "../parts/Parts";
import { useShownName } from "../parts/title";
import type { Parameters } from "../routes";
import css from "./Tree.module.css";
import { TreeRows } from "./tree/TreeRows";

const states = new Set<string>(STATE_TYPES);
const LARGE = 200;
const LARGE_GATHER_MS = 2_000;

export default function TreePage({ parameters }: { parameters: Parameters }) {
  const sessionId = parameters.session_id;
  return sessionId ? <OneTree key={sessionId} sessionId={sessionId} /> : <AllTrees />;
}

function OneTree({ sessionId }: { sessionId: string }) {
  const ids = useRef<ReadonlySet<string>>(new Set([sessionId]));
  const tree = useQuery<Tree, Error>({
    queryKey: ["tree", sessionId],
    queryFn: () => call("GET /sessions/{session_id}/tree", { path: { session_id: sessionId } }),
    structuralSharing: false, // to compare a thousand nodes takes longer than to draw those in sight
  });
  const size = tree.data?.nodes.length ?? 0;
  useEffect(() => {
    if (tree.data) ids.current = new Set(tree.data.nodes.map((node) => node.session_id));
  }, [tree.data]);
  const concerns = (event: Event) => states.has(event.type) && (event.type === "session_created" || ids.current.has(event.session_id));
  useFresh(["tree", sessionId], concerns, size > LARGE ? LARGE_GATHER_MS : undefined);
  useFresh(["tree", sessionId], (event) => event.type === "usage" && ids.current.has(event.session_id), LARGE_GATHER_MS);
  const [show, setShow] = useQueryParameter("show");

  const top = tree.data?.nodes[0];
  useShownName(top && nameOf(top));
  if (tree.data === undefined) {
    const missing = tree.error instanceof Problem && tree.error.status === 404;
    return (
      <div className={layout.page}>
        {tree.error ? <Trouble whole problem={tree.error} {...(missing ? {} : { again: () => void tree.refetch() })} /> : <Loading what="the tree" />}
        {tree.error && <p><Link to="/tree">All trees</Link></p>}
      </div>
    );
  }
  return (
    <div className={layout.tall}>
      <div className={layout.head}>
        <h1 dir="auto">{top ? nameOf(top) : "Tree"}</h1>
        <nav className={layout.segments} aria-label="What is shown">
          <a href="?" aria-current={show !== "open" ? "true" : undefined} onClick={(event) => { event.preventDefault(); setShow(""); }}>All {size}</a>
          <a href="?show=open" aria-current={show === "open" ? "true" : undefined} onClick={(event) => { event.preventDefault(); setShow("open"); }}>Not done</a>
        </nav>
      </div>
      <p className={`${layout.crumbs} ${layout.soft}`}>
        <Link to="/tree">All trees</Link>
        {tree.data.root_session_id !== sessionId && <span>› part of the tree of <Link to={`/tree/${tree.data.root_session_id}`}>its root</Link></span>}
        <span>· {Object.entries(tree.data.counts).map(([status, count]) => `${count} ${status}`).join(", ")}</span>
        {top && <span>· all together <Money usage={top.usage_subtree} /></span>}
      </p>
      <TreeRows tree={tree.data} open={show === "open"} />
    </div>
  );
}

/** The trees of what is on the callboard: sessions that have children, newest first. */
function AllTrees() {
  const { state, phase, problem } = useStore(board);
  const roots = useMemo(() => {
    const rows = Object.values(state.rows);
    const above = new Set(rows.filter((row) => row.parent_session_id !== null).map((row) => row.root_session_id));
    const shown = rows.filter((row) => row.parent_session_id === null && (row.children.total > 0 || above.has(row.session_id)));
    const pressing = new Map<string, number>();
    for (const row of rows) if (row.group === "needs_you" && row.parent_session_id) pressing.set(row.root_session_id, (pressing.get(row.root_session_id) ?? 0) + 1);
    return shown
      .map((row) => ({ row, pressing: pressing.get(row.session_id) ?? 0 }))
      .sort((one, other) => other.pressing - one.pressing || (one.row.created_at < other.row.created_at ? 1 : -1));
  }, [state]);
  return (
    <div className={layout.page}>
      <div className={layout.head}><h1>Trees</h1></div>
      <p className={layout.lead}>Sessions that started others. Open one to see who works below it, what waits, and what all of it cost.</p>
      {phase === "failed" && problem ? <Trouble problem={problem} /> : phase === "loading" ? <Loading what="the callboard" /> : roots.length === 0 ? (
        <div className={layout.first}>
          <h2>No session has started another one</h2>
          <p>Agents start children by themselves, over MCP or the command line. By hand, below a session that you have:</p>
          <pre tabIndex={0}><code>callboard run "review the change" --parent SESSION</code></pre>
          <p className={layout.soft}><code>callboard demo</code> shows a parent with two children, one of which fails and is tried again.</p>
        </div>
      ) : (
        <ul className={`${layout.box} ${css.list}`}>
          {roots.map(({ row, pressing }) => (
            <li key={row.session_id}>
              <Link to={`/tree/${row.session_id}`} className={css.root}>
                <span className={css.state}><SessionState session={row} /></span>
                <span className={css.rootName} dir="auto">{nameOf(row)}</span>
                {pressing > 0 && <span className={css.pressing}>! {pressing} below need{pressing === 1 ? "s" : ""} you</span>}
                <span className={css.figure}>{row.children.ended}/{row.children.total} children</span>
                <span className={css.figure}><Age at={row.created_at} /></span>
              </Link>
            </li>
          ))}
        </ul>
      )}
      {roots.length > 0 && <Empty>Older trees open from their session: <code>callboard tree SESSION</code>, or the link on its page.</Empty>}
    </div>
  );
}
