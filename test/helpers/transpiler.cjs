// What ts-node compiles with: swc, whose output is kept between processes, because every test file is one and most start
// others. An entry is named by all that it depends on, so that none is ever wrong.
const { createHash, randomUUID } = require("node:crypto");
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

const folder = join(__dirname, "../../node_modules/.cache/ostinato-transpiled");

exports.create = (options) => {
  const versions = ["@swc/core", "ts-node"].map((name) => require(`${name}/package.json`).version);
  const settings = JSON.stringify([versions, options.service.config.options]);
  mkdirSync(folder, { recursive: true });
  let swc;
  return {
    transpile(input, given) {
      const name = createHash("sha256").update(settings).update("\0").update(given.fileName).update("\0").update(input);
      const path = join(folder, `${name.digest("hex")}.json`);
      try {
        return JSON.parse(readFileSync(path, "utf8"));
      } catch {
        swc ??= require("ts-node/transpilers/swc").create(options);
        const output = swc.transpile(input, given);
        const written = `${path}.${randomUUID()}`;
        writeFileSync(written, JSON.stringify(output));
        renameSync(written, path);
        return output;
      }
    },
  };
};
