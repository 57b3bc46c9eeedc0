import type { KeyboardEvent, MouseEvent, ReactNode } from "react";

import css from "./data-table.module.css";

export interface Column<Row> {
  key: string;
  title: ReactNode;
  cell: (row: Row) => ReactNode;
  align?: "right";
  /** Which columns give way where the table is narrow: `low` first, then `medium`. */
  priority?: "medium" | "low";
  width?: string;
}

interface DataTableProps<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  /** Click or Enter on a row. */
  onOpen?: ((row: Row) => void) | undefined;
  /** The row that is open; walking the rows then opens each. */
  selected?: string | undefined;
  rowTestId?: string;
  empty?: ReactNode;
}

const STEPS: Record<string, (rows: HTMLElement[], at: number) => HTMLElement | undefined> = {
  ArrowDown: (rows, at) => rows[at + 1],
  ArrowUp: (rows, at) => rows[at - 1],
  j: (rows, at) => rows[at + 1],
  k: (rows, at) => rows[at - 1],
  Home: (rows) => rows[0],
  End: (rows) => rows.at(-1),
};

/** Rows one can walk with the arrow keys and open with Enter; numbers line up. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, columns, rows, rowKey, onOpen, selected, rowTestId, empty } = props;
  const reachable = rows.some((row) => rowKey(row) === selected) ? selected : rows[0] && rowKey(rows[0]);
  if (rows.length === 0) return <>{empty}</>;

  const onKeyDown = (event: KeyboardEvent<HTMLTableRowElement>, row: Row) => {
    if (event.target !== event.currentTarget || event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === "Enter" && onOpen) {
      event.preventDefault();
      onOpen(row);
      return;
    }
    const siblings = [...(event.currentTarget.parentElement?.children ?? [])] as HTMLElement[];
    const next = STEPS[event.key]?.(siblings, siblings.indexOf(event.currentTarget));
    if (next) {
      event.preventDefault();
      next.focus();
      const reached = rows[siblings.indexOf(next)];
      if (selected !== undefined && reached !== undefined) onOpen?.(reached);
    }
  };
  const onClick = (event: MouseEvent, row: Row) => {
    const inside = event.target instanceof Element && event.target.closest("a, button, input, label") !== null;
    if (!inside && window.getSelection()?.type !== "Range") onOpen?.(row);
  };

  return (
    <div className={css.scroll}>
      <table className={css.table} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.key} scope="col" style={{ width: column.width }} {...looks(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const key = rowKey(row);
            return (
              // A row is a shortcut to what a link in it does as well.
              <tr
                key={key}
                tabIndex={key === reachable ? 0 : -1}
                data-testid={rowTestId}
                data-id={key}
                data-opens={onOpen !== undefined}
                aria-current={key === selected ? "true" : undefined}
                onKeyDown={(event) => {
                  onKeyDown(event, row);
                }}
                onClick={(event) => {
                  onClick(event, row);
                }}
              >
                {columns.map((column) => (
                  <td key={column.key} {...looks(column)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function looks<Row>(column: Column<Row>) {
  return { "data-align": column.align, "data-priority": column.priority };
}
