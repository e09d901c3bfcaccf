import { Alert, AlertActionLink } from "@patternfly/react-core";
import { retryNow } from "../live/follow-server.ts";
import { useLive } from "../live/use-live.ts";
import { duration } from "../parts/format.ts";
import { useNow } from "../parts/use-now.ts";

/** Shorter breaks heal by themselves before anyone could read the banner. */
const patienceMs = 1_500;

/** Warns that the page shows the past, and says when the next attempt is due. */
export function ConnectionBanner() {
  const link = useLive((state) => state.link);
  const nowMs = useNow(1_000);
  if (link.phase !== "lost" || nowMs - link.sinceMs < patienceMs) return null;
  const waitSeconds = Math.max(0, Math.round((link.retryAtMs - nowMs) / 1000));
  return (
    <Alert
      className="connection-banner"
      variant="warning"
      isInline
      isLiveRegion
      title="Disconnected: what you see may be out of date"
      actionLinks={
        <AlertActionLink onClick={() => retryNow.dispatchEvent(new Event("retry"))}>Try now</AlertActionLink>
      }
    >
      {link.reason}{" "}
      <span aria-hidden>
        Lost {duration((nowMs - link.sinceMs) / 1000)} ago
        {waitSeconds > 0 ? `; next attempt in ${waitSeconds} s.` : "; trying again."}
      </span>
    </Alert>
  );
}
