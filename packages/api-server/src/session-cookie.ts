/** Cookies of the console's session. Over TLS the `__Host-` prefix ties it to this very host and to TLS. */
export const cookieName = (isSecure: boolean): string => (isSecure ? "__Host-serai" : "serai");

export function readSession(header: string | undefined, isSecure: boolean): string | undefined {
  if (header === undefined) return undefined;
  const prefix = `${cookieName(isSecure)}=`;
  const part = header.split(";").find((text) => text.trim().startsWith(prefix));
  return part?.trim().slice(prefix.length);
}

export function sessionCookie(session: string, expiresAt: string, isSecure: boolean): string {
  const expires = new Date(expiresAt).toUTCString();
  return `${cookieName(isSecure)}=${session}; Path=/; HttpOnly; SameSite=Strict; Expires=${expires}${isSecure ? "; Secure" : ""}`;
}

export const endOfSession = (isSecure: boolean): string =>
  sessionCookie("", new Date(0).toISOString(), isSecure);
