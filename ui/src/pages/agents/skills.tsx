import { Button } from "@mantine/core";
import { ChevronDown, ChevronRight } from "lucide-react";
import { useSearchParams } from "react-router";

import type { Agent, Skill } from "~/api/resources";
import { Chip, Disclosure, JsonBlock, Quiet, Sentence } from "~/design";
import { TrySkill } from "~/skills/try";

import css from "./page.module.css";

/** What it can do; one of them open, kept in the address. */
export function Skills({ agent }: { agent: Agent }) {
  const [params, setParams] = useSearchParams();
  const open = params.get("skill");
  if (agent.skills.length === 0) {
    return <Sentence>It offers none: it reads events, or takes work from queues.</Sentence>;
  }
  return (
    <ul className={css.skills} aria-label="Skills">
      {agent.skills.map((skill) => (
        <Row
          key={skill.name}
          agent={agent}
          skill={skill}
          isOpen={skill.name === open}
          onToggle={() => {
            setParams(
              (before) => {
                const next = new URLSearchParams(before);
                if (skill.name === open) next.delete("skill");
                else next.set("skill", skill.name);
                return next;
              },
              { replace: true },
            );
          }}
        />
      ))}
    </ul>
  );
}

interface RowProps {
  agent: Agent;
  skill: Skill;
  isOpen: boolean;
  onToggle: () => void;
}

function Row({ agent, skill, isOpen, onToggle }: RowProps) {
  const Mark = isOpen ? ChevronDown : ChevronRight;
  return (
    <li data-testid="skill" data-id={skill.name}>
      <div className={css.skill}>
        <button type="button" className={css.toggle} aria-expanded={isOpen} onClick={onToggle}>
          <Mark size={14} aria-hidden />
          <span className={css.cell}>
            <b>{skill.title || skill.name}</b>
            <Quiet>{skill.description || skill.name}</Quiet>
          </span>
        </button>
        <span className={css.chips}>
          {skill.task === true && <Chip title="Long work: each use is a task">task</Chip>}
          {skill.tags?.map((tag) => (
            <Chip key={tag}>{tag}</Chip>
          ))}
          {!isOpen && (
            <Button variant="default" size="compact-xs" aria-label={`Try ${skill.name}`} onClick={onToggle}>
              Try
            </Button>
          )}
        </span>
      </div>
      {isOpen && (
        <div className={css.opened}>
          <TrySkill agent={agent} skill={skill} />
          {skill.input_schema != null && (
            <Disclosure summary="Input schema">
              <JsonBlock value={skill.input_schema} what="input schema" />
            </Disclosure>
          )}
          {skill.output_schema != null && (
            <Disclosure summary="Output schema">
              <JsonBlock value={skill.output_schema} what="output schema" />
            </Disclosure>
          )}
        </div>
      )}
    </li>
  );
}
