import { Button, Checkbox } from "@patternfly/react-core";
import { PlusIcon } from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import { TrashIcon } from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import { userNetwork } from "@serai/model/network";
import { useQuery } from "@tanstack/react-query";
import { useServices } from "../app/services.ts";
import { SelectField, TextField } from "../parts/Field.tsx";
import type { ForwardRow } from "./create-form.ts";
import type { StepProps } from "./step-props.ts";

export function NetworkStep({ form, faults, set }: StepProps) {
  const change = (index: number, part: Partial<ForwardRow>) =>
    set({ forwards: form.forwards.map((row, at) => (at === index ? { ...row, ...part } : row)) });
  const { client } = useServices();
  const { data } = useQuery({
    queryKey: ["networks"],
    queryFn: ({ signal }) => client.call("listNetworks", {}, signal),
  });
  const networks = data?.items ?? [];
  return (
    <>
      <Checkbox
        id="nic"
        label="Network card"
        description="On a network that VMs share, or on user-mode NAT of its own."
        isChecked={form.hasNic}
        onChange={(_, hasNic) => set({ hasNic })}
      />
      {form.hasNic && networks.length > 0 && (
        <SelectField
          id="network"
          label="Network"
          value={form.network}
          options={[
            [userNetwork, "user: NAT of its own"],
            ...networks.map(({ name, kind }) => [name, `${name}: ${kind}`] as const),
          ]}
          error={faults["nics.0.network"]}
          onChange={(network) => set({ network, forwards: [] })}
        />
      )}
      {form.hasNic && form.network === userNetwork && (
        <div className="forwards">
          <h3>Forwarded ports</h3>
          {form.forwards.length === 0 && (
            <p className="quiet">None. Forward 22 to log in by SSH from this host.</p>
          )}
          {form.forwards.map((row, index) => (
            <div className="forward" key={index}>
              <SelectField
                id={`protocol-${index}`}
                label="Protocol"
                value={row.protocol}
                options={[
                  ["tcp", "TCP"],
                  ["udp", "UDP"],
                ]}
                onChange={(protocol) => change(index, { protocol })}
              />
              <TextField
                id={`host-port-${index}`}
                label="Port on the host"
                type="number"
                value={row.hostPort}
                error={faults[`nics.0.forwards.${index}.hostPort`]}
                onChange={(hostPort) => change(index, { hostPort })}
              />
              <TextField
                id={`guest-port-${index}`}
                label="Port in the guest"
                type="number"
                value={row.guestPort}
                error={faults[`nics.0.forwards.${index}.guestPort`]}
                onChange={(guestPort) => change(index, { guestPort })}
              />
              <Button
                variant="plain"
                icon={<TrashIcon />}
                aria-label={`Remove forward ${index + 1}`}
                onClick={() => set({ forwards: form.forwards.filter((_, at) => at !== index) })}
              />
            </div>
          ))}
          <Button
            variant="link"
            icon={<PlusIcon />}
            onClick={() =>
              set({
                forwards: [
                  ...form.forwards,
                  { protocol: "tcp", hostPort: String(2222 + form.forwards.length), guestPort: "22" },
                ],
              })
            }
          >
            Forward a port
          </Button>
        </div>
      )}
      <SelectField
        id="display"
        label="Display"
        value={form.display}
        options={[
          ["vga", "VGA, seen in the Screen tab"],
          ["none", "None, only the serial terminal"],
        ]}
        error={faults["display"]}
        onChange={(display) => set({ display })}
      />
    </>
  );
}
