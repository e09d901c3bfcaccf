import { Fault } from "@serai/kit/fault";

export type Role = "viewer" | "operator" | "admin";

/** Who asks. Made by whoever authenticated them; services check the role once, at their door. */
export type Actor = { name: string; role: Role };

const rank: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

/** Throws `auth.forbidden` unless the actor has this role or a higher one. */
export function authorize(actor: Actor, needed: Role): void {
  if (rank[actor.role] >= rank[needed]) return;
  throw new Fault(
    "auth.forbidden",
    `This needs the role ${needed}; ${actor.name} has the role ${actor.role}: ask an administrator.`,
    { details: { needed, role: actor.role } },
  );
}
