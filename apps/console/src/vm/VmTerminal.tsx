import "@xterm/xterm/css/xterm.css";
import { Button } from "@patternfly/react-core";
import { pathOf } from "@serai/api-contract/client";
import { routes } from "@serai/api-contract/routes";
import type { VmView } from "@serai/api-contract/schemas";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { useEffect, useRef, useState } from "react";
import { socketAddress } from "../api/socket-address.ts";

type Line = "connecting" | "open" | "closed";

const words: Record<Line, string> = {
  connecting: "Connecting…",
  open: "Connected to the first serial port",
  closed: "Disconnected",
};

const hasPort = (state: string) => state !== "absent" && state !== "suspended" && state !== "unknown";

/** The serial terminal. Reconnects by itself when the VM gets a new process. */
export function VmTerminal({ vm }: { vm: VmView }) {
  const box = useRef<HTMLDivElement>(null);
  const leave = useRef<HTMLButtonElement>(null);
  const terminal = useRef<Terminal>(null);
  const [line, setLine] = useState<Line>("connecting");
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    if (box.current === null) return;
    const made = createTerminal(box.current, () => leave.current?.focus());
    terminal.current = made.terminal;
    return () => {
      made.dispose();
      terminal.current = null;
    };
  }, [vm.id]);

  const isThere = hasPort(vm.state);
  useEffect(() => {
    if (!isThere || terminal.current === null) return setLine("closed");
    return connect(terminal.current, vm.id, setLine);
  }, [vm.id, isThere, vm.startedAt, attempt]);

  return (
    <div className="console-tab">
      <div className="console-bar">
        <span
          className={`connection is-${line === "open" ? "live" : line === "closed" ? "lost" : "loading"}`}
          role="status"
        >
          <span className="connection__dot" aria-hidden />
          {isThere ? words[line] : "The VM is not running; the terminal opens when it starts"}
        </span>
        <span className="console-bar__end">
          <span className="quiet">Shift+Escape leaves the terminal</span>
          <Button ref={leave} size="sm" variant="secondary" onClick={() => terminal.current?.clear()}>
            Clear
          </Button>
          <Button
            size="sm"
            variant="secondary"
            isDisabled={!isThere || line !== "closed"}
            onClick={() => setAttempt(attempt + 1)}
          >
            Reconnect
          </Button>
        </span>
      </div>
      <div className="terminal" ref={box} />
    </div>
  );
}

function createTerminal(box: HTMLElement, leave: () => void): { terminal: Terminal; dispose: () => void } {
  const terminal = new Terminal({
    fontFamily: '"Red Hat Mono", "RedHatMono", monospace',
    fontSize: 13,
    cursorBlink: true,
    scrollback: 10_000,
    screenReaderMode: true,
    theme: { background: "#0f1418", foreground: "#e4e9ec", cursor: "#7fe0d0" },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(box);
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.type !== "keydown" || event.key !== "Escape" || !event.shiftKey) return true;
    leave();
    return false;
  });
  const observer = new ResizeObserver(() => fit.fit());
  observer.observe(box);
  terminal.focus();
  return {
    terminal,
    dispose() {
      observer.disconnect();
      terminal.dispose();
    },
  };
}

/** Joins a terminal and a VM's serial port; the returned function parts them. */
function connect(terminal: Terminal, vm: string, onLine: (line: Line) => void): () => void {
  onLine("connecting");
  const socket = new WebSocket(
    socketAddress(pathOf(routes.vmSerial, { vm })),
    routes.vmSerial.webSocket.protocol,
  );
  socket.binaryType = "arraybuffer";
  const encoder = new TextEncoder();
  // Recent output comes again with each connection.
  socket.onopen = () => {
    terminal.reset();
    onLine("open");
  };
  socket.onmessage = ({ data }) =>
    terminal.write(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer));
  socket.onclose = () => onLine("closed");
  const send = (data: Uint8Array<ArrayBuffer>) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(data);
  };
  const typed = terminal.onData((text) => send(encoder.encode(text)));
  const binary = terminal.onBinary((text) => send(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
  return () => {
    socket.onclose = null;
    socket.close();
    typed.dispose();
    binary.dispose();
  };
}
