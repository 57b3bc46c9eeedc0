import {
  Activity, BookType, Bot, CalendarClock, History, Inbox, Layers, ListChecks, Network, ScrollText, Split, SquareCheckBig, Waypoints,
} from "lucide-react";
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

import type { Overview } from "./api/resources";
import { AgentsPage } from "./pages/agents/page";
import { DeadLettersPage } from "./pages/dead-letters/page";
import { EventsPage } from "./pages/events/page";
import { JobsPage } from "./pages/jobs/page";
import { MapPage } from "./pages/map/page";
import { QueuesPage } from "./pages/queues/page";
import { ReplaysPage } from "./pages/replays/page";
import { RoutesPage } from "./pages/routes/page";
import { OverviewPage } from "./pages/overview/page";
import { SchedulesPage } from "./pages/schedules/page";
import { TasksPage } from "./pages/tasks/page";
import { TracePage } from "./pages/trace/page";
import { TypesPage } from "./pages/types/page";

export interface Page {
  /** Its address; what follows is the page's own. */
  to: string;
  /** The pattern of its addresses. */
  path: string;
  label: string;
  icon: LucideIcon;
  /** Pressed one after the other, these lead there. */
  keys: string;
  element: ReactNode;
  /** What waits there, shown beside its name. */
  count?: (overview: Overview) => number;
}

/** Every page behind the sign-in, in the order of the side bar. */
export const PAGES: Page[] = [
  { to: "/", path: "/", label: "Overview", icon: Activity, keys: "g o", element: <OverviewPage /> },
  { to: "/agents", path: "/agents/:name?", label: "Agents", icon: Bot, keys: "g a", element: <AgentsPage /> },
  { to: "/map", path: "/map", label: "Map", icon: Network, keys: "g n", element: <MapPage /> },
  { to: "/events", path: "/events/:seq?", label: "Events", icon: ScrollText, keys: "g e", element: <EventsPage /> },
  { to: "/trace", path: "/trace/:id?", label: "Trace", icon: Waypoints, keys: "g m", element: <TracePage /> },
  { to: "/types", path: "/types/:name?", label: "Event types", icon: BookType, keys: "g t", element: <TypesPage /> },
  { to: "/tasks", path: "/tasks/:id?", label: "Tasks", icon: SquareCheckBig, keys: "g k", element: <TasksPage /> },
  { to: "/queues", path: "/queues/:name?", label: "Queues", icon: Layers, keys: "g q", element: <QueuesPage /> },
  {
    to: "/schedules",
    path: "/schedules/:kind?/:id?",
    label: "Schedules",
    icon: CalendarClock,
    keys: "g s",
    element: <SchedulesPage />,
  },
  {
    to: "/dead-letters",
    path: "/dead-letters/:id?",
    label: "Dead letters",
    icon: Inbox,
    keys: "g d",
    element: <DeadLettersPage />,
    count: (overview) => overview.dead_waiting,
  },
  { to: "/replays", path: "/replays/:id?", label: "Replays", icon: History, keys: "g p", element: <ReplaysPage /> },
  { to: "/routes", path: "/routes/:id?", label: "Routes", icon: Split, keys: "g r", element: <RoutesPage /> },
  { to: "/jobs", path: "/jobs/:id?", label: "Jobs", icon: ListChecks, keys: "g j", element: <JobsPage /> },
];
