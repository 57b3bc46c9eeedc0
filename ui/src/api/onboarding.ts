import { useMutation, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import type { A2APreview, McpOffer } from "./resources";
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

/** Ask what it would bring; nothing is stored. */
export function useLook() {
  const { workspace } = usePlace();
  return useMutation({
    mutationFn: async ({ protocol, url, headers }: Where): Promise<Offer> => {
      const params = { path: { workspace } };
      if (protocol === "a2a") {
        return ofAgent(await unwrap(client.POST("/api/v1/w/{workspace}/a2a/agents/preview", { params, body: { url, headers } })));
      }
      return ofServer(await unwrap(client.POST("/api/v1/w/{workspace}/mcp/preview", { params, body: { url, headers } })));
    },
  });
}

/** Take it into the catalogue under a name. */
export function useBringIn() {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ protocol, url, headers, name }: Where & { name: string }): Promise<void> => {
      if (protocol === "a2a") {
        const body = { name, url, headers };
        await unwrap(client.POST("/api/v1/w/{workspace}/a2a/agents", { params: { path: { workspace } }, body }));
        return;
      }
      const params = { path: { workspace, name } };
      await unwrap(client.PUT("/api/v1/w/{workspace}/mcp/upstreams/{name}", { params, body: { url, headers } }));
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
