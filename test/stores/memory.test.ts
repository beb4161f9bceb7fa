import { memoryStore } from "../../src/stores/memory";
import { storeContract } from "../contracts/store";

storeContract("memory", async () => {
  const store = memoryStore();
  return { store, cleanup: () => store.close() };
});
