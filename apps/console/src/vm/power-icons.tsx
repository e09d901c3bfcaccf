import { BoltIcon } from "@patternfly/react-icons/dist/esm/icons/bolt-icon";
import { OffIcon } from "@patternfly/react-icons/dist/esm/icons/off-icon";
import { PauseIcon } from "@patternfly/react-icons/dist/esm/icons/pause-icon";
import { PlayIcon } from "@patternfly/react-icons/dist/esm/icons/play-icon";
import { RedoIcon } from "@patternfly/react-icons/dist/esm/icons/redo-icon";
import { SnowflakeIcon } from "@patternfly/react-icons/dist/esm/icons/snowflake-icon";
import type { ComponentType } from "react";
import type { PowerAction } from "./power-actions.ts";

export const actionIcons: Record<PowerAction, ComponentType> = {
  start: PlayIcon,
  stop: OffIcon,
  forceStop: BoltIcon,
  pause: PauseIcon,
  resume: PlayIcon,
  reset: RedoIcon,
  suspend: SnowflakeIcon,
};
