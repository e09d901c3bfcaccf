import { NetworkChangeSchema, NetworkSpecSchema } from "@serai/model/network";
import { Type } from "@serai/model/schema";
import { SecurityGroupChangeSchema, SecurityGroupSpecSchema } from "@serai/model/security-group";
import { ReferenceSchema } from "@serai/model/vm-spec";
import { PageQuerySchema } from "../page.ts";
import { route } from "../route.ts";
import { NetworkViewSchema, OperationSchema, pageOf, SecurityGroupViewSchema } from "../schemas.ts";

const NetworkParams = Type.Object({ network: ReferenceSchema });
const GroupParams = Type.Object({ group: ReferenceSchema });
const found = ["network.not_found", "name.ambiguous"] as const;
const foundGroup = ["security_group.not_found", "name.ambiguous"] as const;

export const listNetworks = route({
  method: "GET",
  path: "/v1/networks",
  summary: "List networks by name; `user`, which each VM has for itself, is not among them",
  access: "viewer",
  tag: "networks",
  query: PageQuerySchema,
  replies: { 200: pageOf(NetworkViewSchema) },
  faults: [],
});

export const getNetwork = route({
  method: "GET",
  path: "/v1/networks/:network",
  summary: "Show a network, by id, name or the first characters of its id",
  access: "viewer",
  tag: "networks",
  params: NetworkParams,
  replies: { 200: NetworkViewSchema },
  faults: found,
  hasEtag: true,
});

export const createNetwork = route({
  method: "POST",
  path: "/v1/networks",
  summary: "Create a network; a NAT network that names no addresses gets a free subnet",
  access: "operator",
  tag: "networks",
  body: NetworkSpecSchema,
  replies: { 202: OperationSchema },
  faults: [
    "name.taken",
    "network.spec_invalid",
    "network.unsupported",
    "network.setup_failed",
    "host.no_capacity",
  ],
  isIdempotent: true,
});

export const changeNetwork = route({
  method: "PATCH",
  path: "/v1/networks/:network",
  summary: "Change a network; guests go on, and addresses cannot change while a VM has one of them",
  access: "operator",
  tag: "networks",
  params: NetworkParams,
  body: NetworkChangeSchema,
  replies: { 202: OperationSchema },
  faults: [...found, "network.spec_invalid", "network.in_use", "network.unsupported", "network.setup_failed"],
  hasEtag: true,
  isIdempotent: true,
});

export const deleteNetwork = route({
  method: "DELETE",
  path: "/v1/networks/:network",
  summary: "Delete a network that no VM is on",
  access: "operator",
  tag: "networks",
  params: NetworkParams,
  replies: { 202: OperationSchema },
  faults: [...found, "network.in_use"],
  hasEtag: true,
});

export const listSecurityGroups = route({
  method: "GET",
  path: "/v1/security-groups",
  summary: "List security groups by name",
  access: "viewer",
  tag: "networks",
  query: PageQuerySchema,
  replies: { 200: pageOf(SecurityGroupViewSchema) },
  faults: [],
});

export const getSecurityGroup = route({
  method: "GET",
  path: "/v1/security-groups/:group",
  summary: "Show a security group",
  access: "viewer",
  tag: "networks",
  params: GroupParams,
  replies: { 200: SecurityGroupViewSchema },
  faults: foundGroup,
  hasEtag: true,
});

export const createSecurityGroup = route({
  method: "POST",
  path: "/v1/security-groups",
  summary: "Create a security group: what NICs that are in it may receive and send",
  access: "operator",
  tag: "networks",
  body: SecurityGroupSpecSchema,
  replies: { 202: OperationSchema },
  faults: ["name.taken", "network.spec_invalid", "host.no_capacity"],
  isIdempotent: true,
});

export const changeSecurityGroup = route({
  method: "PATCH",
  path: "/v1/security-groups/:group",
  summary: "Change a security group; running VMs follow within a second, all rules at once",
  access: "operator",
  tag: "networks",
  params: GroupParams,
  body: SecurityGroupChangeSchema,
  replies: { 202: OperationSchema },
  faults: [...foundGroup, "network.spec_invalid"],
  hasEtag: true,
  isIdempotent: true,
});

export const deleteSecurityGroup = route({
  method: "DELETE",
  path: "/v1/security-groups/:group",
  summary: "Delete a security group that nothing names",
  access: "operator",
  tag: "networks",
  params: GroupParams,
  replies: { 202: OperationSchema },
  faults: [...foundGroup, "security_group.in_use"],
  hasEtag: true,
});
