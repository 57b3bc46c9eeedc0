import { useState } from "react";
import type { ReactNode } from "react";

import { GuardedButton } from "./guarded-button";

interface AskButtonProps {
  children: string;
  /** What it says once pressed; pressed again it happens. */
  question: string;
  icon: ReactNode;
  pending: boolean;
  /** Why it cannot be pressed. */
  denied?: string | undefined;
  size?: string;
  onConfirm: () => void;
}

/** A button that asks once more, in the same place. */
export function AskButton({ children, question, icon, pending, denied, size = "xs", onConfirm }: AskButtonProps) {
  const [asked, setAsked] = useState(false);
  return (
    <GuardedButton
      denied={denied}
      size={size}
      variant={asked ? "filled" : "default"}
      color={asked ? "var(--tl-danger)" : undefined}
      leftSection={icon}
      loading={pending}
      onClick={() => {
        if (asked) onConfirm();
        setAsked(!asked);
      }}
      onBlur={() => {
        setAsked(false);
      }}
    >
      {asked ? question : children}
    </GuardedButton>
  );
}
