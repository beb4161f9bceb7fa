import { test } from "uvu";
import * as assert from "uvu/assert";
import { fuzz } from "./fuzz";

test("X3 X4 a part of what `npm run fuzz` sends finds no crash, no hang and no error without a code", async () => {
  const tried = await fuzz({ count: 1_000, seed: 7 });
  assert.equal(tried, { messages: 599, records: 150, lines: 150, requests: 100, commands: 1 });
});

test.run();
