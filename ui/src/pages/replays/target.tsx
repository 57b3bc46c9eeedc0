import { NumberInput, SegmentedControl, Select, Switch, TextInput } from "@mantine/core";

import { useGroups } from "~/api/groups";
import { problemOf } from "~/api/problem";
import { ErrorState, FormWide, Quiet } from "~/design";

import css from "./page.module.css";
import { whyNotFollow } from "./request";
import type { Draft, Target, Tempo } from "./request";
import type { FieldsProps } from "./start";

const TARGETS: { value: Target; label: string }[] = [
  { value: "group", label: "A group" },
  { value: "new_group", label: "A new group" },
  { value: "file", label: "A file" },
  { value: "dry_run", label: "Only count" },
];

const WORDS: Record<Target, string> = {
  group: "This group gets copies of the events, and no other does.",
  new_group: "The group is made first, then filled; nobody else notices.",
  file: "One event a line, to be downloaded here; it is deleted in time.",
  dry_run: "Says how many there are, and of which types; nothing is sent.",
};

/** To whom the events go. */
export function TargetFields({ draft, set }: FieldsProps) {
  return (
    <FormWide>
      <h3 className={css.part}>To whom</h3>
      <div>
        <SegmentedControl
          size="xs"
          aria-label="Target"
          data={TARGETS}
          value={draft.target}
          onChange={(value) => {
            set({ target: value as Target, group: "" });
          }}
        />
      </div>
      <Quiet>{WORDS[draft.target]}</Quiet>
      {draft.target === "group" && <Existing draft={draft} set={set} />}
      {draft.target === "new_group" && <NewGroup draft={draft} set={set} />}
      {draft.target === "file" && (
        <div>
          <SegmentedControl
            size="xs"
            aria-label="Format"
            data={[
              { value: "ndjson.zst", label: "Compressed (zstd)" },
              { value: "ndjson", label: "Plain JSON lines" },
            ]}
            value={draft.format}
            onChange={(value) => {
              set({ format: value as Draft["format"] });
            }}
          />
        </div>
      )}
    </FormWide>
  );
}

function Existing({ draft, set }: FieldsProps) {
  const groups = useGroups();
  return (
    <>
      {groups.isError && <ErrorState compact problem={problemOf(groups.error)} />}
      <Select
        label="Group"
        placeholder="Choose one"
        size="xs"
        searchable
        required
        nothingFoundMessage="No such group"
        data={groups.data?.map(({ name }) => name) ?? []}
        value={draft.group === "" ? null : draft.group}
        onChange={(group) => {
          set({ group: group ?? "" });
        }}
      />
    </>
  );
}

function NewGroup({ draft, set }: FieldsProps) {
  const why = whyNotFollow(draft);
  return (
    <>
      <TextInput
        label="Name of the new group"
        placeholder="analytics"
        size="xs"
        required
        spellCheck={false}
        value={draft.group}
        onChange={(event) => {
          set({ group: event.currentTarget.value });
        }}
      />
      <Switch
        size="xs"
        label="Goes on with what happens from now on, without a gap"
        description={why}
        disabled={why !== undefined}
        checked={draft.follow && why === undefined}
        onChange={(event) => {
          set({ follow: event.currentTarget.checked });
        }}
      />
    </>
  );
}

/** How fast they come. */
export function PaceFields({ draft, set }: FieldsProps) {
  return (
    <FormWide>
      <h3 className={css.part}>How fast</h3>
      <div className={css.pace}>
        <SegmentedControl
          size="xs"
          aria-label="Pace"
          data={[
            { value: "fastest", label: "As fast as it goes" },
            { value: "original", label: "As it was" },
            { value: "rate", label: "At most" },
          ]}
          value={draft.tempo}
          onChange={(value) => {
            set({ tempo: value as Tempo });
          }}
        />
        {draft.tempo === "original" && (
          <NumberInput
            aria-label="Times the original pace"
            size="xs"
            min={0.01}
            allowNegative={false}
            hideControls
            suffix=" × as fast"
            value={draft.speed}
            onChange={(speed) => {
              set({ speed });
            }}
          />
        )}
        {draft.tempo === "rate" && (
          <NumberInput
            aria-label="Events a second"
            size="xs"
            min={1}
            allowNegative={false}
            hideControls
            suffix=" a second"
            value={draft.rate}
            onChange={(rate) => {
              set({ rate });
            }}
          />
        )}
      </div>
    </FormWide>
  );
}
