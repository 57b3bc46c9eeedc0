import { Skeleton } from "@mantine/core";
import { CalendarClock } from "lucide-react";

import { problemOf } from "~/api/problem";
import type { Schedule } from "~/api/resources";
import { useSchedules } from "~/api/schedules";
import { DataTable, DueTime, EmptyState, ErrorState, ListFoot, LoadMore, Panel, Quiet, RowLink } from "~/design";
import type { Column } from "~/design";

import { ScheduleState, targetOf } from "./words";

interface ScheduleListProps {
  search: string;
  selected: string | undefined;
  onOpen: (name: string) => void;
}

/** Schedules by cron expression. */
export function ScheduleList({ search, selected, onOpen }: ScheduleListProps) {
  const schedules = useSchedules();
  const rows = schedules.data?.pages.flatMap((page) => page.items);
  return (
    <Panel flush title="Cron schedules" label="Cron schedules" aside={<Quiet>each firing makes one message</Quiet>}>
      {schedules.isError && rows === undefined && (
        <ErrorState problem={problemOf(schedules.error)} onRetry={() => void schedules.refetch()} />
      )}
      {schedules.isPending && <Skeleton height={160} radius={0} />}
      {rows !== undefined && (
        <DataTable
          label="Cron schedules"
          columns={columns(search)}
          rows={rows}
          rowKey={({ name }) => name}
          rowTestId="schedule-row"
          selected={selected}
          onOpen={({ name }) => {
            onOpen(name);
          }}
          empty={
            <EmptyState icon={CalendarClock} title="Nothing happens by the clock yet">
              Declare a schedule here, with <code>trunkline schedules declare</code>, or by <code>@agent.cron</code>.
            </EmptyState>
          }
        />
      )}
      <ListFoot>
        <LoadMore list={schedules} />
      </ListFoot>
    </Panel>
  );
}

function columns(search: string): Column<Schedule>[] {
  return [
    {
      key: "name",
      title: "Schedule",
      cell: ({ name, declaration }) => (
        <RowLink
          to={`/schedules/cron/${encodeURIComponent(name)}${search}`}
          name={name}
          under={declaration.description || `to ${targetOf(declaration)}`}
        />
      ),
    },
    {
      key: "when",
      title: "When",
      cell: ({ declaration: { cron, timezone = "UTC" } }) => (
        <>
          <code>{cron}</code> <Quiet>{timezone}</Quiet>
        </>
      ),
    },
    { key: "target", title: "Sends to", priority: "low", cell: ({ declaration }) => targetOf(declaration) },
    { key: "state", title: "State", priority: "medium", cell: (schedule) => <ScheduleState schedule={schedule} /> },
    {
      key: "next",
      title: "Next",
      align: "right",
      cell: ({ next_at: [next], paused }) => <Quiet>{next === undefined ? (paused ? "paused" : "never") : <DueTime at={next} />}</Quiet>,
    },
  ];
}
