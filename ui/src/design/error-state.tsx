import { Button } from "@mantine/core";
import { RotateCw, TriangleAlert } from "lucide-react";

import { CopyButton } from "./copy-button";
import { Marked } from "./inline-code";
import css from "./message.module.css";

/** What is shown of a problem (RFC 9457 with Trunkline's remedy and request id). */
export interface ShownProblem {
  title: string;
  detail: string;
  remedy?: string | null | undefined;
  request_id?: string | null | undefined;
  errors?: { pointer: string; detail: string }[] | undefined;
}

interface ErrorStateProps {
  problem: ShownProblem;
  onRetry?: (() => void) | undefined;
  /** As a strip within a page, rather than in place of it. */
  compact?: boolean;
}

/** What went wrong, what to do, and the id to look up in the log. */
export function ErrorState({ problem, onRetry, compact = false }: ErrorStateProps) {
  const { title, detail, remedy, errors, request_id: requestId } = problem;
  return (
    <div className={compact ? css.strip : css.message} role="alert" data-testid="problem">
      <span className={css.icon} data-tone="danger" aria-hidden>
        <TriangleAlert size={compact ? 16 : 20} strokeWidth={1.75} />
      </span>
      <div className={css.words}>
        <p className={css.title}>{title}</p>
        {detail !== title && (
          <p className={css.detail}>
            <Marked text={detail} />
          </p>
        )}
        {errors?.map((each) => (
          <p key={each.pointer} className={css.detail}>
            <code>{each.pointer}</code> {each.detail}
          </p>
        ))}
        {remedy && (
          <p className={css.remedy}>
            <Marked text={remedy} />
          </p>
        )}
        {requestId && (
          <p className={css.request}>
            Request <code>{requestId}</code>
            <CopyButton text={requestId} what="request id" />
          </p>
        )}
      </div>
      {onRetry && (
        <Button variant="default" leftSection={<RotateCw size={13} />} onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}
