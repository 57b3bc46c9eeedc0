import type { Job } from "~/api/resources";
import { Fact, Facts, PanelSection, Quiet, format } from "~/design";

import css from "./page.module.css";

interface Place {
  seq: number;
  stored_at: string;
}

/** What a dry run found. */
interface Found {
  events: number;
  size_bytes: number;
  types: Record<string, number>;
  first: Place | null;
  last: Place | null;
}

export function Counted({ job }: { job: Job }) {
  const found = job.result as unknown as Found;
  const types = Object.entries(found.types);
  return (
    <PanelSection title="Counted" aside={<Quiet>nothing was sent</Quiet>}>
      <div className={css.counted} data-testid="counted">
        <Facts>
          <Fact name="Events">
            {format.count(found.events)} · {format.bytes(found.size_bytes)}
          </Fact>
          {found.first && <Fact name="First">{placeWords(found.first)}</Fact>}
          {found.last && <Fact name="Last">{placeWords(found.last)}</Fact>}
          {types.length > 0 && (
            <Fact name="Types">
              <ul className={css.types}>
                {types.map(([type, count]) => (
                  <li key={type}>
                    {type} <Quiet>{format.count(count)}</Quiet>
                  </li>
                ))}
              </ul>
            </Fact>
          )}
        </Facts>
      </div>
    </PanelSection>
  );
}

function placeWords({ seq, stored_at }: Place): string {
  return `sequence ${String(seq)}, ${format.moment(stored_at)}`;
}
