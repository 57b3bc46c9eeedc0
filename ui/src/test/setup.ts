import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";

import { dismissAll } from "~/design/toast";

import { FakeEventSource } from "./event-source";

// A busy machine takes longer than the second that is the default.
configure({ asyncUtilTimeout: 5000 });

// What jsdom lacks and the dashboard needs.
class NoResizeObserver implements ResizeObserver {
  observe(): void {
    // Nothing is ever resized here.
  }
  unobserve(): void {
    // As above.
  }
  disconnect(): void {
    // As above.
  }
}

function noMatch(query: string): MediaQueryList {
  const nothing = () => undefined;
  return {
    media: query,
    matches: false,
    onchange: null,
    addListener: nothing,
    removeListener: nothing,
    addEventListener: nothing,
    removeEventListener: nothing,
    dispatchEvent: () => false,
  };
}

beforeEach(() => {
  vi.stubGlobal("ResizeObserver", NoResizeObserver);
  vi.stubGlobal("EventSource", FakeEventSource);
  window.matchMedia = noMatch;
  Object.defineProperty(document, "fonts", { value: new EventTarget(), configurable: true });
  Element.prototype.scrollIntoView = () => undefined;
  FakeEventSource.all = [];
  localStorage.clear();
});

afterEach(() => {
  cleanup();
  dismissAll(); // files share modules, and with them what was said
  vi.unstubAllGlobals();
  vi.useRealTimers();
});
