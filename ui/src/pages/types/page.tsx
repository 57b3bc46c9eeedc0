import { Button } from "@mantine/core";
import { Plus } from "lucide-react";
import { useCallback, useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";

import { PageHeader, SplitView } from "~/design";

import { Declare } from "./declare";
import { TypeDetail } from "./detail";
import { TypeList } from "./list";

/** What may be said: every type of event that is declared or was seen. */
export function TypesPage() {
  const { name } = useParams();
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const [declaring, setDeclaring] = useState(false);
  const search = params.size === 0 ? "" : `?${params.toString()}`;
  const open = useCallback((type: string) => void navigate(`/types/${encodeURIComponent(type)}${search}`), [navigate, search]);
  const close = useCallback(() => void navigate(`/types${search}`), [navigate, search]);
  return (
    <SplitView detail={name === undefined ? null : <TypeDetail key={name} name={name} onClose={close} />} onClose={close}>
      <PageHeader title="Event types" hint="What may be said, who says it, and who listens.">
        <Button
          leftSection={<Plus size={14} />}
          onClick={() => {
            setDeclaring(true);
          }}
        >
          Declare a type
        </Button>
      </PageHeader>
      {declaring && (
        <Declare
          onClose={() => {
            setDeclaring(false);
          }}
          onDeclared={open}
        />
      )}
      <TypeList search={search} selected={name} onOpen={open} />
    </SplitView>
  );
}
