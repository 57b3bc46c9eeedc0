import { SegmentedControl } from "@mantine/core";
import { Plus } from "lucide-react";
import { useCallback } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";

import { useDenied } from "~/api/permission";
import type { Job } from "~/api/resources";
import { GuardedButton, PageHeader, SplitView } from "~/design";

import { ReplayDetail } from "./detail";
import { ReplayList } from "./list";
import { Start } from "./start";

const SHOWN: { value: string; label: string }[] = [
  { value: "all", label: "All" },
  { value: "running", label: "Running" },
  { value: "paused", label: "Paused" },
  { value: "failed", label: "Failed" },
];

/** The past played again: what is under way, and how to start another. */
export function ReplaysPage() {
  const { id } = useParams();
  const navigate = useNavigate();
  const [params, setParams] = useSearchParams();
  const denied = useDenied("events:replay");
  const shown = params.get("state") ?? "all";
  const starting = params.has("new");
  const search = shown === "all" ? "" : `?state=${shown}`;
  const open = useCallback((replay: string) => void navigate(`/replays/${replay}${search}`), [navigate, search]);
  const close = useCallback(() => void navigate(`/replays${search}`), [navigate, search]);
  return (
    <SplitView detail={id === undefined ? null : <ReplayDetail key={id} id={id} onClose={close} />} onClose={close}>
      <PageHeader title="Replays" hint="The past played again: to a group, to a new group, or into a file.">
        <SegmentedControl
          size="xs"
          data={SHOWN}
          value={shown}
          aria-label="State"
          onChange={(value) => {
            setParams(value === "all" ? {} : { state: value }, { replace: true });
          }}
        />
        <GuardedButton denied={denied} leftSection={<Plus size={14} />} onClick={() => void navigate("/replays?new")}>
          Start a replay
        </GuardedButton>
      </PageHeader>
      {starting && denied === undefined && <Start key={params.toString()} params={params} onClose={close} onStarted={open} />}
      <ReplayList state={shown === "all" ? null : (shown as Job["state"])} search={search} selected={id} onOpen={open} />
    </SplitView>
  );
}
