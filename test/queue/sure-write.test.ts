import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "ostinato/testing";
import { writeSurely } from "../../src/queue/sure-write";
import { memoryStore } from "../../src/stores/memory";
import { faultyMap, type Fault, type FaultyMap } from "../helpers/faulty-map";

/** A map whose next writes meet these faults. */
function mapWith(...faults: Fault[]): FaultyMap {
  const map = faultyMap(memoryStore().map("m"), virtualClock());
  map.faults = faults;
  return map;
}

test("a write that was lost without a word is made once more", async () => {
  const map = mapWith("lost");
  const answer = await writeSurely(map, "k", "v", 0);
  assert.ok(answer.ok);
  assert.equal(await map.get("k"), { key: "k", value: "v", revision: answer.ok ? answer.revision : 0 });
});

test("a write whose answer was lost is recognised, and not made twice", async () => {
  const map = mapWith("unanswered");
  const answer = await writeSurely(map, "k", "v", 0);
  assert.equal(answer, { ok: true, revision: (await map.get("k"))?.revision });
  assert.is(map.calls, 3, "a write, a look at it, and the one of this test");
});

test("two that get no answer are the caller's to know of", async () => {
  const map = mapWith("lost", "lost");
  const error = await writeSurely(map, "k", "v", 0).catch((thrown: unknown) => thrown);
  assert.is((error as { code?: string }).code, "ERR_STORE_UNKNOWN");
  assert.is(await map.get("k"), undefined);
});

test("a conflict comes with what stands there, also where the same was written by somebody else", async () => {
  const map = mapWith();
  await map.create("k", "v");
  const entry = await map.get("k");
  assert.equal(await writeSurely(map, "k", "v", 0), { ok: false, entry });
});

test("what could not be sent is no question: it is told, and not made again", async () => {
  const map = mapWith();
  const created = await map.create("k", "v");
  map.faults = ["unavailable"];
  const refused = await writeSurely(map, "k", undefined, created.ok ? created.revision : 0).catch(
    (thrown: unknown) => (thrown as { code?: string }).code,
  );
  assert.is(refused, "ERR_STORE_UNAVAILABLE", "nothing was sent: there is nothing to find out");
  assert.ok((await writeSurely(map, "k", undefined, created.ok ? created.revision : 0)).ok);
  assert.is(await map.get("k"), undefined);
});

test.run();
