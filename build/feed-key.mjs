// Makes and reads the keys that sign the OpenWrt feeds: .feed/opkg.key (usign) and .feed/apk.key (EC P-256). Never committed.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeUsignKey, usignPublicKey } from "./usign.mjs";

/** @typedef {{ usign: string, apk: import("node:crypto").KeyObject }} FeedKeys */

/** The folder of the keys: $SLUICE_FEED_KEYS, else .feed in the checkout. */
function keyFolder() {
  return process.env["SLUICE_FEED_KEYS"] || ".feed";
}

/** @returns {FeedKeys | null} null when there are none */
export function readFeedKeys() {
  const folder = keyFolder();
  if (!existsSync(join(folder, "opkg.key")) || !existsSync(join(folder, "apk.key"))) return null;
  return {
    usign: readFileSync(join(folder, "opkg.key"), "utf8"),
    apk: createPrivateKey(readFileSync(join(folder, "apk.key"), "utf8")),
  };
}

/**
 * The public keys as routers want them: /etc/opkg/keys/<number> and /etc/apk/keys/sluice.pem.
 * @param {FeedKeys} keys @returns {{ opkg: { name: string, text: string }, apk: { name: string, text: string } }}
 */
export function publicFeedKeys(keys) {
  const opkg = usignPublicKey(keys.usign);
  const pem = createPublicKey(keys.apk).export({ format: "pem", type: "spki" }).toString();
  return { opkg: { name: opkg.number, text: opkg.public }, apk: { name: "sluice.pem", text: pem } };
}

function makeKeys() {
  const folder = keyFolder();
  if (readFeedKeys()) {
    process.stderr.write(`${folder} holds keys already; routers trust them, so they are left as they are\n`);
    process.exit(1);
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const secret = { mode: 0o600, flag: "wx" };
  writeFileSync(join(folder, "opkg.key"), makeUsignKey().secret, secret);
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  writeFileSync(join(folder, "apk.key"), privateKey.export({ format: "pem", type: "pkcs8" }), secret);
  process.stdout.write(`${folder}/opkg.key and ${folder}/apk.key made. Keep them safe and secret.\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) makeKeys();
