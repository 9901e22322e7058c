// Makes one single executable with pkg's simple SEA mode; run by Node 22 from build/exe.mjs, which prepares the folders.
// pkg's command line cannot name assets, hence its function is called here.
const sea = require("@yao-pkg/pkg/lib-es5/sea.js").default;

/**
 * @type {{
 *   entry: string,
 *   target: Parameters<typeof sea>[1]["targets"][number],
 *   seaConfig: NonNullable<Parameters<typeof sea>[1]["seaConfig"]>,
 * }}
 */
const { entry, target, seaConfig } = JSON.parse(process.argv[2] ?? "");

sea(entry, { targets: [target], signature: false, seaConfig }).catch((/** @type {unknown} */ error) => {
  console.error(error);
  process.exitCode = 1;
});
