import { useCallback } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";

import { PageHeader, SplitView } from "~/design";

import { AgentDetail } from "./detail";
import { AgentList } from "./list";

/** Who there is, what each can do, and a place to try it. */
export function AgentsPage() {
  const { name } = useParams();
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const search = params.size === 0 ? "" : `?${params.toString()}`;
  const open = useCallback((agent: string) => void navigate(`/agents/${encodeURIComponent(agent)}${search}`), [navigate, search]);
  const close = useCallback(() => void navigate(`/agents${search}`), [navigate, search]);
  return (
    <SplitView detail={name === undefined ? null : <AgentDetail key={name} name={name} onClose={close} />} onClose={close}>
      <PageHeader title="Agents" hint="Who there is, what each can do, and how it is." />
      <AgentList search={search} selected={name} onOpen={open} />
    </SplitView>
  );
}
