import { Link } from "@tanstack/react-router";
import type { Target } from "@serai/model/operation";
import { useLive } from "../live/use-live.ts";

/** What an operation or event is about; a link while it exists. */
export function TargetLink({ target }: { target: Target }) {
  const vm = useLive((state) => (target.kind === "vm" ? state.vms.get(target.id) : undefined));
  const name = vm?.name ?? target.name ?? target.id;
  if (vm !== undefined) {
    return (
      <Link to="/vms/$vm" params={{ vm: target.id }}>
        {name}
      </Link>
    );
  }
  if (target.kind === "image") return <Link to="/images">{name}</Link>;
  if (target.kind === "network") return <Link to="/networks">{name}</Link>;
  if (target.kind === "host") return <Link to="/host">{name}</Link>;
  return <span>{name}</span>;
}
