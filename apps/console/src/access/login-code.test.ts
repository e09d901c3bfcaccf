import assert from "node:assert/strict";
import { test } from "node:test";
import { codeFrom } from "./login-code.ts";

const code = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789_-abcde";

test("a code is found in a link, behind a hash, and alone", () => {
  for (const text of [
    code,
    ` ${code}\n`,
    `#${code}`,
    `#code=${code}`,
    `https://host:7443/login#code=${code}`,
  ]) {
    assert.equal(codeFrom(text), code, text);
  }
});

test("what is no complete code is none", () => {
  for (const text of ["", "#", "short", "https://host:7443/login", `${code} ${code}`]) {
    assert.equal(codeFrom(text), undefined, text);
  }
});
