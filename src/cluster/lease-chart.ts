import { createActor, type ActorRefFrom } from "xstate";
import { leaseMachine, type LeaseEvent, type Tenure } from "../../machines/lease";

/** What the statechart has done; those that concern a tenure are given it. */
export interface LeaseActions {
  readonly attempt: () => void;
  readonly announceTenure: () => void;
  readonly renew: (tenure: Tenure) => void;
  readonly awaitRenewal: (tenure: Tenure) => void;
  readonly awaitRetry: (tenure: Tenure) => void;
  readonly release: (tenure: Tenure | undefined) => void;
  readonly announceLoss: (reason: string) => void;
}

/**
 * The statechart of one lease (`machines/lease`), started by its first event. Most tasks end before anything happens to
 * their lease: until then a tenure that was begun is all there is.
 */
export class LeaseChart {
  readonly #input: { key: string; holder: string };
  readonly #actions: () => LeaseActions;
  #actor: ActorRefFrom<typeof leaseMachine> | undefined;
  #begun: Tenure | undefined;

  /** @param actions asked for when the statechart is started. */
  constructor(input: { key: string; holder: string }, actions: () => LeaseActions) {
    this.#input = input;
    this.#actions = actions;
  }

  get state(): string {
    const value = this.#actor?.getSnapshot().value;
    if (value === undefined) return this.#begun === undefined ? "absent" : "held";
    return typeof value === "string" ? value : "held";
  }

  /** Stays after a lapse, until it is released or turns out to be taken. */
  get tenure(): Tenure | undefined {
    return this.#actor === undefined ? this.#begun : this.#actor.getSnapshot().context.tenure;
  }

  /** Held, and neither renewed at this moment nor in doubt. */
  get isTrusted(): boolean {
    return this.#actor?.getSnapshot().matches({ held: "trusted" }) ?? this.#begun !== undefined;
  }

  /** To be held from now on, without an attempt. */
  begin(tenure: Tenure): void {
    this.#begun = tenure;
  }

  send(event: LeaseEvent): void {
    this.#actor ??= this.#start();
    // Answers may come after the chart was stopped.
    if (this.#actor.getSnapshot().status === "active") this.#actor.send(event);
  }

  /** Goes from held to absent if nothing has happened to the tenure yet, which is returned then. */
  drop(): Tenure | undefined {
    const tenure = this.#begun;
    this.#begun = undefined;
    return tenure;
  }

  stop(): void {
    this.#begun = undefined;
    this.#actor?.stop();
  }

  #start(): ActorRefFrom<typeof leaseMachine> {
    const actions = this.#actions();
    const machine = leaseMachine.provide({
      actions: {
        attempt: () => actions.attempt(),
        announceTenure: () => actions.announceTenure(),
        renew: ({ context: { tenure } }) => tenure && actions.renew(tenure),
        awaitRenewal: ({ context: { tenure } }) => tenure && actions.awaitRenewal(tenure),
        awaitRetry: ({ context: { tenure } }) => tenure && actions.awaitRetry(tenure),
        release: ({ context }) => actions.release(context.tenure),
        announceLoss: ({ context }) => actions.announceLoss(context.reason ?? "unknown"),
      },
    });
    const { key, holder } = this.#input;
    const input = { key, holder };
    const tenure = this.drop();
    if (tenure === undefined) return createActor(machine, { input }).start();
    const context = { ...input, withdrawn: false, tenure };
    const snapshot = machine.resolveState({ value: { held: "trusted" }, context });
    return createActor(machine, { input, snapshot }).start();
  }
}
