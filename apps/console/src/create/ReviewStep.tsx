import { userNetwork } from "@serai/model/network";
import { Checkbox } from "@patternfly/react-core";
import { MiB } from "@serai/model/vm-spec";
import { Facts } from "../parts/Facts.tsx";
import { bytes } from "../parts/format.ts";
import type { StepProps } from "./step-props.ts";

export function ReviewStep({ form, image, set }: StepProps) {
  const forwards = form.forwards.map(
    ({ protocol, hostPort, guestPort }) => `${protocol} ${hostPort} → ${guestPort}`,
  );
  return (
    <>
      <Facts
        entries={[
          ["Image", image?.guest?.title ?? image?.name],
          ["Name", form.name],
          ["Description", form.description],
          ["CPUs", form.cpus],
          ["Memory", bytes(Number(form.memoryMib) * MiB)],
          [
            "Disk",
            form.diskGib === ""
              ? image?.kind === "kernel"
                ? "none"
                : "as large as the image"
              : `${form.diskGib} GiB`,
          ],
          ["Firmware", image?.kind === "kernel" ? "direct kernel boot" : form.firmware.toUpperCase()],
          [
            "Network",
            form.hasNic
              ? [form.network === userNetwork ? "user-mode NAT" : form.network, ...forwards].join(", ")
              : "none",
          ],
          ["Display", form.display === "vga" ? "VGA" : "none"],
        ]}
      />
      <Checkbox
        id="start"
        label="Start it now"
        isChecked={form.isStarted}
        onChange={(_, isStarted) => set({ isStarted })}
      />
    </>
  );
}
