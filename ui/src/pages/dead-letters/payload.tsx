import { SegmentedControl } from "@mantine/core";
import { useState } from "react";

import type { DeadLetterDetail } from "~/api/resources";
import { CodeBlock, JsonBlock, PanelSection, format } from "~/design";

import css from "./detail.module.css";
import { isEnvelope } from "./payload-text";

/** The message itself: its data first, the CloudEvent around it on demand. */
export function Payload({ detail }: { detail: DeadLetterDetail }) {
  const { payload, payload_encoding: encoding } = detail;
  const [whole, setWhole] = useState(false);
  const wrapped = encoding === "json" && isEnvelope(payload);
  return (
    <PanelSection
      title="Payload"
      aside={
        <span className={css.payload}>
          {format.bytes(detail.letter.size_bytes)}
          {encoding !== "json" && ` · ${encoding}`}
          {detail.payload_truncated && " · cut to its beginning"}
          {wrapped && (
            <SegmentedControl
              size="xs"
              aria-label="Part of the message"
              data={["Data", "Envelope"]}
              value={whole ? "Envelope" : "Data"}
              onChange={(part) => {
                setWhole(part === "Envelope");
              }}
            />
          )}
        </span>
      }
    >
      {encoding === "json" ? (
        <JsonBlock value={wrapped && !whole ? (payload.data ?? null) : payload} what="payload" />
      ) : (
        <CodeBlock text={String(payload)} what="payload" wrap />
      )}
    </PanelSection>
  );
}
