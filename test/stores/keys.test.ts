import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeKey, encodeKey, isHashed } from "../../src/stores/keys";

const key = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" })).filter((text) => text !== "");

test("a key is read back from its subject, unless the subject has its hash alone", () => {
  fc.assert(
    fc.property(key, (text) => {
      const subject = encodeKey(text);
      assert.is(decodeKey(subject), isHashed(subject) ? undefined : text);
    }),
    { numRuns: 2_000, seed: 1 },
  );
});

test("X4 a subject that another program made in its own way is no key, and no error", () => {
  const part = fc.string({
    unit: fc.constantFrom("=", "h", "4", "1", "E", "9", "f", "-", "a", ".", "é", "%"),
    maxLength: 12,
  });
  fc.assert(
    fc.property(part, (subject) => {
      const read = decodeKey(subject);
      if (read !== undefined) assert.is(encodeKey(read), subject, "two subjects are never one key");
    }),
    { numRuns: 5_000, seed: 1 },
  );
  for (const subject of ["=", "a=", "=4", "=GG", "=E9", "=41", "=e9", "a.=FF.b"]) {
    assert.is(decodeKey(subject), subject === "=" ? "" : undefined, subject);
  }
});

test.run();
