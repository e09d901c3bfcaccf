export type ThemeChoice = "system" | "light" | "dark";

const key = "serai.theme";
const systemIsDark = () => matchMedia("(prefers-color-scheme: dark)");

export function chosenTheme(): ThemeChoice {
  const stored = localStorage.getItem(key);
  return stored === "light" || stored === "dark" ? stored : "system";
}

function apply(choice: ThemeChoice): void {
  const isDark = choice === "dark" || (choice === "system" && systemIsDark().matches);
  document.documentElement.classList.toggle("pf-v6-theme-dark", isDark);
}

export function chooseTheme(choice: ThemeChoice): void {
  if (choice === "system") localStorage.removeItem(key);
  else localStorage.setItem(key, choice);
  apply(choice);
}

/** Follows the desktop's setting until the returned function is called. */
export function followSystemTheme(): () => void {
  const media = systemIsDark();
  const onChange = () => apply(chosenTheme());
  onChange();
  media.addEventListener("change", onChange);
  return () => media.removeEventListener("change", onChange);
}
