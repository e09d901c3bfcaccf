import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressFromMac, contains, formatAddress, overlap, parseAddress, parseCidr } from "./ip-address.ts";

const cidr = (text: string) => {
  const parsed = parseCidr(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
};

for (const [text, spelled] of [
  ["10.0.0.1", "10.0.0.1"],
  ["255.255.255.255", "255.255.255.255"],
  ["::", "::"],
  ["::1", "::1"],
  ["FD00:0:0:0:0:0:0:1", "fd00::1"],
  ["fd00:1::", "fd00:1::"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
  ["0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"],
] as const) {
  test(`${text} is spelled ${spelled}`, () => {
    const address = parseAddress(text);

    assert.equal(address && formatAddress(address), spelled);
  });
}

for (const text of [
  "",
  "1.2.3",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.4 ",
  "1:2",
  "::1::",
  ":1:2:3:4:5:6:7",
  "g::",
  "10.0.0.0/8",
]) {
  test(`"${text}" is no address`, () => {
    assert.equal(parseAddress(text), undefined);
  });
}

for (const text of [
  "10.0.0.1/24",
  "10.0.0.0/33",
  "10.0.0.0",
  "10.0.0.0/",
  "10.0.0.0/08",
  "fd00::1/64",
  "::/129",
]) {
  test(`"${text}" is no subnet`, () => {
    assert.equal(parseCidr(text), undefined);
  });
}

test("every IPv6 address is read back as what was written", () => {
  const group = fc.oneof(fc.constant(0n), fc.bigInt(0n, 0xffffn));
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const value = groups.reduce((all, one) => (all << 16n) | one, 0n);
      const text = formatAddress({ family: 6, value });
      assert.equal(parseAddress(text)?.value, value, text);
      assert.doesNotMatch(text, /:::|::.*::/);
    }),
  );
});

test("subnets know what is in them and what they share", () => {
  const lan = cidr("10.1.0.0/16");

  assert.equal(contains(lan, { family: 4, value: parseAddress("10.1.255.255")?.value ?? 0n }), true);
  assert.equal(contains(lan, { family: 4, value: parseAddress("10.2.0.0")?.value ?? 0n }), false);
  assert.equal(overlap(lan, cidr("10.1.2.0/24")), true);
  assert.equal(overlap(cidr("10.1.2.0/24"), lan), true);
  assert.equal(overlap(lan, cidr("10.2.0.0/16")), false);
  assert.equal(overlap(cidr("0.0.0.0/0"), cidr("::/0")), false);
});

test("a guest's own IPv6 address follows from its MAC address", () => {
  const address = addressFromMac(cidr("fd00:1::/64"), "52:54:00:12:34:56");

  assert.equal(formatAddress(address), "fd00:1::5054:ff:fe12:3456");
});
