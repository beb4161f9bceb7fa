import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";

const guide = readFileSync(join(__dirname, "../../docs/guides/nats.md"), "utf8");

/** The permissions that the guide gives for this role. */
export function permissionsOf(role: string): string {
  const found = new RegExp(`<!-- ${role} -->\\s+\`\`\`conf\\n([^\`]+)\`\`\``).exec(guide)?.[1];
  assert.ok(found, `the guide has no permissions of a ${role}`);
  return found ?? "";
}

/** A user of a server's configuration; the password is `pw-` and the name. */
export const user = (name: string, permissions = "") => `{ user: "${name}", password: "pw-${name}", ${permissions} }`;
