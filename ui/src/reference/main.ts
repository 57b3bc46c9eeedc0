import "@fontsource-variable/inter";
import "swagger-ui-dist/swagger-ui.css";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle";

import "./reference.css";

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

interface Sent {
  method?: string;
  headers: Record<string, string>;
}

document.documentElement.classList.toggle("dark-mode", document.documentElement.dataset["mantineColorScheme"] === "dark");

SwaggerUI({
  dom_id: "#reference",
  url: "/api/v1/openapi.json",
  deepLinking: true,
  docExpansion: "none",
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  tagsSorter: "alpha",
  tryItOutEnabled: true,
  validatorUrl: null,
  // Who is signed in to the dashboard needs no token here; what changes something says that it is this page that asks.
  requestInterceptor: (request: Sent) => {
    if (!SAFE.has((request.method ?? "GET").toUpperCase())) request.headers["X-Trunkline-Session"] = "1";
    return request;
  },
});
