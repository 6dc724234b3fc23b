// The entry of the dashboard.
import "./theme/theme.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { Problem } from "./api/client";
import { Frame } from "./frame/Frame";
import { onKey } from "./keyboard/registry";
import { start } from "./live/stores";
import { Gate } from "./login";
import { applyTheme } from "./theme/theme";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: true,
      retry: (failures, error) => failures < 5 && error instanceof Problem && error.isTemporary,
    },
  },
});

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
