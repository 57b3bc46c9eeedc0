import { SegmentedControl } from "@mantine/core";
import { useState } from "react";

import { CodeBlock, JsonBlock } from "./code-block";
import { isEnvelope } from "./envelope";
import { bytes } from "./format";
import css from "./message-payload.module.css";
import { PanelSection } from "./split-view";
import { Quiet } from "./text";

interface MessagePayloadProps {
  payload: unknown;
  /** `json`, or how the text is to be read. */
  encoding: string;
  size_bytes: number;
  truncated?: boolean;
}

/** The message itself: its data first, the CloudEvent around it on demand. */
export function MessagePayload({ payload, encoding, size_bytes: size, truncated = false }: MessagePayloadProps) {
  const [whole, setWhole] = useState(false);
  const wrapped = encoding === "json" && isEnvelope(payload);
  const about = `${bytes(size)}${encoding === "json" ? "" : ` · ${encoding}`}${truncated ? " · cut to its beginning" : ""}`;
  return (
    <PanelSection
      title="Payload"
      aside={
        <span className={css.aside}>
          <Quiet>{about}</Quiet>
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
