/** Why a message died: the words for each of the hub's reasons. */
export const REASONS: Record<string, { label: string; sentence: string }> = {
  attempts_exhausted: { label: "Attempts exhausted", sentence: "Every attempt that its retry policy allows has failed." },
  rejected: { label: "Rejected", sentence: "The handler refused it for good; trying again would not have helped." },
  invalid: { label: "Invalid", sentence: "The payload does not match what the handler declared." },
  worker_lost: { label: "Worker lost", sentence: "The worker disappeared while it had the message, too often." },
  deliveries_exhausted: {
    label: "Deliveries exhausted",
    sentence: "It was handed out as often as allowed, and nobody settled it.",
  },
};

export function reasonLabel(reason: string): string {
  return REASONS[reason]?.label ?? reason;
}
