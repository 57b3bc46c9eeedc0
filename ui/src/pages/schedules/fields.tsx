import { Autocomplete, JsonInput, NumberInput, Select, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";

import { fieldErrors } from "~/api/problem";
import { useQueues } from "~/api/queues";
import { useCronTimes } from "~/api/schedules";
import { Wide } from "~/design";

import { wrongData } from "./form";
import type { Typed } from "./form";
import { Times } from "./times";

const TYPING_MS = 400;
const ZONES = Intl.supportedValuesOf("timeZone");

interface FieldsProps {
  typed: Typed;
  /** What the hub found wrong, by pointer. */
  wrong: Record<string, string>;
  onTyped: (more: Partial<Typed>) => void;
}

/** When, with the next times as they would be; and what is sent. */
export function Fields({ typed, wrong, onTyped }: FieldsProps) {
  return (
    <>
      <When typed={typed} wrong={wrong} onTyped={onTyped} />
      <What typed={typed} wrong={wrong} onTyped={onTyped} />
    </>
  );
}

function When({ typed, wrong, onTyped }: FieldsProps) {
  const [{ cron, timezone }] = useDebouncedValue({ cron: typed.cron.trim(), timezone: typed.timezone.trim() }, TYPING_MS);
  const times = useCronTimes(cron, timezone);
  const early = fieldErrors(times.error);
  return (
    <>
      <TextInput
        size="xs"
        label="Expression"
        placeholder="0 6 * * 1-5"
        description="minute hour day month weekday, or @daily"
        required
        error={wrong["/cron"] ?? early["query:cron"]}
        value={typed.cron}
        onChange={(event) => {
          onTyped({ cron: event.currentTarget.value });
        }}
      />
      <Autocomplete
        size="xs"
        label="Time zone"
        description="on whose clocks"
        placeholder="Europe/Berlin"
        limit={30}
        data={["UTC", ...ZONES.filter((zone) => zone !== "UTC")]}
        error={wrong["/timezone"] ?? early["query:timezone"]}
        value={typed.timezone}
        onChange={(zone) => {
          onTyped({ timezone: zone });
        }}
      />
      {cron !== "" && times.data && !times.isError && (
        <Wide>
          <Times next={times.data.next_at} timezone={timezone || "UTC"} />
        </Wide>
      )}
      <Select
        size="xs"
        label="If nobody was there"
        allowDeselect={false}
        data={[
          { value: "skip", label: "leave the firing out" },
          { value: "once", label: "make up for it once" },
        ]}
        value={typed.misfire}
        onChange={(value) => {
          onTyped({ misfire: value as Typed["misfire"] });
        }}
      />
      <NumberInput
        size="xs"
        label="Put off by up to"
        placeholder="not at all"
        suffix=" s"
        hideControls
        error={wrong["/jitter_s"]}
        value={typed.jitter_s}
        onChange={(jitter) => {
          onTyped({ jitter_s: jitter });
        }}
      />
    </>
  );
}

function What({ typed, wrong, onTyped }: FieldsProps) {
  const isQueue = typed.kind === "queue";
  const queues = useQueues(isQueue && typed.target !== "" ? typed.target : null).data?.pages[0]?.items ?? [];
  const more = [
    ...(isQueue ? ([["type", "Type of the message", `task.${typed.target || "queue"}`]] as const) : []),
    ["subject", "Subject", "none"],
    ["key", "Key", "none"],
    ["description", "Description", "What it is for"],
  ] as const;
  return (
    <>
      <Select
        size="xs"
        label="Sends"
        allowDeselect={false}
        data={[
          { value: "queue", label: "work to a queue" },
          { value: "event", label: "an event" },
        ]}
        value={typed.kind}
        onChange={(value) => {
          onTyped({ kind: value as Typed["kind"] });
        }}
      />
      <Autocomplete
        size="xs"
        label={isQueue ? "Queue" : "Type of the event"}
        required
        placeholder={isQueue ? "reports" : "shop.hour"}
        data={isQueue ? queues.map(({ name }) => name) : []}
        error={wrong["/queue"] ?? wrong["/event"]}
        value={typed.target}
        onChange={(target) => {
          onTyped({ target });
        }}
      />
      <Wide>
        <JsonInput
          size="xs"
          label="Data"
          placeholder={'{"kind": "daily"}'}
          autosize
          minRows={2}
          maxRows={12}
          spellCheck={false}
          error={wrong["/data"] ?? wrongData(typed.data)}
          value={typed.data}
          onChange={(data) => {
            onTyped({ data });
          }}
        />
      </Wide>
      {more.map(([field, label, placeholder]) => (
        <TextInput
          key={field}
          size="xs"
          label={label}
          placeholder={placeholder}
          error={wrong[`/${field}`]}
          value={typed[field]}
          onChange={(event) => {
            onTyped({ [field]: event.currentTarget.value });
          }}
        />
      ))}
    </>
  );
}
