import { Fault } from "@serai/kit/fault";
import type { NetworkSpec } from "@serai/model/network";
import type { SecurityRule } from "@serai/model/security-group";
import { parseWhole } from "./parse-values.ts";

const malformed = (message: string): Fault => new Fault("request.malformed", message);

/** "tcp:8080:10.77.0.5:80" or "tcp:0.0.0.0:8080:10.77.0.5:80" → a port of the host that leads to a guest. */
export function parseNetworkForward(text: string): NonNullable<NetworkSpec["forwards"]>[number] {
  const match = /^(?:(tcp|udp):)?(?:([0-9.]{7,15}):)?(\d+):([0-9.]{7,15}):(\d+)$/.exec(text);
  if (match === null)
    throw malformed(
      `A port forward is written [tcp|udp:][HOSTADDRESS:]HOSTPORT:ADDRESS:PORT, not "${text}".`,
    );
  const [, protocol, hostAddress, hostPort = "", address = "", port = ""] = match;
  return {
    protocol: protocol === "udp" ? "udp" : "tcp",
    ...(hostAddress !== undefined && { hostAddress }),
    hostPort: parseWhole(hostPort, "The host's port", 1, 65_535),
    address,
    port: parseWhole(port, "The guest's port", 1, 65_535),
  };
}

const rulePattern = /^(in|out)(?::(tcp|udp|icmp|any)(?::(\d+)(?:-(\d+))?)?)?(?:@(.+))?$/;

/**
 * "in:tcp:22", "in:tcp:8000-8080@10.0.0.0/8", "in:icmp", "out:any@any", "in:tcp:5432@group:web" → a rule. Who: a subnet,
 * an address, `any` or `group:NAME`.
 */
export function parseRule(text: string): SecurityRule {
  const match = rulePattern.exec(text);
  if (match === null) {
    throw malformed(
      `A rule is written in|out[:tcp|udp|icmp|any[:PORT[-PORT]]][@any|SUBNET|group:NAME], such as in:tcp:22@10.0.0.0/8, not "${text}".`,
    );
  }
  const [, direction, protocol = "any", first, last, who = "any"] = match;
  return {
    direction: direction === "out" ? "out" : "in",
    protocol: protocol as SecurityRule["protocol"],
    ...(first !== undefined && {
      ports: {
        first: parseWhole(first, "A port", 1, 65_535),
        ...(last !== undefined && { last: parseWhole(last, "A port", 1, 65_535) }),
      },
    }),
    peer: peerOf(who),
  };
}

function peerOf(who: string): NonNullable<SecurityRule["peer"]> {
  if (who === "any") return who;
  if (who.startsWith("group:")) return { group: who.slice("group:".length) };
  if (who.includes("/")) return { cidr: who };
  return { cidr: `${who}/${who.includes(":") ? 128 : 32}` };
}

/** The opposite of {@link parseRule}. */
export function ruleText({ direction, protocol, ports, peer = "any" }: SecurityRule): string {
  const range =
    ports === undefined ? "" : `:${ports.first}${ports.last === undefined ? "" : `-${ports.last}`}`;
  const who = peer === "any" ? "" : `@${"group" in peer ? `group:${peer.group}` : peer.cidr}`;
  return `${direction}:${protocol}${range}${who}`;
}
