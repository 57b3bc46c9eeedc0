/** A server-sent event stream that comes back by itself, and says how it is. */

export type StreamState = "connecting" | "live" | "reconnecting" | "paused";

export interface StreamOptions {
  url: string;
  event: string;
  onMessage: (data: string) => void;
  onState: (state: StreamState) => void;
  /** Called on each failure, to find out whether we are still signed in. */
  onFailure?: () => void;
  /** Without a message for this long the connection counts as dead. */
  silence_ms?: number;
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 3000;
const HIDDEN_MS = 5000;
const JITTER = 0.3;

/** Open the stream; returns how to close it for good. */
export function openStream(options: StreamOptions): () => void {
  return new Stream(options).start();
}

class Stream {
  private source: EventSource | null = null;
  private timer: number | undefined;
  private watchdog: number | undefined;
  private hiding: number | undefined;
  private failures = 0;
  private closed = false;

  constructor(private readonly options: StreamOptions) {}

  start(): () => void {
    document.addEventListener("visibilitychange", this.onVisibility);
    window.addEventListener("online", this.retryNow);
    this.connect();
    return () => {
      this.closed = true;
      document.removeEventListener("visibilitychange", this.onVisibility);
      window.removeEventListener("online", this.retryNow);
      window.clearTimeout(this.hiding);
      this.drop();
    };
  }

  private connect(): void {
    this.drop();
    if (this.closed) return;
    this.options.onState(this.failures === 0 ? "connecting" : "reconnecting");
    const source = new EventSource(this.options.url);
    this.source = source;
    source.onopen = () => {
      if (this.options.silence_ms === undefined) this.alive();
      else this.watch();
    };
    source.addEventListener(this.options.event, (message: MessageEvent<string>) => {
      this.alive();
      this.options.onMessage(message.data);
    });
    source.onerror = () => {
      this.fail();
    };
    this.watch();
  }

  private alive(): void {
    this.failures = 0;
    this.options.onState("live");
    this.watch();
  }

  /** The browser's own reconnecting gives up after an HTTP error, so it is done here for every case. */
  private readonly fail = (): void => {
    this.drop();
    this.failures += 1;
    this.options.onState("reconnecting");
    this.options.onFailure?.();
    const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.failures - 1));
    this.timer = window.setTimeout(() => {
      this.connect();
    }, wait * (1 - JITTER * Math.random()));
  };

  private watch(): void {
    window.clearTimeout(this.watchdog);
    if (this.options.silence_ms !== undefined) this.watchdog = window.setTimeout(this.fail, this.options.silence_ms);
  }

  private drop(): void {
    window.clearTimeout(this.timer);
    window.clearTimeout(this.watchdog);
    this.source?.close();
    this.source = null;
  }

  private readonly retryNow = (): void => {
    if (this.source === null) this.connect();
  };

  /** A hidden tab gives its connection back: a browser has only six for one hub. */
  private readonly onVisibility = (): void => {
    window.clearTimeout(this.hiding);
    if (document.visibilityState === "visible") {
      this.retryNow();
      return;
    }
    this.hiding = window.setTimeout(() => {
      this.drop();
      this.options.onState("paused");
    }, HIDDEN_MS);
  };
}
