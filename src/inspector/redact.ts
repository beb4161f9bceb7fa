import { callGuarded, guardLogger, plainOf, toError } from "../foreign";
import type { Runtime } from "../index";
import type { InspectorOptions } from "./options";

type Redact = NonNullable<InspectorOptions["redact"]>;

const shown = { depth: 20, entries: 1_000, text: 16_384, total: 262_144 };

/**
 * A user's `redact` whose answers are bounded JSON. What it throws is logged once; the value is not shown then, because
 * nobody knows what was to be hidden in it.
 */
export function guardRedact(redact: Redact, { logger }: Pick<Runtime, "logger">): Redact {
  let told = false;
  const failed = (err: Error): void => {
    if (told) return;
    told = true;
    guardLogger(logger, () => undefined).warn({ err }, "the inspector's redact threw: values are not shown");
  };
  return (value, about) => {
    try {
      const answer: unknown = redact(value, about);
      if (!(answer instanceof Promise)) return plainOf(answer, shown);
      callGuarded(() => answer, failed);
      failed(new TypeError("redact returned a promise; it must return the value to show"));
    } catch (thrown) {
      failed(toError(thrown));
    }
    return "[not shown: redact failed]";
  };
}
