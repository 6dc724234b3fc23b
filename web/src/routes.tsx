// Every page: where it is, how it is loaded, and whether it stands in the navigation. To add one:
//   1. write `pages/Name.tsx` with a default export (it gets the parameters of its path), styles in `Name.module.css`;
//   2. add it to ROUTES below; `nav` puts it into the navigation, `keys` is its chord in the keyboard overlay;
//   3. ask the API with `call("GET /…")` of api/client.ts: through `useQuery` of react-query when it is read once and
//      refreshed (see useFresh in live/fresh.ts, which reads again when events say so), through `useAction` of
//      parts/actions.tsx when it changes something;
//   4. live state comes from live/stores.ts (board, SessionLog, onEvents); what is derived from events is a pure
//      function beside live/board.ts with a test;
//   5. add the page to PAGES in tests/browser/test_pages.py: each is looked at wide and narrow, dark and light, by axe.
// Nothing here knows what a page shows.
import { lazy, type ComponentType } from "react";
import { patiently } from "./patiently";

export type Parameters = Record<string, string>;

export interface Route {
  path: string;
  page: ComponentType<{ parameters: Parameters }>;
  title: string;
  nav?: { word: string; icon: string; keys: string };
}

export const BASE = "/ui";
export const WORK = "/work";

const page = (load: () => Promise<{ default: ComponentType<{ parameters: Parameters }> }>) => lazy(patiently(load));

export const ROUTES: readonly Route[] = [
  { path: "/", title: "Home", page: page(() => import("./pages/Home")), nav: { word: "Home", icon: "▦", keys: "g h" } },
  { path: "/approvals", title: "Approvals", page: page(() => import("./pages/Approvals")), nav: { word: "Approvals", icon: "!", keys: "g i" } },
  { path: "/chat", title: "Chat", page: page(() => import("./pages/Chat")), nav: { word: "Chat", icon: "❝", keys: "g c" } },
  { path: "/chat/:session_id", title: "Chat", page: page(() => import("./pages/Chat")) },
  { path: "/sessions/:session_id", title: "Session", page: page(() => import("./pages/Session")) },
  { path: WORK, title: "Work", page: page(() => import("./pages/Work")), nav: { word: "Work", icon: "⚒", keys: "g w" } },
  { path: `${WORK}/:project`, title: "Issues", page: page(() => import("./pages/Work")) },
  { path: `${WORK}/:project/:tab`, title: "Work", page: page(() => import("./pages/Work")) },
  { path: `${WORK}/:project/:tab/:number`, title: "Work", page: page(() => import("./pages/Work")) },
  { path: "/tree", title: "Trees", page: page(() => import("./pages/Tree")), nav: { word: "Trees", icon: "⋔", keys: "g t" } },
  { path: "/tree/:session_id", title: "Tree", page: page(() => import("./pages/Tree")) },
  { path: "/runs", title: "Runs", page: page(() => import("./pages/Runs")), nav: { word: "Runs", icon: "◷", keys: "g r" } },
  { path: "/runs/:run_id", title: "Run", page: page(() => import("./pages/Runs")) },
  { path: "/runners", title: "Runners", page: page(() => import("./pages/Runners")), nav: { word: "Runners", icon: "⌂", keys: "g m" } },
  { path: "/runners/:runner_id", title: "Runner", page: page(() => import("./pages/Runners")) },
  { path: "/usage", title: "Usage", page: page(() => import("./pages/Usage")), nav: { word: "Usage", icon: "$", keys: "g u" } },
  { path: "/agents", title: "Agents", page: page(() => import("./pages/Agents")), nav: { word: "Agents", icon: "☰", keys: "g a" } },
  { path: "/agents/:name", title: "Agent", page: page(() => import("./pages/Agents")) },
];

/** The route of a path below the base, and what its parameters are. */
export function findRoute(path: string, routes: readonly Route[] = ROUTES): { route: Route; parameters: Parameters } | null {
  const parts = path.split("/").filter(Boolean);
  for (const route of routes) {
    const wanted = route.path.split("/").filter(Boolean);
    if (wanted.length !== parts.length) continue;
    const parameters: Parameters = {};
    const fits = wanted.every((part, index) => {
      const given = parts[index] ?? "";
      if (!part.startsWith(":")) return part === given;
      parameters[part.slice(1)] = decode(given);
      return true;
    });
    if (fits) return { route, parameters };
  }
  return null;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
