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
  expired: { label: "Expired", sentence: "Its time was over before anybody could do it." },
  unroutable: { label: "Unroutable", sentence: "It was to go to a queue that is not there, or not any more." },
  purged: { label: "Purged", sentence: "An operator emptied its queue while it waited there." },
  cancelled: { label: "Cancelled", sentence: "An operator took it out of its queue." },
};

export function reasonLabel(reason: string): string {
  return REASONS[reason]?.label ?? reason;
}
