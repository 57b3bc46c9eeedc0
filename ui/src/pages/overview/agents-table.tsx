import { Skeleton } from "@mantine/core";
import { Bot } from "lucide-react";
import { Link } from "react-router";

import { useAgents } from "~/api/agents";
import { problemOf } from "~/api/problem";
import type { Agent } from "~/api/resources";
import { Chip, DataTable, EmptyState, ErrorState, Panel, StateBadge, format } from "~/design";
import type { Column } from "~/design";

import css from "./tables.module.css";

const SHOWN_SKILLS = 3;

function total(agent: Agent, what: "handled" | "failed"): number {
  return agent.instances.reduce((sum, instance) => sum + instance[what], 0);
}

const COLUMNS: Column<Agent>[] = [
  {
    key: "name",
    title: "Agent",
    cell: (agent) => (
      <>
        <span className={css.name}>
          <Link to={`/agents/${encodeURIComponent(agent.name)}`} className={css.link}>{agent.name}</Link> <small className={css.zero}>{agent.version}</small>
        </span>
        {agent.description !== "" && (
          <div className={css.about} title={agent.description}>
            {agent.description}
          </div>
        )}
      </>
    ),
  },
  { key: "state", title: "State", cell: (agent) => <StateBadge state={agent.state} /> },
  { key: "skills", title: "Skills", priority: "medium", cell: (agent) => <Skills agent={agent} /> },
  { key: "instances", title: "Up", align: "right", priority: "low", cell: (agent) => agent.instances.length },
  { key: "handled", title: "Handled", align: "right", cell: (agent) => format.count(total(agent, "handled")) },
  {
    key: "failed",
    title: "Failed",
    align: "right",
    cell: (agent) => {
      const failed = total(agent, "failed");
      return <span className={failed === 0 ? css.zero : css.dead}>{format.count(failed)}</span>;
    },
  },
];

function Skills({ agent }: { agent: Agent }) {
  const more = agent.skills.slice(SHOWN_SKILLS);
  return (
    <span className={css.chips}>
      {agent.skills.slice(0, SHOWN_SKILLS).map((skill) => (
        <Chip key={skill.name} title={skill.description}>
          {skill.name}
        </Chip>
      ))}
      {more.length > 0 && <Chip title={more.map((skill) => skill.name).join(", ")}>+{more.length}</Chip>}
      {agent.skills.length === 0 && <span className={css.zero}>none</span>}
    </span>
  );
}

export function AgentsTable() {
  const agents = useAgents();
  const rows = agents.data?.items;
  return (
    <Panel
      title="Agents"
      flush
      label="Agents"
      aside={rows && rows.length > 0 && <span className={css.aside}>{rows.length} registered</span>}
    >
      {rows === undefined && agents.isError && (
        <ErrorState problem={problemOf(agents.error)} onRetry={() => void agents.refetch()} />
      )}
      {rows === undefined && agents.isPending && <Skeleton height={120} radius={0} />}
      {rows !== undefined && (
        <DataTable
          label="Agents"
          columns={COLUMNS}
          rows={rows}
          rowKey={(agent) => agent.name}
          rowTestId="agent-row"
          empty={
            <EmptyState icon={Bot} title="No agent has registered">
              Start one with <code>agent.run()</code>: it appears here by itself.
            </EmptyState>
          }
        />
      )}
    </Panel>
  );
}
