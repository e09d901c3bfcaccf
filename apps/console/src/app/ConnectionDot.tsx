import { useLive } from "../live/use-live.ts";

const words = { loading: "Connecting", live: "Live", lost: "Disconnected" } as const;

/** Says whether what is shown is the present. */
export function ConnectionDot() {
  const phase = useLive((state) => state.link.phase);
  return (
    <span className={`connection is-${phase}`} role="status">
      <span className="connection__dot" aria-hidden />
      {words[phase]}
    </span>
  );
}
