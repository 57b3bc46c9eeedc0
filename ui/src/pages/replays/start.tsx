import { Button, NumberInput, TagsInput, TextInput } from "@mantine/core";
import { FlaskConical, Play } from "lucide-react";
import { useState } from "react";

import { isUnderWay, useJob } from "~/api/jobs";
import { problemOf } from "~/api/problem";
import { useStartReplay } from "~/api/replays";
import { Actions, ErrorState, Form, FormWide, MomentInput, Panel, Quiet, toast } from "~/design";
import { JobProgress } from "~/jobs/progress";

import { Counted } from "./counted";
import css from "./page.module.css";
import { countOf, draftOf, missing, toRequest } from "./request";
import type { Draft } from "./request";
import { PaceFields, TargetFields } from "./target";

interface StartProps {
  /** Conditions that an address carries over. */
  params: URLSearchParams;
  onClose: () => void;
  onStarted: (id: string) => void;
}

export function Start({ params, onClose, onStarted }: StartProps) {
  const start = useStartReplay();
  const count = useStartReplay();
  const [draft, setDraft] = useState(() => draftOf(params));
  const lacks = missing(draft);
  const set = (change: Partial<Draft>) => {
    setDraft({ ...draft, ...change });
    start.reset();
  };
  const setEvents = (change: Partial<Draft>) => {
    set(change);
    count.reset();
  };
  const onSubmit = () => {
    if (lacks !== undefined || start.isPending) return;
    start.mutate(toRequest(draft), {
      onSuccess: (job) => {
        toast("ok", "The replay is ordered", job.title);
        onStarted(job.id);
      },
    });
  };
  return (
    <Panel title="Start a replay" label="Start a replay" className={css.form}>
      <Form label="Start a replay" onSubmit={onSubmit} onClose={onClose}>
        <EventFields draft={draft} set={setEvents} />
        <TargetFields draft={draft} set={set} />
        {draft.target !== "dry_run" && <PaceFields draft={draft} set={set} />}
        <Actions>
          <Button type="submit" leftSection={<Play size={14} />} loading={start.isPending} disabled={lacks !== undefined}>
            {draft.target === "dry_run" ? "Count" : "Start"}
          </Button>
          {draft.target !== "dry_run" && (
            <Button
              variant="default"
              leftSection={<FlaskConical size={14} />}
              loading={count.isPending}
              onClick={() => {
                count.mutate(countOf(draft));
              }}
            >
              Count first
            </Button>
          )}
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Quiet>{lacks ?? "Webhooks and connectors are not told, unless their own declaration says so."}</Quiet>
        </Actions>
        {(start.isError || count.isError) && (
          <FormWide>
            <ErrorState compact problem={problemOf(start.error ?? count.error)} />
          </FormWide>
        )}
        {count.data && (
          <FormWide>
            <Count id={count.data.id} />
          </FormWide>
        )}
      </Form>
    </Panel>
  );
}

/** A dry run of the same events, as it counts. */
function Count({ id }: { id: string }) {
  const job = useJob(id).data;
  if (job === undefined) return null;
  return (
    <div className={css.count} aria-live="polite">
      {isUnderWay(job) && <JobProgress job={job} />}
      {job.state === "completed" && <Counted job={job} />}
      {job.state === "failed" && <ErrorState compact problem={{ title: "The count has failed", detail: job.error ?? "" }} />}
    </div>
  );
}

export interface FieldsProps {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
}

function EventFields({ draft, set }: FieldsProps) {
  return (
    <>
      <FormWide>
        <h3 className={css.part}>Which events</h3>
        <TagsInput
          label="Types"
          placeholder={draft.types.length === 0 ? "all; or order.created, order.*, order.>" : ""}
          size="xs"
          splitChars={[",", " "]}
          acceptValueOnBlur
          value={draft.types}
          onChange={(types) => {
            set({ types });
          }}
        />
      </FormWide>
      <Text label="Subject" placeholder="any" value={draft.subject} onValue={(subject) => { set({ subject }); }} />
      <Text label="Correlation id" placeholder="any" value={draft.correlation} onValue={(correlation) => { set({ correlation }); }} />
      <MomentInput label="Stored since" value={draft.since} onMoment={(since) => { set({ since }); }} />
      <MomentInput label="Stored before" value={draft.until} onMoment={(until) => { set({ until }); }} />
      <Sequence label="After sequence" placeholder="from the beginning" value={draft.after} onValue={(after) => { set({ after }); }} />
      <Sequence label="Up to sequence" placeholder="to now" value={draft.upTo} onValue={(upTo) => { set({ upTo }); }} />
    </>
  );
}

interface TextProps {
  label: string;
  placeholder: string;
  value: string;
  onValue: (value: string) => void;
}

function Text({ onValue, ...rest }: TextProps) {
  return (
    <TextInput
      size="xs"
      spellCheck={false}
      autoComplete="off"
      {...rest}
      onChange={(event) => {
        onValue(event.currentTarget.value);
      }}
    />
  );
}

interface SequenceProps extends Omit<TextProps, "value" | "onValue"> {
  value: string | number;
  onValue: (value: string | number) => void;
}

function Sequence({ onValue, ...rest }: SequenceProps) {
  return <NumberInput size="xs" min={0} allowNegative={false} allowDecimal={false} hideControls {...rest} onChange={onValue} />;
}
