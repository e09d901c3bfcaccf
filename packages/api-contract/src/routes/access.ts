import { Type } from "@serai/model/schema";
import { route } from "../route.ts";
import { MeSchema, RoleSchema, TokenViewSchema } from "../schemas.ts";

/** Secrets of links and tokens: 43 characters of base64url, 256 random bits. */
const SecretSchema = Type.String({ pattern: "^[A-Za-z0-9_-]{20,100}$" });

export const login = route({
  method: "POST",
  path: "/v1/login",
  summary: "Exchange a one-time login link's code for a session cookie",
  access: "public",
  tag: "access",
  body: Type.Object({ code: SecretSchema }, { additionalProperties: false }),
  replies: { 200: MeSchema },
  faults: ["auth.bad_credentials"],
});

export const logout = route({
  method: "POST",
  path: "/v1/logout",
  summary: "End this session",
  access: "viewer",
  tag: "access",
  replies: { 204: null },
  faults: [],
});

export const getMe = route({
  method: "GET",
  path: "/v1/me",
  summary: "Who am I",
  access: "viewer",
  tag: "access",
  replies: { 200: MeSchema },
  faults: [],
});

export const createLoginLink = route({
  method: "POST",
  path: "/v1/login-links",
  summary: "Make a one-time login link, good for ten minutes",
  access: "admin",
  tag: "access",
  replies: { 201: Type.Object({ url: Type.String(), code: Type.String(), expiresAt: Type.String() }) },
  faults: [],
});

export const listTokens = route({
  method: "GET",
  path: "/v1/tokens",
  summary: "List API tokens, without their secrets",
  access: "admin",
  tag: "access",
  replies: { 200: Type.Object({ items: Type.Array(TokenViewSchema) }) },
  faults: [],
});

export const createToken = route({
  method: "POST",
  path: "/v1/tokens",
  summary: "Make an API token; its secret is shown this once",
  access: "admin",
  tag: "access",
  body: Type.Object(
    {
      name: Type.String({ minLength: 1, maxLength: 63 }),
      role: RoleSchema,
      expiresInDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 3650 })),
    },
    { additionalProperties: false },
  ),
  replies: { 201: Type.Object({ token: TokenViewSchema, secret: Type.String() }) },
  faults: [],
});

export const deleteToken = route({
  method: "DELETE",
  path: "/v1/tokens/:token",
  summary: "Revoke an API token",
  access: "admin",
  tag: "access",
  params: Type.Object({ token: Type.String({ minLength: 1, maxLength: 80 }) }),
  replies: { 204: null },
  faults: ["auth.token_not_found"],
});
