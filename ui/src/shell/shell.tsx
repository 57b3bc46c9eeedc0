import { useState } from "react";
import { Outlet, useNavigate } from "react-router";

import { AppShell, NavItem, ThemeToggle } from "~/design";
import { LiveOverviewProvider, useLiveOverview } from "~/live/overview";
import { PAGES } from "~/pages";

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
    ...Object.fromEntries(PAGES.map(({ keys, to }) => [keys, () => void navigate(to)])),
    "/": () => document.querySelector<HTMLElement>(FILTER)?.focus(),
    "?": showHelp,
  });
  return (
    <AppShell
      nav={
        <>
          {PAGES.map(({ to, icon, label, keys, count }) => (
            <NavItem
              key={to}
              to={to}
              icon={icon}
              label={label}
              keys={keys}
              count={overview ? count?.(overview) : undefined}
              counted={overview !== null}
            />
          ))}
        </>
      }
      foot={
        <>
          <div className={css.status}>
            <ConnectionState />
            <a className={css.version} href="/api/docs" title="The API, to read and to try">
              API {overview && `v${overview.version}`}
            </a>
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
