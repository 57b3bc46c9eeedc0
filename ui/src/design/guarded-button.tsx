import { Button, Tooltip } from "@mantine/core";
import type { ButtonProps } from "@mantine/core";
import type { ComponentPropsWithoutRef } from "react";

interface GuardedButtonProps extends ButtonProps, Omit<ComponentPropsWithoutRef<"button">, keyof ButtonProps> {
  /** Why it cannot be pressed; it stays reachable, so that everybody can learn why. */
  denied?: string | undefined;
}

/** A button for what not everybody may do, or not always. */
export function GuardedButton({ denied, onClick, ...rest }: GuardedButtonProps) {
  if (denied === undefined) return <Button onClick={onClick} {...rest} />;
  return (
    <Tooltip label={denied} events={{ hover: true, focus: true, touch: true }}>
      <Button {...rest} type="button" data-disabled aria-disabled title={denied} />
    </Tooltip>
  );
}
