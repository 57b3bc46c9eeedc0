import { Skeleton } from "@mantine/core";
import { Split } from "lucide-react";

import { problemOf } from "~/api/problem";
import type { Route } from "~/api/resources";
import { useRoutes } from "~/api/routes";
import {
  Chip, DataTable, EmptyState, ErrorState, Figure, ListFoot, LoadMore, Marked, Panel, Quiet, RelativeTime, RowLink,
} from "~/design";
import type { Column } from "~/design";

import css from "./page.module.css";
import { conditions, share, targetWords } from "./words";

interface RouteListProps {
  selected: string | undefined;
  onOpen: (name: string) => void;
}

export function RouteList({ selected, onOpen }: RouteListProps) {
  const routes = useRoutes();
  const rows = routes.data?.pages.flatMap((page) => page.items);
  return (
    <Panel flush label="Routes">
      {routes.isError && rows === undefined && (
        <ErrorState problem={problemOf(routes.error)} onRetry={() => void routes.refetch()} />
      )}
      {routes.isPending && <Skeleton height={200} radius={0} />}
      {rows !== undefined && (
        <DataTable
          label="Routes"
          columns={COLUMNS}
          rows={[...rows].sort(byOrder)}
          rowKey={(item) => item.name}
          rowTestId="route-row"
          selected={selected}
          onOpen={(item) => {
            onOpen(item.name);
          }}
          empty={<NoRoutes />}
        />
      )}
      <ListFoot>
        <LoadMore list={routes} />
      </ListFoot>
    </Panel>
  );
}

function byOrder(one: Route, other: Route): number {
  return (one.route.order ?? 100) - (other.route.order ?? 100) || one.name.localeCompare(other.name);
}

function NoRoutes() {
  return (
    <EmptyState icon={Split} title="There are no routes">
      <Marked text="Declare one with `trunkline routes declare NAME FILE`; the file says which events it takes, and where they go." />
    </EmptyState>
  );
}

const COLUMNS: Column<Route>[] = [
  {
    key: "name",
    title: "Route",
    cell: ({ name, route }) => (
      <RowLink
        to={`/routes/${encodeURIComponent(name)}`}
        name={
          <>
            {name} {route.enabled === false && <Chip>off</Chip>} {route.stop === true && <Chip>stops</Chip>}
          </>
        }
        under={conditions(route)[0] ?? "every event"}
      />
    ),
  },
  {
    key: "targets",
    title: "Leads to",
    cell: ({ route }) => (
      <ul className={css.targets}>
        {route.targets.map((target, at) => (
          <li key={at}>
            {targetWords(target)} <Quiet>{share(route, target)}</Quiet>
          </li>
        ))}
      </ul>
    ),
  },
  { key: "order", title: "Order", align: "right", priority: "low", cell: ({ route }) => route.order ?? 100 },
  { key: "routed", title: "Routed", align: "right", cell: ({ counts }) => <Figure value={counts.routed} /> },
  {
    key: "trouble",
    title: "Dead ends",
    align: "right",
    priority: "medium",
    cell: ({ counts }) => <Figure value={counts.dead_ends + counts.loops} trouble />,
  },
  {
    key: "last",
    title: "Last",
    align: "right",
    priority: "low",
    cell: ({ counts }) => <Quiet>{counts.last_at === null ? "never" : <RelativeTime at={counts.last_at} />}</Quiet>,
  },
];
