import { Button } from "@mantine/core";
import { useState } from "react";
import type { ReactNode } from "react";

interface AskButtonProps {
  children: string;
  /** What it says once pressed; pressed again it happens. */
  question: string;
  icon: ReactNode;
  pending: boolean;
  disabled?: boolean;
  size?: string;
  onConfirm: () => void;
}

/** A button that asks once more, in the same place. */
export function AskButton({ children, question, icon, pending, disabled = false, size = "xs", onConfirm }: AskButtonProps) {
  const [asked, setAsked] = useState(false);
  return (
    <Button
      size={size}
      variant={asked ? "filled" : "default"}
      color={asked ? "red" : undefined}
      leftSection={icon}
      loading={pending}
      disabled={disabled}
      onClick={() => {
        if (asked) onConfirm();
        setAsked(!asked);
      }}
      onBlur={() => {
        setAsked(false);
      }}
    >
      {asked ? question : children}
    </Button>
  );
}
