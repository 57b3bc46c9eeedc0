import { Skeleton } from "@mantine/core";
import { Pause, Play, Trash2, Zap } from "lucide-react";
import { Link } from "react-router";

import { useDenied } from "~/api/permission";
import { mayPass, problemOf } from "~/api/problem";
import type { Schedule } from "~/api/resources";
import { useRemoveSchedule, useRunSchedule, useSchedule, useSteerSchedule } from "~/api/schedules";
import {
  Actions, AskButton, ErrorState, Fact, Facts, GuardedButton, JsonBlock, PanelSection, RelativeTime, Sentence, SidePanel, toast,
} from "~/design";

import { EditSchedule } from "./edit";
import { Firings } from "./firings";
import css from "./page.module.css";
import { Times } from "./times";
import { ScheduleState, targetOf } from "./words";

interface ScheduleDetailProps {
  name: string;
  onClose: () => void;
}

/** One schedule: when it fires, what it sends, how it fired, and its brakes. */
export function ScheduleDetail({ name, onClose }: ScheduleDetailProps) {
  const query = useSchedule(name);
  const schedule = query.data;
  const gone = query.isError && problemOf(query.error).status === 404;
  return (
    <SidePanel
      label="Schedule"
      title={name}
      badge={schedule && !gone && <ScheduleState schedule={schedule} testId="schedule-state" />}
      onClose={onClose}
      testId="schedule-detail"
      id={name}
    >
      {query.isPending && <Skeleton height={240} radius="md" />}
      {query.isError && (!schedule || gone) && (
        <ErrorState
          problem={problemOf(query.error)}
          onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
        />
      )}
      {schedule && !gone && <Detail schedule={schedule} onRemoved={onClose} />}
    </SidePanel>
  );
}

function Detail({ schedule, onRemoved }: { schedule: Schedule; onRemoved: () => void }) {
  const { declaration, next_at: next, paused } = schedule;
  const { cron, timezone = "UTC", misfire = "skip", jitter_s: jitter = 0 } = declaration;
  return (
    <>
      <section className={css.stack} aria-label="Operate">
        {declaration.description !== undefined && declaration.description !== "" && <Sentence>{declaration.description}</Sentence>}
        <Controls schedule={schedule} onRemoved={onRemoved} />
      </section>
      <PanelSection title="When">
        <Facts>
          <Fact name="Expression">
            <code>{cron}</code>
          </Fact>
          <Fact name="Time zone">{timezone}</Fact>
          <Fact name="If missed">{misfire === "skip" ? "left out" : "made up for once"}</Fact>
          {jitter > 0 && <Fact name="Put off">by up to {jitter} s</Fact>}
        </Facts>
        {paused ? <Sentence>It is paused: it fires no more until it is resumed.</Sentence> : <Times next={next} timezone={timezone} />}
      </PanelSection>
      <PanelSection title="What it sends">
        <Facts>
          <Fact name="To">
            {declaration.queue == null ? targetOf(declaration) : (
              <>
                queue <Link to={`/queues/${encodeURIComponent(declaration.queue)}`}>{declaration.queue}</Link>
              </>
            )}
          </Fact>
          {declaration.type != null && <Fact name="Type">{declaration.type}</Fact>}
          {declaration.subject != null && <Fact name="Subject">{declaration.subject}</Fact>}
          {declaration.key != null && <Fact name="Key">{declaration.key}</Fact>}
          {declaration.priority != null && <Fact name="Class">{declaration.priority}</Fact>}
          <Fact name="As">{schedule.owner}, who declared it last</Fact>
          <Fact name="Changed">
            <RelativeTime at={schedule.updated_at} />
          </Fact>
        </Facts>
        {declaration.data != null && (
          <div className={css.data}>
            <JsonBlock value={declaration.data} what="data" />
          </div>
        )}
      </PanelSection>
      <Firings name={schedule.name} timezone={timezone} />
      <EditSchedule key={schedule.updated_at} schedule={schedule} />
    </>
  );
}

function Controls({ schedule: { name, paused }, onRemoved }: { schedule: Schedule; onRemoved: () => void }) {
  const denied = useDenied("schedules:write");
  const steer = useSteerSchedule(name);
  const run = useRunSchedule(name);
  const remove = useRemoveSchedule(name);
  const failed = [steer, run, remove].find(({ isError }) => isError);
  return (
    <>
      <Actions label="Controls">
        <GuardedButton
          denied={denied}
          variant={paused ? "filled" : "default"}
          leftSection={paused ? <Play size={14} /> : <Pause size={14} />}
          loading={steer.isPending}
          onClick={() => {
            steer.mutate(paused ? "resume" : "pause", {
              onSuccess: () => {
                toast("ok", `${name} ${paused ? "fires again" : "is paused"}`);
              },
            });
          }}
        >
          {paused ? "Resume" : "Pause"}
        </GuardedButton>
        <GuardedButton
          denied={denied}
          variant="default"
          leftSection={<Zap size={14} />}
          loading={run.isPending}
          onClick={() => {
            run.mutate(undefined, {
              onSuccess: () => {
                toast("ok", `${name} was fired`, "Beside its plan, which goes on.");
              },
            });
          }}
        >
          Fire now
        </GuardedButton>
        <AskButton
          denied={denied}
          question="Remove it, and the record of its firings?"
          icon={<Trash2 size={14} />}
          pending={remove.isPending}
          onConfirm={() => {
            remove.mutate(undefined, {
              onSuccess: () => {
                toast("ok", `${name} is removed`, "What it sent stays.");
                onRemoved();
              },
            });
          }}
        >
          Remove
        </AskButton>
      </Actions>
      {failed && <ErrorState compact problem={problemOf(failed.error)} />}
    </>
  );
}
