import type { Static } from "typebox";
import { Type } from "./schema.ts";
import { NameSchema } from "./vm-spec.ts";

const PortSchema = Type.Integer({ minimum: 1, maximum: 65535 });

export const PeerSchema = Type.Union([
  Type.Literal("any"),
  Type.Object(
    { cidr: Type.String({ pattern: "^[0-9a-f.:]{2,39}/[0-9]{1,3}$" }) },
    { additionalProperties: false },
  ),
  Type.Object(
    { group: NameSchema },
    { additionalProperties: false, description: "the NICs of this group on the same network" },
  ),
]);
export type Peer = Static<typeof PeerSchema>;

export const SecurityRuleSchema = Type.Object(
  {
    direction: Type.Union([Type.Literal("in"), Type.Literal("out")]),
    protocol: Type.Union([
      Type.Literal("tcp"),
      Type.Literal("udp"),
      Type.Literal("icmp"),
      Type.Literal("any"),
    ]),
    ports: Type.Optional(
      Type.Object({ first: PortSchema, last: Type.Optional(PortSchema) }, { additionalProperties: false }),
    ),
    peer: Type.Optional(PeerSchema),
    action: Type.Optional(Type.Literal("allow")),
  },
  { additionalProperties: false, description: "icmp covers IPv4's and IPv6's" },
);
export type SecurityRule = Static<typeof SecurityRuleSchema>;

/**
 * Rules allow; nothing forbids. A NIC without groups talks freely. A NIC with groups receives only what a rule (or a
 * port forward) allows; what it sends is restricted once one of its groups has a rule for `out`. Answers to what was
 * allowed always pass.
 */
export const SecurityGroupSpecSchema = Type.Object(
  {
    name: NameSchema,
    description: Type.Optional(Type.String({ maxLength: 1024 })),
    rules: Type.Array(SecurityRuleSchema, { maxItems: 256 }),
  },
  { additionalProperties: false },
);
export type SecurityGroupSpec = Static<typeof SecurityGroupSpecSchema>;

const { name: _name, ...changeable } = SecurityGroupSpecSchema.properties;
/** The name stays: NICs and other groups' rules know it by that. */
export const SecurityGroupChangeSchema = Type.Partial(Type.Object(changeable), {
  additionalProperties: false,
  minProperties: 1,
});
export type SecurityGroupChange = Static<typeof SecurityGroupChangeSchema>;

/** The intent: one per group, written only by control. Key: {@link securityGroupKey}. */
export type SecurityGroupRecord = {
  id: string;
  project: string;
  spec: SecurityGroupSpec;
  generation: number;
  createdAt: string;
  updatedAt: string;
};

/** A security group as clients see it. */
export const securityGroupView = ({
  id,
  project,
  spec,
  generation,
  createdAt,
  updatedAt,
}: SecurityGroupRecord) => ({
  id,
  project,
  name: spec.name,
  description: spec.description ?? "",
  rules: spec.rules,
  generation,
  createdAt,
  updatedAt,
});

export const securityGroupKey = (id: string): string => `/security-groups/${id}`;
export const securityGroupNameKey = (project: string, name: string): string =>
  `/security-group-names/${project}/${name}`;
