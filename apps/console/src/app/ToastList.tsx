import { Alert, AlertActionCloseButton, AlertGroup } from "@patternfly/react-core";
import { Link } from "@tanstack/react-router";
import { useSyncExternalStore } from "react";
import { useServices } from "./services.ts";

const shownMs = 12_000;

/** Notifications in the corner; failures stay until they are closed. */
export function ToastList() {
  const { toasts } = useServices();
  const shown = useSyncExternalStore(toasts.subscribe, toasts.get);
  return (
    <AlertGroup isToast isLiveRegion hasAnimations aria-label="Notifications">
      {shown.map(({ id, severity, title, detail, link }) => (
        <Alert
          key={id}
          variant={severity}
          title={title}
          timeout={severity === "danger" ? false : shownMs}
          onTimeout={() => toasts.dismiss(id)}
          actionClose={
            <AlertActionCloseButton title={`Close: ${title}`} onClose={() => toasts.dismiss(id)} />
          }
          actionLinks={
            link && (
              <Link to={link.to} onClick={() => toasts.dismiss(id)}>
                {link.text}
              </Link>
            )
          }
        >
          {detail}
        </Alert>
      ))}
    </AlertGroup>
  );
}
