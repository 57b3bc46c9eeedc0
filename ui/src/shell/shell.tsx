import { Activity, Inbox } from "lucide-react";
import { useState } from "react";
import { Outlet, useNavigate } from "react-router";

import { AppShell, NavItem, ThemeToggle } from "~/design";
import { LiveOverviewProvider, useLiveOverview } from "~/live/overview";

import { ConnectionBanners, ConnectionState } from "./connection";
import { useHotkeys } from "./hotkeys";
import css from "./shell.module.css";
import { Shortcuts } from "./shortcuts";
import { UserMenu } from "./user-menu";

/** Marks the input that `/` focuses. */
const FILTER = "[data-filter]";

/** The frame around every page behind the sign-in, with the live overview that all of them share. */
export function Shell() {
  return (
    <LiveOverviewProvider>
      <Frame />
    </LiveOverviewProvider>
  );
}

function Frame() {
  const navigate = useNavigate();
  const { overview } = useLiveOverview();
  const [help, setHelp] = useState(false);
  const showHelp = () => {
    setHelp(true);
  };
  useHotkeys({
    "g o": () => void navigate("/"),
    "g d": () => void navigate("/dead-letters"),
    "/": () => document.querySelector<HTMLElement>(FILTER)?.focus(),
    "?": showHelp,
  });
  return (
    <AppShell
      nav={
        <>
          <NavItem to="/" icon={Activity} label="Overview" keys="g o" />
          <NavItem to="/dead-letters" icon={Inbox} label="Dead letters" keys="g d" count={overview?.dead_waiting} />
        </>
      }
      foot={
        <>
          <div className={css.status}>
            <ConnectionState />
            <span className={css.version}>{overview && `v${overview.version}`}</span>
            <ThemeToggle />
          </div>
          <UserMenu onShortcuts={showHelp} />
        </>
      }
      banners={<ConnectionBanners />}
    >
      <Outlet />
      <Shortcuts
        opened={help}
        onClose={() => {
          setHelp(false);
        }}
      />
    </AppShell>
  );
}
