import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileStore } from "../../src/stores/file";

const folders: string[] = [];

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "ostinato-path-"));
  folders.push(made);
  return made;
}

test.after.each(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

/** The code and message with which a store does not open; undefined if it opens. */
async function refusal(path: string): Promise<{ code: string; message: string } | undefined> {
  const store = fileStore({ path });
  try {
    await store.open();
  } catch (error) {
    return error as { code: string; message: string };
  }
  await store.map("m").create("k", "v");
  await store.close();
  return undefined;
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test("a store is made for its owner alone, whatever the umask", async () => {
  const before = process.umask(0);
  try {
    const path = join(folder(), "made", "here");
    assert.is(await refusal(path), undefined);
    assert.equal([path, join(path, "data.mdb"), join(path, "lock.mdb")].map(modeOf), ["700", "600", "600"]);
  } finally {
    process.umask(before);
  }
});

test("an older store that others could only read is closed to them; one that a group writes to is left to it", async () => {
  for (const [given, wanted] of [
    [
      ["755", "644"],
      ["700", "600"],
    ],
    [
      ["775", "664"],
      ["770", "660"],
    ],
    [
      ["770", "660"],
      ["770", "660"],
    ],
  ] as const) {
    const path = folder();
    assert.is(await refusal(path), undefined);
    chmodSync(path, parseInt(given[0], 8));
    for (const name of ["data.mdb", "lock.mdb"]) chmodSync(join(path, name), parseInt(given[1], 8));
    assert.is(await refusal(path), undefined);
    assert.equal([path, join(path, "data.mdb"), join(path, "lock.mdb")].map(modeOf), [wanted[0], wanted[1], wanted[1]]);
  }
});

test("a folder that holds other things keeps its mode, and one that everybody may write to is warned of", async () => {
  const path = folder();
  writeFileSync(join(path, "other"), "mine");
  chmodSync(path, 0o757);
  const warnings: Error[] = [];
  const notice = (warning: Error): void => void warnings.push(warning);
  process.on("warning", notice);
  assert.is(await refusal(path), undefined);
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", notice);
  assert.equal([modeOf(path), modeOf(join(path, "data.mdb"))], ["757", "600"]);
  assert.is(warnings.length, 1);
  assert.match(warnings[0]?.message ?? "", /every user of this machine can write to the store; chmod 700/);
});

test("the path may be a link to a folder; a file of the store may be no link out of it", async () => {
  const outside = join(folder(), "precious");
  for (const name of ["data.mdb", "lock.mdb"]) {
    for (const link of [symlinkSync, linkSync]) {
      writeFileSync(outside, "precious");
      const path = folder();
      link(outside, join(path, name));
      const error = await refusal(path);
      assert.is(error?.code, "ERR_STORE_PATH", name);
      assert.match(error?.message ?? "", /is a (link|file that has another name elsewhere)/);
      assert.is(readFileSync(outside, "utf8"), "precious");
      rmSync(outside);
    }
    const path = folder();
    symlinkSync(outside, join(path, name));
    assert.is((await refusal(path))?.code, "ERR_STORE_PATH", "a link to nothing makes nothing there");
    assert.throws(() => statSync(outside));
  }
  const real = folder();
  const link = join(folder(), "link");
  symlinkSync(real, link);
  assert.is(await refusal(link), undefined);
  assert.ok(statSync(join(real, "data.mdb")).isFile());
});

test("a path where no store can be is refused at once, whatever is there", async () => {
  const place = folder();
  const at = (name: string): string => join(place, name);
  writeFileSync(at("file"), "mine");
  symlinkSync(at("nowhere"), at("dangling"));
  symlinkSync(at("loop"), at("loop"));
  for (const name of ["pipe", "folder"]) mkdirSync(at(`with-${name}`));
  for (const name of ["fifo", "with-pipe/data.mdb", "with-pipe/lock.mdb"]) execFileSync("mkfifo", [at(name)]);
  mkdirSync(at("with-folder/data.mdb"));
  const paths = [
    ...[
      "/proc/x",
      "/proc/x/y",
      "/proc",
      "/proc/self/fd/999/x",
      "/proc/sys/kernel",
      "/sys/x",
      "/dev/null",
      "/dev/null/x",
    ],
    ...["file", "file/below", "dangling", "loop", "loop/below", "fifo", "fifo/below", "with-pipe", "with-folder"].map(
      at,
    ),
    ...["zero\0byte", "x".repeat(300), "x/".repeat(4_000)].map(at),
  ];
  for (const path of paths) {
    const begun = performance.now();
    const error = await refusal(path);
    assert.is(error?.code, "ERR_STORE_PATH", path.slice(0, 100));
    assert.ok((error?.message ?? "").length < 1_000);
    assert.ok(performance.now() - begun < 2_000, `${path.slice(0, 100)} took long`);
  }
});

test.run();
