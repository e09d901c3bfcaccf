import { readSync, writeSync } from "node:fs";
import { poll } from "@serai/kit/deadline";
import { parseAddress } from "@serai/model/ip-address";
import type { PluggedNic } from "../../src/network-driver.ts";
import { signal } from "./own-host.ts";

/** What QEMU would put before each frame: no offloads. */
const vnetHeader = Buffer.alloc(10);
const broadcast = "ff:ff:ff:ff:ff:ff";

export const send = (nic: PluggedNic, frame: Buffer): void => {
  writeSync(nic.fd, Buffer.concat([vnetHeader, frame]));
};

/** All frames that wait at a NIC. */
export function receive(nic: PluggedNic): Buffer[] {
  const frames: Buffer[] = [];
  const buffer = Buffer.alloc(70_000);
  for (;;) {
    try {
      const length = readSync(nic.fd, buffer);
      frames.push(Buffer.from(buffer.subarray(vnetHeader.length, length)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return frames;
      throw error;
    }
  }
}

/** Collects until a frame holds `marker`; all that came up to then. Frames stay in order, so what was sent before came before. */
export async function receiveUntil(nic: PluggedNic, marker: string): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  const deadline = {
    ms: 5_000,
    everyMs: 5,
    code: "network.setup_failed",
    message: `no frame with ${marker} came`,
  } as const;
  return poll(deadline, signal(), () => {
    frames.push(...receive(nic));
    return frames.some((frame) => frame.includes(marker)) ? frames : undefined;
  });
}

export type Ethernet = { from: string; to?: string };

export const ethernet = ({ from, to = broadcast }: Ethernet, type: number, payload: Buffer): Buffer =>
  Buffer.concat([mac(to), mac(from), u16(type), payload]);

export type Arp = {
  operation: "request" | "reply";
  mac: string;
  ip: string;
  targetIp: string;
  targetMac?: string;
};

export const arp = (
  link: Ethernet,
  { operation, mac: sender, ip, targetIp, targetMac = "00:00:00:00:00:00" }: Arp,
): Buffer =>
  ethernet(
    link,
    0x0806,
    Buffer.concat([
      Buffer.from([0, 1, 8, 0, 6, 4, 0, operation === "request" ? 1 : 2]),
      mac(sender),
      address(ip),
      mac(targetMac),
      address(targetIp),
    ]),
  );

export type Datagram = { ip: string; to: string; sourcePort?: number; port?: number; text: string };

/** UDP over IPv4 or IPv6, by the addresses' family. */
export function udp(link: Ethernet, { ip, to, sourcePort = 1111, port = 2222, text }: Datagram): Buffer {
  const payload = Buffer.from(text);
  const segment = Buffer.concat([u16(sourcePort), u16(port), u16(8 + payload.length), u16(0), payload]);
  return ip.includes(":")
    ? ip6(link, { ip, to, next: 17, payload: segment })
    : ip4(link, { ip, to, payload: segment });
}

function ip4(link: Ethernet, { ip, to, payload }: { ip: string; to: string; payload: Buffer }): Buffer {
  const header = Buffer.concat([
    Buffer.from([0x45, 0]),
    u16(20 + payload.length),
    u16(1),
    u16(0),
    Buffer.from([64, 17, 0, 0]),
    address(ip),
    address(to),
  ]);
  header.writeUInt16BE(checksum(header), 10);
  return ethernet(link, 0x0800, Buffer.concat([header, payload]));
}

export type Packet6 = { ip: string; to: string; next: number; payload: Buffer };

export function ip6(link: Ethernet, { ip, to, next, payload }: Packet6): Buffer {
  const body = next === 17 || next === 58 ? withChecksum({ ip, to, next, payload }) : payload;
  const header = Buffer.concat([
    Buffer.from([0x60, 0, 0, 0]),
    u16(body.length),
    Buffer.from([next, 255]),
    address(ip),
    address(to),
  ]);
  return ethernet(link, 0x86dd, Buffer.concat([header, body]));
}

/** ICMPv6 message: type, and what follows the checksum. */
export const icmp6 = (
  link: Ethernet,
  { ip, to, type, rest }: { ip: string; to: string; type: number; rest: Buffer },
): Buffer => ip6(link, { ip, to, next: 58, payload: Buffer.concat([Buffer.from([type, 0, 0, 0]), rest]) });

/** The rest of a neighbour solicitation or advertisement; the text makes the frame findable. */
export const target = (ip: string, text: string, flags = 0): Buffer =>
  Buffer.concat([Buffer.from([flags, 0, 0, 0]), address(ip), option(text)]);

/** An ICMPv6 option that nobody knows, with a text in it. */
export const option = (text: string): Buffer => {
  const length = Math.ceil((text.length + 2) / 8);
  const bytes = Buffer.alloc(length * 8);
  bytes.set([253, length]);
  bytes.write(text, 2);
  return bytes;
};

function withChecksum({ ip, to, next, payload }: Packet6): Buffer {
  const copy = Buffer.from(payload);
  const at = next === 17 ? 6 : 2;
  copy.writeUInt16BE(0, at);
  const pseudo = Buffer.concat([
    address(ip),
    address(to),
    u16(0),
    u16(copy.length),
    Buffer.from([0, 0, 0, next]),
  ]);
  copy.writeUInt16BE(checksum(Buffer.concat([pseudo, copy])), at);
  return copy;
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return 0xffff - sum;
}

export const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const mac = (text: string): Buffer => Buffer.from(text.replaceAll(":", ""), "hex");

function address(text: string): Buffer {
  const parsed = parseAddress(text);
  const digits = parsed?.family === 6 ? 32 : 8;
  return Buffer.from((parsed?.value ?? 0n).toString(16).padStart(digits, "0"), "hex");
}
