import { Outlet } from "@tanstack/react-router";
import { useEffect } from "react";
import { ToastList } from "./ToastList.tsx";
import { followSystemTheme } from "./theme.ts";

/** What every page has, login included. */
export function RootFrame() {
  useEffect(followSystemTheme, []);
  return (
    <>
      <Outlet />
      <ToastList />
    </>
  );
}
