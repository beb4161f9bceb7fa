import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryStore } from "../../src/stores/memory";
import { namespaced } from "../../src/stores/namespaced";
import { storeContract } from "../contracts/store";

storeContract("memory, namespaced", async () => {
  const shared = memoryStore();
  await namespaced(shared, "other").map("contract").create("k", "not yours");
  const store = namespaced(shared, "mine");
  return { store, reopen: async () => namespaced(shared, "mine"), cleanup: () => store.close() };
});

test("a namespace that could be taken for another one is refused", () => {
  for (const wrong of ["", "a_b", "a.b", "ä"]) {
    assert.throws(
      () => namespaced(memoryStore(), wrong),
      (error: { code?: string }) => error.code === "ERR_INVALID_OPTION",
    );
  }
});

test.run();
