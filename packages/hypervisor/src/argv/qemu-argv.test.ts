import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "@serai/kit/fault";
import type { LaunchPlan, PlannedDisk } from "../launch-plan.ts";
import { vmDirectory } from "../vm-directory.ts";
import { qemuArgv, type QemuArgvInput } from "./qemu-argv.ts";

const MiB = 1024 * 1024;

function plan(spec: Partial<LaunchPlan["spec"]> = {}, more: Partial<LaunchPlan> = {}): LaunchPlan {
  return {
    vm: "vm-0123456789ab",
    uuid: "11111111-2222-4333-8444-555555555555",
    generation: 1,
    resetCount: 0,
    machineType: "pc-q35-7.2",
    spec: {
      name: "web",
      description: "",
      labels: {},
      cpus: 2,
      memoryBytes: 512 * MiB,
      firmware: "bios",
      disks: [],
      nics: [],
      display: "none",
      hasAgent: false,
      hasRng: false,
      hasBalloon: false,
      hasWatchdog: false,
      policy: { onShutdown: "stop", onPanic: "stop", onHang: "stop", onCrash: "stop" },
      ...spec,
    },
    disks: [],
    ...more,
  };
}

function argv(of: LaunchPlan, more: Partial<QemuArgvInput> = {}): string[] {
  const directory = vmDirectory("/s/vms/vm-0123456789ab");
  return qemuArgv({
    plan: of,
    directory,
    token: "T",
    qemuVersion: "7.2.22",
    accelerator: "tcg",
    isIncoming: false,
    ...more,
  });
}

/** The values of one option, JSON read. */
function values(from: readonly string[], option: string): unknown[] {
  return from.flatMap((word, at) => {
    if (word !== option) return [];
    const value = from[at + 1] ?? "";
    return [value.startsWith("{") ? (JSON.parse(value) as unknown) : value];
  });
}

const devices = (from: readonly string[]): Record<string, unknown>[] =>
  values(from, "-device") as Record<string, unknown>[];
const driversOf = (from: readonly string[]): unknown[] => devices(from).map((device) => device["driver"]);
const disk = (change: Partial<PlannedDisk> = {}): PlannedDisk => ({
  name: "root",
  bus: "virtio-blk",
  path: "/v/root.qcow2",
  format: "qcow2",
  isReadOnly: false,
  ...change,
});

test("every VM starts stopped, sandboxed, from no configuration but ours, and never ends by itself", () => {
  const all = argv(plan());

  for (const word of ["-S", "-no-user-config", "-nodefaults"]) assert.ok(all.includes(word), word);
  assert.deepEqual(values(all, "-sandbox"), [
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
  ]);
  assert.deepEqual(values(all, "-action"), ["reboot=reset,shutdown=pause,panic=pause,watchdog=pause"]);
  assert.deepEqual(values(all, "-name"), ["vm-0123456789ab.T,debug-threads=on"]);
  assert.equal(values(all, "-mon").length, 2);
  assert.ok(!all.includes("-incoming"));
  assert.deepEqual(values(argv(plan(), { isIncoming: true }), "-incoming"), ["defer"]);
});

const memoryTable = [
  ["tcg", "7.2.22", "524296k"],
  ["tcg", "8.2.1", "524296k"],
  ["tcg", "10.0.2", "524288k"],
  ["kvm", "7.2.22", "524288k"],
] as const;
for (const [accelerator, qemuVersion, size] of memoryTable) {
  test(`512 MiB under ${accelerator} on QEMU ${qemuVersion} is ${size}`, () => {
    assert.deepEqual(values(argv(plan(), { accelerator, qemuVersion }), "-m"), [size]);
  });
}

const cpuTable = [
  ["kvm", 512, "kvm", "host"],
  ["tcg", 512, "tcg,thread=multi,tb-size=32", "max"],
  ["tcg", 2048, "tcg,thread=multi,tb-size=128", "max"],
  ["tcg", 8192, "tcg,thread=multi,tb-size=512", "max"],
] as const;
for (const [accelerator, memoryMiB, accel, cpu] of cpuTable) {
  test(`${memoryMiB} MiB under ${accelerator}: -accel ${accel} -cpu ${cpu}`, () => {
    const all = argv(plan({ memoryBytes: memoryMiB * MiB }), { accelerator });

    assert.deepEqual(
      [values(all, "-accel"), values(all, "-cpu"), values(all, "-smp")],
      [[accel], [cpu], ["2,sockets=1,cores=2,threads=1,maxcpus=2"]],
    );
  });
}

const deviceTable = [
  ["hasAgent", true, "virtserialport"],
  ["hasRng", true, "virtio-rng-pci"],
  ["hasBalloon", true, "virtio-balloon-pci"],
  ["hasWatchdog", true, "i6300esb"],
  ["display", "vga", "VGA"],
  ["display", "vga", "usb-tablet"],
] as const;
for (const [key, value, driver] of deviceTable) {
  test(`${key} ${value} adds ${driver}, which is not there otherwise`, () => {
    assert.ok(!driversOf(argv(plan())).includes(driver));
    assert.ok(driversOf(argv(plan({ [key]: value }))).includes(driver));
  });
}

