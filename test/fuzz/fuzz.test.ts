import { test } from "uvu";
import * as assert from "uvu/assert";
import { fuzz } from "./fuzz";

test("X3 X4 a part of what `npm run fuzz` sends finds no crash, no hang and no error without a code", async () => {
  const tried = await fuzz({ count: 2_000, seed: 7 });
  assert.equal(tried, { messages: 1_198, records: 300, lines: 300, requests: 200, commands: 2 });
});

test.run();
