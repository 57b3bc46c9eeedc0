import { Link } from "react-router";

import type { Agent } from "~/api/resources";
import { Chip, Fact, Facts, Quiet, RelativeTime, format } from "~/design";

import css from "./page.module.css";

const WEB = /^https?:\/\//i;

/** What is known of it besides what it can do. */
export function AgentFacts({ agent }: { agent: Agent }) {
  const { origin = "sdk", labels = {}, interfaces = [], limits, publishes = [] } = agent;
  // Where its tasks lie is its own business.
  const queues = agent.queues.filter((queue) => queue !== `agent.${agent.name}`);
  return (
    <Facts>
      <Fact name="Name">
        <code>{agent.name}</code>
        <Quiet>{agent.version}</Quiet>
      </Fact>
      <Fact name="Owner">{agent.owner}</Fact>
      {origin !== "sdk" && (
        <Fact name="Origin">
          <Chip>{origin}</Chip>
          {agent.origin_url ? <Address url={agent.origin_url} /> : null}
        </Fact>
      )}
      {agent.state_since != null && (
        <Fact name="State since">
          <RelativeTime at={agent.state_since} />
        </Fact>
      )}
      {Object.keys(labels).length > 0 && (
        <Fact name="Labels">
          <span className={css.chips}>
            {Object.entries(labels).map(([name, value]) => (
              <Chip key={name}>{`${name}=${value}`}</Chip>
            ))}
          </span>
        </Fact>
      )}
      {queues.length > 0 && (
        <Fact name="Works on">
          <span className={css.chips}>
            {queues.map((queue) => (
              <Link key={queue} to={`/queues/${encodeURIComponent(queue)}`}>
                {queue}
              </Link>
            ))}
          </span>
        </Fact>
      )}
      {agent.groups.length > 0 && (
        <Fact name="Reads as">
          <span className={css.chips}>
            {agent.groups.map((group) => (
              <Chip key={group}>{group}</Chip>
            ))}
          </span>
        </Fact>
      )}
      {publishes.length > 0 && (
        <Fact name="Publishes">
          <span className={css.chips}>
            {publishes.map((type) => (
              <Link key={type} to={`/types/${encodeURIComponent(type)}`}>
                {type}
              </Link>
            ))}
          </span>
        </Fact>
      )}
      {limits != null && <Fact name="Limits">{limitWords(limits)}</Fact>}
      {interfaces.length > 0 && (
        <Fact name="Interfaces">
          <span className={css.lines}>
            {interfaces.map(({ url, protocol, version, binding }) => (
              <span key={`${protocol} ${url}`}>
                {[protocol, version, binding].filter(Boolean).join(" ")} <Address url={url} />
              </span>
            ))}
          </span>
        </Fact>
      )}
      {agent.documentation_url ? (
        <Fact name="Documentation">
          <Address url={agent.documentation_url} />
        </Fact>
      ) : null}
      <Fact name="Registered">{format.moment(agent.registered_at)}</Fact>
    </Facts>
  );
}

/** An address of somebody's making: a link only where it is one of the web. */
function Address({ url }: { url: string }) {
  if (!WEB.test(url)) return <code>{url}</code>;
  return (
    <a href={url} target="_blank" rel="noreferrer noopener">
      {url}
    </a>
  );
}

function limitWords({ concurrency, calls_per_s: rate, max_input_bytes: size }: NonNullable<Agent["limits"]>): string {
  return [
    ...(concurrency == null ? [] : [`${format.count(concurrency)} at once`]),
    ...(rate == null ? [] : [`${format.rate(rate)} calls a second`]),
    ...(size == null ? [] : [`input up to ${format.bytes(size)}`]),
  ].join(", ");
}
