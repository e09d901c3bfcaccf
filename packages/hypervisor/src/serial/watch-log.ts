import { watch } from "node:fs";
import { trimLog } from "./log-file.ts";

/** However fast it is written, the log is looked at once in this time. */
const everyMs = 1_000;

/** Keeps a log that somebody else writes from growing without end. */
export function watchLog(file: string, limitBytes: number): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(file, { persistent: false }, () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      trimLog(file, limitBytes);
    }, everyMs).unref();
  });
  watcher.on("error", () => watcher.close()); // the file is gone, and with it what could grow
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
