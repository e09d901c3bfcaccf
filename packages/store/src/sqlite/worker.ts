/** The thread that owns the database. It is started by worker-link.ts and ends when asked to close. */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";

import type { Request, WorkerMessage, WorkerOptions } from "./protocol.ts";
import { Writer } from "./writer.ts";

const maxGroup = 1024;
const retryMs = 1000; // how soon to try again to end leases when the disk refused

const port = parentPort as MessagePort;
const writer = new Writer(workerData as WorkerOptions);
let timer: NodeJS.Timeout | undefined;

port.on("message", (first: Request[]) => {
  const requests = first;
  // Whatever came while the last group was being written joins this one.
  while (requests.length < maxGroup) {
    const more = receiveMessageOnPort(port) as { message: Request[] } | undefined;
    if (more === undefined) break;
    requests.push(...more.message);
  }
  const result = writer.run(requests);
  const isClosing = requests.some((request) => request.name === "close");
  if (isClosing) {
    clearTimeout(timer);
    writer[Symbol.dispose]();
  }
  post(result);
  if (isClosing) port.close();
  else arm(writer.msToNextExpiry());
});

function arm(ms: number | undefined): void {
  clearTimeout(timer);
  if (ms !== undefined) timer = setTimeout(expire, Math.ceil(ms));
}

function expire(): void {
  try {
    post(writer.expireLeases());
    arm(writer.msToNextExpiry());
  } catch {
    arm(retryMs); // whoever writes next is told why
  }
}

function post(message: WorkerMessage): void {
  if (message.replies.length > 0 || message.batches.length > 0) port.postMessage(message);
}
