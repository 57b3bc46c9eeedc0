import { Autocomplete, NumberInput, Select, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";

import { fieldErrors } from "~/api/problem";
import { useCronTimes } from "~/api/schedules";
import { FormWide, JsonField } from "~/design";
import { QueueInput } from "~/queues/queue-input";

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
        <FormWide>
          <Times next={times.data.next_at} timezone={timezone || "UTC"} />
        </FormWide>
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
  const more = [
    ...(isQueue ? ([["type", "Type of the message", `task.${typed.target || "queue"}`]] as const) : []),
    ["subject", "Subject", "none"],
    ["key", "Key", "none"],
    ...(isQueue ? ([["priority", "Class", "normal"]] as const) : []),
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
      {isQueue ? (
        <QueueInput
          label="Queue"
          required
          placeholder="reports"
          error={wrong["/queue"]}
          value={typed.target}
          onValue={(target) => {
            onTyped({ target });
          }}
        />
      ) : (
        <TextInput
          size="xs"
          label="Type of the event"
          required
          placeholder="shop.hour"
          error={wrong["/event"]}
          value={typed.target}
          onChange={(event) => {
            onTyped({ target: event.currentTarget.value });
          }}
        />
      )}
      <FormWide>
        <JsonField
          label="Data"
          placeholder={'{"kind": "daily"}'}
          error={wrong["/data"] ?? wrongData(typed.data)}
          value={typed.data}
          onChange={(data) => {
            onTyped({ data });
          }}
        />
      </FormWide>
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
