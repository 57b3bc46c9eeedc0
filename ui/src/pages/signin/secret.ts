/** The secret of a sign-in link, out of the link, its fragment, or the bare secret. */
export function secretIn(text: string): string {
  const trimmed = text.trim();
  const hash = trimmed.lastIndexOf("#");
  return hash === -1 ? trimmed : trimmed.slice(hash + 1);
}

/** Take the secret out of the address bar, so that neither history nor a glance keeps it. */
export function takeSecret(): string {
  const secret = secretIn(window.location.hash || "#");
  if (secret !== "") window.history.replaceState(window.history.state, "", window.location.pathname);
  return secret;
}
