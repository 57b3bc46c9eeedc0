import { Plus } from "lucide-react";
import { useCallback, useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";

import { useDenied } from "~/api/permission";
import { GuardedButton, PageHeader, SplitView } from "~/design";

import { BringIn } from "./bring-in";
import { AgentDetail } from "./detail";
import { AgentList } from "./list";

/** Who there is, what each can do, and a place to try it. */
export function AgentsPage() {
  const { name } = useParams();
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const [bringing, setBringing] = useState(false);
  const noAgents = useDenied("a2a:write");
  const noServers = useDenied("mcp:write");
  const search = params.size === 0 ? "" : `?${params.toString()}`;
  const open = useCallback((agent: string) => void navigate(`/agents/${encodeURIComponent(agent)}${search}`), [navigate, search]);
  const close = useCallback(() => void navigate(`/agents${search}`), [navigate, search]);
  return (
    <SplitView detail={name === undefined ? null : <AgentDetail key={name} name={name} onClose={close} />} onClose={close}>
      <PageHeader title="Agents" hint="Who there is, what each can do, and how it is.">
        <GuardedButton
          denied={noAgents !== undefined && noServers !== undefined ? noAgents : undefined}
          leftSection={<Plus size={14} />}
          onClick={() => {
            setBringing(true);
          }}
        >
          Bring in
        </GuardedButton>
      </PageHeader>
      {bringing && (
        <BringIn
          onClose={() => {
            setBringing(false);
          }}
          onBrought={(agent) => {
            setBringing(false);
            open(agent);
          }}
        />
      )}
      <AgentList search={search} selected={name} onOpen={open} />
    </SplitView>
  );
}
