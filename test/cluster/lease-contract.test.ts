import { test } from "uvu";
import { virtualClock } from "../../src/clocks/virtual";
import { memoryStore } from "../../src/stores/memory";
import { leaseCases, playLease } from "../contracts/lease";
import { leaseKinds } from "../contracts/lease-kinds";

for (const kind of leaseKinds) {
  for (const one of leaseCases) {
    test(`The lease of a ${kind.name} ${one.name}`, () =>
      playLease(virtualClock(), memoryStore().map("leases"), kind, one));
  }
}

test.run();
