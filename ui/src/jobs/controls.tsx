import { Button, NumberInput } from "@mantine/core";
import { Pause, Play, Square } from "lucide-react";
import { useState } from "react";

import { isUnderWay, useRate, useSteer } from "~/api/jobs";
import type { Verb } from "~/api/jobs";
import { useDenied } from "~/api/permission";
import { problemOf } from "~/api/problem";
import type { Job } from "~/api/resources";
import { AskButton, ErrorState, GuardedButton } from "~/design";

import css from "./jobs.module.css";

/** Pause, resume, cancel and pace: what the job's state allows. */
export function Controls({ job }: { job: Job }) {
  const steer = useSteer(job.id);
  const denied = useDenied("jobs:write");
  const mayResume = job.state === "paused" || job.state === "failed";
  const mayCancel = isUnderWay(job) || job.state === "paused";
  const press = (verb: Verb) => () => {
    steer.mutate(verb);
  };
  if (!mayResume && !mayCancel) return null;
  return (
    <div className={css.controls}>
      {isUnderWay(job) && (
        <GuardedButton
          denied={denied}
          variant="default"
          leftSection={<Pause size={15} />}
          loading={steer.isPending}
          onClick={press("pause")}
        >
          Pause
        </GuardedButton>
      )}
      {mayResume && (
        <GuardedButton denied={denied} leftSection={<Play size={15} />} loading={steer.isPending} onClick={press("resume")}>
          Resume
        </GuardedButton>
      )}
      {mayCancel && (
        <AskButton
          denied={denied}
          question="Cancel it: what is done stays done"
          icon={<Square size={14} />}
          pending={steer.isPending}
          onConfirm={press("cancel")}
        >
          Cancel
        </AskButton>
      )}
      {mayCancel && denied === undefined && <Pace key={job.rate_per_s} job={job} />}
      {steer.isError && <ErrorState compact problem={problemOf(steer.error)} />}
    </div>
  );
}

function Pace({ job }: { job: Job }) {
  const rate = useRate(job.id);
  const [wanted, setWanted] = useState<string | number>(job.rate_per_s ?? "");
  const value = wanted === "" ? 0 : Number(wanted);
  const changed = value !== (job.rate_per_s ?? 0);
  return (
    <form
      className={css.pace}
      onSubmit={(event) => {
        event.preventDefault();
        rate.mutate(value);
      }}
    >
      <NumberInput
        size="xs"
        min={0}
        hideControls
        allowNegative={false}
        aria-label="Items a second"
        placeholder="unlimited"
        suffix=" / s"
        value={wanted}
        onChange={setWanted}
        className={css.rate}
      />
      {changed && (
        <Button type="submit" variant="default" loading={rate.isPending}>
          Set pace
        </Button>
      )}
      {rate.isError && <ErrorState compact problem={problemOf(rate.error)} />}
    </form>
  );
}
