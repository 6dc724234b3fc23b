// The entry of the standalone chat: one agent, no dashboard around it.
import "./theme/theme.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Gate } from "./login";
import { applyTheme } from "./theme/theme";

applyTheme();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <Gate>
      <StrictMode>
        <main><h1>Chat</h1><p>Talk to a session on its own page: <a href="/ui/">to the callboard</a>.</p></main>
      </StrictMode>
    </Gate>,
  );
}
