import { Button, NumberInput, TextInput } from "@mantine/core";
import { ArrowRightLeft, Calculator } from "lucide-react";
import { useState } from "react";

import { besides, fieldErrors } from "~/api/problem";
import { useMove } from "~/api/queue-control";
import type { MoveRequest } from "~/api/resources";
import { Actions, Dialog, ErrorState, Form, FormWide, Sentence } from "~/design";
import { QueueInput } from "~/queues/queue-input";

import { messages } from "./purge";
import type { OrderProps } from "./purge";
import { Reason } from "./reason";

const TEXTS = [
  { name: "type", label: "Only of type", placeholder: "task.invoices" },
  { name: "sender", label: "Only from", placeholder: "shop" },
  { name: "key", label: "Only with key", placeholder: "customer-7" },
] as const;
const POINTERS = ["/to", "/rate_per_s", "/filter/older_than_s", ...TEXTS.map(({ name }) => `/filter/${name}`)];

/** Counts what waits and matches; then moves that, in a job. */
export function MoveDialog({ queue: { name }, onClose, onOrdered }: OrderProps) {
  const count = useMove(name);
  const move = useMove(name);
  const [wanted, setWanted] = useState<MoveRequest>({ to: "" });
  const change = (more: Partial<MoveRequest>) => {
    setWanted({ ...wanted, ...more });
    count.reset();
    move.reset();
  };
  const filter = (field: string, value: string | number) => {
    const left = Object.fromEntries(Object.entries(wanted.filter ?? {}).filter(([each]) => each !== field));
    change({ filter: value === "" ? left : { ...left, [field]: value } });
  };
  const wrong = { ...fieldErrors(count.error), ...fieldErrors(move.error) };
  const rest = besides(move.error, POINTERS) ?? besides(count.error, POINTERS);
  const found = count.data;
  const submit = () => {
    if (found === undefined) count.mutate({ ...wanted, dry_run: true });
    else move.mutate({ ...wanted, up_to: found.up_to, expected_at_most: found.count }, { onSuccess: onOrdered });
  };
  return (
    <Dialog title={`Move what waits in ${name}`} onClose={onClose}>
      <Form label={`Move what waits in ${name}`} onSubmit={submit}>
        <QueueInput
          label="To queue"
          required
          except={name}
          error={wrong["/to"]}
          value={wanted.to}
          onValue={(to) => {
            change({ to });
          }}
        />
        <NumberInput
          size="xs"
          label="At most a second"
          placeholder="as fast as it goes"
          min={0}
          hideControls
          error={wrong["/rate_per_s"]}
          value={wanted.rate_per_s ?? ""}
          onChange={(rate) => {
            change({ rate_per_s: rate === "" ? null : Number(rate) });
          }}
        />
        {TEXTS.map(({ name: field, label, placeholder }) => (
          <TextInput
            key={field}
            size="xs"
            label={label}
            placeholder={placeholder}
            error={wrong[`/filter/${field}`]}
            value={wanted.filter?.[field] ?? ""}
            onChange={(event) => {
              filter(field, event.currentTarget.value);
            }}
          />
        ))}
        <NumberInput
          size="xs"
          label="Only older than"
          placeholder="any age"
          suffix=" s"
          min={0}
          hideControls
          error={wrong["/filter/older_than_s"]}
          value={wanted.filter?.older_than_s ?? ""}
          onChange={(age) => {
            filter("older_than_s", age);
          }}
        />
        <FormWide>
          <Reason
            value={wanted.reason ?? ""}
            onValue={(reason) => {
              setWanted({ ...wanted, reason });
            }}
          />
          <div aria-live="polite">
            {found && (
              <Sentence testId="move-count">
                <b>
                  {found.exact ? "" : "At least "}
                  {messages(found.count)}
                </b>{" "}
                would go to {wanted.to}. What workers hold stays.
              </Sentence>
            )}
            {rest && <ErrorState compact problem={rest} />}
          </div>
        </FormWide>
        <Actions>
          {found === undefined ? (
            <Button type="submit" leftSection={<Calculator size={14} />} loading={count.isPending} disabled={wanted.to === ""}>
              Count
            </Button>
          ) : (
            <Button type="submit" leftSection={<ArrowRightLeft size={14} />} loading={move.isPending} disabled={found.count === 0}>
              Move {messages(found.count)}
            </Button>
          )}
          <Button variant="default" onClick={onClose}>
            Leave it
          </Button>
        </Actions>
      </Form>
    </Dialog>
  );
}
