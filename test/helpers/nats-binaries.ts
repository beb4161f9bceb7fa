import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { delimiter, join } from "node:path";

/** The Debian releases whose nats-server the suites run on, oldest first, by the version they had when this was written. */
const suites = { "2.9.10": "bookworm", "2.10.27": "trixie", "2.15.1": "sid" } as const;

export type NatsVersion = keyof typeof suites;
export const natsVersions = Object.keys(suites) as NatsVersion[];

/**
 * The program of this version. Without one: NATS_SERVER, then the PATH, then Debian's. A server that cannot be had is
 * an error, never a skipped test.
 */
export function natsServerBinary(version?: NatsVersion): string {
  if (version === undefined) {
    const given = process.env["NATS_SERVER"];
    if (given) return given;
    const onPath = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "nats-server"));
    const found = onPath.find((file) => existsSync(file));
    if (found) return found;
  }
  const suite = suites[version ?? "2.9.10"];
  const folder = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ostinato", "nats-server");
  const binary = join(folder, suite, "usr", "sbin", "nats-server");
  if (!existsSync(binary)) download(suite, folder);
  return binary;
}

export function versionOf(binary: string): string {
  return /v(\d+\.\d+\.\d+)/.exec(execFileSync(binary, ["--version"], { encoding: "utf8" }))?.[1] ?? "unknown";
}

/** Debian's own package, found and verified by apt in a folder of ours: no root, nothing installed. */
function download(suite: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, `${suite}-`));
  try {
    const list = join(work, "sources.list");
    writeFileSync(list, `deb ${mirror()} ${suite} main\n`);
    for (const made of ["state/lists/partial", "cache/archives/partial", "tree"])
      mkdirSync(join(work, made), { recursive: true });
    const options = [
      `Dir::Etc::SourceList=${list}`,
      "Dir::Etc::SourceParts=/dev/null",
      `Dir::State=${join(work, "state")}`,
      `Dir::Cache=${join(work, "cache")}`,
      `APT::Sandbox::User=${userInfo().username}`,
      "Acquire::Languages=none",
    ].flatMap((option) => ["-o", option]);
    const apt = (...command: string[]) =>
      execFileSync("apt-get", [...options, ...command], { cwd: work, stdio: "pipe" });
    apt("update");
    apt("download", "nats-server");
    const deb = readdirSync(work).find((file) => file.endsWith(".deb")) ?? "";
    execFileSync("dpkg-deb", ["-x", join(work, deb), join(work, "tree")]);
    // Whoever is second finds the first one's, which is the same.
    if (!existsSync(join(folder, suite))) renameSync(join(work, "tree"), join(folder, suite));
  } catch (cause) {
    const { stderr } = cause as { stderr?: Buffer };
    throw new Error(
      `no nats-server: it is neither in NATS_SERVER nor on the PATH, and Debian's (${suite}) could not be fetched with ` +
        `apt-get. Install it (apt-get install nats-server) or set NATS_SERVER to the program.\n${stderr?.toString() ?? ""}`,
      { cause },
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The mirror that this machine is set up to use. */
function mirror(): string {
  const configured = execFileSync("apt-get", ["indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)"], {
    encoding: "utf8",
  });
  const main = configured.split("\n").find((line) => /\/debian\/? \S+ main$/.test(line));
  return main?.split(" ")[0] ?? "http://deb.debian.org/debian";
}
