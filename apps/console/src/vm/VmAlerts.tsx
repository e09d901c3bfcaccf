import { Alert, Progress } from "@patternfly/react-core";
import type { VmView } from "@serai/api-contract/schemas";
import type { Operation } from "@serai/model/operation";
import { Moment } from "../parts/Moment.tsx";
import { verbDoing } from "./power-actions.ts";
import { exitSentence, stateOf, troubleSentence } from "./vm-words.ts";

/** Says in words what is wrong with a VM, and what is under way. */
export function VmAlerts({ vm, operation }: { vm: VmView; operation: Operation | undefined }) {
  const isCrashed = vm.exit !== undefined && stateOf(vm).group === "attention" && vm.trouble === undefined;
  const isRestarting = vm.restartAt !== undefined && vm.state === "absent";
  return (
    <div className="vm-alerts" role="status">
      {operation !== undefined && (
        <div className="underway">
          <Progress
            size="sm"
            measureLocation={operation.progress === undefined ? "none" : "outside"}
            value={Math.round((operation.progress ?? 0) * 100)}
            className={operation.progress === undefined ? "is-endless" : ""}
            title={`${verbDoing(operation.verb)}${operation.note === undefined ? "" : `: ${operation.note}`}`}
          />
        </div>
      )}
      {vm.state === "unknown" && (
        <Alert variant="warning" isInline title="Its host does not answer">
          Whether the guest runs cannot be told now. Serai does not start it elsewhere on a guess.
        </Alert>
      )}
      {vm.trouble !== undefined && (
        <Alert
          variant="danger"
          isInline
          title={vm.trouble.kind === "guest_panic" ? "The guest has panicked" : "The guest hangs"}
        >
          {troubleSentence(vm.trouble.kind)} Since <Moment at={vm.trouble.at} />.
        </Alert>
      )}
      {vm.fault !== undefined && (
        <Alert variant="danger" isInline title="The last step failed">
          {vm.fault.message} <code className="fault-code">{vm.fault.code}</code>
        </Alert>
      )}
      {(isCrashed || isRestarting) && vm.exit !== undefined && (
        <Alert variant="warning" isInline title={exitSentence(vm.exit.cause)}>
          {vm.exit.detail} <Moment at={vm.exit.at} />.
          {vm.restartAt !== undefined && isRestarting && (
            <>
              {" "}
              Restart number {vm.restarts} is due <Moment at={vm.restartAt} />.
            </>
          )}
        </Alert>
      )}
    </div>
  );
}
