import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** `SERAI_API` points `vite dev` at a running daemon; the built console is served by the daemon itself. */
const daemon = process.env["SERAI_API"] ?? "https://localhost:7443";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2024",
    // The content security policy allows no data: fonts or scripts, so nothing may be inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
  server: { proxy: { "/v1": { target: daemon, ws: true, secure: false, changeOrigin: false } } },
});
