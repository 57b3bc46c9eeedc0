import type { Artifact } from "~/api/resources";
import { Quiet } from "~/design";

import { Parts } from "./parts";
import css from "./tasks.module.css";

/** What a task made, the latest last. */
export function Artifacts({ artifacts }: { artifacts: Artifact[] }) {
  return (
    <ul className={css.artifacts} aria-label="Artifacts">
      {artifacts.map((artifact) => (
        <li key={artifact.id} data-testid="artifact" data-id={artifact.id}>
          <p className={css.head}>
            <b>{artifact.name || artifact.id}</b>
            {artifact.description && <Quiet>{artifact.description}</Quiet>}
          </p>
          <Parts parts={artifact.parts} what={artifact.name || "artifact"} />
        </li>
      ))}
    </ul>
  );
}
