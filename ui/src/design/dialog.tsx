import { Modal, TextInput } from "@mantine/core";
import { useState } from "react";
import type { ReactNode } from "react";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/** A question of its own, above the page. Escape closes it. */
export function Dialog({ title, onClose, children }: DialogProps) {
  return (
    <Modal opened onClose={onClose} title={title} size="lg" centered closeButtonProps={{ "aria-label": "Close" }}>
      {children}
    </Modal>
  );
}

interface TypedProps {
  word: string;
  onTyped: (matches: boolean) => void;
}

/** For what cannot be taken back: the reader types what it is called. */
export function TypedConfirmation({ word, onTyped }: TypedProps) {
  const [text, setText] = useState("");
  return (
    <TextInput
      size="xs"
      label={`Type ${word} to confirm`}
      autoComplete="off"
      spellCheck={false}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        onTyped(event.currentTarget.value.trim() === word);
      }}
    />
  );
}
