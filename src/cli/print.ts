import { once } from "node:events";

/** Writes a line to stdout, no faster than its reader takes it. */
export async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, "drain");
}
