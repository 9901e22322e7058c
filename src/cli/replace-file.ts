/** Writes a file so that a reader sees the old one or the new one, and a symbolic link in its place is never followed. */
import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";

/** Throws when the folder is not ours to write. `mode` as in chmod; `sync` for disks: the text survives a power cut. */
export function replaceFile(path: string, text: string, mode: number, sync = false): void {
  const temporary = `${path}.${process.pid}`;
  rmSync(temporary, { force: true });
  // O_EXCL: whatever stands there now was put there by somebody else.
  const file = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
  try {
    const bytes = Buffer.from(text, "utf8");
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    if (sync) fsyncSync(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  try {
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
