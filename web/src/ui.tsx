// The entry of the dashboard.
import "./theme/theme.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { Frame } from "./frame/Frame";
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
  return <Frame />;
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
