import { useCallback } from "react";
import { useNavigate, useParams } from "react-router";

import { PageHeader, SplitView } from "~/design";

import { DeadEnds } from "./dead-ends";
import { RouteDetail } from "./detail";
import { Explain } from "./explain";
import { RouteList } from "./list";

/** Where messages go besides the log: what is declared, what came of it, and what would. */
export function RoutesPage() {
  const { id } = useParams();
  const navigate = useNavigate();
  const open = useCallback((name: string) => void navigate(`/routes/${encodeURIComponent(name)}`), [navigate]);
  const close = useCallback(() => void navigate("/routes"), [navigate]);
  return (
    <SplitView detail={id === undefined ? null : <RouteDetail key={id} name={id} onClose={close} />} onClose={close}>
      <PageHeader title="Routes" hint="Where events go besides the log, by conditions declared as data." />
      <RouteList selected={id} onOpen={open} />
      <Explain />
      <DeadEnds />
    </SplitView>
  );
}
