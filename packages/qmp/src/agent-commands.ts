/**
 * The guest agent's commands that we use. Written by hand, unlike QMP's: the agent lives in the guest, has no
 * command that tells its schema, and its version is the guest's own choice. A guest is hostile: what `returns`
 * says is what an honest agent sends, and whoever acts on a value checks it (see agent-calls.ts).
 * Source: https://www.qemu.org/docs/master/interop/qemu-ga-ref.html
 */
export type AgentCommands = {
  "guest-ping": { arguments: Empty; returns: unknown };
  "guest-info": {
    arguments: Empty;
    returns: {
      version: string;
      supported_commands: { name: string; enabled: boolean; "success-response": boolean }[];
    };
  };
  "guest-exec": {
    arguments: {
      path: string;
      arg?: string[];
      env?: string[];
      "input-data"?: string;
      "capture-output"?: boolean;
    };
    returns: { pid: number };
  };
  "guest-exec-status": { arguments: { pid: number }; returns: AgentExecStatus };
  "guest-network-get-interfaces": { arguments: Empty; returns: AgentNetworkInterface[] };
  "guest-get-osinfo": { arguments: Empty; returns: Record<string, string> };
  "guest-get-host-name": { arguments: Empty; returns: { "host-name": string } };
  "guest-get-time": { arguments: Empty; returns: number };
  "guest-set-time": { arguments: { time?: number | bigint }; returns: unknown };
  "guest-get-users": { arguments: Empty; returns: { user: string; "login-time": number; domain?: string }[] };
  "guest-set-user-password": {
    arguments: { username: string; password: string; crypted: boolean };
    returns: unknown;
  };
  "guest-get-fsinfo": {
    arguments: Empty;
    returns: {
      name: string;
      mountpoint: string;
      type: string;
      "used-bytes"?: number;
      "total-bytes"?: number;
    }[];
  };
  "guest-fsfreeze-status": { arguments: Empty; returns: "thawed" | "frozen" };
  "guest-fsfreeze-freeze": { arguments: Empty; returns: number };
  "guest-fsfreeze-thaw": { arguments: Empty; returns: number };
  "guest-fstrim": { arguments: { minimum?: number }; returns: unknown };
  "guest-get-vcpus": {
    arguments: Empty;
    returns: { "logical-id": number; online: boolean; "can-offline"?: boolean }[];
  };
  "guest-set-vcpus": { arguments: { vcpus: { "logical-id": number; online: boolean }[] }; returns: number };
  "guest-shutdown": { arguments: { mode: "halt" | "powerdown" | "reboot" }; returns: never };
  "guest-file-open": { arguments: { path: string; mode: "r" | "w" | "a" }; returns: number };
  "guest-file-read": {
    arguments: { handle: number; count?: number };
    returns: { count: number; "buf-b64": string; eof: boolean };
  };
  "guest-file-write": {
    arguments: { handle: number; "buf-b64": string };
    returns: { count: number; eof: boolean };
  };
  "guest-file-close": { arguments: { handle: number }; returns: unknown };
};

type Empty = Record<string, never>;

export type AgentCommandName = keyof AgentCommands;
export type AgentArguments<K extends AgentCommandName> = AgentCommands[K]["arguments"];
export type AgentReturns<K extends AgentCommandName> = AgentCommands[K]["returns"];

export type AgentExecStatus = {
  exited: boolean;
  exitcode?: number;
  signal?: number;
  "out-data"?: string;
  "err-data"?: string;
  "out-truncated"?: boolean;
  "err-truncated"?: boolean;
};

export type AgentNetworkInterface = {
  name: string;
  "hardware-address"?: string;
  "ip-addresses"?: { "ip-address": string; "ip-address-type": "ipv4" | "ipv6"; prefix: number }[];
};
