import { Lock } from "lucide-react";

import css from "./lacks.module.css";

/** Why the controls beside it do nothing: what may do it is a scope that the reader's token does not carry. */
export function Lacks({ scope, to }: { scope: string; to: string }) {
  return (
    <p className={css.lacks} data-testid="lacks">
      <Lock size={13} aria-hidden />
      <span>
        You may look only: to {to}, your token needs the scope <code>{scope}</code>.
      </span>
    </p>
  );
}
