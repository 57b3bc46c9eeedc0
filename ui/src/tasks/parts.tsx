import { Button } from "@mantine/core";
import { Download } from "lucide-react";
import { useState } from "react";

import { useDenied } from "~/api/permission";
import type { Part } from "~/api/resources";
import { usePlace } from "~/api/workspace";
import { CodeBlock, GuardedButton, JsonBlock, Quiet, Sentence, format } from "~/design";
import { blobPath } from "~/pages/events/payload";

import css from "./tasks.module.css";

const SHOWN_CHARS = 4000;
const PICTURES = /^image\/(png|jpeg|gif|webp)$/;
const BASE64 = 4 / 3;

/** Pieces of content, each in the way it is best read. */
export function Parts({ parts, what }: { parts: Part[]; what: string }) {
  return (
    <>
      {parts.map((part, index) => (
        <Piece key={index} part={part} what={what} />
      ))}
    </>
  );
}

function Piece({ part, what }: { part: Part; what: string }) {
  if (typeof part.text === "string") return <Text text={part.text} what={what} />;
  if (typeof part.raw === "string") return <Bytes part={part} base64={part.raw} what={what} />;
  if (typeof part.dataref === "string") return <Stored part={part} address={part.dataref} what={what} />;
  if (typeof part.url === "string") return <Elsewhere url={part.url} />;
  return <Data value={part.data} what={what} />;
}

/** Words as words; what is long can be opened. */
export function Text({ text, what }: { text: string; what: string }) {
  const [whole, setWhole] = useState(false);
  const isCut = text.length > SHOWN_CHARS && !whole;
  if (text.length < SHOWN_CHARS && !text.includes("\n\n\n")) return <p className={css.text}>{text}</p>;
  return (
    <>
      <CodeBlock text={isCut ? text.slice(0, SHOWN_CHARS) : text} what={what} wrap />
      {isCut && <More size={text.length} onMore={() => { setWhole(true); }} />}
    </>
  );
}

function Data({ value, what }: { value: unknown; what: string }) {
  const [whole, setWhole] = useState(false);
  const text = JSON.stringify(value ?? null, null, 2);
  if (text.length <= SHOWN_CHARS || whole) return <JsonBlock value={value ?? null} what={what} />;
  return (
    <>
      <CodeBlock text={text.slice(0, SHOWN_CHARS)} what={what} language="json" />
      <More size={text.length} onMore={() => { setWhole(true); }} />
    </>
  );
}

function More({ size, onMore }: { size: number; onMore: () => void }) {
  return (
    <Button variant="default" onClick={onMore} className={css.start}>
      Show all {format.count(size)} characters
    </Button>
  );
}

function nameOf({ filename, media_type: type }: Part, what: string): string {
  const ending = type?.split("/")[1]?.replace("octet-stream", "bin");
  return filename || (ending === undefined ? what : `${what}.${ending}`);
}

function Bytes({ part, base64, what }: { part: Part; base64: string; what: string }) {
  const type = part.media_type || "application/octet-stream";
  const address = `data:${type};base64,${base64}`;
  return (
    <figure className={css.file}>
      {PICTURES.test(type) && <img src={address} alt={nameOf(part, what)} className={css.picture} />}
      <figcaption className={css.about}>
        <Button component="a" href={address} download={nameOf(part, what)} variant="default" leftSection={<Download size={14} />}>
          Download {nameOf(part, what)}
        </Button>
        <Quiet>
          {type} · {format.bytes(Math.floor(base64.length / BASE64))}
        </Quiet>
      </figcaption>
    </figure>
  );
}

/** What was too large to lie with the task. */
function Stored({ part, address, what }: { part: Part; address: string; what: string }) {
  const { workspace } = usePlace();
  const denied = useDenied("blobs:read");
  const path = blobPath(address, workspace);
  if (path === null) return <Elsewhere url={address} />;
  const name = nameOf(part, what);
  return (
    <figure className={css.file}>
      {denied === undefined && PICTURES.test(part.media_type ?? "") && <img src={path} alt={name} className={css.picture} />}
      <figcaption className={css.about}>
        {denied === undefined ? (
          <Button component="a" href={path} download={name} variant="default" leftSection={<Download size={14} />}>
            Download {name}
          </Button>
        ) : (
          <GuardedButton denied={denied} variant="default" leftSection={<Download size={14} />}>
            Download {name}
          </GuardedButton>
        )}
        <Quiet>{part.media_type || "unknown type"} · in this hub&apos;s store</Quiet>
      </figcaption>
    </figure>
  );
}

/** An address that somebody gave: a link only where it is one of the web, and never followed by itself. */
function Elsewhere({ url }: { url: string }) {
  const isWeb = /^https?:\/\//i.test(url);
  return (
    <Sentence>
      It lies elsewhere:{" "}
      {isWeb ? (
        <a href={url} target="_blank" rel="noreferrer noopener">
          {url}
        </a>
      ) : (
        <code>{url}</code>
      )}
    </Sentence>
  );
}
