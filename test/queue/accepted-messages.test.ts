import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { AcceptedMessages } from "../../src/queue/accepted-messages";
import type { IntakeMark } from "../../src/rules/queue-record";

const window = 1_000;
const mark = (sequence: number, published: number, content = "A", until = sequence): IntakeMark => ({
  ...{ epoch: 1, sequence, published, content, until },
});
const seen = (accepted: AcceptedMessages, message: IntakeMark, id = "a"): string | undefined =>
  accepted.find(id, "assign", message, window)?.result;

test("a message is a copy when it waited with the first, or came within the window after the last that did", () => {
  const accepted = new AcceptedMessages();
  accepted.remember("a", { kind: "assign", result: "created", mark: mark(1, 0, "A", 3) });
  assert.is(seen(accepted, mark(3, 90_000)), "created", "it waited, however long");
  assert.is(seen(accepted, mark(4, 90_500)), "created", "half a second after the last that waited");
  assert.is(seen(accepted, mark(5, 91_400)), undefined, "copies that did not wait do not lengthen the window");
  assert.is(seen(accepted, mark(4, 90_500, "B")), undefined, "another content");
  assert.is(seen(accepted, mark(4, 90_500), "b"), undefined, "another id");
  assert.is(accepted.find("a", "remove", mark(4, 90_500), window), undefined, "another kind");
  assert.is(seen(accepted, { ...mark(2, 99_000), epoch: 2 }), undefined, "a stream that was made anew");
});

test("an equal message counts again after a different one about the id, and after a removal by a call", () => {
  const accepted = new AcceptedMessages();
  accepted.seeRemovals(0, 7);
  accepted.remember("a", { kind: "assign", result: "created", mark: mark(1, 0) });
  accepted.remember("a", { kind: "remove", result: "removed", mark: mark(2, 0, "B") });
  assert.is(seen(accepted, mark(3, 1)), undefined);
  accepted.remember("a", { kind: "assign", result: "created", mark: mark(3, 1) });
  accepted.seeRemovals(0, 7);
  assert.is(seen(accepted, mark(4, 2)), "created");
  accepted.seeRemovals(0, 8);
  assert.is(seen(accepted, mark(4, 2)), undefined);
});

test("memory is bounded: the oldest go first", () => {
  const accepted = new AcceptedMessages(10);
  for (let n = 0; n < 25; n += 1)
    accepted.remember(`${String(n)}${"x".repeat(500)}`, { kind: "assign", result: "created", mark: mark(n, n) });
  const left = Array.from({ length: 25 }, (_, n) => n).filter((n) =>
    seen(accepted, mark(n, n), `${String(n)}${"x".repeat(500)}`),
  );
  assert.equal(left, [15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
});

test("what is handed over is known as before, the newest of it; a text of others changes nothing", () => {
  const first = new AcceptedMessages();
  first.seeRemovals(0, 7);
  for (const [n, id] of ["a", "b", "c"].entries())
    first.remember(id, { kind: "assign", result: "updated", mark: mark(n, n, id) });
  const next = new AcceptedMessages();
  next.load(first.save(2));
  next.seeRemovals(0, 7);
  assert.equal(
    ["a", "b", "c"].map((id, n) => seen(next, mark(n, n, id), id)),
    [undefined, "updated", "updated"],
  );
  next.seeRemovals(0, 9);
  assert.is(seen(next, mark(2, 2, "c"), "c"), undefined, "a task was removed in between");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((json) => `{"v":1,"removals":[],"accepted":${json}}`),
      ),
      (text) => {
        const hostile = new AcceptedMessages();
        hostile.load(text);
        assert.is(seen(hostile, mark(1, 1)), undefined);
        assert.type(hostile.save(10), "string");
      },
    ),
    { numRuns: 1_000 },
  );
});

test.run();
