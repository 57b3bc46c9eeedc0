import { Menu, UnstyledButton } from "@mantine/core";
import { ChevronsUpDown, Keyboard, LogOut } from "lucide-react";

import { useSignOut } from "~/api/session";
import { usePlace } from "~/api/workspace";
import { dismissAll } from "~/design/toast";

import css from "./shell.module.css";

export function UserMenu({ onShortcuts }: { onShortcuts: () => void }) {
  const { who, workspace } = usePlace();
  const signOut = useSignOut();
  return (
    <Menu position="top-start" width={220}>
      <Menu.Target>
        <UnstyledButton className={css.user} aria-label={`${who.principal}: account menu`}>
          <span className={css.avatar} aria-hidden>
            {who.principal.slice(0, 1).toUpperCase()}
          </span>
          <span className={css.who}>
            <b>{who.principal}</b>
            <span>{workspace}</span>
          </span>
          <ChevronsUpDown size={14} aria-hidden className={css.chevron} />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          Signed in as {who.principal}, workspace {workspace}
        </Menu.Label>
        <Menu.Item leftSection={<Keyboard size={14} />} onClick={onShortcuts}>
          Keyboard shortcuts
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item
          leftSection={<LogOut size={14} />}
          onClick={() => {
            dismissAll();
            signOut.mutate();
          }}
        >
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
