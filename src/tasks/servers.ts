import { once, type EventEmitter } from "node:events";

/** Something that is open until it emits `close`: a server of node:net or node:http, or one built like them. */
type Closing = EventEmitter & { close: () => unknown };

function isClosing(value: unknown): value is Closing {
  if (typeof value !== "object" || value === null) return false;
  const { once: listen, close } = value as Partial<Closing>;
  return typeof listen === "function" && typeof close === "function";
}

/** For a server: resolves when it has closed, rejects with its error. For anything else: the value, at once. */
export async function closedIfServer(value: unknown): Promise<unknown> {
  if (!isClosing(value)) return value;
  await once(value, "close");
  return undefined;
}
