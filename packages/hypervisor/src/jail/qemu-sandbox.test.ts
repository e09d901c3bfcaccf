import assert from "node:assert/strict";
import { test } from "node:test";
import { specOf } from "../../tests/fixture.ts";
import type { LaunchPlan, PlannedDisk } from "../launch-plan.ts";
import { vmDirectory } from "../vm-directory.ts";
import { qemuSandbox } from "./qemu-sandbox.ts";

const directory = vmDirectory("/s/vms/vm-1");
const disk = (change: Partial<PlannedDisk>): PlannedDisk => ({
  name: "root",
  bus: "virtio-blk",
  path: "/s/volumes/vm-1/root.qcow2",
  format: "qcow2",
  isReadOnly: false,
  ...change,
});
const plan = (change: Partial<LaunchPlan> = {}): LaunchPlan => ({
  vm: "vm-1",
  uuid: "",
  generation: 1,
  resetCount: 0,
  machineType: "pc-q35-7.2",
  spec: specOf(),
  disks: [],
  ...change,
});
const sandbox = (change: Partial<LaunchPlan>, qemuPath = "/usr/bin/qemu-system-x86_64") =>
  qemuSandbox({ plan: plan(change), directory, qemuPath, accelerator: "tcg" });

test("a VM without disks has its own folder and nothing else, not even a network", () => {
  assert.deepEqual(sandbox({}), {
    readOnly: [],
    writable: ["/s/vms/vm-1/qemu"],
    devices: [],
    hasHostNetwork: false,
    directory: "/s/vms/vm-1/qemu",
  });
});

test("volumes may be written, images and kernels only be read", () => {
  const { readOnly, writable } = sandbox({
    disks: [
      disk({ backing: ["/s/images/img-1/content.qcow2"] }),
      disk({ name: "data", path: "/s/volumes/vm-1/data.qcow2" }),
      disk({ name: "cd", path: "/s/images/img-2/content.iso", isReadOnly: true }),
    ],
    kernel: { path: "/s/images/img-3/content.raw", initrdPath: "/s/images/img-3/initrd", cmdline: "" },
  });

  assert.deepEqual(writable, ["/s/vms/vm-1/qemu", "/s/volumes/vm-1"]);
  assert.deepEqual(readOnly, [
    "/s/images/img-3/content.raw",
    "/s/images/img-3/initrd",
    "/s/images/img-1/content.qcow2",
    "/s/images/img-2/content.iso",
  ]);
});

test("a disk that lies above the VM's own folder brings no neighbours along", () => {
  assert.deepEqual(sandbox({ disks: [disk({ path: "/s/vms/disk.raw" })] }).writable, [
    "/s/vms/vm-1/qemu",
    "/s/vms/disk.raw",
  ]);
});

test("a QEMU from elsewhere is seen with what lies beside it, unless that is all there is", () => {
  assert.deepEqual(sandbox({}, "/opt/qemu/bin/qemu-system-x86_64").readOnly, ["/opt/qemu"]);
  assert.deepEqual(sandbox({}, "/bin/qemu-system-x86_64").readOnly, ["/bin"]);
});

test("KVM's device is there under KVM", () => {
  const input = { plan: plan(), directory, qemuPath: "/usr/bin/qemu-system-x86_64" };
  assert.deepEqual(qemuSandbox({ ...input, accelerator: "kvm" }).devices, ["/dev/kvm"]);
});
