import { Button, Loader, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import type { SyntheticEvent } from "react";
import { Navigate } from "react-router";

import { problemOf } from "~/api/problem";
import { useSession, useSignIn } from "~/api/session";
import { CodeBlock, ErrorState, Logo, ThemeToggle } from "~/design";

import css from "./page.module.css";
import { secretIn, takeSecret } from "./secret";

const COMMAND = "trunkline signin";

/** Trades the link's secret for a session; without one, tells how to get a link. */
export function SigninPage() {
  const session = useSession();
  const { mutate, isPending, isError, error } = useSignIn();
  const [link, setLink] = useState("");

  useEffect(() => {
    document.title = "Sign in · Trunkline";
    const signIn = () => {
      const secret = takeSecret();
      if (secret !== "") mutate(secret);
    };
    // Not at once: React's trial run of effects in development must not use up the secret.
    const timer = window.setTimeout(signIn);
    window.addEventListener("hashchange", signIn);
    return () => {
      window.clearTimeout(timer);
      window.removeEventListener("hashchange", signIn);
    };
  }, [mutate]);

  const onSubmit = (event: SyntheticEvent) => {
    event.preventDefault();
    const secret = secretIn(link);
    if (secret !== "") mutate(secret);
  };

  if (session.data && !isPending) return <Navigate to="/" replace />;
  return (
    <main className={css.page} data-testid="signin-page">
      <div className={css.corner}>
        <ThemeToggle />
      </div>
      <div className={css.card}>
        <Logo size={36} />
        <h1 className={css.title}>Sign in to Trunkline</h1>
        {isPending ? (
          <p className={css.pending} role="status">
            <Loader size="xs" /> Signing you in…
          </p>
        ) : (
          <>
            {isError && <ErrorState compact problem={problemOf(error)} />}
            <p className={css.text}>
              {isError ? "Each link works once and not for long." : "There are no passwords here."} Run this where the
              hub&apos;s context is, and open the link it prints:
            </p>
            <CodeBlock text={COMMAND} what="command" />
            <form className={css.form} onSubmit={onSubmit}>
              <TextInput
                aria-label="Sign-in link"
                placeholder="…or paste the link here"
                size="sm"
                className={css.input}
                autoComplete="off"
                value={link}
                onChange={(event) => {
                  setLink(event.currentTarget.value);
                }}
              />
              <Button type="submit" size="sm" disabled={link.trim() === ""}>
                Sign in
              </Button>
            </form>
          </>
        )}
      </div>
    </main>
  );
}
