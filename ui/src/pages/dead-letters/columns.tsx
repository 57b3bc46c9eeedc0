import { Checkbox } from "@mantine/core";

import type { DeadLetter } from "~/api/resources";
import { Chip, Quiet, RelativeTime, RowLink, StateBadge } from "~/design";
import type { Column } from "~/design";

import css from "./page.module.css";
import { isWaiting } from "./picked";
import type { Picked } from "./picked";
import { reasonLabel } from "./reasons";

export function columns(search: string, rows: DeadLetter[], picked: Picked): Column<DeadLetter>[] {
  return [
    {
      key: "pick",
      title: <PickAll rows={rows} picked={picked} />,
      width: "1%",
      cell: (letter) => <Pick letter={letter} picked={picked} />,
    },
    {
      key: "message",
      title: "Message",
      cell: (letter) => (
        <RowLink to={`/dead-letters/${letter.id}${search}`} name={letter.type}>
          <span className={css.error} title={letter.error}>
            {letter.error}
          </span>
          <span className={css.under}>
            {letter.reader} · {reasonLabel(letter.reason)}
          </span>
        </RowLink>
      ),
    },
    {
      key: "reader",
      title: "Reader",
      priority: "medium",
      cell: (letter) => (
        <span className={css.reader}>
          {letter.reader} <Chip>{letter.lane}</Chip>
        </span>
      ),
    },
    { key: "reason", title: "Reason", priority: "medium", cell: (letter) => <span className={css.reason}>{reasonLabel(letter.reason)}</span> },
    { key: "attempts", title: "Attempts", align: "right", priority: "low", cell: (letter) => letter.attempts },
    { key: "state", title: "State", priority: "low", cell: (letter) => <StateBadge state={stateOf(letter)} /> },
    {
      key: "died",
      title: "Died",
      align: "right",
      cell: (letter) => (
        <Quiet>
          <RelativeTime at={letter.died_at} />
        </Quiet>
      ),
    },
  ];
}

function stateOf(letter: DeadLetter): string {
  if (letter.redriven_at !== null) return "redriven";
  return letter.discarded_at === null ? "waiting" : "discarded";
}

function PickAll({ rows, picked }: { rows: DeadLetter[]; picked: Picked }) {
  const waiting = rows.filter(isWaiting);
  const all = waiting.length > 0 && waiting.every(({ id }) => picked.ids.has(id));
  return (
    <Checkbox
      size="xs"
      aria-label="Pick all shown"
      disabled={waiting.length === 0}
      checked={all}
      indeterminate={!all && picked.ids.size > 0}
      onChange={() => {
        picked.toggle(waiting, !all);
      }}
    />
  );
}

function Pick({ letter, picked }: { letter: DeadLetter; picked: Picked }) {
  return (
    <Checkbox
      size="xs"
      aria-label={`Pick ${letter.type} of ${letter.reader}`}
      disabled={!isWaiting(letter)}
      checked={picked.ids.has(letter.id)}
      onChange={(event) => {
        picked.toggle([letter], event.currentTarget.checked);
      }}
    />
  );
}
