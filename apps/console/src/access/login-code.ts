/** The one-time code in a link, in a link's `#code=…` part, or alone; undefined when there is none. */
export function codeFrom(text: string): string | undefined {
  const trimmed = text.trim();
  const code = /[#&?]code=([^&\s]+)/.exec(trimmed)?.[1] ?? trimmed;
  return /^[A-Za-z0-9_-]{20,100}$/.test(code) ? code : undefined;
}
