/** No new programs, no new rights, no say over other processes: QEMU needs none of it once it runs. */
export const sandboxArgv: readonly string[] = [
  "-sandbox",
  "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
];
