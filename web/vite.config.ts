/// <reference types="vitest/config" />
// Two entries of one build: the dashboard below /ui/ and the standalone chat below /chat/. Assets of both lie below
// /ui/assets/ under names with a checksum, so that they may be kept for ever.
import react from "@vitejs/plugin-react";
import { defineConfig, type ProxyOptions } from "vite";

const coordinator = process.env.CALLBOARD_URL ?? "http://127.0.0.1:8765";
const api = ["board", "sessions", "runs", "queue", "runners", "agents", "approvals", "callbacks", "usage", "tokens", "projects",
  "tasks", "milestones", "jobs", "login", "logout", "sse", "openapi.json", "healthz"];

// While pages are worked on, Vite stands between: the coordinator knows its own origin alone.
const passOn: ProxyOptions = {
  target: coordinator,
  changeOrigin: true,
  configure: (proxy) => proxy.on("proxyReq", (request) => request.removeHeader("origin")),
};

export default defineConfig({
  base: "/ui/",
  plugins: [react()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
    // Everything is a file with a name of its own: the policy of the pages allows no data: scripts, fonts or styles.
    assetsInlineLimit: 0,
    rollupOptions: { input: { ui: "ui/index.html", chat: "chat/index.html" } },
  },
  server: { proxy: Object.fromEntries(api.map((path) => [`/${path}`, passOn])) },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
