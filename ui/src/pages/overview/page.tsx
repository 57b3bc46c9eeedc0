import { Skeleton } from "@mantine/core";

import { usePlace } from "~/api/workspace";
import { PageHeader } from "~/design";
import { useLiveOverview } from "~/live/overview";

import { AgentsTable } from "./agents-table";
import { Backlog, Throughput } from "./charts";
import { EventFeed } from "./event-feed";
import { GroupsTable } from "./groups-table";
import css from "./page.module.css";
import { ReadersTable } from "./readers-table";
import { Stats } from "./stats";

export function OverviewPage() {
  const { workspace } = usePlace();
  const { overview, state } = useLiveOverview();
  const stale = state === "reconnecting" || overview?.bus_up === false;
  return (
    <div className={css.page} data-testid="overview" data-stale={stale}>
      <PageHeader
        title="Overview"
        hint={
          <>
            Workspace <b>{workspace}</b>, second by second
          </>
        }
      />
      {overview === null ? (
        <Waiting />
      ) : (
        <>
          <Stats overview={overview} />
          <div className={css.charts}>
            <Throughput history={overview.history} />
            <Backlog history={overview.history} />
          </div>
        </>
      )}
      <div className={css.columns}>
        <div className={css.tables}>
          <ReadersTable readers={overview?.readers} />
          <GroupsTable />
          <AgentsTable />
        </div>
        <EventFeed />
      </div>
    </div>
  );
}

/** The shape of the page before its first numbers. */
function Waiting() {
  return (
    <>
      <div className={css.stats} aria-hidden>
        {["agents", "rate", "depth", "dead", "failed"].map((key) => (
          <Skeleton key={key} height={98} radius="lg" />
        ))}
      </div>
      <div className={css.charts} aria-hidden>
        <Skeleton height={278} radius="lg" />
        <Skeleton height={278} radius="lg" />
      </div>
    </>
  );
}
