import { Type } from "@serai/model/schema";
import { route } from "../route.ts";
import { HostUsageSchema, HostViewSchema } from "../schemas.ts";

export const getHost = route({
  method: "GET",
  path: "/v1/host",
  summary: "What this host is, has and can do",
  access: "viewer",
  tag: "host",
  replies: { 200: HostViewSchema },
  faults: ["host.unreachable"],
});

export const getHostUsage = route({
  method: "GET",
  path: "/v1/host/usage",
  summary: "Live figures of the host and of each VM that runs on it",
  access: "viewer",
  tag: "host",
  replies: { 200: HostUsageSchema },
  faults: ["host.unreachable"],
});

export const getHealth = route({
  method: "GET",
  path: "/v1/health",
  summary: "Answers when the daemon does",
  access: "public",
  tag: "host",
  replies: { 200: Type.Object({ status: Type.String(), version: Type.String() }) },
  faults: [],
});
