import { pino, type Logger } from "pino";

export type { Logger };

/** Structured log on stderr. Secrets must not reach it: fields with these names are removed. */
export function createLogger(name: string, level = process.env["SERAI_LOG"] ?? "info"): Logger {
  return pino(
    { name, level, redact: { paths: ["token", "password", "secret", "*.token", "*.password", "*.secret"], remove: true } },
    pino.destination({ fd: 2, sync: true }),
  );
}
