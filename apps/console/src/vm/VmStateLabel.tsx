import { ExclamationTriangleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import { InProgressIcon } from "@patternfly/react-icons/dist/esm/icons/in-progress-icon";
import { OffIcon } from "@patternfly/react-icons/dist/esm/icons/off-icon";
import { PauseIcon } from "@patternfly/react-icons/dist/esm/icons/pause-icon";
import { PlayIcon } from "@patternfly/react-icons/dist/esm/icons/play-icon";
import { QuestionCircleIcon } from "@patternfly/react-icons/dist/esm/icons/question-circle-icon";
import { SnowflakeIcon } from "@patternfly/react-icons/dist/esm/icons/snowflake-icon";
import type { VmView } from "@serai/api-contract/schemas";
import type { Operation } from "@serai/model/operation";
import type { ReactNode } from "react";
import { movesPower, verbDoing } from "./power-actions.ts";
import { stateOf, type StateGroup } from "./vm-words.ts";

const icons: Record<StateGroup, () => ReactNode> = {
  running: () => <PlayIcon aria-hidden />,
  paused: () => <PauseIcon aria-hidden />,
  changing: () => <InProgressIcon aria-hidden className="turning" />,
  stopped: () => <OffIcon aria-hidden />,
  suspended: () => <SnowflakeIcon aria-hidden />,
  attention: () => <ExclamationTriangleIcon aria-hidden />,
  unknown: () => <QuestionCircleIcon aria-hidden />,
};

/** A VM's state by icon and words; while an operation is under way, what that does. */
export function VmStateLabel({ vm, operation }: { vm: VmView; operation?: Operation | undefined }) {
  const state = stateOf(vm);
  const isPending = operation !== undefined && movesPower(operation.verb) && state.group !== "attention";
  const group = isPending ? "changing" : state.group;
  const text = isPending && state.group !== "changing" ? verbDoing(operation.verb) : state.text;
  return (
    <span className={`state-label is-${group}`}>
      {icons[group]()}
      <span>{text}</span>
    </span>
  );
}
