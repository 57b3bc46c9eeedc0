import { Download } from "lucide-react";

import type { StoredEvent } from "~/api/resources";
import { usePlace } from "~/api/workspace";
import { CodeBlock, JsonBlock, PanelSection, Quiet, Sentence, format } from "~/design";

import css from "./page.module.css";
import { attribute, blobPath, carried, textOf } from "./payload";

const SHOWN_CHARS = 4096;

/** What the event carries, in the way it carries it. */
export function EventData({ stored }: { stored: StoredEvent }) {
  const { event } = stored;
  const data = carried(event);
  const type = attribute(event, "datacontenttype");
  if (data.by === "nothing") {
    return (
      <PanelSection title="Data">
        <Sentence>It carries none.</Sentence>
      </PanelSection>
    );
  }
  return (
    <PanelSection title="Data" aside={<Quiet>{kind(data, type)}</Quiet>}>
      {data.by === "json" && <JsonBlock value={data.data} what="data" />}
      {data.by === "bytes" && <Bytes seq={stored.seq} base64={data.base64} type={type} />}
      {data.by === "reference" && <Reference address={data.address} />}
    </PanelSection>
  );
}

function kind(data: ReturnType<typeof carried>, type: string): string {
  const name = type || (data.by === "json" ? "application/json" : "unknown type");
  if (data.by === "bytes") return `${name} · ${format.bytes(data.size)}`;
  return data.by === "reference" ? `${name} · by reference` : name;
}

function Bytes({ seq, base64, type }: { seq: number; base64: string; type: string }) {
  const { workspace } = usePlace();
  const text = textOf(base64, type);
  const whole = text ?? base64;
  const isCut = whole.length > SHOWN_CHARS;
  return (
    <div className={css.bytes}>
      <Sentence>
        {text === null ? "Not JSON and not text: the bytes in base64" : "Not JSON: shown as text"}
        {isCut ? ", cut to the beginning. " : ". "}
        <a href={`/api/v1/w/${workspace}/events/${String(seq)}?mode=binary`} download={`event-${String(seq)}`}>
          <Download size={12} aria-hidden /> Download
        </a>
      </Sentence>
      <CodeBlock text={whole.slice(0, SHOWN_CHARS)} what={text === null ? "data in base64" : "data"} wrap />
    </div>
  );
}

function Reference({ address }: { address: string }) {
  const { workspace } = usePlace();
  const path = blobPath(address, workspace);
  return (
    <Sentence>
      {path === null ? (
        <>
          The payload lies elsewhere, and is not followed: <code>{address}</code>
        </>
      ) : (
        <>
          The payload lies in this hub&apos;s store.{" "}
          <a href={path} download>
            <Download size={12} aria-hidden /> Download it
          </a>
        </>
      )}
    </Sentence>
  );
}
