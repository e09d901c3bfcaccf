import { isFault } from "@serai/kit/fault";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useLocation, useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect } from "react";
import { followServer } from "../live/follow-server.ts";
import { useServices } from "./services.ts";
import { useFailureToasts } from "./use-failure-toasts.ts";

export type Me = { name: string; role: "viewer" | "operator" | "admin"; via: string };

/** Who is logged in; shared by all pages. */
export function useMe() {
  const { client } = useServices();
  return useQuery({
    queryKey: ["me"],
    staleTime: Infinity,
    queryFn: ({ signal }): Promise<Me> => client.call("getMe", {}, signal),
  });
}

export const canOperate = (me: Me | undefined): boolean => me !== undefined && me.role !== "viewer";

/** Sends people without a session to the login page, and follows the server for those who have one. */
export function useSession(): { me: Me | undefined; error: unknown; retry: () => void } {
  const { client, live } = useServices();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { pathname, searchStr } = useLocation();
  const { data: me, error, refetch } = useMe();
  const next = pathname + searchStr;

  const goToLogin = useCallback(async () => {
    queries.removeQueries();
    await navigate({ to: "/login", search: { next } });
  }, [queries, navigate, next]);

  const isOut = isFault(error) && error.kind === "unauthenticated";
  useEffect(() => {
    if (isOut) void goToLogin();
  }, [isOut, goToLogin]);

  const name = me?.name;
  useEffect(() => {
    if (name === undefined) return;
    const controller = new AbortController();
    followServer(client, live, controller.signal).catch((reason: unknown) => {
      // Throws only for an ended session (asking again shows the login page) or because this effect ended.
      if (isFault(reason) && reason.kind === "unauthenticated")
        void queries.resetQueries({ queryKey: ["me"] });
    });
    return () => controller.abort(new Error("logged out"));
  }, [client, live, queries, name]);

  useFailureToasts(me);
  return { me, error: isOut ? undefined : error, retry: () => void refetch() };
}
