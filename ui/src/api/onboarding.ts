import { useMutation, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import { usePlace } from "./workspace";

export type Protocol = "a2a" | "mcp";

/** Where an agent or server is, and what it is sent with each request. */
export interface Where {
  protocol: Protocol;
  url: string;
  headers: Record<string, string>;
}

export interface OfferedSkill {
  name: string;
  description: string;
}

/** What it would bring, in the same words for each protocol. */
export interface Offer {
  name: string;
  version: string;
  description: string;
  signed_by: string | null;
  skills: OfferedSkill[];
  /** What else there is, in words. */
  besides: string[];
}

interface A2APreview {
  name: string;
  version: string;
  description: string;
  signed_by?: string | null;
  skills: { name: string; title?: string; description?: string }[];
}

interface McpOffer {
  server: string;
  version: string;
  instructions: string;
  versions: string[];
  tools: { name: string; skill: string; description?: string }[];
  resources: number;
  templates: number;
  prompts: string[];
}

/** Gateways may be left out of a hub, so their addresses are no part of the client. */
interface Loose {
  POST: (path: string, init: unknown) => Promise<{ data?: unknown; error?: unknown; response: Response }>;
  PUT: (path: string, init: unknown) => Promise<{ data?: unknown; error?: unknown; response: Response }>;
}
const gateways = client as unknown as Loose;

/** Ask what it would bring; nothing is stored. */
export function useLook() {
  const { workspace } = usePlace();
  return useMutation({
    mutationFn: async ({ protocol, url, headers }: Where): Promise<Offer> => {
      const params = { path: { workspace } };
      if (protocol === "a2a") {
        const found = await unwrap(gateways.POST("/api/v1/w/{workspace}/a2a/agents/preview", { params, body: { url, headers } }));
        return ofAgent(found as A2APreview);
      }
      return ofServer((await unwrap(gateways.POST("/api/v1/w/{workspace}/mcp/preview", { params, body: { url, headers } }))) as McpOffer);
    },
  });
}

/** Take it into the catalogue under a name. */
export function useBringIn() {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ protocol, url, headers, name }: Where & { name: string }) => {
      if (protocol === "a2a") {
        const body = { name, url, headers };
        return unwrap(gateways.POST("/api/v1/w/{workspace}/a2a/agents", { params: { path: { workspace } }, body }));
      }
      const params = { path: { workspace, name } };
      return unwrap(gateways.PUT("/api/v1/w/{workspace}/mcp/upstreams/{name}", { params, body: { url, headers } }));
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["agents", workspace] }),
  });
}

function ofAgent({ name, version, description, signed_by, skills }: A2APreview): Offer {
  return {
    name, version, description,
    signed_by: signed_by ?? null,
    skills: skills.map((skill) => ({ name: skill.title || skill.name, description: skill.description ?? "" })),
    besides: [],
  };
}

function ofServer({ server, version, instructions, versions, tools, resources, templates, prompts }: McpOffer): Offer {
  const counted: [number, string][] = [
    [resources, "resources"], [templates, "resource templates"], [prompts.length, "prompts"],
  ];
  return {
    name: server, version,
    description: instructions,
    signed_by: null,
    skills: tools.map(({ name, description }) => ({ name, description: description ?? "" })),
    besides: [
      ...counted.filter(([count]) => count > 0).map(([count, what]) => `${String(count)} ${what}`),
      ...(versions.length > 0 ? [`protocol ${versions.join(", ")}`] : []),
    ],
  };
}
