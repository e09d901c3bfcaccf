// Runs before the first paint, so that a dark desktop is not greeted by a white flash.
(() => {
  const chosen = localStorage.getItem("serai.theme");
  const isDark =
    chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("pf-v6-theme-dark", isDark);
})();
