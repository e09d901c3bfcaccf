import * as access from "./routes/access.ts";
import * as host from "./routes/host.ts";
import * as images from "./routes/images.ts";
import * as networks from "./routes/networks.ts";
import * as operations from "./routes/operations.ts";
import * as snapshots from "./routes/snapshots.ts";
import * as vms from "./routes/vms.ts";

/** Every route there is; OpenAPI, the client and the mock API are made from this. */
export const routes = { ...vms, ...snapshots, ...images, ...networks, ...operations, ...host, ...access };
export type RouteName = keyof typeof routes;
