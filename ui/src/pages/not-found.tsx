import { Button } from "@mantine/core";
import { Signpost } from "lucide-react";
import { Link } from "react-router";

import { EmptyState, PageHeader } from "~/design";

export function NotFoundPage() {
  return (
    <>
      <PageHeader title="Nothing here" />
      <EmptyState icon={Signpost} title="There is no page at this address">
        <Button component={Link} to="/" variant="default">
          To the overview
        </Button>
      </EmptyState>
    </>
  );
}
