/** Commands wrapped so that they see another file system, as another user: mount namespaces, chroot, qemu-user. Needs root. */

/** Runs `command` after `mounts` (shell lines), in a mount namespace of its own; same process id, nothing to clean up. */
export function withMounts(mounts: readonly string[], command: readonly string[]): string[] {
  const script = `${mounts.join("\n")}\nexec "$@"`;
  return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", ...command];
}

/** As a user without any rights. */
export function asUser(user: number, command: readonly string[]): string[] {
  const ids = [`--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--no-new-privs"];
  return ["setpriv", ...ids, ...command];
}

/** In a root folder, with /proc and /dev as a device has them. */
export function inRoot(root: string, user: number, command: readonly string[]): string[] {
  const mounts = [
    `mount -t proc proc '${root}/proc'`,
    `mount --bind /dev '${root}/dev'`,
    `mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs '${root}/tmp'`,
    `mkdir -p '${root}/tmp/run/sluice' && chown ${user}:${user} '${root}/tmp/run/sluice'`,
  ];
  return withMounts(mounts, ["chroot", `--userspec=${user}:${user}`, root, ...command]);
}

/** An arm64 program on this machine: as it is on arm64, under qemu-user elsewhere. `libraries`: a Debian arm64 root. */
export function onArm64(libraries: string, command: readonly string[]): string[] {
  return process.arch === "arm64" ? [...command] : ["qemu-aarch64-static", "-L", libraries, ...command];
}
