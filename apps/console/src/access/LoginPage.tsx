import {
  Alert,
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextInput,
} from "@patternfly/react-core";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { isFault } from "@serai/kit/fault";
import { faultSentence } from "../api/fault-words.ts";
import { useServices } from "../app/services.ts";
import { codeFrom } from "./login-code.ts";

function loginFault(error: unknown): string {
  if (isFault(error, "auth.bad_credentials") || isFault(error, "request.malformed")) {
    return "This code is not valid: it was used already, is older than ten minutes, or is incomplete. Get a fresh one.";
  }
  return faultSentence(error);
}

/** Exchanges a one-time code, from the link or pasted, for a session. */
export function LoginPage() {
  const { client } = useServices();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { next } = useSearch({ from: "/login" });
  const [text, setText] = useState("");
  const [fault, setFault] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const hasTriedLink = useRef(false);

  const logIn = useCallback(
    async (code: string) => {
      setIsBusy(true);
      setFault(undefined);
      try {
        const me = await client.call("login", { body: { code } }, AbortSignal.timeout(20_000));
        queries.clear();
        queries.setQueryData(["me"], me);
        // Only paths of this console: `//host` would lead elsewhere.
        await navigate({ href: next !== undefined && /^\/(?!\/)/.test(next) ? next : "/vms", replace: true });
      } catch (error) {
        setFault(loginFault(error));
      } finally {
        setIsBusy(false);
      }
    },
    [client, navigate, next, queries],
  );

  useEffect(() => {
    document.title = "Log in · Serai";
    const code = codeFrom(location.hash);
    if (code === undefined || hasTriedLink.current) return;
    hasTriedLink.current = true;
    // The code works once; keep it out of the history all the same.
    history.replaceState(history.state, "", location.pathname + location.search);
    void logIn(code);
  }, [logIn]);

  const code = codeFrom(text);
  return (
    <main className="login">
      <div className="login__card">
        <img src="/serai.svg" alt="" width="52" height="52" />
        <h1>Log in to Serai</h1>
        <p className="login__lead">Open the one-time link that the server printed, or paste it here.</p>
        {fault !== undefined && (
          <Alert variant="danger" isInline title="You are not logged in" isLiveRegion>
            {fault}
          </Alert>
        )}
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            if (code !== undefined) void logIn(code);
          }}
        >
          <FormGroup label="Login link or code" fieldId="code">
            <TextInput
              id="code"
              value={text}
              autoComplete="off"
              spellCheck={false}
              aria-describedby="code-help"
              onChange={(_, value) => setText(value)}
            />
            <FormHelperText>
              <HelperText id="code-help">
                <HelperTextItem variant={text !== "" && code === undefined ? "error" : "default"}>
                  {text !== "" && code === undefined
                    ? "That is neither a login link nor a complete code."
                    : "On the server, ./serai login prints a new link. Each works once, for ten minutes."}
                </HelperTextItem>
              </HelperText>
            </FormHelperText>
          </FormGroup>
          <Button type="submit" isBlock isDisabled={code === undefined || isBusy} isLoading={isBusy}>
            {isBusy ? "Logging in" : "Log in"}
          </Button>
        </Form>
      </div>
    </main>
  );
}
