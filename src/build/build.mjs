// Writes dist/: CommonJS and its types by tsc, then for each entry of package.json's "exports" a thin ES module over the
// CommonJS one, so that `import` and `require` share one instance and `import { name }` finds every name.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";

const root = join(import.meta.dirname, "../..");
const require = createRequire(join(root, "package.json"));
const { bin, exports: entries } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

rmSync(join(root, "dist"), { recursive: true, force: true });
try {
  execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), "-p", import.meta.dirname], {
    cwd: root,
    stdio: "inherit",
  });
} catch {
  // tsc has said what is wrong.
  process.exit(1);
}

// The page is served as it is written.
cpSync(join(root, "src/inspector/page"), join(root, "dist/src/inspector/page"), { recursive: true });

for (const entry of Object.values(entries)) {
  if (typeof entry === "string") continue;
  const commonjs = join(root, entry.require.default);
  const names = Object.keys(require(commonjs)).filter((name) => name !== "default" && name !== "__esModule");
  const from = JSON.stringify(`./${basename(commonjs)}`);
  const lines = [`import commonjs from ${from};`, ...names.map((name) => `export const ${name} = commonjs.${name};`)];
  writeFileSync(join(root, entry.import.default), `${lines.join("\n")}\n`);
  writeFileSync(join(root, entry.import.types), `export * from ${from};\n`);
}

for (const file of Object.values(bin)) if (existsSync(join(root, file))) chmodSync(join(root, file), 0o755);
