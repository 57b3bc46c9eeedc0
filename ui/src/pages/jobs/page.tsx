import { SegmentedControl } from "@mantine/core";
import { useCallback } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";

import type { Job } from "~/api/resources";
import { PageHeader, SplitView } from "~/design";

import { JobDetail } from "./detail";
import { JobList } from "./list";

const SHOWN: { value: string; label: string }[] = [
  { value: "all", label: "All" },
  { value: "running", label: "Running" },
  { value: "paused", label: "Paused" },
  { value: "failed", label: "Failed" },
];

/** Long work of the hub: how far it is, and the brakes. */
export function JobsPage() {
  const { id } = useParams();
  const navigate = useNavigate();
  const [params, setParams] = useSearchParams();
  const shown = params.get("state") ?? "all";
  const search = params.size === 0 ? "" : `?${params.toString()}`;
  const open = useCallback((job: string) => void navigate(`/jobs/${job}${search}`), [navigate, search]);
  const close = useCallback(() => void navigate(`/jobs${search}`), [navigate, search]);
  return (
    <SplitView detail={id === undefined ? null : <JobDetail key={id} id={id} onClose={close} />} onClose={close}>
      <PageHeader title="Jobs" hint="Long work: replays, redrives, moves. A job survives the hub that began it.">
        <SegmentedControl
          size="xs"
          data={SHOWN}
          value={shown}
          aria-label="State"
          onChange={(value) => {
            setParams(value === "all" ? {} : { state: value }, { replace: true });
          }}
        />
      </PageHeader>
      <JobList state={shown === "all" ? null : (shown as Job["state"])} search={search} selected={id} onOpen={open} />
    </SplitView>
  );
}