test("the balloon gives freed pages back and deflates before a guest runs out", () => {
  const balloon = devices(argv(plan({ hasBalloon: true }))).find(({ id }) => id === "balloon");

  assert.equal(balloon?.["free-page-reporting"], true);
  assert.equal(balloon?.["deflate-on-oom"], true);
});

test("every VM can tell a panic and has ports for later devices", () => {
  const drivers = driversOf(argv(plan()));

  assert.ok(drivers.includes("pvpanic-pci") && drivers.includes("vmgenid"));
  assert.equal(drivers.filter((driver) => driver === "pcie-root-port").length, 4);
});

test("no two devices share a slot, whatever a VM has", () => {
  const disks = Array.from({ length: 16 }, (_, index) =>
    disk({ name: `d${index}`, bus: index % 2 === 0 ? "virtio-blk" : "nvme" }),
  );
  const nics = Array.from(
    { length: 8 },
    (_, index) =>
      ({
        name: `n${index}`,
        model: "virtio",
        mac: "52:54:00:00:00:01",
        network: "user",
        forwards: [],
      }) as const,
  );
  const all = argv(
    plan(
      {
        hasAgent: true,
        hasRng: true,
        hasBalloon: true,
        hasWatchdog: true,
        display: "vga",
        nics: nics.map((nic) => ({ ...nic, forwards: [] })),
      },
      { disks },
    ),
  );

  const addresses = devices(all).flatMap(({ addr }) =>
    typeof addr === "string" ? [addr.includes(".") ? addr : `${addr}.0x0`] : [],
  );
  assert.equal(new Set(addresses).size, addresses.length);
  assert.ok(addresses.length >= 16 + 8 + 10);
});

test("a new disk moves no other device", () => {
  const nics = [
    {
      name: "n0",
      model: "virtio" as const,
      mac: "52:54:00:00:00:01",
      network: "user" as const,
      forwards: [],
    },
  ];
  const one = devices(argv(plan({ nics }, { disks: [disk()] })));
  const two = devices(argv(plan({ nics }, { disks: [disk(), disk({ name: "data" })] })));

  for (const before of one)
    assert.deepEqual(
      two.find(({ id }) => id === before["id"]),
      before,
    );
});

const diskTable = [
  ["virtio-blk", false, "virtio-blk-pci"],
  ["virtio-blk", true, "virtio-blk-pci"],
  ["virtio-scsi", false, "scsi-hd"],
  ["virtio-scsi", true, "scsi-cd"],
  ["sata", false, "ide-hd"],
  ["sata", true, "ide-cd"],
  ["nvme", false, "nvme"],
] as const;
for (const [bus, isReadOnly, driver] of diskTable) {
  test(`a ${isReadOnly ? "read-only" : "writable"} disk on ${bus} is ${driver}, with its format told and its file locked`, () => {
    const all = argv(plan({}, { disks: [disk({ bus, isReadOnly })] }));

    const device = devices(all).find(({ id }) => id === "root");
    assert.equal(device?.["driver"], driver);
    assert.equal(device["drive"], "disk-root");
    assert.equal(device["bootindex"], 1);
    const [node] = values(all, "-blockdev") as Record<string, unknown>[];
    const file = node?.["file"] as Record<string, unknown>;
    assert.deepEqual(
      [node?.["driver"], node?.["node-name"], node?.["read-only"]],
      ["qcow2", "disk-root", isReadOnly],
    );
    assert.deepEqual(
      [file["driver"], file["filename"], file["locking"], file["read-only"] === true],
      ["file", "/v/root.qcow2", "on", isReadOnly],
    );
    assert.deepEqual(
      [node?.["discard"], node?.["detect-zeroes"], file["discard"]],
      isReadOnly ? [undefined, undefined, undefined] : ["unmap", "unmap", "unmap"],
    );
  });
}

test("a disk behind an NBD server is opened by its export, and does not wait for one that was taken away", () => {
  const nbd = { socketPath: "/run/nbd.sock", exportName: "host.vm.root" };

  const all = argv(plan({}, { disks: [disk({ format: "raw", path: "", nbd })] }));

  const [node] = values(all, "-blockdev") as Record<string, unknown>[];
  const { "node-name": _name, ...file } = (node?.["file"] ?? {}) as Record<string, unknown>;
  assert.equal(node?.["driver"], "raw");
  assert.deepEqual(file, {
    driver: "nbd",
    server: { type: "unix", path: "/run/nbd.sock" },
    export: "host.vm.root",
    "auto-read-only": true,
    discard: "unmap",
  });
});

test("what no QEMU can do is refused before it is tried", () => {
  const sata = Array.from({ length: 7 }, (_, index) => disk({ name: `d${index}`, bus: "sata" }));

  for (const disks of [sata, [disk({ bus: "nvme", isReadOnly: true })]]) {
    assert.throws(
      () => argv(plan({}, { disks })),
      (error) => isFault(error, "vm.spec_invalid"),
    );
  }
});

