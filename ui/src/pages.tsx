import {
  Activity, BookType, Bot, CalendarClock, History, Inbox, Layers, ListChecks, Network, ScrollText, Split, SquareCheckBig, Waypoints,
} from "lucide-react";
import type { LucideIcon } from "lucide-react";
import type { ComponentType } from "react";

import type { Overview } from "./api/resources";

export interface Page {
  /** Its address; what follows is the page's own. */
  to: string;
  /** The pattern of its addresses. */
  path: string;
  label: string;
  icon: LucideIcon;
  /** Pressed one after the other, these lead there. */
  keys: string;
  /** What is shown there, loaded when it is first opened. */
  lazy: () => Promise<{ Component: ComponentType }>;
  /** What waits there, shown beside its name. */
  count?: (overview: Overview) => number;
}

/** Every page behind the sign-in, in the order of the side bar. */
export const PAGES: Page[] = [
  {
    to: "/",
    path: "/",
    label: "Overview",
    icon: Activity,
    keys: "g o",
    lazy: async () => ({ Component: (await import("./pages/overview/page")).OverviewPage }),
  },
  {
    to: "/agents",
    path: "/agents/:name?",
    label: "Agents",
    icon: Bot,
    keys: "g a",
    lazy: async () => ({ Component: (await import("./pages/agents/page")).AgentsPage }),
  },
  {
    to: "/map",
    path: "/map",
    label: "Map",
    icon: Network,
    keys: "g n",
    lazy: async () => ({ Component: (await import("./pages/map/page")).MapPage }),
  },
  {
    to: "/events",
    path: "/events/:seq?",
    label: "Events",
    icon: ScrollText,
    keys: "g e",
    lazy: async () => ({ Component: (await import("./pages/events/page")).EventsPage }),
  },
  {
    to: "/trace",
    path: "/trace/:id?",
    label: "Trace",
    icon: Waypoints,
    keys: "g m",
    lazy: async () => ({ Component: (await import("./pages/trace/page")).TracePage }),
  },
  {
    to: "/types",
    path: "/types/:name?",
    label: "Event types",
    icon: BookType,
    keys: "g t",
    lazy: async () => ({ Component: (await import("./pages/types/page")).TypesPage }),
  },
  {
    to: "/tasks",
    path: "/tasks/:id?",
    label: "Tasks",
    icon: SquareCheckBig,
    keys: "g k",
    lazy: async () => ({ Component: (await import("./pages/tasks/page")).TasksPage }),
  },
  {
    to: "/queues",
    path: "/queues/:name?",
    label: "Queues",
    icon: Layers,
    keys: "g q",
    lazy: async () => ({ Component: (await import("./pages/queues/page")).QueuesPage }),
  },
  {
    to: "/schedules",
    path: "/schedules/:kind?/:id?",
    label: "Schedules",
    icon: CalendarClock,
    keys: "g s",
    lazy: async () => ({ Component: (await import("./pages/schedules/page")).SchedulesPage }),
  },
  {
    to: "/dead-letters",
    path: "/dead-letters/:id?",
    label: "Dead letters",
    icon: Inbox,
    keys: "g d",
    lazy: async () => ({ Component: (await import("./pages/dead-letters/page")).DeadLettersPage }),
    count: (overview) => overview.dead_waiting,
  },
  {
    to: "/replays",
    path: "/replays/:id?",
    label: "Replays",
    icon: History,
    keys: "g p",
    lazy: async () => ({ Component: (await import("./pages/replays/page")).ReplaysPage }),
  },
  {
    to: "/routes",
    path: "/routes/:id?",
    label: "Routes",
    icon: Split,
    keys: "g r",
    lazy: async () => ({ Component: (await import("./pages/routes/page")).RoutesPage }),
  },
  {
    to: "/jobs",
    path: "/jobs/:id?",
    label: "Jobs",
    icon: ListChecks,
    keys: "g j",
    lazy: async () => ({ Component: (await import("./pages/jobs/page")).JobsPage }),
  },
];
