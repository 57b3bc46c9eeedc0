import { SegmentedControl, Skeleton } from "@mantine/core";
import { Waypoints } from "lucide-react";
import { useParams, useSearchParams } from "react-router";

import { problemOf } from "~/api/problem";
import type { Trace } from "~/api/resources";
import { isUnderWay, useTrace } from "~/api/traces";
import type { TraceKey } from "~/api/traces";
import { EmptyState, ErrorState, PageHeader, Panel } from "~/design";

import { linesOf } from "./lines";
import css from "./page.module.css";
import { TraceSearch } from "./search";
import { Summary } from "./summary";
import { TraceTable } from "./table";
import { Waterfall } from "./waterfall";

const KEYS: string[] = ["message", "correlation", "trace"] satisfies TraceKey[];

/** What became of a message, and of everything it caused. */
export function TracePage() {
  const { id } = useParams();
  const [params] = useSearchParams();
  const given = params.get("by") ?? "";
  const by = KEYS.includes(given) ? (given as TraceKey) : "message";
  return (
    <div className={css.page}>
      <PageHeader title="Trace" hint="Who sent a message, who handled it, for how long, and what it caused.">
        {id !== undefined && <TraceSearch key={`${by} ${id}`} by={by} id={id} />}
      </PageHeader>
      {id === undefined ? (
        <Panel>
          <EmptyState icon={Waypoints} title="Which message?">
            <TraceSearch by={by} id="" />
          </EmptyState>
        </Panel>
      ) : (
        <Found key={`${by} ${id}`} by={by} id={id} />
      )}
    </div>
  );
}

function Found({ by, id }: { by: TraceKey; id: string }) {
  const query = useTrace(by, id);
  if (query.isPending) return <Skeleton height={360} radius="lg" />;
  if (query.data) return <Drawn trace={query.data} />;
  const problem = problemOf(query.error);
  return (
    <Panel>
      {problem.status === 404 ? (
        <EmptyState icon={Waypoints} title="Nothing is on record about it">
          {problem.remedy ?? problem.detail}
        </EmptyState>
      ) : (
        <ErrorState problem={problem} onRetry={() => void query.refetch()} />
      )}
    </Panel>
  );
}

function Drawn({ trace }: { trace: Trace }) {
  const [params, setParams] = useSearchParams();
  const view = params.get("view") === "table" ? "table" : "waterfall";
  const lines = linesOf(trace);
  return (
    <>
      <Summary trace={trace} lines={lines} />
      <Panel
        title={isUnderWay(trace) ? "So far" : "What happened"}
        flush
        label="Trace"
        aside={
          <SegmentedControl
            size="xs"
            aria-label="How to show it"
            data={[
              { value: "waterfall", label: "Waterfall" },
              { value: "table", label: "Table" },
            ]}
            value={view}
            onChange={(value) => {
              setParams(
                (before) => {
                  const next = new URLSearchParams(before);
                  if (value === "table") next.set("view", value);
                  else next.delete("view");
                  return next;
                },
                { replace: true },
              );
            }}
          />
        }
      >
        {view === "table" ? <TraceTable lines={lines} /> : <Waterfall lines={lines} />}
      </Panel>
    </>
  );
}
