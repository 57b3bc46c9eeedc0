import { Plus } from "lucide-react";
import { useCallback, useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";

import { useDenied } from "~/api/permission";
import { GuardedButton, PageHeader, SplitView } from "~/design";

import { DeclareSchedule } from "./declare";
import { ScheduleDetail } from "./detail";
import { ScheduleList } from "./list";
import { WaitingDetail } from "./waiting-detail";
import { WaitingList } from "./waiting-list";

/** What is to happen later: schedules that make messages, and messages that wait for their time. */
export function SchedulesPage() {
  const { kind, id } = useParams();
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const [declaring, setDeclaring] = useState(false);
  const denied = useDenied("schedules:write");
  const search = params.size === 0 ? "" : `?${params.toString()}`;
  const close = useCallback(() => void navigate(`/schedules${search}`), [navigate, search]);
  const open = (what: "cron" | "waiting") => (one: string) => void navigate(`/schedules/${what}/${encodeURIComponent(one)}${search}`);
  return (
    <SplitView detail={id === undefined ? null : detail(kind, id, close)} onClose={close}>
      <PageHeader title="Schedules" hint="What is to happen later: by the clock, once or again and again.">
        <GuardedButton
          denied={denied}
          leftSection={<Plus size={14} />}
          onClick={() => {
            setDeclaring(true);
          }}
        >
          Declare a schedule
        </GuardedButton>
      </PageHeader>
      {declaring && (
        <DeclareSchedule
          onClose={() => {
            setDeclaring(false);
          }}
          onDeclared={open("cron")}
        />
      )}
      <ScheduleList search={search} selected={kind === "cron" ? id : undefined} onOpen={open("cron")} />
      <WaitingList search={search} selected={kind === "waiting" ? id : undefined} onOpen={open("waiting")} />
    </SplitView>
  );
}

function detail(kind: string | undefined, id: string, onClose: () => void) {
  if (kind === "waiting") return <WaitingDetail key={id} id={id} onClose={onClose} />;
  return <ScheduleDetail key={id} name={id} onClose={onClose} />;
}
