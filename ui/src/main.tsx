import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app";

import "./design/mantine.css";
import "./design/fonts.css";
import "./design/tokens.css";
import "./design/base.css";
import "./design/mantine-overrides.css";

// A hub of another version has other files: a tab from before is loaded anew.
window.addEventListener("vite:preloadError", () => {
  window.location.reload();
});

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
