import { assign, setup } from "xstate";

/** What an inspector shows of a partition that a process owns. */
export interface PartitionMachineContext {
  queue: string;
  partition: number;
  /** The fencing token of this tenure. */
  token: number;
  store: string;
  /** How often everything in it had to be looked at again. */
  reloads: number;
  reason?: string | undefined;
}

export type PartitionEvent =
  { type: "LOADED" } | { type: "DOUBTED" } | { type: "LEAVE"; reason: string } | { type: "KEPT" } | { type: "DRAINED" };

/**
 * A partition of a queue, from the moment that its lease was won: loading → serving ⇄ loading → draining → left.
 *
 * Only while it is `serving` is anything of it begun: all that was assigned before the lease was won is known then. One
 * that was to be given back and has a run that does not end is kept, and served again until that run has ended.
 */
export const partitionMachine = setup({
  types: {
    context: {} as PartitionMachineContext,
    input: {} as { queue: string; partition: number; token: number; store: string },
    events: {} as PartitionEvent,
  },
  actions: {
    noteReload: assign({ reloads: ({ context }) => context.reloads + 1 }),
    noteReason: assign(({ event }) => (event.type === "LEAVE" ? { reason: event.reason } : {})),
  },
}).createMachine({
  id: "partition",
  context: ({ input }) => ({ ...input, reloads: 0 }),
  initial: "loading",
  states: {
    loading: {
      on: { LOADED: "serving", LEAVE: { target: "draining", actions: "noteReason" } },
    },
    serving: {
      on: {
        DOUBTED: { target: "loading", actions: "noteReload" },
        LEAVE: { target: "draining", actions: "noteReason" },
      },
    },
    draining: { on: { DRAINED: "left", KEPT: { target: "loading", actions: "noteReload" } } },
    left: {},
  },
});
