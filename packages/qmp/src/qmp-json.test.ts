import assert from "node:assert/strict";
import { test } from "node:test";
import { parseQmpJson, stringifyQmpJson } from "./qmp-json.ts";

test("integers of 64 bits survive the way in and out", () => {
  const text = '{"big":18446744073709551615,"low":-9223372036854775808,"small":7,"real":1234567890123456.5}';

  const value = parseQmpJson(text);

  assert.deepEqual(value, {
    big: 18446744073709551615n,
    low: -9223372036854775808n,
    small: 7,
    real: 1234567890123456.5,
  });
  assert.equal(stringifyQmpJson(value), text);
});

test("digits in a text are a text", () => {
  assert.deepEqual(parseQmpJson('["12345678901234567890", 9007199254740991]'), [
    "12345678901234567890",
    2 ** 53 - 1,
  ]);
});
