import type { LeaseLostError } from "../errors";
import { Claims } from "./claims";
import type { Host } from "./host";
import type { ParsedSpec } from "./spec";
import { StartDelay } from "./start-delay";

/** What a task wants to know of its claims. */
export interface ClaimEvents {
  onLost: (error: LeaseLostError) => void;
  warn: (message: string, error?: unknown) => void;
}

/** The claims of a task, as its spec and the runtime want them. */
export function claimsOf(key: string, spec: ParsedSpec, host: Host, events: ClaimEvents): Claims {
  const startDelay = new StartDelay(spec, host.random);
  return new Claims({
    ...events,
    key,
    nodeId: host.nodeId,
    place: () => host.placeOf(spec.exclusive),
    rule: spec.rule,
    lease: spec.exclusive ? spec.lease : Infinity,
    retry: spec.retry,
    clock: host.clock,
    random: host.random,
    newRunId: () => host.newRunId(),
    delayAfter: (tick) => startDelay.after(tick),
  });
}
