// The entry of the standalone chat: one agent, no dashboard around it.
import "./theme/theme.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { Alone } from "./chat/Alone";
import { Boundary } from "./frame/Boundary";
import { onKey } from "./keyboard/registry";
import { start } from "./live/stores";
import { Gate } from "./login";
import { newQueries } from "./queries";
import { applyTheme } from "./theme/theme";

const queries = newQueries();

function Inside() {
  useEffect(start, []);
  useEffect(() => {
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return <Boundary><Alone /></Boundary>;
}

applyTheme();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <QueryClientProvider client={queries}>
      <Gate>
        <StrictMode><Inside /></StrictMode>
      </Gate>
    </QueryClientProvider>,
  );
}
