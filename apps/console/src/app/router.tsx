import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { LoginPage } from "../access/LoginPage.tsx";
import { VmPage } from "../vm/VmPage.tsx";
import { VmsPage } from "../vm/VmsPage.tsx";
import { AppShell } from "./AppShell.tsx";
import { NotFoundPage } from "./NotFoundPage.tsx";
import { PageCrash } from "./PageCrash.tsx";
import { RootFrame } from "./RootFrame.tsx";

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

const root = createRootRoute({ component: RootFrame, notFoundComponent: NotFoundPage });

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  component: LoginPage,
  validateSearch: (search: Record<string, unknown>): { next?: string } => ({ next: text(search["next"]) }),
});

const shell = createRoute({ getParentRoute: () => root, id: "shell", component: AppShell });

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/vms" });
  },
});

const vms = createRoute({
  getParentRoute: () => shell,
  path: "/vms",
  component: VmsPage,
  validateSearch: (search: Record<string, unknown>): { q?: string; state?: string } => ({
    q: search["q"] === undefined ? undefined : String(search["q"]),
    state: text(search["state"]),
  }),
});

const vm = createRoute({
  getParentRoute: () => shell,
  path: "/vms/$vm",
  component: VmPage,
  validateSearch: (search: Record<string, unknown>): { tab?: string } => ({ tab: text(search["tab"]) }),
});

const createVm = createRoute({
  getParentRoute: () => shell,
  path: "/vms/create",
  component: lazyRouteComponent(() => import("../create/CreateVmPage.tsx"), "CreateVmPage"),
  validateSearch: (search: Record<string, unknown>): { image?: string } => ({ image: text(search["image"]) }),
});

const images = createRoute({
  getParentRoute: () => shell,
  path: "/images",
  component: lazyRouteComponent(() => import("../image/ImagesPage.tsx"), "ImagesPage"),
});

const networks = createRoute({
  getParentRoute: () => shell,
  path: "/networks",
  component: lazyRouteComponent(() => import("../network/NetworksPage.tsx"), "NetworksPage"),
});

const operations = createRoute({
  getParentRoute: () => shell,
  path: "/operations",
  component: lazyRouteComponent(() => import("../activity/OperationsPage.tsx"), "OperationsPage"),
});

const events = createRoute({
  getParentRoute: () => shell,
  path: "/events",
  component: lazyRouteComponent(() => import("../activity/EventsPage.tsx"), "EventsPage"),
});

const host = createRoute({
  getParentRoute: () => shell,
  path: "/host",
  component: lazyRouteComponent(() => import("../host/HostPage.tsx"), "HostPage"),
});

const tokens = createRoute({
  getParentRoute: () => shell,
  path: "/tokens",
  component: lazyRouteComponent(() => import("../access/TokensPage.tsx"), "TokensPage"),
});

const about = createRoute({
  getParentRoute: () => shell,
  path: "/about",
  component: lazyRouteComponent(() => import("./AboutPage.tsx"), "AboutPage"),
});

export function createAppRouter() {
  return createRouter({
    routeTree: root.addChildren([
      login,
      shell.addChildren([home, vms, vm, createVm, images, networks, operations, events, host, tokens, about]),
    ]),
    defaultPreload: "intent",
    defaultErrorComponent: PageCrash,
    scrollRestoration: false,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
