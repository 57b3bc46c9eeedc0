import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const hub = process.env.TRUNKLINE_URL ?? "http://127.0.0.1:8400";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "~": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../hub/src/trunkline_hub/admin/dashboard",
    emptyOutDir: true,
    // The hub's Content-Security-Policy allows no data: fonts and no inline scripts.
    assetsInlineLimit: 0,
    target: "es2023",
    rolldownOptions: { input: ["index.html", "docs.html"] },
    // What every page shares, about 200 kB gzipped, and the reader of the API's contract; say so when they grow.
    chunkSizeWarningLimit: 1800,
  },
  server: { proxy: { "/api": hub } },
  test: {
    environment: "jsdom",
    globals: true,
    setupFiles: ["src/test/setup.ts"],
    css: false,
    restoreMocks: true,
    isolate: false,
    testTimeout: 20_000,
    // Mantine's tooltips open by timers of their own, outside any act().
    onConsoleLog: (log) => !log.includes("not wrapped in act"),
  },
});
