import { Kbd, Modal } from "@mantine/core";

import { PAGES } from "~/pages";

import css from "./shell.module.css";

const SHORTCUTS: [keys: string[], what: string][] = [
  ...PAGES.map(({ keys, label }): [string[], string] => [keys.split(" "), `Go to ${label.toLowerCase()}`]),
  [["/"], "Focus the filter"],
  [["↑", "↓"], "Walk the rows of a table (also j and k)"],
  [["Enter"], "Open the row"],
  [["Esc"], "Close what is open"],
  [["?"], "Show this"],
];

export function Shortcuts({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts" centered size="sm" overlayProps={{ backgroundOpacity: 0.45, blur: 2 }}>
      <dl className={css.shortcuts}>
        {SHORTCUTS.map(([keys, what]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>
              {keys.map((key) => (
                <Kbd key={key} size="xs">
                  {key}
                </Kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
