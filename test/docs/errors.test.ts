import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errorCodes } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";

const page = readFileSync(join(__dirname, "../../docs/errors.md"), "utf8");
const explained = [...page.matchAll(/^\| `(ERR_[A-Z_]+)` +\|/gm)].map((match) => match[1] as string);

test("docs/errors.md explains every code once", () => {
  assert.equal(
    Object.keys(errorCodes).filter((code) => !explained.includes(code)),
    [],
  );
  assert.is(new Set(explained).size, explained.length);
});

test("docs/errors.md names no code that does not exist", () => {
  const named = [...page.matchAll(/ERR_[A-Z_]+/g)].map(([code]) => code);
  assert.equal(
    named.filter((code) => !(code in errorCodes)),
    [],
  );
});

test.run();
