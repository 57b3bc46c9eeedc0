import { Cable } from "lucide-react";
import { Link, useNavigate } from "react-router";

import type { ReaderLag } from "~/api/resources";
import { Chip, DataTable, EmptyState, Figure, Panel } from "~/design";
import type { Column } from "~/design";
import { readerKey } from "~/pages/dead-letters/filter";

import css from "./tables.module.css";

function deadLettersOf(reader: ReaderLag): string {
  return `/dead-letters?reader=${encodeURIComponent(readerKey(reader.lane, reader.name))}`;
}

const COLUMNS: Column<ReaderLag>[] = [
  {
    key: "name",
    title: "Reader",
    cell: (reader) => (
      <span className={css.name}>
        <b>{reader.name}</b>
        <Chip>{reader.lane}</Chip>
      </span>
    ),
  },
  { key: "waiting", title: "Waiting", align: "right", cell: (reader) => <Figure value={reader.waiting} /> },
  { key: "flight", title: "In flight", align: "right", cell: (reader) => <Figure value={reader.in_flight} /> },
  {
    key: "delivered",
    title: "Delivered",
    align: "right",
    priority: "medium",
    cell: (reader) => <Figure value={reader.delivered} />,
  },
  {
    key: "dead",
    title: "Dead",
    align: "right",
    cell: (reader) =>
      reader.dead === 0 ? (
        <Figure value={0} />
      ) : (
        <Link to={deadLettersOf(reader)} className={css.dead} aria-label={`${String(reader.dead)} dead letters`}>
          <Figure value={reader.dead} trouble />
        </Link>
      ),
  },
];

export function ReadersTable({ readers }: { readers: ReaderLag[] | undefined }) {
  const navigate = useNavigate();
  return (
    <Panel title="Readers" flush label="Readers" aside={<span className={css.aside}>queues and event groups</span>}>
      <DataTable
        label="Readers"
        columns={COLUMNS}
        rows={readers ?? []}
        rowKey={(reader) => readerKey(reader.lane, reader.name)}
        onOpen={(reader) => void navigate(deadLettersOf(reader))}
        rowTestId="reader-row"
        empty={
          <EmptyState icon={Cable} title={readers === undefined ? "Waiting for the hub" : "Nobody reads yet"}>
            Queues and groups appear once an agent registers with <code>@agent.task</code> or <code>@agent.on</code>.
          </EmptyState>
        }
      />
    </Panel>
  );
}
