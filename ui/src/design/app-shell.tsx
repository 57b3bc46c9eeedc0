import type { LucideIcon } from "lucide-react";
import { useEffect, useRef } from "react";
import type { ReactNode } from "react";
import { Link, NavLink, useMatch } from "react-router";

import css from "./app-shell.module.css";
import { Logo } from "./logo";

interface AppShellProps {
  nav: ReactNode;
  /** State and menus: at the foot of the side bar, or at the right of the top bar. */
  foot: ReactNode;
  banners?: ReactNode;
  children: ReactNode;
}

/** The frame of every page behind the sign-in: a side bar, or a top bar where there is no room for it. */
export function AppShell({ nav, foot, banners, children }: AppShellProps) {
  return (
    <div className={css.shell}>
      <a className={css.skip} href="#main">
        Skip to content
      </a>
      <header className={css.bar}>
        <Link to="/" className={css.brand} aria-label="Trunkline: overview">
          <Logo />
          <span>Trunkline</span>
        </Link>
        <nav className={css.nav} aria-label="Pages">
          {nav}
        </nav>
        <div className={css.foot}>{foot}</div>
      </header>
      <main id="main" className={css.main} tabIndex={-1}>
        {banners}
        {children}
      </main>
    </div>
  );
}

interface NavItemProps {
  to: string;
  icon: LucideIcon;
  label: string;
  keys: string;
  /** What waits there. */
  count?: number | undefined;
}

export function NavItem({ to, icon: Icon, label, keys, count }: NavItemProps) {
  const end = to === "/";
  const link = useRef<HTMLAnchorElement>(null);
  const active = useMatch({ path: to, end }) !== null;
  useEffect(() => {
    // The top bar of a narrow page holds more than it shows.
    if (active) link.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [active]);
  return (
    <NavLink ref={link} to={to} end={end} className={css.item} aria-keyshortcuts={keys}>
      <Icon size={16} strokeWidth={1.9} aria-hidden />
      <span className={css.label}>{label}</span>
      {count !== undefined && count > 0 && (
        <span className={css.count} aria-label={`${String(count)} waiting`}>
          {count > 999 ? "999+" : count}
        </span>
      )}
    </NavLink>
  );
}
