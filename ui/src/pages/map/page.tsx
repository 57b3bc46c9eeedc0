import { Button, SegmentedControl, Select, Skeleton } from "@mantine/core";
import { Network, SearchX } from "lucide-react";

import { useTrafficMap } from "~/api/agents";
import { problemOf } from "~/api/problem";
import type { TrafficMap } from "~/api/resources";
import { EmptyState, ErrorState, FilterInput, PageHeader, Panel, Quiet, Sentence, format } from "~/design";
import { useAddress } from "~/shell/address";

import { Drawing } from "./drawing";
import css from "./page.module.css";
import { TrafficTable } from "./table";
import { narrowed, withoutMost } from "./words";

const WINDOWS = [
  { value: "60", label: "1 min" },
  { value: "300", label: "5 min" },
  { value: "900", label: "15 min" },
];
const KINDS = [
  { value: "call", label: "Calls" },
  { value: "event", label: "Events" },
  { value: "queue", label: "Work in queues" },
  { value: "task", label: "Tasks" },
];

/** Who works with whom, now. */
export function MapPage() {
  const { params, set, clear } = useAddress();
  const chosen = params.get("window");
  const window_s = WINDOWS.find(({ value }) => value === chosen)?.value ?? "300";
  const map = useTrafficMap(Number(window_s));
  return (
    <div className={css.page}>
      <PageHeader title="Map" hint="Who calls, publishes to and works for whom, as their workers tell it.">
        <SegmentedControl
          size="xs"
          aria-label="Look back"
          data={WINDOWS}
          value={window_s}
          onChange={(value) => {
            set("window", value === "300" ? null : value);
          }}
        />
      </PageHeader>
      <div className={css.filters} role="search" aria-label="Filter the map">
        <FilterInput
          search
          label="Search the map"
          placeholder="Part of a name"
          value={params.get("text")}
          onCommit={(value) => {
            set("text", value);
          }}
        />
        <Select
          aria-label="Traffic"
          placeholder="Any traffic"
          size="xs"
          clearable
          data={KINDS}
          value={params.get("kind")}
          onChange={(value) => {
            set("kind", value);
          }}
        />
      </div>
      {map.isPending && <Skeleton height={320} radius="md" />}
      {map.isError && map.data === undefined && <ErrorState problem={problemOf(map.error)} onRetry={() => void map.refetch()} />}
      {map.data && (
        <Shown
          map={map.data}
          text={params.get("text") ?? ""}
          kind={params.get("kind")}
          onClear={() => {
            clear();
          }}
        />
      )}
    </div>
  );
}

interface ShownProps {
  map: TrafficMap;
  text: string;
  kind: string | null;
  onClear: () => void;
}

function Shown({ map, text, kind, onClear }: ShownProps) {
  const found = narrowed(map.nodes, map.edges, text, kind);
  const { edges } = found;
  const { nodes, left } = withoutMost(found.nodes, edges);
  if (map.nodes.length === 0) {
    return (
      <Panel label="Map">
        <EmptyState icon={Network} title="There is nobody here yet">
          Start an agent with <code>agent.run()</code>, and call it: it appears here by itself.
        </EmptyState>
      </Panel>
    );
  }
  if (nodes.length === 0) {
    return (
      <Panel label="Map">
        <EmptyState icon={SearchX} title="Nothing on the map matches">
          <Button variant="default" onClick={onClear}>
            Show all of it
          </Button>
        </EmptyState>
      </Panel>
    );
  }
  return (
    <>
      <Panel flush label="Map" className={css.drawing}>
        <Drawing nodes={nodes} edges={edges} />
        <Legend map={map} left={left} />
      </Panel>
      {edges.length > 0 ? (
        <TrafficTable edges={edges} />
      ) : (
        <Sentence>Nobody has worked with anybody in this time. Look back further, or try a skill on an agent&apos;s page.</Sentence>
      )}
    </>
  );
}

function Legend({ map, left }: { map: TrafficMap; left: number }) {
  const quiet = map.quiet + left;
  return (
    <p className={css.legend}>
      <span className={css.key} data-tone="ok">all well</span>
      <span className={css.key} data-tone="warn">some fail</span>
      <span className={css.key} data-tone="danger">5 % or more fail</span>
      <Quiet>
        The wider and faster, the more.
        {map.behind > 0 && ` Still reading ${format.count(map.behind)} batches.`}
        {map.untold > 0 && ` ${format.count(map.untold)} handled without a line here.`}
        {quiet > 0 && ` ${format.count(quiet)} more agents without traffic.`}
      </Quiet>
    </p>
  );
}
