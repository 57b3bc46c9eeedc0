import { Skeleton } from "@mantine/core";
import { Link } from "react-router";

import { useAgent } from "~/api/agents";
import { useDenied } from "~/api/permission";
import { mayPass, problemOf } from "~/api/problem";
import type { Agent } from "~/api/resources";
import { useTasks } from "~/api/tasks";
import { DataTable, ErrorState, PanelSection, Quiet, RelativeTime, Sentence, SidePanel, StateBadge } from "~/design";
import type { Column } from "~/design";
import { taskColumns } from "~/pages/tasks/list";

import { OtherEnd } from "./elsewhere";
import { AgentFacts } from "./facts";
import { AgentHistory } from "./history";
import css from "./page.module.css";
import { Recent } from "./recent";
import { Skills } from "./skills";

const LATEST_TASKS = 6;

interface AgentDetailProps {
  name: string;
  onClose: () => void;
}

/** One agent: how it is, what it can do, what it does. */
export function AgentDetail({ name, onClose }: AgentDetailProps) {
  const query = useAgent(name);
  const agent = query.data;
  const gone = query.isError && problemOf(query.error).status === 404;
  return (
    <SidePanel
      label="Agent"
      title={agent?.title || name}
      badge={agent && !gone && <StateBadge state={agent.state} testId="agent-state" />}
      onClose={onClose}
      testId="agent-detail"
      id={name}
    >
      {query.isPending && <Skeleton height={240} radius="md" />}
      {query.isError && (!agent || gone) && (
        <ErrorState
          problem={problemOf(query.error)}
          onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
        />
      )}
      {agent && !gone && <Detail agent={agent} />}
      <AgentHistory name={name} />
    </SidePanel>
  );
}

function Detail({ agent }: { agent: Agent }) {
  return (
    <>
      <section className={css.stack} aria-label="About">
        {agent.description !== "" && <Sentence>{agent.description}</Sentence>}
        {agent.reason && agent.state !== "healthy" && <Sentence testId="agent-reason">{agent.reason}</Sentence>}
        <AgentFacts agent={agent} />
      </section>
      <OtherEnd agent={agent} />
      <PanelSection title="Skills" aside={<Quiet>{agent.skills.length === 1 ? "1 skill" : `${String(agent.skills.length)} skills`}</Quiet>}>
        <Skills agent={agent} />
      </PanelSection>
      <PanelSection title="Instances">
        <Instances agent={agent} />
      </PanelSection>
      <PanelSection title="Handled last" aside={<Quiet>of the last 15 minutes</Quiet>}>
        <Recent name={agent.name} />
      </PanelSection>
      <LatestTasks agent={agent} />
    </>
  );
}

const INSTANCE_COLUMNS: Column<Agent["instances"][number]>[] = [
  {
    key: "id",
    title: "Instance",
    cell: ({ id, version, since, reason }) => (
      <span className={css.cell} title={id}>
        <code>{id.slice(0, 12)}</code>
        <Quiet>
          {version} · up <RelativeTime at={since} />
          {reason ? ` · ${reason}` : ""}
        </Quiet>
      </span>
    ),
  },
  { key: "state", title: "State", cell: ({ state }) => <StateBadge state={state} /> },
  { key: "flight", title: "In flight", align: "right", cell: ({ in_flight }) => in_flight },
  { key: "handled", title: "Handled", align: "right", cell: ({ handled }) => handled },
  { key: "failed", title: "Failed", align: "right", priority: "medium", cell: ({ failed }) => failed },
  {
    key: "beat",
    title: "Last beat",
    align: "right",
    priority: "medium",
    cell: ({ last_beat_at: at }) => (
      <Quiet>
        <RelativeTime at={at} />
      </Quiet>
    ),
  },
];

function Instances({ agent }: { agent: Agent }) {
  return (
    <div className={css.framed}>
      <DataTable
        label="Instances"
        columns={INSTANCE_COLUMNS}
        rows={agent.instances}
        rowKey={({ id }) => id}
        rowTestId="instance-row"
        empty={<p className={css.none}>No process of it runs. Start one with <code>agent.run()</code>; it may run on any machine.</p>}
      />
    </div>
  );
}

const TASK_COLUMNS = taskColumns("")
  .filter(({ key }) => key !== "agent" && key !== "caller")
  .map((column) => (column.key === "changed" ? { ...column, priority: "medium" as const } : column));

/** What it does, or did, as long work. */
function LatestTasks({ agent }: { agent: Agent }) {
  const denied = useDenied("tasks:run");
  const tasks = useTasks({ state: null, agent: agent.name, skill: null, caller: null, context: null }, LATEST_TASKS);
  const rows = tasks.data?.pages[0]?.items ?? [];
  if (denied !== undefined || (rows.length === 0 && !agent.skills.some(({ task }) => task))) return null;
  return (
    <PanelSection title="Tasks" aside={<Link to={`/tasks?agent=${encodeURIComponent(agent.name)}`} className={css.more}>All of its tasks</Link>}>
      <div className={css.framed}>
        <DataTable
          label="Latest tasks"
          columns={TASK_COLUMNS}
          rows={rows}
          rowKey={({ id }) => id}
          rowTestId="agent-task"
          empty={<p className={css.none}>Nobody has given it a task yet. Try one of its skills above.</p>}
        />
      </div>
    </PanelSection>
  );
}
