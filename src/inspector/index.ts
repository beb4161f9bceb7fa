import type { AddressInfo } from "node:net";
import type { Runtime } from "../index";
import { Observations } from "./observations";
import { requireMethod } from "../validate";
import { guardRedact } from "./redact";
import { parseInspectorOptions, type InspectorOptions } from "./options";
import { InspectorServer } from "./server";

export type { InspectorOptions } from "./options";

/** A page that shows a runtime at work, served by the process itself. */
export interface Inspector extends AsyncDisposable {
  /** Where the page is. */
  readonly url: string;
  /** Ends the server and all pages' connections; the runtime goes on. */
  close(): Promise<void>;
}

/**
 * Serves a page that shows the tree, each actor's statechart, a timeline and the cluster, live; and for programs
 * `/metrics` (Prometheus), `/healthz` and `/api/status`. Needs no internet. Costs next to nothing while nobody looks.
 *
 * @throws OstinatoError ERR_INVALID_OPTION; rejects with Node's own error when the address is taken.
 */
export async function createInspector(runtime: Runtime, options: InspectorOptions = {}): Promise<Inspector> {
  requireMethod("runtime", runtime, "outline");
  const given = parseInspectorOptions(options);
  const parsed = { ...given, redact: guardRedact(given.redact, runtime) };
  const observations = new Observations(runtime);
  const inspector = new InspectorServer(runtime, observations, parsed);
  const { server } = inspector;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(parsed.port, parsed.host, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    observations.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  const { host } = parsed;
  const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const url = `http://${name}:${String(port)}/`;
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closed ??= new Promise((resolve) => {
      inspector.close();
      observations.close();
      server.close(() => resolve());
      server.closeAllConnections();
    }));
  return { url, close, [Symbol.asyncDispose]: close };
}
