import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app";

import "./design/mantine.css";
import "./design/fonts.css";
import "./design/tokens.css";
import "./design/base.css";
import "./design/mantine-overrides.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
