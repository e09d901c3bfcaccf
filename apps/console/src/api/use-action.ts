import { isFault } from "@serai/kit/fault";
import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";
import { useServices } from "../app/services.ts";
import { faultSentence } from "./fault-words.ts";

/**
 * Runs something a person asked for; a failure becomes a notification headed by `title`.
 * Answers whether it worked.
 */
export function useAction(): (
  title: string,
  work: (signal: AbortSignal) => Promise<unknown>,
) => Promise<boolean> {
  const { toasts } = useServices();
  const navigate = useNavigate();
  return useCallback(
    async (title, work) => {
      try {
        await work(AbortSignal.timeout(60_000));
        return true;
      } catch (error) {
        if (isFault(error) && error.kind === "unauthenticated") await navigate({ to: "/login" });
        toasts.show({ severity: "danger", title, detail: faultSentence(error) });
        return false;
      }
    },
    [toasts, navigate],
  );
}
