import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** What makes the wall of a process wrong by this much ("+1h", "-90s"), and leaves its monotonic clock alone. */
export function fakedTime(by: string): Record<string, string> {
  return {
    LD_PRELOAD: library(),
    FAKETIME: by,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
    FAKETIME_NO_CACHE: "1",
  };
}

/** Debian's libfaketime: the installed one, or one unpacked into the cache folder; no root, nothing installed. */
function library(): string {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ostinato", "faketime");
  const find = (): string | undefined =>
    [`/usr/lib`, join(cache, "usr", "lib")]
      .filter((folder) => existsSync(folder))
      .flatMap((folder) => readdirSync(folder).map((machine) => join(folder, machine, "faketime", "libfaketime.so.1")))
      .find((file) => existsSync(file));
  const found = find();
  if (found !== undefined) return found;
  mkdirSync(join(cache, ".."), { recursive: true });
  const work = mkdtempSync(`${cache}-`);
  try {
    const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: work, stdio: "pipe" });
    try {
      run("apt-get", "-o", "APT::Sandbox::User=root", "download", "libfaketime");
    } catch {
      // The lists of packages may never have been fetched on this machine.
      run("apt-get", "update");
      run("apt-get", "-o", "APT::Sandbox::User=root", "download", "libfaketime");
    }
    const deb = readdirSync(work).find((file) => file.endsWith(".deb")) ?? "";
    run("dpkg-deb", "-x", deb, "tree");
    if (!existsSync(cache)) renameSync(join(work, "tree"), cache);
  } catch (cause) {
    const { stderr } = cause as { stderr?: Buffer };
    throw new Error(
      `no libfaketime: install it (apt-get install faketime), or let apt-get download it.\n${stderr?.toString() ?? ""}`,
      { cause },
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const unpacked = find();
  if (unpacked === undefined) throw new Error(`libfaketime was not found in ${cache}`);
  return unpacked;
}