test("forwards listen on the loopback only, and a NIC has no boot ROM", () => {
  const forwards = [{ protocol: "tcp" as const, hostPort: 2222, guestPort: 22 }];
  const all = argv(
    plan({ nics: [{ name: "n0", model: "e1000e", mac: "52:54:00:00:00:01", network: "user", forwards }] }),
  );

  assert.deepEqual(values(all, "-netdev"), [
    { type: "user", id: "net-n0", ipv6: false, hostfwd: [{ str: "tcp:127.0.0.1:2222-:22" }] },
  ]);
  const nic = devices(all).find(({ id }) => id === "n0");
  assert.deepEqual([nic?.["driver"], nic?.["mac"], nic?.["romfile"]], ["e1000e", "52:54:00:00:00:01", ""]);
});

test("each NIC gets the descriptor of its own network, and a tap tells its frame size", () => {
  const nic = { model: "virtio", mac: "52:54:00:00:00:01", forwards: [] } as const;
  const nics = ["lan0", "user0", "lan1"].map((name) => ({
    ...nic,
    name,
    network: name.startsWith("user") ? "user" : "net-0123456789ab",
    forwards: [],
  }));
  const taps = new Map([
    ["lan0", { fd: 4, mtu: 1450 }],
    ["lan1", { fd: 5, mtu: 1500 }],
  ]);

  const all = argv(plan({ nics }), { nicEnds: { descriptors: [3], taps } });

  const ends = values(all, "-netdev") as { type: string; fd?: string; addr?: { str: string } }[];
  assert.deepEqual(
    ends.map(({ type, fd, addr }) => [type, fd ?? addr?.str]),
    [
      ["tap", "4"],
      ["stream", "3"],
      ["tap", "5"],
    ],
  );
  const sizes = devices(all).flatMap((device) => ("host_mtu" in device ? [device["host_mtu"]] : []));
  assert.deepEqual(sizes, [1450, 1500]);
});

test("a direct kernel's values stand alone, commas and options in them included", () => {
  const cmdline = "console=ttyS0,115200 -S -drive file=/etc/shadow";
  const all = argv(plan({}, { kernel: { path: "/i/vm,linux", initrdPath: "/i/initrd", cmdline } }));

  assert.deepEqual(
    [values(all, "-kernel"), values(all, "-initrd"), values(all, "-append")],
    [["/i/vm,linux"], ["/i/initrd"], [cmdline]],
  );
  assert.ok(!argv(plan()).includes("-kernel"));
});

test("UEFI is code that is shared and read-only, and variables of the VM's own", () => {
  const all = argv(plan({ firmware: "uefi" }), { uefiCode: "/usr/share/OVMF/CODE.fd" });

  assert.match(String(values(all, "-machine")[0]), /,pflash0=firmware-code,pflash1=firmware-vars$/);
  assert.deepEqual(values(all, "-blockdev"), [
    {
      driver: "raw",
      "node-name": "firmware-code",
      "read-only": true,
      file: { driver: "file", filename: "/usr/share/OVMF/CODE.fd" },
    },
    {
      driver: "raw",
      "node-name": "firmware-vars",
      file: { driver: "file", filename: "/s/vms/vm-0123456789ab/qemu/uefi-vars.fd" },
    },
  ]);
});

const hostile = ['x","driver":"vfio-pci', "x,server=off,path=/etc/passwd", "x\n-device evil", "x,,y"];
for (const text of hostile) {
  test(`${JSON.stringify(text)} stays one value wherever it is put`, () => {
    const directory = vmDirectory(`/s/${text}`);
    const all = argv(
      plan({ display: "vga", hasAgent: true }, { vm: text, disks: [disk({ name: text, path: `/${text}` })] }),
      { directory },
    );

    assert.equal(all.length, argv(plan({ display: "vga", hasAgent: true }, { disks: [disk()] })).length);
    for (const value of values(all, "-chardev").map(String)) {
      // With doubled commas taken out, what is left are QEMU's own separators.
      const keys = value
        .replaceAll(",,", "")
        .split(",")
        .map((part) => part.split("=")[0]);
      assert.deepEqual(
        keys.filter(
          (key) => !["socket", "id", "path", "server", "wait", "logfile", "logappend"].includes(key ?? ""),
        ),
        [],
      );
      assert.equal(new Set(keys).size, keys.length);
    }
    assert.equal(
      (values(all, "-blockdev") as { file: { filename: string } }[])[0]?.file.filename,
      `/${text}`,
    );
    assert.deepEqual(
      devices(all).find(({ drive }) => drive === `disk-${text}`)?.["driver"],
      "virtio-blk-pci",
    );
  });
}

for (const machineType of ["q35", "pc-q35-7.2,accel=kvm", "pc-i440fx-7.2", "none", ""]) {
  test(`the machine type ${JSON.stringify(machineType)} is refused`, () => {
    assert.throws(
      () => argv(plan({}, { machineType })),
      (error) => isFault(error, "vm.spec_invalid"),
    );
  });
}

test("a directory too deep for unix sockets is refused with a sentence", () => {
  assert.throws(
    () => vmDirectory(`/${"d".repeat(100)}`),
    (error) =>
      isFault(error, "host.unsupported") && /too long for unix sockets by \d+ bytes/.test(error.message),
  );
});
