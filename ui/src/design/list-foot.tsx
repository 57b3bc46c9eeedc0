import { Button } from "@mantine/core";
import type { ReactNode } from "react";

import css from "./list-foot.module.css";

/** What stands under a list's rows; nothing at all where it is empty. */
export function ListFoot({ children }: { children: ReactNode }) {
  return <div className={css.foot}>{children}</div>;
}

interface MorePages {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => Promise<unknown>;
}

/** Reads the next page of a list; where there is none, it is not there. */
export function LoadMore({ list, label = "Load more" }: { list: MorePages; label?: string }) {
  if (!list.hasNextPage) return null;
  return (
    <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
      {label}
    </Button>
  );
}

/** Above a list's rows: what has come since it was read. */
export function FreshRows({ children, onShow }: { children: ReactNode; onShow: () => void }) {
  return (
    <button type="button" className={css.fresh} onClick={onShow}>
      {children}
    </button>
  );
}
