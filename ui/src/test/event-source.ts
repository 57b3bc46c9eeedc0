import { act } from "@testing-library/react";

/** Stands in for the browser's EventSource: the test is the hub. */
export class FakeEventSource extends EventTarget {
  static all: FakeEventSource[] = [];

  readonly url: string;
  closed = false;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;

  constructor(url: string) {
    super();
    this.url = url;
    FakeEventSource.all.push(this);
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    act(() => {
      this.onopen?.();
    });
  }

  send(event: string, data: unknown): void {
    act(() => {
      this.dispatchEvent(new MessageEvent(event, { data: JSON.stringify(data) }));
    });
  }

  break(): void {
    act(() => {
      this.onerror?.();
    });
  }
}

/** The open stream whose address ends so; the newest, where there were several. */
export function stream(suffix: string): FakeEventSource {
  const found = FakeEventSource.all.findLast((source) => !source.closed && source.url.endsWith(suffix));
  if (found === undefined) throw new Error(`no open stream ${suffix}`);
  return found;
}
