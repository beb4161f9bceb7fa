import { assign, setup } from "xstate";

/** One tenure: from taking the lease to losing or releasing it. Times are on the holder's monotonic clock. */
export interface Tenure {
  /** Which attempt to take it this was; names the tenure together with the holder. */
  readonly number: number;
  /** The fencing token, the same for the whole tenure. */
  readonly token: number;
  /** Revision of the write that took it. */
  readonly acquired: number;
  /** Revision at which the record stands, as far as the holder knows. */
  readonly revision: number;
  readonly renewals: number;
  /** Start of the last attempt that succeeded: what all windows count from. */
  readonly startedAt: number;
  /** Wall less monotonic clock at that moment; tells of a suspend later. */
  readonly skew: number;
}

export interface LeaseMachineContext {
  key: string;
  holder: string;
  /** Stays after a lapse, so that work which is ending may finish while it is still trusted; goes when it was taken. */
  tenure?: Tenure | undefined;
  /** Why the last tenure was lost, or the last attempt to take the lease failed. */
  reason?: string | undefined;
  /** The lease is no longer wanted, although an attempt to take it is under way. */
  withdrawn: boolean;
}

export type LeaseEvent =
  | { type: "ACQUIRE" }
  | { type: "ACQUIRED"; tenure: Tenure }
  /** Somebody else holds it, or the store did not answer. */
  | { type: "REFUSED"; reason: string }
  | { type: "RENEW" }
  | { type: "RENEWED"; tenure: Tenure }
  /** The renewal failed, or nobody knows whether it did. */
  | { type: "UNANSWERED"; reason: string }
  /** The record is somebody else's, or gone. */
  | { type: "TAKEN"; reason: string }
  /** The holder's own clock says that it must stop. */
  | { type: "LAPSED"; reason: string }
  /** The machine slept: the lease may have been somebody else's for long. */
  | { type: "SLEPT"; reason: string }
  | { type: "RELEASE" }
  | { type: "RELEASED" };

const unprovided = (): void => undefined;

/**
 * One lease as its holder sees it: absent → acquiring → held → releasing | lost. The rule behind it is told in
 * `rules/lease`.
 *
 * `held` is `trusted` between renewals, `renewing` while one is under way and `doubtful` after one that failed or was
 * not answered; nothing but a renewal that is known to have been applied leads back to `trusted`. `lost` is final for
 * the tenure: from there the lease can only be taken anew, with another token.
 *
 * No effect happens here: `attempt`, `renew`, `awaitRenewal`, `awaitRetry`, `release` and `announceLoss` come in
 * through `provide`, and answer by events.
 */
export const leaseMachine = setup({
  types: {
    context: {} as LeaseMachineContext,
    input: {} as { key: string; holder: string },
    events: {} as LeaseEvent,
  },
  actions: {
    /** Try once to take the lease: answers ACQUIRED or REFUSED. */
    attempt: unprovided,
    /** Tell those who wait that the lease is held from now on. */
    announceTenure: unprovided,
    /** Renew once: answers RENEWED, UNANSWERED or TAKEN. */
    renew: unprovided,
    /** Have RENEW sent at a third of the lease, or LAPSED when it is time to stop. */
    awaitRenewal: unprovided,
    /** Have RENEW sent after a short pause, or LAPSED when it is time to stop. */
    awaitRetry: unprovided,
    /** Give the record up if it is still this tenure's: answers RELEASED. */
    release: unprovided,
    /** Tell the work that its lease is gone. */
    announceLoss: unprovided,
    noteTenure: assign(({ event }) =>
      event.type === "ACQUIRED" || event.type === "RENEWED" ? { tenure: event.tenure, reason: undefined } : {},
    ),
    noteReason: assign(({ event }) => ("reason" in event ? { reason: event.reason } : {})),
    forgetTenure: assign({ tenure: undefined }),
    noteWanted: assign({ withdrawn: false }),
    noteWithdrawal: assign({ withdrawn: true }),
  },
  guards: {
    withdrawn: ({ context }) => context.withdrawn,
    hasTenure: ({ context }) => context.tenure !== undefined,
  },
}).createMachine({
  id: "lease",
  context: ({ input }) => ({ key: input.key, holder: input.holder, withdrawn: false }),
  initial: "absent",
  states: {
    absent: { on: { ACQUIRE: "acquiring" } },
    acquiring: {
      entry: ["noteWanted", "forgetTenure", "attempt"],
      on: {
        ACQUIRED: [
          { guard: "withdrawn", target: "releasing", actions: "noteTenure" },
          { target: "held", actions: "noteTenure" },
        ],
        REFUSED: { target: "absent", actions: "noteReason" },
        RELEASE: { actions: "noteWithdrawal" },
      },
    },
    held: {
      entry: "announceTenure",
      initial: "trusted",
      on: {
        TAKEN: { target: "lost", actions: ["noteReason", "forgetTenure"] },
        SLEPT: { target: "lost", actions: ["noteReason", "forgetTenure"] },
        LAPSED: { target: "lost", actions: "noteReason" },
        RELEASE: "releasing",
      },
      states: {
        trusted: { entry: "awaitRenewal", on: { RENEW: "renewing" } },
        renewing: {
          entry: "renew",
          on: {
            RENEWED: { target: "trusted", actions: "noteTenure" },
            UNANSWERED: { target: "doubtful", actions: "noteReason" },
          },
        },
        doubtful: { entry: "awaitRetry", on: { RENEW: "renewing" } },
      },
    },
    releasing: { entry: "release", on: { RELEASED: { target: "absent", actions: "forgetTenure" } } },
    lost: {
      entry: "announceLoss",
      on: {
        ACQUIRE: "acquiring",
        TAKEN: { actions: ["noteReason", "forgetTenure"] },
        RELEASE: [{ guard: "hasTenure", target: "releasing" }, { target: "absent" }],
      },
    },
  },
});
