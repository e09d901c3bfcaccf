import { Alert, AlertActionLink } from "@patternfly/react-core";
import { faultSentence } from "../api/fault-words.ts";

/** A failure in the page itself, with a way to try again where there is one. */
export function FaultAlert({
  title,
  error,
  onRetry,
}: {
  title: string;
  error: unknown;
  onRetry?: () => void;
}) {
  return (
    <Alert
      variant="danger"
      isInline
      title={title}
      actionLinks={onRetry && <AlertActionLink onClick={onRetry}>Try again</AlertActionLink>}
    >
      {faultSentence(error)}
    </Alert>
  );
}
