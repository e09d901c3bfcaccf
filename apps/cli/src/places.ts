import { homedir } from "node:os";
import { join } from "node:path";

/** The daemon of this machine, started by root. */
export const systemSocket = "/var/lib/serai/run/api.sock";

const dataHome = (): string => process.env["XDG_DATA_HOME"] || join(homedir(), ".local/share");
const configHome = (): string => process.env["XDG_CONFIG_HOME"] || join(homedir(), ".config");

/** Where this user's own daemon keeps its state. */
export const userStateDirectory = (): string => process.env["SERAI_STATE_DIR"] || join(dataHome(), "serai");
export const userSocket = (): string => join(userStateDirectory(), "run/api.sock");
export const loginFile = (): string => join(configHome(), "serai/login.json");
