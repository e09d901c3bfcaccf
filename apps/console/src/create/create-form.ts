import type { ImageView } from "@serai/api-contract/schemas";
import { userNetwork } from "@serai/model/network";
import { GiB, MiB, VmSpecSchema, type PortForward, type VmSpec } from "@serai/model/vm-spec";
import { schemaFaults } from "../api/schema-faults.ts";

export type ForwardRow = { protocol: string; hostPort: string; guestPort: string };

/** The wizard's fields as they are typed. */
export type CreateForm = {
  image: string;
  name: string;
  description: string;
  cpus: string;
  memoryMib: string;
  diskGib: string;
  firmware: string;
  hasNic: boolean;
  /** A network's name, or `user`. */
  network: string;
  forwards: readonly ForwardRow[];
  display: string;
  isStarted: boolean;
};

export const blankForm: CreateForm = {
  image: "",
  name: "",
  description: "",
  cpus: "1",
  memoryMib: "512",
  diskGib: "",
  firmware: "bios",
  hasNic: true,
  network: userNetwork,
  forwards: [],
  display: "vga",
  isStarted: true,
};

/** What an image suggests for the fields that nobody has touched yet. */
export function suggestionsFor(image: ImageView, takenNames: ReadonlySet<string>): Partial<CreateForm> {
  const minimumMib = Math.ceil((image.guest?.minMemoryBytes ?? 0) / MiB);
  const firmware = image.guest?.firmware[0];
  return {
    image: image.id,
    name: freeName(image.name.replace(/[^a-z0-9-]+/g, "-"), takenNames),
    memoryMib: String(Math.max(minimumMib, image.kind === "kernel" ? 128 : 512)),
    display: image.kind === "kernel" ? "none" : "vga",
    diskGib: image.kind === "iso" ? "16" : "",
    ...(firmware !== undefined && { firmware }),
  };
}

function freeName(base: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const name = `${base}-${number}`;
    if (!taken.has(name)) return name;
  }
}

/** The request. Fields that are no numbers stay wrong, so that the schema names them. */
export function specFrom(form: CreateForm, image: ImageView | undefined): VmSpec {
  const forwards = form.forwards.map(({ protocol, hostPort, guestPort }) => ({
    protocol: protocol === "udp" ? ("udp" as const) : ("tcp" as const),
    hostPort: Number(hostPort || Number.NaN),
    guestPort: Number(guestPort || Number.NaN),
  }));
  return {
    name: form.name,
    ...(form.description !== "" && { description: form.description }),
    cpus: Number(form.cpus || Number.NaN),
    memoryBytes: Number(form.memoryMib || Number.NaN) * MiB,
    ...bootFrom(form, image),
    nics: form.hasNic ? [nicFrom(form, forwards)] : [],
    display: form.display === "none" ? "none" : "vga",
  };
}

/** Ports are forwarded by the VM's own network, or by the network that it is on: never both. */
function nicFrom(
  { network }: CreateForm,
  forwards: readonly PortForward[],
): NonNullable<VmSpec["nics"]>[number] {
  if (network !== userNetwork) return { name: "net0", network };
  return { name: "net0", ...(forwards.length > 0 && { forwards: [...forwards] }) };
}

function bootFrom(form: CreateForm, image: ImageView | undefined): Partial<VmSpec> {
  const sizeBytes = form.diskGib === "" ? undefined : Math.round(Number(form.diskGib) * GiB);
  const size = sizeBytes === undefined ? {} : { sizeBytes };
  const firmware = form.firmware === "uefi" ? ("uefi" as const) : ("bios" as const);
  if (image === undefined) return { firmware, disks: [] };
  if (image.kind === "kernel")
    return { kernel: { image: image.id }, disks: sizeBytes === undefined ? [] : [{ name: "data", ...size }] };
  if (image.kind !== "iso") return { firmware, disks: [{ name: "root", image: image.id, ...size }] };
  const medium = { name: "install", image: image.id, bus: "sata" as const, isReadOnly: true };
  return { firmware, disks: sizeBytes === undefined ? [medium] : [{ name: "root", ...size }, medium] };
}

/** Field → sentence: by the API's own schema, and what it cannot know about this image. */
export function faultsOf(form: CreateForm, image: ImageView | undefined): Record<string, string> {
  const found = schemaFaults(VmSpecSchema, specFrom(form, image));
  if (image === undefined) found["image"] = "Choose an image.";
  const minimum = image?.guest?.minMemoryBytes ?? 0;
  if (found["memoryBytes"] === undefined && Number(form.memoryMib) * MiB < minimum) {
    found["memoryBytes"] = `This guest needs at least ${Math.ceil(minimum / MiB)} MiB.`;
  }
  const virtual = image?.kind === "disk" ? (image.virtualSizeBytes ?? 0) : 0;
  if (form.diskGib !== "" && Number(form.diskGib) * GiB < virtual) {
    found["disks.0.sizeBytes"] = `The image itself needs ${(virtual / GiB).toFixed(1)} GiB.`;
  }
  const ports = form.forwards.map(({ protocol, hostPort }) => `${protocol} ${hostPort}`);
  ports.forEach((port, index) => {
    if (ports.indexOf(port) < index)
      found[`nics.0.forwards.${index}.hostPort`] ??= "This port is forwarded already.";
  });
  return found;
}

export const stepNames = ["Image", "Resources", "Network and display", "Review"] as const;

/** The step on which a field stands. */
export function stepOf(field: string): number {
  if (field === "image" || field === "name" || field === "description" || field.startsWith("kernel"))
    return 0;
  if (field.startsWith("nics") || field === "display") return 2;
  return 1;
}
