import { Button, Skeleton } from "@mantine/core";
import { Undo2 } from "lucide-react";

import { mayPass, problemOf } from "~/api/problem";
import type { Route } from "~/api/resources";
import { useRollback, useRoute, useRouteHistory } from "~/api/routes";
import {
  CodeBlock, Disclosure, ErrorState, Fact, Facts, JsonBlock, PanelSection, Quiet, RelativeTime, RevisionTimeline,
  Sentence, SidePanel, StateBadge, format, toast,
} from "~/design";

import css from "./page.module.css";
import { conditions, share, targetWords } from "./words";

interface RouteDetailProps {
  name: string;
  onClose: () => void;
}

/** One route: its conditions, its targets, what it did, and what it was before. */
export function RouteDetail({ name, onClose }: RouteDetailProps) {
  const query = useRoute(name);
  const item = query.data;
  return (
    <SidePanel
      label="Route"
      title={name}
      badge={item && <StateBadge state={item.route.enabled === false ? "off" : "live"} />}
      onClose={onClose}
      testId="route-detail"
      id={name}
    >
      {query.isPending && <Skeleton height={200} radius="md" />}
      {query.isError && !item && (
        <ErrorState
          problem={problemOf(query.error)}
          onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
        />
      )}
      {item && <About item={item} />}
      <History name={name} current={item?.revision} />
    </SidePanel>
  );
}

function About({ item }: { item: Route }) {
  const { route, counts } = item;
  const wanted = conditions(route);
  return (
    <>
      {route.description !== undefined && route.description !== "" && <Sentence>{route.description}</Sentence>}
      <PanelSection title="Takes events of which">
        {wanted.length === 0 ? (
          <Sentence>nothing is asked: every event</Sentence>
        ) : (
          <ul className={css.conditions}>
            {wanted.map((text) => (
              <li key={text}>
                <code>{text}</code>
              </li>
            ))}
          </ul>
        )}
      </PanelSection>
      <PanelSection title={route.mode === "split" ? "Each goes to one of" : "Each goes to"}>
        <ul className={css.conditions}>
          {route.targets.map((target, at) => (
            <li key={at}>
              {targetWords(target)} <Quiet>{share(route, target)}</Quiet>
            </li>
          ))}
        </ul>
      </PanelSection>
      <Facts>
        <Fact name="Routed">{format.count(counts.routed)}</Fact>
        <Fact name="Dead ends">{format.count(counts.dead_ends)}</Fact>
        <Fact name="Loops stopped">{format.count(counts.loops)}</Fact>
        <Fact name="Order">
          {route.order ?? 100}
          {route.stop === true && ", and later routes are not tried"}
        </Fact>
        <Fact name="Changed">
          <RelativeTime at={item.updated_at} /> by {item.updated_by}
        </Fact>
      </Facts>
      {counts.last_error !== null && <CodeBlock text={counts.last_error} what="last trouble" tone="danger" wrap />}
      <Disclosure summary="As declared">
        <JsonBlock value={route} what="route" />
      </Disclosure>
    </>
  );
}

function History({ name, current }: { name: string; current: number | undefined }) {
  const history = useRouteHistory(name);
  const items = history.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <PanelSection title="History">
      <RevisionTimeline revisions={items} current={current}>
        {(one) => one.number !== current && one.body !== null && <GoBack name={name} number={one.number} />}
      </RevisionTimeline>
    </PanelSection>
  );
}

function GoBack({ name, number }: { name: string; number: number }) {
  const rollback = useRollback(name);
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        leftSection={<Undo2 size={12} />}
        loading={rollback.isPending}
        onClick={() => {
          rollback.mutate(number, {
            onSuccess: () => {
              toast("ok", `${name} is as in revision ${String(number)} again`);
            },
          });
        }}
      >
        Go back to this
      </Button>
      {rollback.isError && <ErrorState compact problem={problemOf(rollback.error)} />}
    </>
  );
}
