import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { Eye, Plus } from "lucide-react";
import { useState } from "react";

import { useBringIn, useLook } from "~/api/onboarding";
import type { Offer, Protocol, Where } from "~/api/onboarding";
import { useDenied } from "~/api/permission";
import { besides, fieldErrors } from "~/api/problem";
import { Actions, Chip, Disclosure, ErrorState, Form, FormWide, GuardedButton, Panel, Quiet, Sentence, toast } from "~/design";

import css from "./page.module.css";

const KINDS = [
  { value: "a2a", label: "A2A agent" },
  { value: "mcp", label: "MCP server" },
];
const HINTS: Record<Protocol, string> = {
  a2a: "https://agents.example.com, or the address of its card",
  mcp: "https://tools.example.com/mcp",
};
const SHOWN = 40;

interface BringInProps {
  onClose: () => void;
  onBrought: (name: string) => void;
}

/** An agent or server elsewhere: its address, a look at what it brings, and in. */
export function BringIn({ onClose, onBrought }: BringInProps) {
  const [protocol, setProtocol] = useState<Protocol>("a2a");
  const [url, setUrl] = useState("");
  const [header, setHeader] = useState({ name: "", value: "" });
  const look = useLook();
  const denied = useDenied(`${protocol}:write`);
  const where: Where = { protocol, url: url.trim(), headers: header.name.trim() === "" ? {} : { [header.name.trim()]: header.value } };
  const wrong = fieldErrors(look.error);
  const rest = look.error === null ? null : besides(look.error, ["/url"]);
  return (
    <Panel title="Bring in an agent" label="Bring in an agent" aside={<Quiet>Nothing is kept until you have seen what it brings.</Quiet>}>
      <Form
        label="Where it is"
        onClose={onClose}
        onSubmit={() => {
          if (denied === undefined && where.url !== "") look.mutate(where);
        }}
      >
        <FormWide>
          <SegmentedControl
            size="xs"
            className={css.kinds}
            aria-label="What it speaks"
            data={KINDS}
            value={protocol}
            onChange={(value) => {
              setProtocol(value as Protocol);
              look.reset();
            }}
          />
          <TextInput
            size="xs"
            label="Address"
            placeholder={HINTS[protocol]}
            spellCheck={false}
            error={wrong["/url"]}
            value={url}
            onChange={(event) => {
              setUrl(event.currentTarget.value);
              look.reset();
            }}
          />
          <Disclosure summary="It wants a credential">
            <div className={css.header}>
              <TextInput size="xs" label="Header" placeholder="Authorization" value={header.name} onChange={(event) => { setHeader({ ...header, name: event.currentTarget.value }); }} />
              <TextInput size="xs" type="password" autoComplete="off" label="Value" placeholder="Never shown again" value={header.value} onChange={(event) => { setHeader({ ...header, value: event.currentTarget.value }); }} />
            </div>
          </Disclosure>
          {rest && <ErrorState compact problem={rest} />}
        </FormWide>
        {!look.data && (
          <Actions>
            <GuardedButton type="submit" denied={denied} leftSection={<Eye size={14} />} loading={look.isPending} disabled={denied === undefined && where.url === ""}>
              Look what it brings
            </GuardedButton>
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
          </Actions>
        )}
      </Form>
      {look.data && <Seen offer={look.data} where={where} onClose={onClose} onBrought={onBrought} />}
    </Panel>
  );
}

interface SeenProps extends BringInProps {
  offer: Offer;
  where: Where;
}

function Seen({ offer, where, onClose, onBrought }: SeenProps) {
  const [name, setName] = useState(() => nameFrom(offer.name));
  const bring = useBringIn();
  const wrong = fieldErrors(bring.error);
  const rest = bring.error === null ? null : besides(bring.error, ["/name"]);
  const more = offer.skills.length - SHOWN;
  return (
    <section className={css.seen} aria-label="What it brings" data-testid="offer">
      <Sentence>
        <b>{offer.name}</b> {offer.version} {offer.description}
      </Sentence>
      <p className={css.chips}>
        {offer.signed_by !== null && <Chip>{`signed by ${offer.signed_by}`}</Chip>}
        {offer.besides.map((what) => (
          <Chip key={what}>{what}</Chip>
        ))}
      </p>
      <ul className={css.offered} aria-label="Skills it brings">
        {offer.skills.slice(0, SHOWN).map((skill) => (
          <li key={skill.name} data-testid="offered-skill">
            <b>{skill.name}</b> <Quiet>{skill.description}</Quiet>
          </li>
        ))}
      </ul>
      {offer.skills.length === 0 && <Sentence>It brings no skills.</Sentence>}
      {more > 0 && <Quiet>and {more} more</Quiet>}
      <Form
        label="Bring it in"
        onSubmit={() => {
          bring.mutate(
            { ...where, name: name.trim() },
            {
              onSuccess: () => {
                toast("ok", `${name.trim()} is in the catalogue`, "Whoever may call agents may call its skills");
                onBrought(name.trim());
              },
            },
          );
        }}
      >
        <FormWide>
          <TextInput
            size="xs"
            label="What it is called here"
            error={wrong["/name"]}
            value={name}
            onChange={(event) => {
              setName(event.currentTarget.value);
            }}
          />
          {rest && <ErrorState compact problem={rest} />}
        </FormWide>
        <Actions>
          <Button type="submit" leftSection={<Plus size={14} />} loading={bring.isPending} disabled={name.trim() === ""}>
            Bring it in
          </Button>
          <Button variant="default" onClick={onClose}>
            Leave it
          </Button>
        </Actions>
      </Form>
    </section>
  );
}

/** A name that the catalogue takes. */
function nameFrom(given: string): string {
  return given.trim().toLowerCase().replaceAll(/[^a-z0-9_.-]+/g, "-").replaceAll(/^[^a-z0-9]+|-+$/g, "").slice(0, 60);
}
