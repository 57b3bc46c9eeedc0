import { Button, Skeleton } from "@mantine/core";
import { Copy, Download } from "lucide-react";
import { Link } from "react-router";

import { useJob } from "~/api/jobs";
import { useDenied } from "~/api/permission";
import { mayPass, problemOf } from "~/api/problem";
import { replayFile } from "~/api/replays";
import type { Job, ReplayRequest } from "~/api/resources";
import { usePlace } from "~/api/workspace";
import { Chip, CopyButton, ErrorState, Fact, Facts, PanelSection, SidePanel, StateBadge, format } from "~/design";
import { JobAbout, JobTrouble } from "~/jobs/about";
import { Controls } from "~/jobs/controls";
import { JobProgress } from "~/jobs/progress";

import { Counted } from "./counted";
import css from "./page.module.css";
import { againSearch, paceWords, requestOf, targetWords } from "./request";

interface ReplayDetailProps {
  id: string;
  onClose: () => void;
}

/** One replay: how far, of what, to whom, and its brakes. */
export function ReplayDetail({ id, onClose }: ReplayDetailProps) {
  const query = useJob(id);
  const job = query.data;
  return (
    <SidePanel
      label="Replay"
      title={job?.title ?? "Replay"}
      badge={job && <StateBadge state={job.state} pulse={job.state === "running"} testId="replay-state" />}
      onClose={onClose}
      testId="replay-detail"
      id={id}
    >
      {query.isPending && <Skeleton height={180} radius="md" />}
      {query.isError && !job && (
        <ErrorState
          problem={problemOf(query.error)}
          onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
        />
      )}
      {job && <Detail job={job} />}
    </SidePanel>
  );
}

function Detail({ job }: { job: Job }) {
  const wanted = requestOf(job);
  return (
    <>
      <JobProgress job={job} remaining />
      <Controls job={job} />
      <nav className={css.ways} aria-label="From here">
        {wanted.target === "file" && job.state === "completed" && <File job={job} />}
        <Button component={Link} to={`/replays?${againSearch(wanted)}`} variant="default" leftSection={<Copy size={14} />}>
          Start another like it
        </Button>
      </nav>
      <JobTrouble job={job} />
      {wanted.target === "dry_run" && job.state === "completed" && <Counted job={job} />}
      <PanelSection title="Which events">
        <Selected wanted={wanted} />
      </PanelSection>
      <JobAbout job={job}>
        <Fact name="To">
          {targetWords(wanted)} {wanted.follow === true && <Chip>and what happens from now on</Chip>}
        </Fact>
        {wanted.speed != null && <Fact name="Tempo">{paceWords(job)}</Fact>}
        <Fact name="Id">
          <code>{job.id}</code>
          <CopyButton text={job.id} what="replay id" />
        </Fact>
      </JobAbout>
    </>
  );
}

/** The file that it wrote. */
function File({ job }: { job: Job }) {
  const { workspace } = usePlace();
  const denied = useDenied("events:read");
  if (denied !== undefined) return null;
  const size = typeof job.result.size_bytes === "number" ? ` (${format.bytes(job.result.size_bytes)})` : "";
  return (
    <Button component="a" href={replayFile(workspace, job.id)} download leftSection={<Download size={14} />}>
      Download{size}
    </Button>
  );
}

function Selected({ wanted }: { wanted: ReplayRequest }) {
  const { types = [], subject, correlation_id: correlation, since, until, after_seq: after, until_seq: upTo } = wanted;
  return (
    <Facts>
      <Fact name="Types">{types.length === 0 ? "all" : types.map((type) => <Chip key={type}>{type}</Chip>)}</Fact>
      {subject != null && <Fact name="Subject">{subject}</Fact>}
      {correlation != null && <Fact name="Correlation">{correlation}</Fact>}
      {since != null && <Fact name="Since">{format.moment(since)}</Fact>}
      {until != null && <Fact name="Until">{format.moment(until)}</Fact>}
      {after != null && <Fact name="After">sequence {after}</Fact>}
      {upTo != null && <Fact name="Up to">sequence {upTo}</Fact>}
    </Facts>
  );
}
