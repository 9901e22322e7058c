// Ed25519 keys and signatures in the files of OpenWrt's usign, which are those of OpenBSD's signify.
import { createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify } from "node:crypto";

const ALGORITHM = Buffer.from("Ed");
// DER before the 32 raw bytes: PKCS#8 and SPKI of RFC 8410.
const PRIVATE_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** @param {Buffer} seed */
const privateKeyOf = (seed) =>
  createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, seed]), format: "der", type: "pkcs8" });

/** @param {string} comment @param {Buffer} content */
const writeFile = (comment, content) => `untrusted comment: ${comment}\n${content.toString("base64")}\n`;

/** @param {string} text @param {number} length */
function readFile(text, length) {
  const [comment, encoded] = text.split("\n");
  const content = Buffer.from(encoded ?? "", "base64");
  if (
    !comment?.startsWith("untrusted comment: ") ||
    content.length !== length ||
    !content.subarray(0, 2).equals(ALGORITHM)
  )
    throw new Error("not a usign file of this kind");
  return content;
}

/**
 * A new key pair. `number` (hex) is the name that opkg wants for the public key's file in /etc/opkg/keys.
 * @returns {{ secret: string, public: string, number: string }}
 */
export function makeUsignKey() {
  const seed = randomBytes(32);
  const number = randomBytes(8);
  const publicRaw = createPublicKey(privateKeyOf(seed)).export({ format: "der", type: "spki" }).subarray(-32);
  const secret64 = Buffer.concat([seed, publicRaw]);
  const check = createHash("sha512").update(secret64).digest().subarray(0, 8);
  // "BK" and zero rounds: the key is not encrypted with a passphrase.
  const secret = Buffer.concat([
    ALGORITHM,
    Buffer.from("BK\0\0\0\0"),
    randomBytes(16),
    check,
    number,
    secret64,
  ]);
  const hex = number.toString("hex");
  return {
    secret: writeFile(`sluice feed secret key ${hex}`, secret),
    public: writeFile(`sluice feed public key ${hex}`, Buffer.concat([ALGORITHM, number, publicRaw])),
    number: hex,
  };
}

/** The public key's file for a secret key's file. @param {string} secret */
export function usignPublicKey(secret) {
  const key = readFile(secret, 104);
  const number = key.subarray(32, 40);
  const text = writeFile(
    `sluice feed public key ${number.toString("hex")}`,
    Buffer.concat([ALGORITHM, number, key.subarray(72, 104)]),
  );
  return { public: text, number: number.toString("hex") };
}

/**
 * A signature file over `message` (for a feed: the uncompressed index).
 * @param {string} secret a secret key's file @param {Buffer} message
 */
export function usignSign(secret, message) {
  const key = readFile(secret, 104);
  const number = key.subarray(32, 40);
  const signature = sign(null, message, privateKeyOf(key.subarray(40, 72)));
  return writeFile(`verify with ${number.toString("hex")}`, Buffer.concat([ALGORITHM, number, signature]));
}

/** @param {string} publicKey @param {string} signature both as files @param {Buffer} message @returns {boolean} */
export function usignVerify(publicKey, signature, message) {
  const key = readFile(publicKey, 42);
  const signed = readFile(signature, 74);
  if (!key.subarray(2, 10).equals(signed.subarray(2, 10))) return false;
  const spki = Buffer.concat([PUBLIC_PREFIX, key.subarray(10)]);
  return verify(
    null,
    message,
    createPublicKey({ key: spki, format: "der", type: "spki" }),
    signed.subarray(10),
  );
}
