/** The one-time code in a link (`…#code=…` or `…#…`), or alone; undefined when there is none. */
export function codeFrom(text: string): string | undefined {
  const code = (text.trim().split("#").at(-1) ?? "").replace(/^code=/, "");
  return /^[A-Za-z0-9_-]{20,100}$/.test(code) ? code : undefined;
}
