import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Fifo } from "../src/fifo";

test("a queue gives back what it was given, in order, as an array does", () => {
  const steps = fc.array(fc.constantFrom("push", "push", "shift", "shift", "many", "drain", "clear"), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(steps, (script) => {
      const fifo = new Fifo<number>();
      let model: number[] = [];
      let next = 0;
      for (const step of script) {
        if (step === "push" || step === "many") {
          for (let count = step === "many" ? 700 : 1; count > 0; count -= 1) {
            fifo.push(next);
            model.push(next++);
          }
        } else if (step === "shift") assert.is(fifo.shift(), model.shift());
        else if (step === "drain") assert.equal(fifo.drain(), model.splice(0));
        else {
          fifo.clear();
          model = [];
        }
        assert.is(fifo.size, model.length);
        assert.is(fifo.peek(), model[0]);
      }
      while (model.length > 0) assert.is(fifo.shift(), model.shift());
      assert.is(fifo.shift(), undefined);
    }),
  );
});

test("a long queue is emptied at a constant cost an item", () => {
  const costOf = (length: number): number => {
    const fifo = new Fifo<number>();
    for (let item = 0; item < length; item += 1) fifo.push(item);
    const begun = process.cpuUsage();
    while (fifo.size > 0) fifo.shift();
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / length;
  };
  costOf(10_000);
  const [long, short] = [costOf(2_000_000), costOf(20_000)];
  assert.ok(long < 1 + 20 * short, `${String(long)} µs against ${String(short)} µs an item`);
});

test.run();
