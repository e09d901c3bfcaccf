import RFB from "@novnc/novnc";
import { Button } from "@patternfly/react-core";
import { ExpandIcon } from "@patternfly/react-icons/dist/esm/icons/expand-icon";
import { KeyboardIcon } from "@patternfly/react-icons/dist/esm/icons/keyboard-icon";
import { pathOf } from "@serai/api-contract/client";
import { routes } from "@serai/api-contract/routes";
import type { VmView } from "@serai/api-contract/schemas";
import { useEffect, useRef, useState } from "react";
import { socketAddress } from "../api/socket-address.ts";

type Line = "connecting" | "open" | "closed";

const words: Record<Line, string> = { connecting: "Connecting…", open: "Connected", closed: "Disconnected" };

/** The VM's screen, keyboard and mouse. */
export function VmScreen({ vm }: { vm: VmView }) {
  const box = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const rfb = useRef<RFB>(null);
  const [line, setLine] = useState<Line>("closed");
  const [attempt, setAttempt] = useState(0);
  const isThere =
    vm.hasDisplay && (vm.state === "running" || vm.state === "paused" || vm.state === "stopping");

  useEffect(() => {
    if (!isThere || box.current === null) return setLine("closed");
    setLine("connecting");
    const made = new RFB(box.current, socketAddress(pathOf(routes.vmDisplay, { vm: vm.id })), {
      wsProtocols: [routes.vmDisplay.webSocket.protocol],
      shared: true,
    });
    made.scaleViewport = true;
    made.showDotCursor = true;
    made.background = "#0f1418";
    made.addEventListener("connect", () => {
      setLine("open");
      made.focus();
    });
    made.addEventListener("disconnect", () => setLine("closed"));
    rfb.current = made;
    return () => {
      rfb.current = null;
      made.disconnect();
    };
  }, [vm.id, isThere, vm.startedAt, attempt]);

  if (vm.display === "none") {
    return <p className="page-note">This VM has no display. Its serial terminal is in the Terminal tab.</p>;
  }
  return (
    <div className="console-tab" ref={frame}>
      <div className="console-bar">
        <span
          className={`connection is-${line === "open" ? "live" : line === "closed" ? "lost" : "loading"}`}
          role="status"
        >
          <span className="connection__dot" aria-hidden />
          {isThere ? words[line] : "The VM is not running; its screen shows when it starts"}
        </span>
        <span className="console-bar__end">
          <Button
            size="sm"
            variant="secondary"
            icon={<KeyboardIcon />}
            isDisabled={line !== "open"}
            onClick={() => rfb.current?.sendCtrlAltDel()}
          >
            Ctrl-Alt-Del
          </Button>
          <Button
            size="sm"
            variant="secondary"
            icon={<ExpandIcon />}
            isDisabled={line !== "open"}
            onClick={() => void frame.current?.requestFullscreen()}
          >
            Full screen
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
      <div className="screen" ref={box} role="application" aria-label={`Screen of ${vm.name}`} />
    </div>
  );
}
