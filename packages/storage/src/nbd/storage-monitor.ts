/** One conversation with a qemu-storage-daemon, as this driver needs it. Errors of the peer are thrown. */
export type StorageMonitor = {
  execute(
    command: string,
    parameters: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<unknown>;
  close(): void;
};

/** Connects to the monitor socket of a storage daemon. */
export type ConnectMonitor = (socketPath: string, signal: AbortSignal) => Promise<StorageMonitor>;
