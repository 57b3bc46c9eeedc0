import { Button, Select, Skeleton } from "@mantine/core";
import { Bot, SearchX } from "lucide-react";

import { useAgentSearch } from "~/api/agents";
import { problemOf } from "~/api/problem";
import type { Agent } from "~/api/resources";
import {
  Chip, DataTable, EmptyState, ErrorState, Figure, FilterInput, ListFoot, LoadMore, Panel, Quiet, RowLink, StateBadge,
} from "~/design";
import type { Column } from "~/design";
import { useAddress } from "~/shell/address";

import css from "./page.module.css";

const STATES = ["healthy", "degraded", "unhealthy", "starting", "draining", "offline"];
const ORIGINS = ["sdk", "a2a", "mcp", "nats", "openapi"];
const SHOWN_SKILLS = 3;

interface AgentListProps {
  search: string;
  selected: string | undefined;
  onOpen: (name: string) => void;
}

export function AgentList({ search, selected, onOpen }: AgentListProps) {
  const { params, set, clear } = useAddress();
  const wanted = { text: params.get("text"), state: params.get("state"), origin: params.get("origin") };
  const agents = useAgentSearch(wanted);
  const rows = agents.data?.pages.flatMap((page) => page.items);
  const choice = (field: "state" | "origin", label: string, data: string[]) => (
    <Select
      aria-label={label}
      placeholder={`Any ${label.toLowerCase()}`}
      size="xs"
      clearable
      data={data}
      value={wanted[field]}
      onChange={(value) => {
        set(field, value);
      }}
    />
  );
  return (
    <>
      <div className={css.filters} role="search" aria-label="Filter agents">
        <FilterInput
          search
          label="Search agents"
          placeholder="What is wanted: a skill, a tag, a word"
          value={wanted.text}
          onCommit={(value) => {
            set("text", value);
          }}
        />
        {choice("state", "State", STATES)}
        {choice("origin", "Origin", ORIGINS)}
      </div>
      <Panel flush label="Agents">
        {agents.isError && rows === undefined && (
          <ErrorState problem={problemOf(agents.error)} onRetry={() => void agents.refetch()} />
        )}
        {agents.isPending && <Skeleton height={280} radius={0} />}
        {rows !== undefined && (
          <DataTable
            label="Agents"
            columns={columns(search)}
            rows={rows}
            rowKey={({ name }) => name}
            rowTestId="agent-row"
            selected={selected}
            onOpen={({ name }) => {
              onOpen(name);
            }}
            empty={<NoAgents narrowed={search !== ""} onClear={() => { clear(); }} />}
          />
        )}
        <ListFoot>
          <LoadMore list={agents} />
        </ListFoot>
      </Panel>
    </>
  );
}

function NoAgents({ narrowed, onClear }: { narrowed: boolean; onClear: () => void }) {
  if (narrowed) {
    return (
      <EmptyState icon={SearchX} title="No agent matches">
        <Button variant="default" onClick={onClear}>
          Clear the filter
        </Button>
      </EmptyState>
    );
  }
  return (
    <EmptyState icon={Bot} title="No agent has registered">
      Start one with <code>agent.run()</code>: it appears here by itself.
    </EmptyState>
  );
}

function columns(search: string): Column<Agent>[] {
  return [
    {
      key: "name",
      title: "Agent",
      cell: (agent) => (
        <RowLink to={`/agents/${encodeURIComponent(agent.name)}${search}`} name={agent.title || agent.name} under={agent.description || agent.version} />
      ),
    },
    { key: "state", title: "State", cell: ({ state }) => <StateBadge state={state} /> },
    { key: "skills", title: "Skills", priority: "medium", cell: (agent) => <Skills agent={agent} /> },
    {
      key: "origin",
      title: "Origin",
      priority: "low",
      cell: ({ origin }) => (origin === undefined || origin === "sdk" ? <Quiet>sdk</Quiet> : <Chip>{origin}</Chip>),
    },
    { key: "up", title: "Up", align: "right", cell: ({ instances }) => <Figure value={instances.length} /> },
    {
      key: "failed",
      title: "Failed",
      align: "right",
      priority: "low",
      cell: ({ instances }) => <Figure value={instances.reduce((sum, { failed }) => sum + failed, 0)} trouble />,
    },
  ];
}

function Skills({ agent: { skills } }: { agent: Agent }) {
  const more = skills.slice(SHOWN_SKILLS);
  return (
    <span className={css.chips}>
      {skills.slice(0, SHOWN_SKILLS).map(({ name, description }) => (
        <Chip key={name} title={description}>
          {name}
        </Chip>
      ))}
      {more.length > 0 && <Chip title={more.map(({ name }) => name).join(", ")}>+{more.length}</Chip>}
      {skills.length === 0 && <Quiet>none</Quiet>}
    </span>
  );
}
