// Dark, light, or as the system has it. The colours themselves are in theme.css; what is chosen stays in this browser.
import { Store } from "../live/stores";
import { keep } from "../parts/kept";

export type Theme = "system" | "light" | "dark";
const KEY = "callboard.theme";
const THEMES: readonly Theme[] = ["system", "light", "dark"];

function kept(): Theme {
  const found = localStorage.getItem(KEY) as Theme | null;
  return found && THEMES.includes(found) ? found : "system";
}

export const theme = new Store<Theme>("system");

export function applyTheme(chosen: Theme = kept()): void {
  keep(localStorage, KEY, chosen === "system" ? null : chosen);
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  theme.set(chosen);
}

export function nextTheme(): void {
  applyTheme(THEMES[(THEMES.indexOf(theme.get()) + 1) % THEMES.length]);
}
